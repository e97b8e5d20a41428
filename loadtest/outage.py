"""A provider dies under many streams, and a second one takes over: who notices?

    python -m loadtest outage [--streams 500] [--workers 2] [--seconds 12] [--seed 1]

Two simulators stand behind a chain. Each answers after two seconds of thought, 50 ms between events; the streams are replaced as they end. At a
random moment the first simulator gets SIGKILL. Of the turns that had no content by then, and of those that began later, all must end well;
those that had content must end with one error. Exit code 0 when at least 99.9 % did, the journal verifies and each turn has one record.
"""

import argparse
import collections
import json
import os
import random
import signal
import sys
import time

from benchmarks import bodies
from gateway.simulator import start as start_simulator
from loadtest.stack import Stack, stack
from loadtest.streams import Stream, Streams

_THOUGHT_MS = 2000
"""What `slow_headers` waits."""
_TOKEN_MS = 50
_LENGTHS = (10, 20, 40)
_GOAL = 0.999


def run(streams: int, workers: int, seconds: float, seed: int) -> int:
    """The whole scene. Prints counts; gives the exit code."""
    rng = random.Random(seed)
    second = start_simulator()
    lab = {"lab": {"api_key": "none", "base_url": f"{second.url}/v1", "dialect": "openai.responses"}}
    try:
        with stack(workers=workers, providers=lab) as running:
            config = running.gateway.config
            config["routing"] = {"default": {"chain": [f"lab/{bodies.MODEL.rpartition('/')[2]}"]}}
            running.gateway.stop()
            running.gateway.write_config(config)
            running.gateway.start()
            ended, killed_at = _load_and_kill(running, streams, seconds, rng)
            running.gateway.stop()
            verify = running.gateway.run_cli("journal", "verify", "-c", str(running.gateway.file), check=False)
            export = running.gateway.run_cli("journal", "export", "-c", str(running.gateway.file))
    finally:
        second.stop()
    records = [json.loads(line) for line in export.stdout.splitlines()]
    return _report(ended, killed_at, records, verify.returncode)


def _load_and_kill(running: Stack, count: int, seconds: float, rng: random.Random) -> tuple[list[Stream], float]:
    ended: list[Stream] = []
    client = Streams(f"{running.gateway.url}/v1/responses", ended.append)
    body = bodies.codex_turn(4096)

    def fill(most: int) -> None:
        for _ in range(min(most, count - len(client.open))):
            known = {"token_ms": str(_TOKEN_MS), "tokens": str(rng.choice(_LENGTHS))}
            client.send(bodies.headers("slow_headers", is_stream=True, base="long", **known), body)

    began = time.perf_counter()
    kill_at = began + seconds * rng.uniform(0.4, 0.6)
    killed_at = 0.0
    while (now := time.perf_counter()) < began + seconds:
        fill(max(1, count // 100))  # not all at one moment, else all are at the same place of their answer
        client.pump_for(0.02)
        if not killed_at and now > kill_at:
            os.kill(running.simulator.process.pid, signal.SIGKILL)
            killed_at = time.perf_counter()
    until = time.perf_counter() + 30
    while client.open and time.perf_counter() < until:
        client.pump(0.1)
    for stream in client.open.values():
        stream.end, stream.why = "hangs", "no end within 30 s"
        ended.append(stream)
    client.close()
    return ended, killed_at


def _report(ended: list[Stream], killed_at: float, records: list[dict[str, object]], verify: int) -> int:
    def first_at(stream: Stream) -> float:
        return stream.began + stream.first_event_s if stream.events else float("inf")

    met = [s for s in ended if s.began + s.took_s > killed_at and s.end]
    spoken = [s for s in met if first_at(s) <= killed_at]
    moved = [s for s in met if s.began <= killed_at < first_at(s)]
    later = [s for s in met if s.began > killed_at]
    free = moved + later
    well = [s for s in free if s.end == "completed"]
    share = len(well) / len(free) if free else 0.0
    waits = sorted(first_at(s) - max(killed_at, s.began) - _THOUGHT_MS / 1000 for s in well)
    calm = sorted(s.first_event_s - _THOUGHT_MS / 1000 for s in ended if first_at(s) <= killed_at)
    of_moved = sorted(first_at(s) - killed_at - _THOUGHT_MS / 1000 for s in moved if s.end == "completed")
    print(f"turns                      {len(ended)}, of which {len(met)} met the outage or came after it")
    print(f"content before the kill    {len(spoken)}: {dict(collections.Counter(s.end for s in spoken))}")
    print(f"no content before the kill {len(moved)}: {dict(collections.Counter(s.end for s in moved))}")
    print(f"began after it             {len(later)}: {dict(collections.Counter(s.end for s in later))}")
    for stream in [s for s in free if s.end != "completed"][:5]:
        print(f"  not well: {stream}")
    print(f"ended well                 {share:.2%} of {len(free)} (goal {_GOAL:.1%})")
    for name, values in (("before the kill", calm), ("after it, all", waits), ("after it, the moved", of_moved)):
        print(f"added latency, {name:<20} p50 {_at(values, 0.5):.0f} ms, p99 {_at(values, 0.99):.0f} ms")
    reasons = collections.Counter(str(hop["reason"]) for r in records for hop in r["hops"])  # type: ignore[attr-defined]
    print(f"hops                       {dict(reasons)}")
    counts = collections.Counter(r["request_id"] for r in records)
    doubled = [name for name, times in counts.items() if times != 1]
    missing = [s for s in ended if s.request_id and s.request_id not in counts]
    print(
        f"records                    {len(counts)}; more than one: {len(doubled)}; without: {len(missing)}; verify: exit {verify}"
    )
    hangs = sum(s.end == "hangs" for s in ended)
    silent = [s for s in spoken if s.end not in ("completed", "ended", "failed")]
    is_well = share >= _GOAL and not (doubled or missing or verify or hangs or silent) and bool(moved)
    print("all holds" if is_well else "VIOLATED")
    return 0 if is_well else 1


def _at(values: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


def main(argv: list[str]) -> int:
    """Arguments."""
    parser = argparse.ArgumentParser(prog="python -m loadtest outage", description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=500, metavar="N", help="Open streams at a time [default: 500]")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="Workers of the gateway [default: 2]")
    parser.add_argument("--seconds", type=float, default=12.0, metavar="S", help="How long turns begin [default: 12]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="Of the moment and the lengths [default: 1]")
    args = parser.parse_args(argv)
    return run(args.streams, args.workers, args.seconds, args.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

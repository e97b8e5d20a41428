"""Kill every worker twice under 500 streams, and see whether the journal knows the truth.

    python -m loadtest chaos [--streams 500] [--workers 2] [--kills 2] [--gap-s 4]

Exit code 0 when all holds: `agentcc journal verify` exits 0; each exchange of which the client saw `response.completed`
has exactly one record; no request has two; every exchange that was opened has a final record, `crashed` where its
worker was killed before it ended.
"""

import argparse
import collections
import json
import os
import random
import signal
import sys
import time
from typing import Any

from benchmarks import bodies
from loadtest.stack import Stack, stack
from loadtest.streams import Stream, Streams

_LENGTHS = (50, 100, 150, 250, 400)
"""Deltas of a stream: from 1 to 8 seconds at 20 ms, so that each kill hits some that just began and some at their end."""


def run(streams: int, workers: int, kills: int, gap_s: float) -> int:
    """The whole scene. Prints counts; gives the exit code."""
    with stack(workers=workers) as running:
        ended: list[Stream] = []
        killed = _load_and_kill(running, ended, streams, kills, gap_s)
        pids_after = running.gateway.children()
        stop_code = running.gateway.stop()
        verify = running.gateway.run_cli("journal", "verify", "-c", str(running.gateway.file), check=False)
        export = running.gateway.run_cli("journal", "export", "--all", "-c", str(running.gateway.file))
        frames = [json.loads(line) for line in export.stdout.splitlines()]
    problems = judge(ended, frames)
    if verify.returncode:
        problems.append(f"journal verify: exit {verify.returncode}: {verify.stdout[-500:]}{verify.stderr[-500:]}")
    if len(killed) != workers * kills:
        problems.append(f"killed {len(killed)} workers, not {workers * kills}")
    if len([name for name in pids_after if name.startswith("worker")]) != workers:
        problems.append(f"after the kills there are not {workers} workers: {pids_after}")
    print(f"killed with SIGKILL       {len(killed)}: {', '.join(f'{name} at {at:.1f} s' for name, at in killed)}")
    for end, count in collections.Counter(s.end for s in ended).most_common():
        print(f"streams {end:<17} {count}")
    print(f"completed, then cut       {sum(s.is_completed and s.end != 'completed' for s in ended)}")
    print(f"events received           {sum(s.events for s in ended)}")
    for outcome, count in collections.Counter(f["outcome"] for f in frames if _kind(f) == "done").most_common():
        print(f"records {outcome:<17} {count}")
    print(f"frames `open`             {sum(_kind(f) == 'open' for f in frames)}")
    print(f"journal verify            exit {verify.returncode}: {(verify.stdout.strip().splitlines() or [''])[-1]}")
    print(f"gateway stop              exit {stop_code}")
    for problem in problems[:20]:
        print(f"VIOLATED: {problem}")
    print("all holds" if not problems else f"{len(problems)} violations")
    return 1 if problems else 0


def judge(ended: list[Stream], frames: list[dict[str, Any]]) -> list[str]:
    """What the journal gets wrong. Pure."""
    done: dict[str, list[dict[str, Any]]] = {}
    opened = set()
    for frame in frames:
        if _kind(frame) == "done":
            done.setdefault(frame["request_id"], []).append(frame)
        elif _kind(frame) == "open":
            opened.add(frame["request_id"])
    problems = [f"{name} has {len(records)} records" for name, records in done.items() if len(records) != 1]
    problems += [f"{name} was opened and has no record" for name in sorted(opened - done.keys())]
    for stream in ended:
        if not stream.request_id:
            continue
        records = done.get(stream.request_id, [])
        if stream.is_completed and [r["outcome"] for r in records] != ["ok"]:
            problems.append(f"{stream.request_id} completed, its records are {[r['outcome'] for r in records]}")
        elif not stream.is_completed and len(records) != 1:
            problems.append(f"{stream.request_id} began, its records are {[r['outcome'] for r in records]}")
    for name, records in done.items():
        if records[0]["outcome"] == "crashed" and name not in opened:
            problems.append(f"{name} is `crashed` but was never opened")
    if not any(s.is_completed for s in ended):
        problems.append("no stream completed: nothing was tested")
    if not any(r[0]["outcome"] == "crashed" for r in done.values()):
        problems.append("no record is `crashed`: the kills hit nothing")
    return problems


def _load_and_kill(
    running: Stack, ended: list[Stream], count: int, kills: int, gap_s: float
) -> list[tuple[str, float]]:
    """Keep `count` streams open, kill all workers every `gap_s` seconds, then let what is open end."""
    rng = random.Random(7)
    again: list[int] = []
    body = bodies.codex_turn(4096)

    def on_end(stream: Stream) -> None:
        ended.append(stream)
        again.append(1)

    client = Streams(f"{running.gateway.url}/v1/responses", on_end)

    def send() -> None:
        client.send(bodies.headers("long", is_stream=True, token_ms="20", tokens=str(rng.choice(_LENGTHS))), body)

    for _ in range(count):
        send()
        client.pump_for(0.002)
    began = time.perf_counter()
    killed: list[tuple[str, float]] = []
    ends = began + gap_s * (kills + 1)
    next_kill = began + gap_s
    while time.perf_counter() < ends:
        client.pump(0.02)
        while again:
            again.pop()
            send()
        if next_kill <= time.perf_counter() and len(killed) < kills * sum(
            n.startswith("worker") for n in running.gateway.children()
        ):
            for name, pid in running.gateway.children().items():
                if name.startswith("worker"):
                    os.kill(pid, signal.SIGKILL)
                    killed.append((name, time.perf_counter() - began))
            next_kill += gap_s
    until = time.perf_counter() + 60
    while client.open and time.perf_counter() < until:
        client.pump(0.1)
    client.close()
    return killed


def _kind(frame: dict[str, Any]) -> str:
    return str(frame.get("k", "done"))


def main(argv: list[str]) -> int:
    """Arguments."""
    parser = argparse.ArgumentParser(prog="python -m loadtest chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=500, metavar="N", help="Open streams at a time [default: 500]")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="Workers of the gateway [default: 2]")
    parser.add_argument("--kills", type=int, default=2, metavar="N", help="Kills of each worker [default: 2]")
    parser.add_argument("--gap-s", type=float, default=4.0, metavar="S", help="Seconds between kills [default: 4]")
    args = parser.parse_args(argv)
    return run(args.streams, args.workers, args.kills, args.gap_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""50 clients that ask for big streams and stop reading, while others work: memory stays bounded, the others notice nothing.

    python -m loadtest slow-readers [--clients 50] [--seconds 30]

Prints the latency of normal streams before and during, and every process's memory. Exit code 1 when a worker's memory still
grew in the last third of the time or passed the bound, or the others' p99 got worse than twice plus 50 ms, or one failed.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

from benchmarks import bodies, cpu
from benchmarks.answer import ROOT
from loadtest.stack import MemoryCurve, Stack, stack
from loadtest.streams import Stream, Streams

_RATE = 50.0
_BOUND_MIB = 4 * 256
"""Four times `unfinished_response_bytes`. That limit counts answers that have not ended; an answer that it ended early stays
in Granian's queue until its client reads or leaves, so N stuck clients hold about 256 × (1 + ln(N / 8)) MiB."""
_GROWTH_MIB = 32.0


def run(clients: int, seconds: float) -> int:
    """The whole scene. Prints both phases; gives the exit code."""
    firehose = subprocess.Popen(
        [sys.executable, "-m", "loadtest.firehose"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert firehose.stdout is not None
    lab = {
        "lab": {
            "api_key": "none",
            "dialect": "openai.responses",
            "base_url": f"http://127.0.0.1:{firehose.stdout.readline().strip()}/v1",
        }
    }
    try:
        with stack(workers=1, providers=lab) as running, MemoryCurve(running, 0.25) as memory:
            before = _normal(running, min(seconds, 8.0))
            base = {name: cpu.rss_kb(pid) / 1024 for name, pid in running.pids().items()}
            held = [_stuck(running) for _ in range(clients)]
            during = _normal(running, seconds * 2 / 3)
            then = cpu.rss_kb(running.pids()["worker-0"]) / 1024
            during += _normal(running, seconds / 3)
            growth = cpu.rss_kb(running.pids()["worker-0"]) / 1024 - then
            for client in held:
                client.close()
            after = _normal(running, 4.0)
            last = {name: cpu.rss_kb(pid) / 1024 for name, pid in running.pids().items()}
            crashes = running.gateway.logs("process_died")
    finally:
        firehose.kill()
        firehose.wait()
        firehose.stdout.close()
    print(f"{'phase':<28} {'streams':>8} {'errors':>7} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for name, found in (("before", before), (f"{clients} clients not reading", during), ("after they left", after)):
        p50, p99, most = _percentiles(found)
        print(
            f"{name:<28} {len(found):>8} {sum(s.end != 'completed' for s in found):>7} {p50:8.1f} {p99:8.1f} {most:8.1f}"
        )
    peaks = {name: max(mib for _, mib in points) for name, points in memory.points.items()}
    print(f"\n{'process':<15} {'before MiB':>10} {'peak':>8} {'after':>8}")
    for name, mib in base.items():
        print(f"{name:<15} {mib:10.1f} {peaks.get(name, 0):8.1f} {last.get(name, 0):8.1f}")
    print(f"worker-0 in the last third: {growth:+.1f} MiB")
    problems = []
    if growth > _GROWTH_MIB:
        problems.append(f"the worker still grows: {growth:.0f} MiB in {seconds / 3:.0f} s")
    if peaks["worker-0"] - base["worker-0"] > _BOUND_MIB:
        problems.append(f"the worker grew by {peaks['worker-0'] - base['worker-0']:.0f} MiB, more than {_BOUND_MIB}")
    if _percentiles(during)[1] > 2 * _percentiles(before)[1] + 50:
        problems.append("the others' p99 got worse")
    if any(s.end != "completed" for s in during):
        problems.append(f"a normal stream failed: {next(s for s in during if s.end != 'completed')}")
    if crashes:
        problems.append(f"a process died: {crashes}")
    for problem in problems:
        print(f"VIOLATED: {problem}")
    return 1 if problems else 0


def _normal(running: Stack, seconds: float) -> list[Stream]:
    """Streams of 20 deltas at a fixed rate."""
    ended: list[Stream] = []
    client = Streams(f"{running.gateway.url}/v1/responses", ended.append)
    headers, body = bodies.headers("long n=20", is_stream=True), bodies.codex_turn(4096)
    due = time.perf_counter()
    until = due + seconds
    while time.perf_counter() < until:
        while due <= time.perf_counter():
            client.send(headers, body, due)
            due += 1 / _RATE
        client.pump(due - time.perf_counter())
    grace = time.perf_counter() + 10
    while client.open and time.perf_counter() < grace:
        client.pump(0.1)
    ended += list(client.open.values())
    client.close()
    return ended


def _stuck(running: Stack) -> socket.socket:
    """A client that sends a request for an endless stream and never reads."""
    at = urlsplit(running.gateway.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.connect((at.hostname, at.port))
    body = bodies.codex_turn(1024, model="lab/endless")
    lines = [f"{n}: {v}" for n, v in bodies.headers(is_stream=True)]
    head = "\r\n".join(
        ["POST /v1/responses HTTP/1.1", f"host: {at.netloc}", f"content-length: {len(body)}", *lines, "", ""]
    )
    client.sendall(head.encode() + body)
    return client


def _percentiles(found: list[Stream]) -> tuple[float, float, float]:
    ordered = sorted(s.took_s * 1000 for s in found) or [0.0]
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1]


def main(argv: list[str]) -> int:
    """Arguments."""
    parser = argparse.ArgumentParser(prog="python -m loadtest slow-readers", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50, metavar="N", help="Clients that stop reading [default: 50]")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="How long they stay [default: 30]")
    args = parser.parse_args(argv)
    return run(args.clients, args.seconds)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))

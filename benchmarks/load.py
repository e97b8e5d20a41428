"""The load generator: a process of its own on our native client, told by one JSON job on stdin, answering on stdout.

    python -m benchmarks.load < job.json

It also reads the CPU clocks of the watched processes, at the very borders of its window. Loops: `closed` keeps so many
requests in flight; `open` sends at a fixed rate whatever comes back, and counts latency from the moment at which a
request was due; `streams` starts so many long streams and counts the events that pass once all of them flow.
"""

import select
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks import cpu
from gateway import _native

_HEAD, _DATA, _TERMINAL, _END, _FAILED, _BODY = range(6)
_START_GAP_S = 0.004


class Job(msgspec.Struct, frozen=True):
    """What to send and what to watch. `must_hold` has to occur in every answer."""

    mode: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    concurrency: int = 16
    rate: float = 200.0
    warmup_s: float = 0.5
    seconds: float = 2.0
    must_hold: bytes = b""
    watch: dict[str, int] = {}
    cores: list[int] = []


class Report(msgspec.Struct):
    """What happened inside the window. Times are µs; `cpu_us` is by `process/thread role`."""

    count: int
    errors: int
    events: int
    wall_s: float
    latency_us: dict[str, float]
    cpu_us: dict[str, float]
    load_cpu_us: float
    first_error: str = ""


class _Load:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.client = _native.Upstream(pool_max_idle_per_host=4096, proxy_from_env=False)
        self.begun: dict[int, float] = {}
        self.tails: dict[int, bytes] = {}
        self.seen: set[int] = set()
        self.statuses: dict[int, int] = {}
        self.next_id = 0
        self.count = self.errors = self.events = 0
        self.flowing = 0
        self.latencies: list[float] = []
        self.first_error = ""
        self.on_done: Callable[[], None] = lambda: None

    def send(self, due: float) -> None:
        self.next_id = request = self.next_id + 1
        self.begun[request] = due
        self.client.start(
            request, "POST", self.job.url, self.job.headers, self.job.body, "none", False, True, 60_000, 60_000, 0, 0, 0
        )

    def pump(self, timeout_s: float) -> None:
        """Wait at most so long for completions, and take them."""
        ready, _, _ = select.select([self.client.fileno()], (), (), max(0.0, timeout_s))
        if not ready:
            return
        completions: list[Any] = self.client.drain()
        for item in completions:
            kind, request = item[1], item[0]
            if kind in (_DATA, _TERMINAL):
                data = item[2]
                self.events += data.count(b"\n\n")
                if self.job.must_hold and self.job.must_hold in data:
                    self.seen.add(request)
                self.tails[request] = data[-300:]
            elif kind == _HEAD:
                self.statuses[request] = item[2]
                self.flowing += 1
            elif kind == _END:
                self._ended(request, self.statuses.pop(request), self.tails.pop(request, b""))
            elif kind == _BODY:
                self._ended(request, item[2], item[5])
            else:
                self.statuses.pop(request, None)
                self.tails.pop(request, None)
                self._ended(request, 0, f"{item[2]}: {item[3]}".encode())

    def _ended(self, request: int, status: int, tail: bytes) -> None:
        self.count += 1
        self.latencies.append(time.perf_counter() - self.begun.pop(request))
        is_whole = not self.job.must_hold or request in self.seen or self.job.must_hold in tail
        self.seen.discard(request)
        if status != 200 or not is_whole:
            self.errors += 1
            self.first_error = self.first_error or f"{status} {tail[-300:]!r}"
        self.on_done()

    def reset(self) -> None:
        self.count = self.events = self.errors = 0
        self.latencies = []


def run(job: Job) -> Report:
    """Do a job in this process."""
    load = _Load(job)
    {"closed": _warm_closed, "open": _warm_open, "streams": _warm_streams}[job.mode](load)
    load.reset()
    step = _open_step(load) if job.mode == "open" else lambda: load.pump(0.05)
    before, own, began = cpu.snapshot(job.watch), time.process_time(), time.perf_counter()
    until = began + job.seconds
    while time.perf_counter() < until:
        step()
    wall = time.perf_counter() - began
    after = cpu.snapshot(job.watch)
    own = time.process_time() - own
    report = Report(
        load.count, load.errors, load.events, wall, _percentiles(load.latencies),
        cpu.spent(before, after, job.watch), own * 1e6, load.first_error,
    )  # fmt: skip
    load.client.close()
    return report


def _warm_closed(load: _Load) -> None:
    load.on_done = lambda: load.send(time.perf_counter())
    for _ in range(load.job.concurrency):
        load.send(time.perf_counter())
    _pump_for(load, load.job.warmup_s)


def _warm_open(load: _Load) -> None:
    step = _open_step(load)
    until = time.perf_counter() + load.job.warmup_s
    while time.perf_counter() < until:
        step()


def _warm_streams(load: _Load) -> None:
    for _ in range(load.job.concurrency):
        load.send(time.perf_counter())
        _pump_for(load, _START_GAP_S)
    until = time.perf_counter() + 20
    while load.flowing < load.job.concurrency:
        load.pump(0.05)
        if time.perf_counter() > until:
            raise SystemExit(f"only {load.flowing} of {load.job.concurrency} streams began: {load.first_error}")
    _pump_for(load, load.job.warmup_s)


def _open_step(load: _Load) -> Callable[[], None]:
    gap = 1 / load.job.rate
    due = time.perf_counter()

    def step() -> None:
        nonlocal due
        while due <= time.perf_counter():
            load.send(due)
            due += gap
        load.pump(due - time.perf_counter())

    return step


def _pump_for(load: _Load, seconds: float) -> None:
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        load.pump(left)


def _percentiles(latencies: list[float]) -> dict[str, float]:
    if not latencies:
        return {}
    ordered = sorted(latencies)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1e6 for name, q in at.items()}
    return {**found, "max": ordered[-1] * 1e6}


if __name__ == "__main__":
    import os

    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    if told.cores:
        os.sched_setaffinity(0, told.cores)
    sys.stdout.buffer.write(msgspec.json.encode(run(told)) + b"\n")

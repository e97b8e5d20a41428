"""What framing and tapping an event costs the native client's thread, beside passing raw bytes."""

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.answer import ROOT, Answer, Options, number
from benchmarks.sender import EVENTS
from gateway import _native

label = "SSE per event on the native client's thread, CPU-µs"

_METHOD = (
    "A child process sends 20,000 Responses delta events of about 240 bytes over loopback, as one burst or one write per event; "
    "the native client receives them raw (text/plain), framed (tap none) or tapped. CPU of thread agentcc-upstream from schedstat, "
    "socket reads included; all cases in every round."
)
_CASES = [(kind, burst) for burst in (True, False) for kind in ("raw", "framed", "tapped")]


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[int]:
    """The sending process; its port."""
    command = [sys.executable, "-m", "benchmarks.sender"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    try:
        yield int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def run(port: int, options: Options) -> Answer:
    """Interleaved rounds."""
    found: dict[str, list[float]] = {}
    for _ in range(options.rounds_or(5, 3)):
        for kind, burst in _CASES:
            name = f"{kind}, {'one burst' if burst else 'a write each'}"
            found.setdefault(name, []).append(_one(port, kind, burst))
    rows = [["case", "CPU-µs per event", "min", "max"]]
    rows += [[name, *(number(v) for v in (median(us), min(us), max(us)))] for name, us in found.items()]
    summary = {name: round(median(us), 4) for name, us in found.items()}
    return Answer("sse_tap", label, _METHOD, rows, [found], summary)


def _one(port: int, kind: str, burst: bool) -> float:
    client = _native.Upstream(proxy_from_env=False)
    url = f"http://127.0.0.1:{port}/{'plain' if kind == 'raw' else 'sse'}/{'burst' if burst else 'each'}"
    tap: Any = "openai.responses" if kind == "tapped" else "none"
    client.start(1, "GET", url, [], None, tap, False, False, 0, 0, 60_000, 0, 0)
    events = 0
    while True:
        select.select([client.fileno()], (), (), 10)
        completions: list[Any] = client.drain()
        for item in completions:
            if item[1] in (1, 2):
                events += item[2].count(b"\n\n")
            elif item[1] >= 3:
                used = _thread_us()
                client.close()
                if events != EVENTS:
                    raise RuntimeError(f"{events} events of {EVENTS}: {item!r}")
                return used / events


def _thread_us() -> float:
    """CPU of the youngest thread of the native client."""
    tasks = [t for t in Path("/proc/self/task").iterdir() if (t / "comm").read_text().startswith("agentcc-upst")]
    return int((max(tasks, key=lambda t: int(t.name)) / "schedstat").read_text().split()[0]) / 1000

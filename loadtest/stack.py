"""Simulator and gateway for a load test, a curve of every process's memory, and where the tools are."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from benchmarks import bodies, cpu
from gateway.simulator import start as start_simulator
from tests.harness import Gateway


class Stack(msgspec.Struct):
    """What runs."""

    gateway: Any
    simulator: Any
    home: Path

    def pids(self) -> dict[str, int]:
        """Every process of ours by name, as it is now (a killed worker has a new pid)."""
        return {
            "simulator": self.simulator.process.pid,
            "supervisor": self.gateway.process.pid,
            **self.gateway.children(),
        }


@contextlib.contextmanager
def stack(*, workers: int = 2, providers: dict[str, Any] | None = None, **server: Any) -> Iterator[Stack]:
    """A simulator and a gateway in front of it, on free ports of loopback, with a data directory that is thrown away."""
    home = Path(tempfile.mkdtemp(prefix="agentcc-load-"))
    simulator = start_simulator()
    config = {
        "server": {
            "host": "127.0.0.1", "port": 0, "workers": workers, "drain_ms": 5000, "admin": {"port": 0}, **server,
        },
        "providers": {
            "openai": {"api_key": "sk-upstream", "base_url": f"{simulator.url}/v1"}, **(providers or {}),
        },
        "models": {"unpriced": {"allow": ["lab/*"]}},
        "keys": {"alice": {"key": bodies.KEY, "org": "acme", "team": "platform", "user": "alice@acme.dev"}},
    }  # fmt: skip
    try:
        with Gateway(home / "gateway", config) as gateway:
            yield Stack(gateway, simulator, home)
    finally:
        simulator.stop()
        shutil.rmtree(home, ignore_errors=True)


class MemoryCurve:
    """Samples the resident memory of a stack's processes until stopped. Use as a context manager."""

    def __init__(self, running: Stack, every_s: float = 1.0) -> None:
        self._running = running
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.began = time.monotonic()
        self.points: dict[str, list[tuple[float, float]]] = {}
        """Name → (seconds since the start, MiB)."""

    def _sample(self) -> None:
        while not self._stop.wait(self._every_s):
            now = time.monotonic() - self.began
            for name, pid in self._running.pids().items():
                if kb := cpu.rss_kb(pid):
                    self.points.setdefault(name, []).append((now, kb / 1024))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def table(self, warm_up_s: float) -> list[str]:
        """Start, end, largest and slope after the warm-up, per process, and a small picture of the curve."""
        lines = [f"{'process':<15} {'first':>7} {'last':>7} {'max':>7}  MiB/minute after {warm_up_s:.0f} s   curve"]
        for name, points in self.points.items():
            values = [mib for _, mib in points]
            lines.append(
                f"{name:<15} {values[0]:7.1f} {values[-1]:7.1f} {max(values):7.1f}  {self.slope(name, warm_up_s):+10.2f}"
                f"               {_picture(values)}"
            )
        return lines

    def slope(self, name: str, warm_up_s: float) -> float:
        """MiB per minute after the warm-up (least squares); 0 with fewer than two points."""
        points = [p for p in self.points.get(name, []) if p[0] >= warm_up_s]
        if len(points) < 2:
            return 0.0
        mean_t = sum(t for t, _ in points) / len(points)
        mean_m = sum(m for _, m in points) / len(points)
        spread = sum((t - mean_t) ** 2 for t, _ in points)
        return 60 * sum((t - mean_t) * (m - mean_m) for t, m in points) / spread if spread else 0.0


def _picture(values: list[float], width: int = 40) -> str:
    step = max(1, len(values) // width)
    means = [sum(values[i : i + step]) / len(values[i : i + step]) for i in range(0, len(values), step)][:width]
    low, high = min(means), max(means)
    blocks = "▁▂▃▄▅▆▇█"
    return "".join(blocks[int((m - low) / (high - low) * 7) if high - low > 1 else 0] for m in means)


def tool(name: str) -> str:
    """Path of `locust` or `k6`. Exits with a hint when it is not installed."""
    places = [Path(sys.executable).parent, *(Path(p) for p in os.environ.get("AGENTCC_LOAD_BIN", "").split(":") if p)]
    for place in places:
        if (place / name).is_file():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        print(f"error: `{name}` is not installed\nhint: run `make load`, or `scripts/setup.sh load`", file=sys.stderr)
        raise SystemExit(2)
    return found

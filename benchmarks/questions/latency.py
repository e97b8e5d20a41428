"""Latency that a system adds over asking the simulator directly: open loop, 200 small requests per second."""

import contextlib
from collections.abc import Iterator
from statistics import median
from typing import Any

import msgspec

from benchmarks import bodies
from benchmarks.answer import Answer, Options, number
from benchmarks.load import Job
from benchmarks.questions.proxy import _for
from benchmarks.systems import Rig, ask, rig

label = "added latency at 200 requests/s, open loop"

_METHOD = (
    "Constant arrivals at 200/s; latency counts from the moment a request was due, so that a stall is charged to every request "
    "it delays. Direct, nginx and the gateway are asked in turn in each round; added latency is a round's percentile minus "
    "that of the direct run of the same round."
)


@contextlib.contextmanager
def setup(options: Options) -> Iterator[Rig]:
    """Simulator, nginx, gateway (and peers)."""
    with rig(options) as ready:
        yield ready


def run(ready: Rig, options: Options) -> Answer:
    """Interleaved rounds."""
    job = Job(
        "open", "/v1/responses", bodies.headers("text"), bodies.codex_turn(bodies.SMALL, is_stream=False),
        rate=200.0, seconds=2.0 if options.is_quick else 8.0, warmup_s=0.5,
    )  # fmt: skip
    found: list[dict[str, Any]] = []
    for _ in range(options.rounds_or(5, 2)):
        row = {}
        for system in ready.systems.values():
            report = ask(ready, system, _for(job, system))
            us = sum(report.cpu_us.values()) / max(1, report.count)
            row[system.name] = {**msgspec.to_builtins(report), "us": us}
        found.append(row)
    rows = [["system", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "added p99 min–max", "CPU-µs/request"]]
    summary: dict[str, float] = {}
    for name in ready.systems:
        p50, p99 = (median(r[name]["latency_us"][p] for r in found) for p in ("p50", "p99"))
        added50, added99 = (
            [r[name]["latency_us"][p] - r["direct"]["latency_us"][p] for r in found] for p in ("p50", "p99")
        )
        us = median(r[name]["us"] for r in found)
        row_text = [name, f"{p50 / 1000:.2f}", f"{p99 / 1000:.2f}"]
        if name == "direct":
            rows.append([*row_text, "", "", "", ""])
            continue
        spread = f"{min(added99) / 1000:.2f}–{max(added99) / 1000:.2f}"
        rows.append([*row_text, f"{median(added50) / 1000:.2f}", f"{median(added99) / 1000:.2f}", spread, number(us)])
        summary |= {
            f"{name}.added_p50_us": round(median(added50), 1), f"{name}.added_p99_us": round(median(added99), 1),
            f"{name}.us": round(us, 1),
        }  # fmt: skip
    errors = {name: sum(r[name]["errors"] for r in found) for name in ready.systems}
    return Answer(
        "latency", label, _METHOD, rows, found, summary, [f"ERRORS: {errors}"] if any(errors.values()) else []
    )

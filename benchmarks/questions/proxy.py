"""CPU of the gateway, everything on, beside nginx passing the same traffic in the same run."""

import contextlib
from collections.abc import Iterator
from statistics import median
from typing import Any

import msgspec

from benchmarks import bodies
from benchmarks.answer import Answer, Options, number
from benchmarks.load import Job, Report
from benchmarks.systems import Rig, System, ask, rig

label = "CPU-µs per request or event, and its ratio to nginx"

_METHOD = (
    "One simulator, one nginx (1 worker, keep-alive upstream, no buffering, no access log) and one gateway (1 worker, auth, "
    "price, journal with fsync each second, control plane with metrics) run at the same time, one is loaded at a time. Load "
    "generator and simulator share one core, the system under test has the other. A round asks every system in turn; CPU is "
    "the schedstat time of all its threads inside the window, divided by what the load generator received in that window. "
    "Closed loops are bounded by the load's core, so both systems see nearly the same rate (column req/s)."
)

_OURS = ("nginx", "gateway")


class Scenario(msgspec.Struct, frozen=True):
    """One kind of traffic. `unit` is what CPU is divided by; `target` is the issue's."""

    name: str
    title: str
    job: Job
    unit: str = "request"
    target: str = ""


def scenarios(seconds: float) -> list[Scenario]:
    """All kinds of traffic."""

    def closed(size: int, scenario: str, concurrency: int, *, is_stream: bool, **knobs: str) -> Job:
        return Job(
            "closed", "/v1/responses", bodies.headers(scenario, is_stream=is_stream, **knobs),
            bodies.codex_turn(size, is_stream=is_stream), concurrency=concurrency, seconds=seconds,
            must_hold=b"response.completed" if is_stream else b"",
        )  # fmt: skip

    paced = Job(
        "streams", "/v1/responses", bodies.headers("long", is_stream=True, token_ms="20", tokens=str(int((seconds + 8) * 50))),
        bodies.codex_turn(bodies.SMALL, is_stream=True), concurrency=100, seconds=seconds, warmup_s=0.5,
    )  # fmt: skip
    return [
        Scenario("small", "0.3 KB JSON", closed(bodies.SMALL, "text", 32, is_stream=False), target="≤ 4, goal < 3"),
        Scenario(
            "turn", "60 KB Codex turn, 60 deltas in one burst", closed(bodies.TURN, "long n=60", 16, is_stream=True),
            target="≤ 2.5",
        ),
        Scenario(
            "turn_paced", "60 KB Codex turn, 60 deltas 10 ms apart",
            closed(bodies.TURN, "long n=60", 64, is_stream=True, token_ms="10"), target="≤ 2.5",
        ),
        Scenario("events", "paced SSE event, 100 streams × 20 ms", paced, unit="event", target="≤ 2.5, goal 1.8"),
        Scenario("json60", "60 KB JSON, no stream", closed(bodies.TURN, "text", 16, is_stream=False)),
        Scenario("json400", "400 KB JSON, no stream", closed(bodies.LONG, "text", 8, is_stream=False)),
    ]  # fmt: skip


@contextlib.contextmanager
def setup(options: Options) -> Iterator[Rig]:
    """Simulator, nginx, gateway (and peers)."""
    with rig(options) as ready:
        yield ready


def run(ready: Rig, options: Options) -> Answer:
    """Interleaved rounds of every scenario."""
    wanted = [
        s for s in scenarios(1.0 if options.is_quick else 3.0) if not options.only or s.name in options.only.split(",")
    ]
    systems = [s for s in ready.systems.values() if s.name != "direct"]
    rows = [["traffic", "system", "CPU-µs", "÷ nginx", "min–max", "req/s", "target"]]
    summary: dict[str, float] = {}
    notes: list[str] = []
    kept: list[Any] = []
    for scenario in wanted:
        found = measure(ready, scenario, systems, options.rounds_or(7, 3))
        kept += [{"scenario": scenario.name, **row} for row in found]
        rows += [_row(scenario, system.name, found, summary) for system in systems]
        notes.append(f"{scenario.title}: gateway by thread, CPU-µs per {scenario.unit}: {_threads(found)}")
        errors = {s.name: sum(r[s.name]["errors"] for r in found) for s in systems}
        if any(errors.values()):
            why = next(r[s.name]["first_error"] for r in found for s in systems if r[s.name]["first_error"])
            notes.append(f"ERRORS in {scenario.name}: {errors}; first: {why}")
    return Answer("proxy", label, _METHOD, rows, kept, summary, notes)


def measure(ready: Rig, scenario: Scenario, systems: list[System], rounds: int) -> list[dict[str, Any]]:
    """Rounds of one scenario: system → its report, with `us` (CPU per unit) added. A round that nothing ended in is a bug."""
    found = []
    for _ in range(rounds):
        row = {}
        for system in systems:
            try:
                report = ask(ready, system, _for(scenario.job, system))
            except RuntimeError as exc:
                if system.name in _OURS:
                    raise
                report = Report(1, 1, 1, 1.0, {}, {}, 0.0, str(exc)[-200:])  # a peer that cannot do it has no figure
            count = report.events if scenario.unit == "event" else report.count
            if not count and system.name in _OURS:
                raise RuntimeError(f"{scenario.name}: nothing came through {system.name}: {report.first_error}")
            count = max(1, count)
            row[system.name] = {
                **msgspec.to_builtins(report), "us": _own(report) / count, "per_s": count / report.wall_s, "units": count,
            }  # fmt: skip
        found.append(row)
    return found


def ratios(found: list[dict[str, Any]], name: str) -> list[float]:
    """CPU of a system ÷ CPU of nginx, round by round."""
    return [row[name]["us"] / row["nginx"]["us"] for row in found]


def _own(report: Report) -> float:
    return sum(report.cpu_us.values())


def _for(job: Job, system: System) -> Job:
    if system.model == bodies.MODEL:
        return job
    body = job.body.replace(f'"{bodies.MODEL}"'.encode(), f'"{system.model}"'.encode(), 1)
    return msgspec.structs.replace(job, body=body)


def _row(scenario: Scenario, name: str, found: list[dict[str, Any]], summary: dict[str, float]) -> list[str]:
    us = median(row[name]["us"] for row in found)
    rate = median(row[name]["per_s"] for row in found)
    if name not in _OURS and sum(row[name]["errors"] for row in found) * 2 > sum(row[name]["count"] for row in found):
        return ["", name, "fails", "", "", "", ""]
    summary[f"{scenario.name}.{name}.us"] = round(us, 2)
    if name == "nginx":
        return [scenario.title, name, number(us), "1", "", number(rate), ""]
    by_round = ratios(found, name)
    ratio = median(by_round)
    summary[f"{scenario.name}.{name}.ratio"] = round(ratio, 3)
    target = scenario.target if name == "gateway" else ""
    return ["", name, number(us), f"{ratio:.2f}", f"{min(by_round):.2f}–{max(by_round):.2f}", number(rate), target]


def _threads(found: list[dict[str, Any]]) -> str:
    names = sorted({name for row in found for name in row["gateway"]["cpu_us"]})
    parts = []
    for name in names:
        us = median(row["gateway"]["cpu_us"].get(name, 0.0) / row["gateway"]["units"] for row in found)
        parts.append((us, name.removeprefix("worker-0/").replace("control-plane/all", "control plane")))
    return ", ".join(f"{name} {us:.1f}" for us, name in sorted(parts, reverse=True))

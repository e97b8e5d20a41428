"""Times small pure things beside each other: all cases in every round, CPU time of this thread only."""

import time
from collections.abc import Callable
from statistics import median

import msgspec

from benchmarks.answer import Answer, Options, number
from gateway.cli.worker import settle_garbage


class Case(msgspec.Struct):
    """One thing to time. `call` does it once; `per` is how many units that is (events, requests)."""

    name: str
    call: Callable[[], object]
    per: int = 1


def time_cases(cases: list[Case], rounds: int, slice_s: float) -> dict[str, list[float]]:
    """ns of CPU per unit, one figure per round. A round runs every case for about `slice_s`, in turn; the collector is set as in a worker."""
    settle_garbage()
    loops = {case.name: _loops(case.call, slice_s) for case in cases}
    found: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            found[case.name].append(_time(case.call, loops[case.name]) / case.per)
    return found


def answer_cases(
    question: str, label: str, cases: list[Case], options: Options, notes: list[str] | None = None
) -> Answer:
    """Time the cases and make the table: median and range in µs per unit."""
    found = time_cases(cases, options.rounds_or(15, 5), 0.02 if options.is_quick else 0.06)
    rows = [["case", "CPU-µs median", "min", "max"]]
    for name, values in found.items():
        rows.append([name, *(number(v / 1000) for v in (median(values), min(values), max(values)))])
    return Answer(
        question,
        label,
        "thread CPU time (CLOCK_THREAD_CPUTIME_ID), loops of about 60 ms per case, all cases in every round",
        rows,
        [found],
        {name: round(median(values) / 1000, 4) for name, values in found.items()},
        notes or [],
    )


def _loops(call: Callable[[], object], slice_s: float) -> int:
    loops = 1
    while (spent := _time(call, loops) * loops) < slice_s * 1e8:
        loops *= 4
    return max(1, int(loops * slice_s * 1e9 / max(spent, 1)))


def _time(call: Callable[[], object], loops: int) -> float:
    steps = range(loops)
    began = time.thread_time_ns()
    for _ in steps:
        call()
    return (time.thread_time_ns() - began) / loops

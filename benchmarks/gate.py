"""The gate on regressions: never wall time, at most a minute.

    python -m benchmarks.gate             compare with baseline.json; exit 1 when something got dearer than allowed
    python -m benchmarks.gate --update    write baseline.json anew (its diff is reviewed, the commit says why)

Two kinds of figures. Instructions of the pure parts (the road in Python, the journal), counted by valgrind: they do not
depend on the machine's load, so the tolerance is narrow. CPU ratios to nginx on live traffic, which see everything, threads
and kernel included: the tolerance is wide, and a failure is measured again with more rounds before it counts.
"""

import argparse
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks import instructions
from benchmarks.answer import Options, commit, machine
from benchmarks.questions.proxy import measure, ratios, scenarios
from benchmarks.systems import rig

BASELINE = Path(__file__).with_name("baseline.json")
INSTRUCTIONS_TOLERANCE = 1.10
"""Counts repeat to within 1 %."""
OTHER_PYTHON_TOLERANCE = 1.35
"""Another build of Python (version, compiler) runs the same code in other instructions."""
RATIO_TOLERANCE = 1.30
GOALS = {"small": 3.0, "turn": 2.5, "events": 1.8}
"""A ratio inside its goal never fails: a busy machine makes events leave in larger batches, and a baseline taken there too low."""
_SCENARIOS = ("small", "turn", "events")


def judge(baseline: dict[str, float], found: dict[str, float], tolerance: float, unit: str) -> list[str]:
    """What got dearer than allowed, in words. A figure without a baseline is not judged. Pure."""
    return [
        f"{name}: {value:,.2f} {unit}, the baseline is {baseline[name]:,.2f} and {tolerance:.2f}× that is allowed"
        for name, value in found.items()
        if name in baseline and value > baseline[name] * tolerance
    ]


def cpu_ratios(rounds: int, names: tuple[str, ...] = _SCENARIOS) -> dict[str, float]:
    """CPU of the gateway ÷ nginx by scenario: medians of interleaved one-second rounds."""
    options = Options(is_quick=True)
    with rig(options, only=("nginx", "gateway")) as ready:
        systems = [ready.systems["nginx"], ready.systems["gateway"]]
        wanted = [s for s in scenarios(1.0) if s.name in names]
        return {s.name: round(median(ratios(measure(ready, s, systems, rounds), "gateway")), 3) for s in wanted}


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 as dear as before or cheaper, 1 dearer, 2 could not measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description="Compare with benchmarks/baseline.json."
    )
    parser.add_argument("--update", action="store_true", help="Write the baseline instead of comparing with it")
    parser.add_argument("--only", choices=("instructions", "ratios"), help="Only one kind of figures [default: both]")
    args = parser.parse_args(argv)
    kept: dict[str, Any] = msgspec.json.decode(BASELINE.read_bytes()) if BASELINE.exists() else {}
    python = f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}"
    problems: list[str] = []
    if args.only != "ratios":
        if instructions.is_possible():
            found = instructions.counts()
            old = kept.get("instructions", {})
            tolerance = INSTRUCTIONS_TOLERANCE if kept.get("python") == python else OTHER_PYTHON_TOLERANCE
            _print("instructions", old, found, tolerance)
            problems += judge(old, found, tolerance, "instructions")
            if args.update:
                kept |= {"python": python, "instructions": found}
        else:
            print("instructions: not counted, valgrind is not installed")
    if args.only != "instructions":
        old = kept.get("ratios", {})
        found = cpu_ratios(3 if not args.update else 7)
        if not args.update:
            old = {name: max(value, GOALS[name] / RATIO_TOLERANCE) for name, value in old.items()}
            found |= _again(judge(old, found, RATIO_TOLERANCE, ""), found, lambda names: cpu_ratios(7, names))
        _print("CPU ÷ nginx", old, found, RATIO_TOLERANCE)
        problems += judge(old, found, RATIO_TOLERANCE, "times nginx's CPU")
        if args.update:
            kept |= {"ratios": found}
    if args.update:
        BASELINE.write_bytes(
            msgspec.json.format(msgspec.json.encode({**kept, "commit": commit(), "machine": machine()}), indent=1)
            + b"\n"
        )
        print(f"written: {BASELINE}")
        return 0
    for problem in problems:
        print(f"DEARER: {problem}")
    if problems:
        print("hint: if it is meant, run `python -m benchmarks.gate --update` and say in the commit what it buys")
    return 1 if problems else 0


def _again(
    problems: list[str], found: dict[str, float], take: Callable[[tuple[str, ...]], dict[str, float]]
) -> dict[str, float]:
    """Measure what failed once more, with more rounds; the lower figure counts, since noise only adds."""
    names = tuple(problem.partition(":")[0] for problem in problems)
    if not names:
        return {}
    print(f"measuring again: {', '.join(names)}")
    return {name: min(value, found[name]) for name, value in take(names).items()}


def _print(what: str, old: dict[str, float], found: dict[str, float], tolerance: float) -> None:
    for name, value in found.items():
        before = f"{old[name]:>12,.2f}" if name in old else f"{'none':>12}"
        print(f"{what:<14} {name:<10} {value:>12,.2f}   baseline {before}   allowed × {tolerance:.2f}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

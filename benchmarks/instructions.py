"""How many instructions the pure parts take: exact on any machine load, under valgrind (this kind of VM has no counters).

    valgrind … python -m benchmarks.instructions DIRECTORY small=300 turn=0 journal=0

Every workload runs a few times to warm up, then as often as told. Two runs that differ in one number differ by that many
executions of one workload: start-up and imports cancel out. To compile the guard's databases would not: that takes more instructions than
all else, and never as many again, so all runs load what was compiled once in DIRECTORY.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.answer import ROOT

EXTRA = {"small": 200, "turn": 100, "journal": 400}
"""How often each workload runs in its own run."""

_WARM = 20
_COUNTED = re.compile(rb"I\s+refs:\s+([\d,]+)")


def is_possible() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def counts() -> dict[str, float]:
    """Instructions per execution of each workload."""
    plans: list[dict[str, int]] = [dict.fromkeys(EXTRA, 0)]
    plans += [{**plans[0], name: times} for name, times in EXTRA.items()]
    with tempfile.TemporaryDirectory() as compiled, ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        _compile(Path(compiled))
        base, *others = pool.map(partial(_run, compiled), plans)
    return {name: round((total - base) / EXTRA[name]) for name, total in zip(EXTRA, others, strict=True)}


def _compile(into: Path) -> None:
    from benchmarks.fake import road

    with tempfile.TemporaryDirectory() as home, road(Path(home)) as pipeline:
        assert pipeline.policy.guard is not None
        pipeline.policy.guard.load()
        shutil.copytree(_databases(home), into, dirs_exist_ok=True)


def _databases(home: str) -> Path:
    return Path(home) / "data" / "guard"


def _run(compiled: str, plan: dict[str, int]) -> int:
    command = [
        "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", sys.executable,
        "-m", "benchmarks.instructions", compiled, *(f"{name}={times}" for name, times in plan.items()),
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environ, timeout=120, check=False)
    found = _COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind: exit {done.returncode}: {done.stderr[-800:].decode('utf-8', 'replace')}")
    return int(found.group(1).replace(b",", b""))


def _work(compiled: str, plan: dict[str, int]) -> None:
    from benchmarks import bodies
    from benchmarks.fake import road, walk
    from benchmarks.questions.journal import done_frame
    from gateway.base.journal import JournalWriter

    small = bodies.codex_turn(bodies.SMALL, is_stream=False)
    turn = bodies.codex_turn(bodies.TURN)
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        import msgspec

        shutil.copytree(compiled, _databases(home))
        pipeline = stack.enter_context(road(Path(home)))
        writer = JournalWriter(Path(home) / "journal", slot=0, run_id="0123456789ab", version="bench")
        encode = msgspec.json.Encoder().encode
        for times in (dict.fromkeys(plan, _WARM), plan):
            walk(pipeline, small, 0, times["small"])
            walk(pipeline, turn, 60, times["turn"])
            for _ in range(times["journal"]):
                writer.append(encode(done_frame()))
        writer.abandon()


if __name__ == "__main__":
    _work(sys.argv[1], {name: int(times) for name, _, times in (word.partition("=") for word in sys.argv[2:])})

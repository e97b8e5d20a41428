"""What a question answers with, where it ran, and how it is printed and kept."""

import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CACHE = ROOT / ".cache"


class Options(msgspec.Struct, frozen=True):
    """How one run measures. `is_quick` trades spread for time; `with_peers` adds LiteLLM and Portkey."""

    is_quick: bool = False
    with_peers: bool = False
    rounds: int = 0
    only: str = ""

    def rounds_or(self, full: int, quick: int) -> int:
        """The number of rounds: as asked for, else by length of run."""
        return self.rounds or (quick if self.is_quick else full)


class Answer(msgspec.Struct):
    """One question's result. `rows` is the table (first row: headings); `rounds` is everything that was measured."""

    question: str
    label: str
    method: str
    rows: list[list[str]]
    rounds: list[Any]
    summary: dict[str, float] = {}
    notes: list[str] = []


def machine() -> dict[str, str]:
    """Where this ran."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in _text("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nginx": _said(["nginx", "-v"]).removeprefix("nginx version: "),
        "load_average": _text("/proc/loadavg").strip(),
    }


def commit() -> str:
    """The commit, with a mark when the tree differs from it in what is measured."""
    head = _said(["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]) or "unknown"
    changed = _said(["git", "-C", str(ROOT), "status", "--porcelain", "--", "gateway", "native"])
    return f"{head}{' + uncommitted changes' if changed else ''}"


def keep(answer: Answer, options: Options) -> Path:
    """Write `benchmarks/results/<question>.json`, or `….quick.json`, which git ignores."""
    RESULTS.mkdir(exist_ok=True)
    suffix = ".quick.json" if options.is_quick or options.rounds or options.only else ".json"
    path = RESULTS / f"{answer.question}{'.peers' if options.with_peers else ''}{suffix}"
    about = {
        "question": answer.question,
        "label": answer.label,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "method": answer.method,
        "summary": answer.summary,
        "rows": answer.rows,
        "notes": answer.notes,
        "rounds": answer.rounds,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n")
    return path


def show(answer: Answer) -> None:
    """Print the table."""
    print(f"\n## {answer.question}: {answer.label}\n")
    widths = [max(len(row[i]) for row in answer.rows) for i in range(len(answer.rows[0]))]
    for number, row in enumerate(answer.rows):
        cells = [
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    for note in answer.notes:
        print(f"\n{note}")
    sys.stdout.flush()


def number(value: float) -> str:
    """A figure with about three digits."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip()

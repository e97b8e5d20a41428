"""Where the gateway's CPU goes: samples of its worker under load, by function (py-spy) and by symbol (perf, where it works)."""

import collections
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.answer import Answer, Options
from benchmarks.load import Job
from benchmarks.questions.proxy import scenarios
from benchmarks.systems import Rig, ask, rig

label = "where the CPU of the event loop thread goes"

_METHOD = (
    "py-spy samples the worker 400 times a second while the scenario's load runs; self time by function of the event loop "
    "thread, idle samples left out. perf (cpu-clock, 999 Hz) samples the same worker by symbol, all threads."
)
_TOP = 22
_PERF_LINE = re.compile(r"\s*([\d.]+)%\s+(\d+):\S+\s+\S+\s+(\S+)\s+\[(.)\]\s+(.*?)(?:\s+-.*)?$")
_WANTED = ("small", "turn", "events")


@contextlib.contextmanager
def setup(options: Options) -> Iterator[Rig]:
    """Simulator and gateway."""
    with rig(msgspec.structs.replace(options, with_peers=False), only=("gateway",)) as ready:
        yield ready


def run(ready: Rig, options: Options) -> Answer:
    """Profile three kinds of traffic."""
    seconds = 4.0 if options.is_quick else 10.0
    rows = [["traffic", "by", "where", "self %"]]
    kept: list[Any] = []
    notes: list[str] = []
    wanted = options.only.split(",") if options.only else _WANTED
    for scenario in scenarios(seconds + 1.5):
        if scenario.name not in wanted:
            continue
        for name, sample in (("py-spy", _py_spy), ("perf", _perf)):
            found = _under_load(ready, scenario.job, sample, seconds)
            if not found:
                notes.append(f"{name} gave nothing here")
                continue
            kept.append({"scenario": scenario.name, "by": name, "self": found})
            rows += [[scenario.name, name, where, f"{share:.1f}"] for where, share in list(found.items())[:_TOP]]
    return Answer("profile", label, _METHOD, rows, kept, {}, notes)


def _under_load(ready: Rig, job: Job, sample: Any, seconds: float) -> dict[str, float]:
    system = ready.systems["gateway"]
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(ask, ready, system, msgspec.structs.replace(job, warmup_s=1.0))
        try:
            result: dict[str, float] = sample(system.pids["worker-0"], seconds)
        finally:
            loading.result()
    return result


def _py_spy(pid: int, seconds: float) -> dict[str, float]:
    tool = Path(sys.executable).with_name("py-spy")
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "raw"
        command = [
            str(tool),
            "record",
            "-p",
            str(pid),
            "-d",
            str(int(seconds)),
            "-r",
            "400",
            "-f",
            "raw",
            "-o",
            str(file),
            "--threads",
        ]
        done = subprocess.run(command, capture_output=True, timeout=seconds + 30, check=False)
        if done.returncode or not file.exists():
            return {}
        counts: collections.Counter[str] = collections.Counter()
        for line in file.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            frames = stack.split(";")
            if "MainThread" in frames[0] or "main" in frames[0].lower():
                counts[frames[-1].rpartition(":")[0] or frames[-1]] += int(count)
    return _shares(counts)


def _perf(pid: int, seconds: float) -> dict[str, float]:
    if shutil.which("perf") is None:
        return {}
    with tempfile.TemporaryDirectory() as home:
        file = f"{home}/perf.data"
        record = [
            "perf",
            "record",
            "-q",
            "-e",
            "cpu-clock",
            "-F",
            "999",
            "-p",
            str(pid),
            "-o",
            file,
            "--",
            "sleep",
            str(seconds),
        ]
        if subprocess.run(record, capture_output=True, timeout=seconds + 30, check=False).returncode:
            return {}
        report = [
            "perf", "report", "-i", file, "--stdio", "-q", "--no-children", "-g", "none", "--sort", "pid,comm,dso,symbol",
        ]  # fmt: skip
        done = subprocess.run(report, capture_output=True, text=True, timeout=60, check=False)
    counts: collections.Counter[str] = collections.Counter()
    for line in done.stdout.splitlines():
        if found := _PERF_LINE.match(line):
            share, tid, dso, level, symbol = found.groups()
            thread = "event loop" if int(tid) == pid else "upstream" if "agentcc-upst" in line else "granian"
            where = "kernel" if level == "k" else dso.split(".")[0]
            counts[f"{thread}: {where} {symbol}"] += int(float(share) * 100)
            counts[f"{thread}: all of {where}"] += int(float(share) * 100)
            counts[f"{thread}: ALL"] += int(float(share) * 100)
    total = sum(count for name, count in counts.items() if name.endswith(": ALL")) or 1
    return {name: round(100 * count / total, 2) for name, count in counts.most_common(60)}


def _shares(counts: "collections.Counter[str]") -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {name: round(100 * count / total, 2) for name, count in counts.most_common(60)}

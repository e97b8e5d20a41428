"""Where a journal lies: file names, the listing of runs, and the lock that tells a live run from a dead one.

A segment's name is `<start of the run, UTC>-<slot>-<run id>-<n>.log`, so that text order is the order of runs and, within
a run, of segments. The writer holds flock on segment 1 for as long as it lives. Segments appear by rename, complete
with their first line: a name that ends in `.new` is not yet, or never became, part of the journal.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.base.core.struct import Record
from gateway.base.journal.frames import RunFrame
from gateway.base.journal.line import UNREADABLE, kind_of, split_line

NEW_SUFFIX = ".new"
_NAME = re.compile(r"^(?P<start>\d{8}T\d{6}\.\d{3}Z)-(?P<slot>\d{4,})-(?P<run>[0-9A-Za-z_]+)-(?P<n>\d{6,})\.log$")
_PROBE_PATIENCE_S = 0.02  # a reader's probe holds the lock for some 10 us
_MAX_HEADER_BYTES = 16 << 20
_TAIL_BYTES = 256  # an `end` line is shorter

_decode_run = msgspec.json.Decoder(RunFrame).decode


class Segment(Record, frozen=True):
    """One file of a run; `n` counts from 1."""

    n: int
    path: str


class Run(Record, frozen=True):
    """One worker run as the directory shows it; `segments` in order, at least one."""

    run: str
    slot: int
    start: str
    segments: tuple[Segment, ...]

    def has_first(self) -> bool:
        """Whether segment 1, with the header and the lock, is still there."""
        return self.segments[0].n == 1


def journal_directory(data_dir: str | Path) -> Path:
    """`<data_dir>/journal`."""
    return Path(data_dir) / "journal"


def start_stamp(seconds: float) -> str:
    """A run's start as it stands in file names, such as `20261121T054812.123Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


def start_of(run: Run) -> float:
    """A run's start in seconds since the epoch, as its file names say it."""
    return datetime.strptime(run.start, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()


def segment_name(start: str, slot: int, run: str, n: int) -> str:
    """The file name of segment `n`."""
    return f"{start}-{slot:04d}-{run}-{n:06d}.log"


def read_runs(directory: str | Path) -> list[Run]:
    """All runs with at least one segment, oldest first. An absent directory has none."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return group_runs(directory, names)


def group_runs(directory: str | Path, names: Iterable[str]) -> list[Run]:
    """The runs that these file names make; names of another form are not ours."""
    found: dict[tuple[str, int, str], list[Segment]] = {}
    for name in sorted(names):
        match = _NAME.match(name)
        if match:
            key = (match["start"], int(match["slot"]), match["run"])
            found.setdefault(key, []).append(Segment(int(match["n"]), os.path.join(directory, name)))
    return [
        Run(run, slot, start, tuple(sorted(segments, key=lambda s: s.n)))
        for (start, slot, run), segments in sorted(found.items())
    ]


def written_bytes(segment: Segment) -> int:
    """The segment's size without the NULs at its end, which are only reserved; found by halving. 0 when it is gone."""
    try:
        fd = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        low, high = 0, os.fstat(fd).st_size
        while low < high:
            middle = (low + high) // 2
            if os.pread(fd, 1, middle) in (b"\0", b""):
                high = middle
            else:
                low = middle + 1
        return low
    finally:
        os.close(fd)


def is_ended(run: Run) -> bool:
    """Whether a run's last whole line says that it stopped cleanly."""
    segment = run.segments[-1]
    try:
        with open(segment.path, "rb") as file:
            file.seek(max(0, written_bytes(segment) - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except FileNotFoundError:
        return False
    end = tail.rfind(b"\n")
    parts = split_line(tail[tail.rfind(b"\n", 0, max(end, 0)) + 1 : end]) if end >= 0 else None
    return parts is not None and kind_of(parts[1]) == "end"


def read_header(run: Run) -> RunFrame | None:
    """The run's first frame; None when segment 1 is gone or holds no complete, readable header."""
    if not run.has_first():
        return None
    try:
        with open(run.segments[0].path, "rb") as file:
            line = file.readline(_MAX_HEADER_BYTES)
    except FileNotFoundError:
        return None
    parts = split_line(line[:-1]) if line.endswith(b"\n") else None
    if parts is None:
        return None
    try:
        return _decode_run(parts[1])
    except UNREADABLE:
        return None


def adopted(runs: Iterable[Run], seen: dict[str, tuple[str, ...]]) -> set[str]:
    """Every run that a header names; `seen` keeps the headers already read, which never change."""
    for run in runs:
        if run.run not in seen:
            header = read_header(run)
            if header is not None:
                seen[run.run] = tuple(p.run for p in header.predecessors)
    return {name for names in seen.values() for name in names}


def is_live(run: Run) -> bool:
    """Whether a process holds the run open now. A run without its segment 1 is dead: a live run's is never pruned."""
    if not run.has_first():
        return False
    try:
        fd = os.open(run.segments[0].path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def lock_dead(run: Run) -> int | None:
    """Take the lock of a dead run: its fd, to be closed by the caller; None when the run lives or another adopts it."""
    try:
        fd = os.open(run.segments[0].path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    deadline = time.monotonic() + _PROBE_PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                return None
            time.sleep(_PROBE_PATIENCE_S / 10)
        else:
            return fd

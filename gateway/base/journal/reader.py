"""Reads frames back: whole runs for export, and a follower with resumable positions for the projections.

Rules: nothing past the last complete line is ever returned; a line without the form of a line is reported and skipped;
a follower's position moves only when the caller accepts what it was given.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from gateway.base.core.struct import Record
from gateway.base.journal.files import Run, Segment, adopted, read_runs
from gateway.base.journal.frames import SegmentFrame
from gateway.base.journal.line import UNREADABLE, ZEROS, chain_hash, kind_of, split_line

BATCH_BYTES = 1 << 20
_SETTLED_S = 2.0  # a directory's mtime is trusted once it is older than any clock tick

_decode_segment = msgspec.json.Decoder(SegmentFrame).decode


class Line(Record, frozen=True):
    """One frame: its JSON, its hash, and the hash before it (empty when that is not known)."""

    hash: str
    prev: str
    payload: bytes


class Position(Record, frozen=True):
    """How far a run was read: `offset` bytes of segment `segment`, whose last line there had the hash `head`.

    `is_done` says that the run is over and was read to its end.
    """

    run: str
    segment: int = 0
    offset: int = 0
    head: str = ZEROS
    is_done: bool = False


class Batch(Record, frozen=True):
    """Lines of one run, and the position after them. `bad` holds `file:offset: what` for lines that cannot be read."""

    run: Run
    position: Position
    lines: list[Line]
    bad: list[str]


def read_frames(
    run: Run,
    *,
    is_verified: bool = False,
    on_bad: Callable[[str], None] = lambda what: None,
    is_wanted: Callable[[Segment], bool] = lambda segment: True,
) -> Iterator[Line]:
    """The frames of `run` in order. `is_verified` checks each hash; `is_wanted` may skip whole segments."""
    prev = ""
    for segment in run.segments:
        if not is_wanted(segment):
            prev = ""
            continue
        number = 0
        try:
            file = open(segment.path, "rb", buffering=1 << 20)  # noqa: SIM115 - closed by the `with` below
        except FileNotFoundError:
            continue  # pruned since it was listed
        with file:
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n"):
                    break
                line = parse_line(raw[:-1], prev or _prev_of_first(raw[:-1]))
                if line is None:
                    on_bad(f"{segment.path}:{number}: not a journal line")
                    continue
                if is_verified and line.prev and chain_hash(line.prev, line.payload) != line.hash:
                    on_bad(f"{segment.path}:{number}: the line's hash does not match its content")
                prev = line.hash
                yield line


def parse_line(raw: bytes, prev: str) -> Line | None:
    """A line without its newline, as a Line."""
    parts = split_line(raw)
    return None if parts is None else Line(parts[0], prev, parts[1])


def _prev_of_first(raw: bytes) -> str:
    """The hash before a segment's first line: zeros for a header, what the frame says for a later segment."""
    parts = split_line(raw)
    if parts is None:
        return ""
    kind = kind_of(parts[1])
    if kind == "run":
        return ZEROS
    try:
        return _decode_segment(parts[1]).prev if kind == "segment" else ""
    except UNREADABLE:
        return ""


class Follower:
    """Reads what is new in all runs of a directory, from `positions` on. Not thread-safe; never blocks on a writer.

    Call `poll`, store what it returned, then `accept` it; whatever was not accepted is returned again.
    """

    def __init__(self, directory: str | os.PathLike[str], positions: Iterable[Position] = ()) -> None:
        self._directory = os.fspath(directory)
        self._positions = {p.run: p for p in positions}
        self._runs: list[Run] = []
        self._listed_mtime = -1
        self._headers: dict[str, tuple[str, ...]] = {}
        self._adopted: set[str] = set()
        self.lag_bytes = 0

    def skip_to_end(self) -> None:
        """Take all that is there now as read; looks only at the end of each run."""
        for run in read_runs(self._directory):
            segment = run.segments[-1]
            offset, head = _end_of(segment)
            self._positions[run.run] = Position(run.run, segment.n, offset, head)

    def poll(self, batch_bytes: int = BATCH_BYTES, now: Callable[[], float] = time.time) -> list[Batch]:
        """New lines, at most about `batch_bytes` of each run, oldest run first; empty when there is nothing new."""
        self._list(now())
        batches, lag = [], 0
        for run in self._runs:
            position = self._positions.get(run.run) or Position(run.run)
            if position.is_done:
                continue
            batch, left = _read_on(run, position, batch_bytes, run.run in self._adopted)
            lag += left
            if batch.position != position or batch.lines or batch.bad:
                batches.append(batch)
        self.lag_bytes = lag
        return batches

    def accept(self, batches: Iterable[Batch]) -> None:
        """These batches are dealt with: the next poll goes on after them."""
        for batch in batches:
            self._positions[batch.run.run] = batch.position
        self._runs = [r for r in self._runs if not self._is_done(r)]

    def _is_done(self, run: Run) -> bool:
        position = self._positions.get(run.run)
        return position is not None and position.is_done

    def _list(self, now: float) -> None:
        """List the directory when it changed; a listing made within a clock tick of a change is not trusted."""
        try:
            mtime = os.stat(self._directory).st_mtime_ns
        except FileNotFoundError:
            return
        if mtime == self._listed_mtime:
            return
        runs = read_runs(self._directory)
        self._adopted = adopted(runs, self._headers)
        self._runs = [r for r in runs if not self._is_done(r)]
        self._listed_mtime = mtime if now - mtime / 1e9 > _SETTLED_S else -1


def _read_on(run: Run, position: Position, batch_bytes: int, is_adopted: bool) -> tuple[Batch, int]:
    """The next lines of `run`, and how many bytes are left after them."""
    lines: list[Line] = []
    bad: list[str] = []
    budget, done = batch_bytes, False
    later = [s for s in run.segments if s.n > position.segment]
    current = next((s for s in run.segments if s.n == position.segment), None)
    while budget > 0 and not done:
        taken = 0
        if current is not None:
            position, taken, done = _read_segment(current, position, budget, lines, bad)
            budget -= taken
        if taken:
            continue
        # `later` was listed before this read found the end, so nothing more can come in `current`.
        if not later:
            done = is_adopted
            break
        if current is not None and _size(current) > position.offset:
            bad.append(f"{current.path}:{position.offset}: a torn line before the next segment")
        current = later.pop(0)
        position = Position(run.run, current.n, 0, position.head)
    left = sum(_size(s) for s in later) + (max(_size(current) - position.offset, 0) if current else 0)
    if done:
        position = Position(position.run, position.segment, position.offset, position.head, True)
    return Batch(run, position, lines, bad), left


def _read_segment(
    segment: Segment, position: Position, size: int, lines: list[Line], bad: list[str]
) -> tuple[Position, int, bool]:
    """Append the complete lines among the next `size` bytes; (new position, bytes taken, whether the run ended)."""
    data = _read_whole_lines(segment.path, position.offset, size)
    if not data:
        return position, 0, False
    offset, head, ended = position.offset, position.head, False
    for raw in data[:-1].split(b"\n"):
        prev = _prev_of_first(raw) if offset == 0 else head
        line = parse_line(raw, prev)
        if line is None:
            bad.append(f"{segment.path}:{offset}: not a journal line")
        else:
            head = line.hash
            lines.append(line)
            ended = line.payload.startswith(b'{"k":"end"')
        offset += len(raw) + 1
    return Position(position.run, segment.n, offset, head), len(data), ended


def _read_whole_lines(path: str, offset: int, size: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""  # pruned
    try:
        while True:
            data = os.pread(fd, size, offset)
            end = data.rfind(b"\n") + 1
            if end or len(data) < size:
                return data[:end]
            size *= 2
    finally:
        os.close(fd)


def _end_of(segment: Segment) -> tuple[int, str]:
    """(bytes of complete lines, hash of the last of them)."""
    end, chunk = _size(segment), 1 << 16
    while True:
        start = max(end - chunk, 0)
        data = _read_whole_lines(segment.path, start, end - start)
        last = data.rfind(b"\n", 0, -1) + 1
        if data and (last or not start):
            parts = split_line(data[last:-1])
            return start + len(data), parts[0] if parts else ZEROS
        if not start:
            return 0, ZEROS
        chunk *= 4


def _size(segment: Segment) -> int:
    try:
        return os.stat(segment.path).st_size
    except FileNotFoundError:
        return 0

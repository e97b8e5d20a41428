"""Reads frames back: whole runs for export, and a follower with resumable positions for the projections.

Rules: nothing past the last complete line is ever returned; a line without the form of a line is reported and skipped;
a follower's position moves only when the caller accepts what it was given.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from gateway.base.core.struct import Record
from gateway.base.journal.files import Run, Segment, adopted, read_runs, written_bytes
from gateway.base.journal.frames import SegmentFrame
from gateway.base.journal.line import HASH_BYTES, JSON_AT, UNREADABLE, ZEROS, chain_hash, is_whole, kind_of, split_line

BATCH_BYTES = 1 << 20
_PIECE_BYTES = 96 << 10  # malloc takes larger pieces from the system each time: 2.4 us an exchange to read, not 1.5
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
    """Some lines of one run, and the position after them. `bad` holds `file:offset: what` for lines that cannot be read.

    `read_bytes` counts all that was read, skipped lines too; it is 0 where only the position moves.
    """

    run: Run
    position: Position
    lines: list[Line]
    bad: list[str]
    read_bytes: int


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
                if not is_whole(raw):
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

    Store what `read` or `poll` gave, then `accept` it; whatever was not accepted is given again. Frames whose JSON begins
    with one of `skipped` are passed over: 0.2 us less a line.
    """

    def __init__(
        self, directory: str | os.PathLike[str], positions: Iterable[Position] = (), *, skipped: tuple[bytes, ...] = ()
    ) -> None:
        self._directory = os.fspath(directory)
        self._skipped = skipped
        self._positions = {p.run: p for p in positions}
        self._runs: list[Run] = []
        self._listed_mtime = -1
        self._headers: dict[str, tuple[str, ...]] = {}
        self._adopted: set[str] = set()

    def skip_to_end(self) -> None:
        """Take all that is there now as read; looks only at the end of each run."""
        for run in read_runs(self._directory):
            segment = run.segments[-1]
            offset, head = _end_of(segment)
            self._positions[run.run] = Position(run.run, segment.n, offset, head)

    def read(self, batch_bytes: int = BATCH_BYTES, now: Callable[[], float] = time.time) -> Iterator[Batch]:
        """New lines, at most about `batch_bytes` of each run, oldest run first, in pieces; nothing when nothing is new.

        Who is done with a piece before taking the next works in the CPU's caches: the projections cost a tenth less.
        """
        self._list(now())
        for run in self._runs:
            yield from _read_on(run, self._position(run), batch_bytes, run.run in self._adopted, self._skipped)

    def poll(self, batch_bytes: int = BATCH_BYTES, now: Callable[[], float] = time.time) -> list[Batch]:
        """All that `read` gives, at once."""
        return list(self.read(batch_bytes, now))

    def accept(self, batches: Iterable[Batch]) -> None:
        """These batches are dealt with: reading goes on after them."""
        self.move_to(batch.position for batch in batches)

    def move_to(self, positions: Iterable[Position]) -> None:
        """All before these positions is dealt with: reading goes on there."""
        self._positions.update((position.run, position) for position in positions)
        self._runs = [run for run in self._runs if not self._position(run).is_done]

    def lag_bytes(self) -> int:
        """What now lies in the runs that were there at the last reading, and was not accepted."""
        return sum(_unread_bytes(run, self._position(run)) for run in self._runs)

    def _position(self, run: Run) -> Position:
        return self._positions.get(run.run) or Position(run.run)

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
        self._runs = [run for run in runs if not self._position(run).is_done]
        self._listed_mtime = mtime if now - mtime / 1e9 > _SETTLED_S else -1


def _read_on(
    run: Run, position: Position, budget_bytes: int, is_adopted: bool, skipped: tuple[bytes, ...]
) -> Iterator[Batch]:
    """The next pieces of `run`, until about `budget_bytes` were read or nothing is left."""
    later = [s for s in run.segments if s.n > position.segment]
    current = next((s for s in run.segments if s.n == position.segment), None)
    while budget_bytes > 0 and not position.is_done:
        piece = _read_piece(run, current, position, min(budget_bytes, _PIECE_BYTES), skipped) if current else None
        if piece is not None:
            position = piece.position
            budget_bytes -= piece.read_bytes
            yield piece
            continue
        # `later` was listed before this read found the end, so nothing more can come in `current`.
        if not later:
            if is_adopted:
                yield Batch(run, Position(run.run, position.segment, position.offset, position.head, True), [], [], 0)
            return
        before, torn_at = current, position.offset
        current = later.pop(0)
        position = Position(run.run, current.n, 0, position.head)
        if before is not None and written_bytes(before) > torn_at:
            yield Batch(run, position, [], [f"{before.path}:{torn_at}: a torn line before the next segment"], 0)


def _read_piece(run: Run, segment: Segment, position: Position, size: int, skipped: tuple[bytes, ...]) -> Batch | None:
    """The complete lines among the next `size` bytes, at least one; None when there is none."""
    data = _read_whole_lines(segment.path, position.offset, size)
    if not data:
        return None
    lines: list[Line] = []
    bad: list[str] = []
    prev = position.head if position.offset else _prev_of_first(data[: data.find(b"\n")])
    head, at, last = prev.encode(), 0, 0
    while at < len(data):
        space_at, json_at = at + HASH_BYTES, at + JSON_AT
        end = data.find(b"\n", at)
        found = data[at:space_at]
        if found.isalnum() and data[space_at] == 32:  # what `split_line` asks for, 0.1 us a line faster
            if not data.startswith(skipped, json_at):
                lines.append(Line(found.decode(), head.decode(), data[json_at:end]))
            head, last = found, json_at
        else:
            bad.append(f"{segment.path}:{position.offset + at}: not a journal line")
        at = end + 1
    ended = bool(last) and data.startswith(b'{"k":"end"', last)
    return Batch(run, Position(run.run, segment.n, position.offset + at, head.decode(), ended), lines, bad, at)


def _read_whole_lines(path: str, offset: int, size: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""  # pruned
    try:
        while True:
            data = os.pread(fd, size, offset).partition(b"\0")[0]
            end = data.rfind(b"\n") + 1
            if end or len(data) < size:
                return data[:end]
            size *= 2
    finally:
        os.close(fd)


def _end_of(segment: Segment) -> tuple[int, str]:
    """(bytes of complete lines, hash of the last of them)."""
    end, chunk = written_bytes(segment), 1 << 16
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


def _unread_bytes(run: Run, position: Position) -> int:
    sizes = ((s.n, written_bytes(s)) for s in run.segments if s.n >= position.segment)
    return sum(max(size - position.offset, 0) if n == position.segment else size for n, size in sizes)

"""Retention: removes whole old segments, and writes down in `pruned.log` what went, so that the rest still verifies.

Rules: oldest first, so that what is left of a run is its end; never a live run's first segment (it holds the lock) or its
current one; never a dead run that nobody adopted, whose open exchanges are still to be recorded; never a header before
the runs it names. The note is on disk before the file goes. `pruned.log` is a chain of its own and is never pruned.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.base.journal.files import Run, Segment, adopted, is_ended, is_live, read_header, read_runs
from gateway.base.journal.frames import PrunedFrame
from gateway.base.journal.line import UNREADABLE, ZEROS, encode_line, rfc3339, split_line

PRUNED_LOG = "pruned.log"
_DAY_S = 86_400

_decode = msgspec.json.Decoder(PrunedFrame).decode
_encode = msgspec.json.Encoder().encode


def prune(directory: str | Path, *, older_than_days: float, now: float, keep_bytes: int = 0) -> list[PrunedFrame]:
    """Remove segments last written more than `older_than_days` before `now` (seconds); what was removed.

    With `keep_bytes`, stops once no more than that much journal is left. Safe beside live writers and other prunes.
    """
    path = os.path.join(directory, PRUNED_LOG)
    if not os.path.isdir(directory):
        return []
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        chosen = list(_choose(read_runs(directory), now - older_than_days * _DAY_S, keep_bytes))
        if not chosen:
            return []
        frames = [_note(run, segment, older_than_days, now) for run, segment in chosen]
        _append(fd, frames)
        for _, segment in chosen:
            os.unlink(segment.path)
        return frames
    finally:
        os.close(fd)


def read_pruned(directory: str | Path) -> tuple[dict[tuple[str, int], PrunedFrame], list[tuple[int, str]]]:
    """The notes by (run, segment), and the places in `pruned.log` where its own chain is broken: (line, what)."""
    notes: dict[tuple[str, int], PrunedFrame] = {}
    problems: list[tuple[int, str]] = []
    head = ZEROS
    try:
        data = Path(directory, PRUNED_LOG).read_bytes()
    except FileNotFoundError:
        return notes, problems
    for number, raw in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        parts = split_line(raw)
        if parts is None or encode_line(head, parts[1])[0] != parts[0]:
            problems.append((number, "the line's hash does not match its content"))
        if parts is None:
            continue
        head = parts[0]
        try:
            note = _decode(parts[1])
        except UNREADABLE:
            problems.append((number, "not a `pruned` frame"))
            continue
        notes[note.run, note.n] = note
    return notes, problems


def _choose(runs: list[Run], before: float, keep_bytes: int) -> Iterator[tuple[Run, Segment]]:
    """Decide what goes, oldest run first."""
    named = adopted(runs, {})
    left = {run.run: len(run.segments) for run in runs}
    stats = {segment.path: os.stat(segment.path) for run in runs for segment in run.segments}
    total = sum(stat.st_size for stat in stats.values())
    for run in runs:
        live = is_live(run)
        if not live and run.run not in named and not is_ended(run):
            continue
        for segment in run.segments[:-1] if live else run.segments:
            if segment.n == 1 and (live or _names_any(run, left)):
                if live:
                    continue
                break
            stat = stats[segment.path]
            if stat.st_mtime >= before or total <= keep_bytes:
                break
            total -= stat.st_size
            left[run.run] -= 1
            yield run, segment


def _names_any(run: Run, left: dict[str, int]) -> bool:
    header = read_header(run)
    return header is not None and any(left.get(p.run, 0) for p in header.predecessors)


def _note(run: Run, segment: Segment, days: float, now: float) -> PrunedFrame:
    lines, last = _last_line(segment)
    parts = split_line(last)
    return PrunedFrame(rfc3339(now), run.run, run.slot, segment.n, parts[0] if parts else "", lines, days)


def _last_line(segment: Segment) -> tuple[int, bytes]:
    """(number of complete lines, the last of them without its newline)."""
    data = Path(segment.path).read_bytes()
    end = data.rfind(b"\n")
    if end < 0:
        return 0, b""
    return data.count(b"\n"), data[data.rfind(b"\n", 0, end) + 1 : end]


def _append(fd: int, frames: list[PrunedFrame]) -> None:
    size = os.fstat(fd).st_size
    data = os.pread(fd, size, 0)
    end = data.rfind(b"\n") + 1
    os.ftruncate(fd, end)  # a crash tore the last note: its segments are still there
    parts = split_line(data[data.rfind(b"\n", 0, max(end - 1, 0)) + 1 : end - 1]) if end else None
    head = parts[0] if parts else ZEROS
    out = bytearray()
    for frame in frames:
        head, line = encode_line(head, _encode(frame))
        out += line
    view = memoryview(bytes(out))
    while view:
        view = view[os.write(fd, view) :]
    os.fsync(fd)

"""The final records of all runs as one stream, in the order in which exchanges ended, with the hashes spliced in.

Memory holds one line per run, whatever the journal's size.
"""

import heapq
import os
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.base.journal.files import Run, Segment, read_runs, start_of
from gateway.base.journal.line import UNREADABLE, kind_of
from gateway.base.journal.reader import Line, parse_line, read_frames

_CHUNK_BYTES = 1 << 18
_DONE_HEAD = b'{"k":"done",'
_MTIME_LAG_S = 60.0
"""A mapped file's time is that of the last write to a page that the kernel had cleaned, 30 s ago at the most."""

_Stream = Iterator[tuple[float, Line]]


class _TimeView(Struct):
    ts: str = ""
    latency_ms: float = 0.0


_decode_time = msgspec.json.Decoder(_TimeView).decode


def export_json(line: Line) -> bytes:
    """A frame's own JSON with `prev_hash` and `hash` at its end: without those two, sha256(prev_hash + JSON) is hash."""
    return b'%b,"prev_hash":"%b","hash":"%b"}' % (line.payload[:-1], line.prev.encode(), line.hash.encode())


def read_exchanges(
    directory: str | Path,
    *,
    since: float | None = None,
    until: float | None = None,
    is_all: bool = False,
    on_bad: Callable[[str], None] = lambda what: None,
) -> Iterator[Line]:
    """The `done` frames of all runs (`is_all`: every frame), merged by the time at which each exchange ended.

    `since` and `until` (seconds since the epoch) choose by the time at which it began: [since, until).
    """

    def is_wanted(segment: Segment) -> bool:
        return since is None or _last_written(segment) + _MTIME_LAG_S >= since

    def open_run(run: Run) -> _Stream:
        return _timed(read_frames(run, on_bad=on_bad, is_wanted=is_wanted), since, until, is_all, on_bad)

    waiting = deque(read_runs(directory))
    heap: list[tuple[float, int, Line, _Stream]] = []
    ties = count()
    while True:
        # A run is opened only once its start is reached: files open at a time are those of runs that overlap.
        while waiting and (not heap or start_of(waiting[0]) <= heap[0][0]):
            run = waiting.popleft()
            _push(heap, open_run(run), next(ties), start_of(run))
        if not heap:
            return
        _, _, line, stream = heapq.heappop(heap)
        yield line
        _push(heap, stream, next(ties), 0.0)


def _push(heap: "list[tuple[float, int, Line, _Stream]]", stream: "_Stream", tie: int, after: float) -> None:
    """Put a stream's next line in its place, not before `after`: a run's first `crashed` record is older than the run."""
    for ended, line in stream:
        heapq.heappush(heap, (max(ended, after), tie, line, stream))
        return


def read_last(directory: str | Path, number: int) -> list[Line]:
    """The last `number` `done` frames, oldest first; reads only the ends of the files."""
    if not number:
        return []
    best: list[tuple[float, Line]] = []
    by_age = sorted(read_runs(directory), key=lambda run: _last_written(run.segments[-1]), reverse=True)
    for run in by_age:
        if len(best) == number and _last_written(run.segments[-1]) + _MTIME_LAG_S < best[0][0]:
            break  # whatever it holds ended before all that were found
        best = sorted([*best, *_last_of_run(run, number)], key=_ended)[-number:]
    return [line for _, line in best]


def _timed(
    lines: Iterator[Line], since: float | None, until: float | None, is_all: bool, on_bad: Callable[[str], None]
) -> Iterator[tuple[float, Line]]:
    ended = 0.0
    for line in lines:
        is_done = line.payload.startswith(_DONE_HEAD) or kind_of(line.payload) == "done"
        if not is_done and not is_all:
            continue
        try:
            begun, ended = _times(line.payload, ended)
        except (*UNREADABLE, ValueError) as exc:
            on_bad(f"line {line.hash[:12]}…: {exc}")
            continue
        if (since is None or begun >= since) and (until is None or begun < until):
            yield ended, line


def _times(payload: bytes, before: float) -> tuple[float, float]:
    """(when it began, when it ended); a frame without a time gets that of the line before it."""
    view = _decode_time(payload)
    if not view.ts:
        return before, before
    begun = datetime.fromisoformat(view.ts).timestamp()
    return begun, begun + view.latency_ms / 1000


def _last_of_run(run: Run, number: int) -> list[tuple[float, Line]]:
    found: list[tuple[float, Line]] = []
    for segment in reversed(run.segments):
        lines = _done_lines_backwards(segment, number - len(found))
        found = [*_timed(iter(lines), None, None, False, lambda what: None), *found]
        if len(found) >= number:
            break
    return found


def _done_lines_backwards(segment: Segment, number: int) -> list[Line]:
    """At most the last `number` `done` frames of a segment, read in growing chunks from its end."""
    try:
        with open(segment.path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            chunk = _CHUNK_BYTES
            while True:
                start = max(size - chunk, 0)
                file.seek(start)
                raws = file.read(size - start).split(b"\n")[1 if start else 0 : -1]
                lines, prev = [], ""
                for raw in raws:
                    line = parse_line(raw, prev)
                    if line is None:
                        continue
                    # The first line of a chunk only tells the hash before the second.
                    if line.payload.startswith(_DONE_HEAD) and prev:
                        lines.append(line)
                    prev = line.hash
                if len(lines) >= number or not start:
                    return lines[-number:]
                chunk *= 4
    except FileNotFoundError:
        return []


def _last_written(segment: Segment) -> float:
    try:
        return os.stat(segment.path).st_mtime
    except FileNotFoundError:
        return 0.0


def _ended(item: tuple[float, Line]) -> float:
    return item[0]

"""Reads one dead run from end to end at a start: its head, its line count, its torn tail, and who was left open.

A broken chain does not stop a start: the scan goes on from the hash that stands in the file, and says where it broke.
"""

from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from gateway.base.journal.files import Run, adopted, is_live, read_runs
from gateway.base.journal.line import HASH_BYTES, ZEROS, is_whole, kind_of, request_id_of, split_line, torn_bytes

_MAX_PROBLEMS = 20


class RunScan(Struct):
    """What stands in a run. `open` maps request ids to the last `open` or `next` frames that no `done` of this run closes."""

    run: Run
    head: str
    segments: int
    lines: int
    is_ended: bool
    torn_bytes: int
    open: dict[str, bytes]
    problems: list[str]


def scan_run(run: Run) -> RunScan:
    """Read all segments of `run`, checking the chain on the way."""
    result = RunScan(run, ZEROS, 0, 0, False, 0, {}, [])
    head = ZEROS.encode()
    for segment in run.segments:
        result.torn_bytes = 0
        lines = 0
        with open(segment.path, "rb", buffering=1 << 20) as file:
            for line in file:
                if not is_whole(line):
                    result.torn_bytes = torn_bytes(line)
                    break
                lines += 1
                stored, payload = line[:HASH_BYTES], line[HASH_BYTES + 1 : -1]
                if sha256(head + payload).hexdigest().encode() != stored or line[HASH_BYTES] != 32:
                    if len(result.problems) < _MAX_PROBLEMS:
                        result.problems.append(f"{segment.path}:{lines}: the line's hash does not match its content")
                    if split_line(line[:-1]) is None:
                        continue
                head = stored
                _note(result, payload)
        result.lines += lines
        result.segments = segment.n if lines else result.segments
    result.head = head.decode()
    return result


def open_at_crash(directory: str | Path) -> list[str]:
    """Request ids that dead runs left open and no start has recorded yet; reads only runs that nobody adopted."""
    runs = read_runs(directory)
    named = adopted(runs, {})
    dead = [run for run in runs if run.run not in named and run.has_first() and not is_live(run)]
    return [request_id for run in dead for request_id in scan_run(run).open]


def _note(result: RunScan, payload: bytes) -> None:
    if payload.startswith(b'{"k":"done"'):
        result.open.pop(request_id_of(payload), None)
        return
    kind = kind_of(payload)
    if kind in {"open", "next"}:
        result.open[request_id_of(payload)] = payload
    elif kind == "done":
        result.open.pop(request_id_of(payload), None)
    elif kind == "end":
        result.is_ended = True

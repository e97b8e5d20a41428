"""Starts a run: adopts the dead runs before it and closes the exchanges that they left open.

Rules: a run is adopted when another run's header names it, and never twice. The dead run's flock is the arbiter between
workers that start together: who holds it looks again at the headers. The new run's header and all `crashed` records
appear in one rename, so a crash during recovery leaves nothing half done. Old files are never modified.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from gateway.base.core.record import NOBODY, DoneFrame, NextFrame, OpenFrame
from gateway.base.core.struct import Record
from gateway.base.core.usage import NO_USAGE
from gateway.base.journal.files import NEW_SUFFIX, Run, adopted, lock_dead, read_runs
from gateway.base.journal.frames import Predecessor
from gateway.base.journal.line import UNREADABLE, request_id_of, rfc3339
from gateway.base.journal.scan import RunScan, scan_run
from gateway.base.journal.writer import SEGMENT_BYTES, JournalWriter

_STALE_NEW_S = 60.0  # a `.new` file this old belongs to no writer that is still starting

_decode_open = msgspec.json.Decoder(OpenFrame | NextFrame).decode
_encode = msgspec.json.Encoder().encode


class Recovery(Record, frozen=True):
    """What a start found: adopted runs, request ids closed as `crashed`, torn bytes, and lines that broke a chain."""

    adopted: list[Predecessor]
    crashed: list[str]
    torn: list[str]
    broken: list[str]


def open_run(
    directory: str | Path,
    slot: int,
    *,
    run_id: str,
    version: str,
    segment_bytes: int = SEGMENT_BYTES,
    adopt_slots_from: int | None = None,
    now: Callable[[], float] = time.time,
) -> tuple[JournalWriter, Recovery]:
    """Start this worker's run: adopt every dead, unadopted run of `slot` and close its orphans as `crashed`.

    `adopt_slots_from` (slot 0 passes the number of workers) also adopts those of all slots >= it: workers that are no
    more. Reads only runs that nobody adopted. Raises JournalError when the new run cannot be written.
    """
    os.makedirs(directory, mode=0o700, exist_ok=True)
    _remove_stale(directory, now())
    headers: dict[str, tuple[str, ...]] = {}
    with ExitStack() as locks:
        scans = []
        for run in _candidates(directory, slot, adopt_slots_from, headers):
            fd = lock_dead(run)
            if fd is None:
                continue
            locks.callback(os.close, fd)
            # Between the look and the lock another worker may have adopted it.
            if run.run not in adopted(read_runs(directory), headers):
                scans.append(scan_run(run))
        crashed = [_crashed(payload, now()) for scan in scans for payload in scan.open.values()]
        predecessors = [Predecessor(s.run.run, s.head, s.segments, s.lines, s.is_ended) for s in scans]
        writer = JournalWriter(
            directory, slot=slot, run_id=run_id, version=version, segment_bytes=segment_bytes, now=now,
            predecessors=predecessors, first_frames=[_encode(frame) for frame in crashed],
        )  # fmt: skip
    return writer, _report(predecessors, crashed, scans)


def _candidates(directory: str | Path, slot: int, from_slot: int | None, seen: dict[str, tuple[str, ...]]) -> list[Run]:
    runs = read_runs(directory)
    done = adopted(runs, seen)
    return [
        run
        for run in runs
        if run.run not in done
        and run.has_first()
        and (run.slot == slot or (from_slot is not None and run.slot >= from_slot))
    ]


def _crashed(payload: bytes, now: float) -> DoneFrame:
    """The final record of an exchange whose worker died: what its `open` frame says, at its hold."""
    try:
        frame = _decode_open(payload)
    except UNREADABLE:  # written by another version: better a bare record than none
        frame = _bare_open(payload, now)
    return DoneFrame(
        request_id=frame.request_id, ts=frame.ts, session_id=frame.session_id, principal=frame.principal,
        dialect=frame.dialect, method="", path="", client="", model_requested=frame.model_requested,
        model_used=frame.model_used, provider=frame.provider, status=0, outcome="crashed", error_code="crashed",
        usage=NO_USAGE, cost_nusd=frame.hold_nusd, cost_basis="estimated", price_version="", hops=[],
        verdicts=frame.verdicts or "unknown", policy_version=frame.policy_version, latency_ms=0.0, ttfb_ms=0.0, overhead_us=0,
        request_bytes=0, response_bytes=0, is_stream=False, session_basis=frame.session_basis, turn_id=frame.turn_id,
        retry=frame.retry, deployment=frame.deployment, shadow_of=frame.shadow_of,
    )  # fmt: skip


def _bare_open(payload: bytes, now: float) -> OpenFrame:
    return OpenFrame(request_id_of(payload), rfc3339(now), "", NOBODY, "", "", "", "", 0, "")


def _report(predecessors: list[Predecessor], crashed: list[DoneFrame], scans: list[RunScan]) -> Recovery:
    return Recovery(
        adopted=predecessors,
        crashed=[frame.request_id for frame in crashed],
        torn=[f"{scan.run.segments[-1].path}: {scan.torn_bytes} bytes" for scan in scans if scan.torn_bytes],
        broken=[problem for scan in scans for problem in scan.problems],
    )


def _remove_stale(directory: str | Path, now: float) -> None:
    """Remove what a crash between `open` and `rename` left behind."""
    for entry in os.scandir(directory):
        if entry.name.endswith(NEW_SUFFIX):
            try:
                if now - entry.stat().st_mtime > _STALE_NEW_S:
                    os.unlink(entry.path)
            except OSError:
                continue

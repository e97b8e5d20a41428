"""Keeps the projections up with the journal: one thread that follows all runs, stores what is new, and counts it.

Nothing that it meets stops it: a line it cannot read is counted and logged, a full disk or a locked file is tried again.
"""

import sqlite3
import threading
import time
from pathlib import Path

from gateway.base.journal import Follower
from gateway.base.journal.line import rfc3339
from gateway.base.telemetry.log import log
from gateway.controlplane.projections.exchange import Exchange
from gateway.controlplane.projections.hops import ProviderHops
from gateway.controlplane.projections.ledger import Ledger, open_ledger
from gateway.controlplane.projections.lines import ExchangeLines
from gateway.controlplane.projections.prometheus import Exporter
from gateway.controlplane.projections.verdicts import GuardLines

_POLL_S = 0.5
_LONGEST_BACK_OFF_S = 5.0
_BATCH_BYTES = 4 << 20  # of each run: some 3,500 exchanges, 30 ms of work between two looks at `stop`
_SKIPPED = (b'{"k":"open",', b'{"k":"next",')  # what became of them comes in `done`
_LOGGED_BAD_LINES = 5
_LOGGED_BEFORE_START_S = 600.0  # exchanges that a control plane which died did not get to log


class Projector:
    """Journal directory → ledger file and `exporter`. `start` and `stop` the thread, or call `step` yourself."""

    def __init__(self, directory: str | Path, ledger_path: str | Path, exporter: Exporter) -> None:
        self._directory, self._path, self._exporter = directory, ledger_path, exporter
        self._log_since = rfc3339(time.time() - _LOGGED_BEFORE_START_S)
        self._hops = ProviderHops(self._log_since)
        self._ledger: Ledger | None = None
        self._follower: Follower | None = None
        self._is_caught_up = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projections", daemon=True)

    @property
    def is_caught_up(self) -> bool:
        """Whether the journal, as it stood when this process started, has been read."""
        return self._is_caught_up.is_set()

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the current step, take one more, so that what drained workers wrote last is in, and close the ledger."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        elif self._ledger is not None:
            self._ledger.close()

    def step(self) -> int:
        """Read and store what is new, once; how many bytes. Raises sqlite3.Error or OSError, then nothing is lost."""
        if self._ledger is None:
            self._ledger = open_ledger(self._path, time.time_ns() // 1_000_000)
        if self._follower is None:
            self._follower = Follower(self._directory, self._ledger.positions(), skipped=_SKIPPED)
            self._exporter.start_from(self._ledger.totals())
        lines, guard = ExchangeLines(self._log_since), GuardLines(self._log_since)

        def look(exchanges: list[Exchange]) -> None:
            self._hops.add(exchanges)
            guard.add(exchanges)

        try:
            applied = self._ledger.apply(self._follower.read(_BATCH_BYTES), lines.add, look)
            self._follower.move_to(applied.positions.values())
        finally:
            self._exporter.set_lag(self._follower.lag_bytes())
        self._exporter.add(applied.deltas)
        lines.write()
        self._hops.write()
        guard.write()
        for what in applied.bad[:_LOGGED_BAD_LINES]:
            log("error", "journal_line_unreadable", what=what, count=len(applied.bad))
        if applied.read_bytes < _BATCH_BYTES:  # each run was read to its end
            self._is_caught_up.set()
        return applied.read_bytes

    def _run(self) -> None:
        back_off_s = _POLL_S
        while True:
            is_last = self._stopping.is_set()
            try:
                read_bytes = self.step()
                back_off_s = _POLL_S
            except (sqlite3.Error, OSError) as exc:
                read_bytes = 0
                back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
                self._exporter.count_error()
                log("error", "projection_failed", error=str(exc), retry_in_s=back_off_s)
            except Exception as exc:  # noqa: BLE001 - a bug here must not end the metrics of a serving gateway
                read_bytes = 0
                back_off_s = _LONGEST_BACK_OFF_S
                self._exporter.count_error()
                log("error", "projection_bug", error=repr(exc), retry_in_s=back_off_s)
            if is_last:
                break
            if read_bytes < _BATCH_BYTES:  # that was all: what comes meanwhile costs less in one larger step
                self._stopping.wait(back_off_s)
        if self._ledger is not None:
            self._ledger.close()

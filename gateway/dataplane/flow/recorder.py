"""Writes the journal's frames for the road, and keeps what a full disk refuses until there is room again.

An `open` frame that cannot be written stops its exchange before anything is sent. A `done` frame comes when the money is
spent, so it is kept and tried again by the clock; a crash meanwhile leaves its `open` to be closed as `crashed`.
"""

from collections import deque
from typing import TYPE_CHECKING, Protocol

from gateway.base.core.errors import JournalUnavailable
from gateway.base.journal import JournalError
from gateway.base.telemetry.log import log
from gateway.dataplane.budget import Wallet
from gateway.dataplane.guard.quarantine import Quarantine

if TYPE_CHECKING:
    from gateway.dataplane.flow.planning import Planning

_KEPT_FRAMES = 50_000
"""Some 40 MB. Only refusals can be more than the exchanges that were open when the disk filled up."""


class Journal(Protocol):
    """Where frames go: `append` writes one JSON object as a line before it returns, or raises JournalError."""

    def append(self, payload: bytes) -> None:
        """Write `payload`."""


class Recorder:
    """The road's way to the journal; one per worker. `written` counts `done` frames; `wallet` learns what was spent, `planning` how it went;
    `quarantine` keeps what the guard took out."""

    __slots__ = ("_append", "_kept", "planning", "quarantine", "wallet", "written")

    def __init__(self, journal: Journal) -> None:
        self._append = journal.append
        self._kept: deque[bytes] = deque()
        self.wallet: Wallet | None = None
        self.planning: Planning | None = None
        self.quarantine: Quarantine | None = None
        self.written = 0

    def write_open(self, payload: bytes) -> None:
        """Append an `open` frame. Raises JournalUnavailable, also while older frames wait."""
        if self._kept and not self.retry():
            raise JournalUnavailable("the gateway cannot record exchanges now (is its disk full?); try again later")
        try:
            self._append(payload)
        except JournalError as exc:
            log("error", "journal_refused", error=str(exc))
            raise JournalUnavailable(
                "the gateway cannot record exchanges now (is its disk full?); try again later"
            ) from exc

    def write_done(self, payload: bytes) -> None:
        """Append a `done` frame, or keep it for later; never raises."""
        self.written += 1
        if not self._kept:
            try:
                self._append(payload)
            except JournalError as exc:
                log("error", "journal_refused", error=str(exc))
            else:
                return
        if len(self._kept) < _KEPT_FRAMES:
            self._kept.append(payload)
        else:
            log("error", "record_lost", payload=payload.decode("utf-8", "replace")[:2000])

    def retry(self) -> bool:
        """Write what was kept; whether nothing is kept any more."""
        while self._kept:
            try:
                self._append(self._kept[0])
            except JournalError:
                return False
            self._kept.popleft()
        return True

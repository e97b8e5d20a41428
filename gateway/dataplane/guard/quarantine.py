"""Keeps what was blocked or redacted, off the road: a queue, and a thread that seals and stores what comes.

Where the disk is full, or the queue too long, copies are lost and nothing else: what the guard did is in the journal.
"""

import threading
from collections import deque
from pathlib import Path
from time import time

from gateway.base.config.schema.guardrails import QuarantineConfig
from gateway.base.core.verdict import Verdict
from gateway.base.storage import StorageError
from gateway.base.storage.sqlite.quarantine import Entry, Kept, SqliteQuarantine
from gateway.base.telemetry.log import log

_MOST_WAITING = 1000
_TEXT_BYTES = 64 << 10
_ENTRY_BYTES = 256 << 10
_LAST_S = 5.0


class Quarantine:
    """One worker's. Its thread and its file are there once something was put. `put` never blocks and never raises."""

    def __init__(self, data_dir: Path, key: bytes) -> None:
        self._data_dir, self._key = data_dir, key
        self._waiting: deque[Entry] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._config = QuarantineConfig()
        self._is_closing = False
        self._lost = 0

    def put(
        self,
        config: QuarantineConfig,
        request_id: str,
        ts_ms: int,
        key: str,
        session_id: str,
        kept: list[tuple[Verdict, bytes]],
    ) -> None:
        """Keep what was found in one exchange."""
        entry = Entry(request_id, ts_ms, key, session_id, _bounded(kept))
        with self._wake:
            self._config = config
            if len(self._waiting) >= _MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(entry)
            if self._thread is None and not self._is_closing:
                self._thread = threading.Thread(target=self._run, name="quarantine", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Store what waits, and end. Blocks for a few seconds at the most."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_LAST_S)

    def _run(self) -> None:
        store: SqliteQuarantine | None = None
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._is_closing)
                some, config, lost = list(self._waiting), self._config, self._lost
                self._waiting.clear()
                self._lost = 0
            try:
                if lost:
                    log("error", "quarantine_failed", entries=lost, error="more than can be written")
                if some:
                    store = store or SqliteQuarantine(self._data_dir, self._key)
                    store.put(some, now_ms=int(time() * 1000), keep_days=config.keep_days, most_bytes=config.max_bytes)
            except StorageError as exc:
                log("error", "quarantine_failed", entries=len(some), error=exc.problem)
            if self._is_closing and not self._waiting:
                break
        if store is not None:
            store.close()


def _bounded(kept: list[tuple[Verdict, bytes]]) -> list[Kept]:
    """Long texts are cut; of very many the first are kept."""
    some: list[Kept] = []
    left = _ENTRY_BYTES
    for verdict, text in kept:
        if left <= 0:
            break
        cut = text[: min(_TEXT_BYTES, left)]
        left -= len(cut)
        some.append(Kept(verdict, cut.decode("utf-8", "backslashreplace")))
    return some

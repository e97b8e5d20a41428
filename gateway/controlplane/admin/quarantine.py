"""The quarantine as people use it: the list, and one entry read or dropped; the journal says who did before it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway import __version__
from gateway.base.journal import JournalError, journal_directory, record_access
from gateway.base.journal.access import Act
from gateway.base.storage import ServerSecret, StorageError, derived_key
from gateway.base.storage.sqlite.quarantine import FILE_NAME, PURPOSE, Kept, Listed, SqliteQuarantine

_STORE = "quarantine"


class QuarantineDesk:
    """Opens the file for each question, so that it can come and go. Blocks. Raises StorageError."""

    def __init__(self, data_dir: str | Path) -> None:
        self._data_dir = Path(data_dir)

    def entries(self, limit: int) -> list[Listed]:
        """The latest first; none where nothing was ever kept."""
        if not (self._data_dir / FILE_NAME).exists():
            return []
        with self._opened() as store:
            return store.entries(limit)

    def show(self, entry_id: str, by: str) -> list[Kept] | None:
        """What was kept of an exchange; None where nothing was. Written down as read by `by` before it is opened."""
        with self._opened() as store:
            if not store.has(entry_id):
                return None
            self._record("show", entry_id, by)
            return store.open(entry_id)

    def drop(self, entry_id: str, by: str) -> bool:
        """Remove it; whether it was there. Written down as dropped by `by` before it is gone."""
        with self._opened() as store:
            if not store.has(entry_id):
                return False
            self._record("drop", entry_id, by)
            return store.drop(entry_id)

    def expire(self, *, now_ms: int, keep_days: int, most_bytes: int) -> None:
        """Drop what is too old or too much, where there is anything."""
        if (self._data_dir / FILE_NAME).exists():
            with self._opened() as store:
                store.expire(now_ms=now_ms, keep_days=keep_days, most_bytes=most_bytes)

    def _record(self, act: Act, entry_id: str, by: str) -> None:
        try:
            record_access(journal_directory(self._data_dir), _STORE, act, entry_id, by, version=__version__)
        except JournalError as exc:
            raise StorageError(f"nothing is shown or dropped that cannot be written down: {exc}") from exc

    @contextmanager
    def _opened(self) -> Iterator[SqliteQuarantine]:
        key = derived_key(ServerSecret.load(self._data_dir).digest, PURPOSE)
        store = SqliteQuarantine(self._data_dir, key, is_made=False)
        try:
            yield store
        finally:
            store.close()

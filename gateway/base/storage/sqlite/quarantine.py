"""What guardrails blocked or redacted, sealed, in `<data_dir>/quarantine.sqlite3` (WAL, 0600).

An entry is one exchange: who, when and which rules in plain text, what was found under ChaCha20-Poly1305, with a key that is derived
from the server secret and under the entry's id, so that no entry opens as another. A copy of the file alone tells no secret;
with `secret.key` beside it, it does. Bounded in days and in bytes: the oldest go first.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway._native import Sealer
from gateway.base.core.struct import Record
from gateway.base.core.verdict import Verdict
from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private, make_private_dir
from gateway.base.storage.sqlite.migrations import QUARANTINE, migrate
from gateway.base.storage.sqlite.wal import use_wal

FILE_NAME = "quarantine.sqlite3"
PURPOSE = "quarantine"
"""Of the derived key."""
_BUSY_S = 5.0
_DAY_MS = 86_400_000
_DROPPED_AT_ONCE = 64
_COLUMNS = "id, ts_ms, key, session_id, action, rules, bytes"
_DROP_OLDEST = f"DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY ts_ms, id LIMIT {_DROPPED_AT_ONCE})"
_encode = msgspec.json.Encoder().encode


class Kept(Record, frozen=True):
    """One finding and what it was said of."""

    verdict: Verdict
    text: str


class Entry(Record, frozen=True):
    """What is to be kept of one exchange."""

    id: str
    ts_ms: int
    key: str
    session_id: str
    kept: list[Kept]


class Listed(Record, frozen=True):
    """An entry without what it holds. `action`: the hardest of its findings; `bytes` are those of the sealed part."""

    id: str
    ts_ms: int
    key: str
    session_id: str
    action: str
    rules: str
    bytes: int


_decode = msgspec.json.Decoder(list[Kept]).decode


class SqliteQuarantine:
    """One connection, for one thread at a time. Raises StorageError; where `is_made` is not set, also when there is no file yet."""

    def __init__(self, data_dir: Path, key: bytes, *, is_made: bool = True) -> None:
        self._path, self._sealer = data_dir / FILE_NAME, Sealer(key)
        with self._translated():
            if is_made:
                make_private_dir(data_dir)
                create_private(self._path, b"")
            elif not self._path.exists():
                raise StorageError(f"`{self._path}` is not there", "nothing was ever kept; see `guardrails.quarantine`")
            self._db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                use_wal(self._db, _BUSY_S)
                self._db.execute("PRAGMA secure_delete = ON")
                migrate(self._db, QUARANTINE, FILE_NAME)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    def put(self, entries: Sequence[Entry], *, now_ms: int, keep_days: int, most_bytes: int) -> None:
        """Keep these, all or none, and drop what is too old or too much. A second entry of one id is not kept."""
        rows = [self._row(entry) for entry in entries]
        with self._writing():
            self._db.executemany(
                "INSERT INTO entries VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                rows,
            )
            self._bound(now_ms, keep_days, most_bytes)

    def expire(self, *, now_ms: int, keep_days: int, most_bytes: int) -> None:
        """Drop what is too old or too much."""
        with self._writing():
            self._bound(now_ms, keep_days, most_bytes)

    def entries(self, limit: int = 100) -> list[Listed]:
        """The latest first."""
        with self._translated():
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM entries ORDER BY ts_ms DESC, id DESC LIMIT ?",
                (limit,),
            )
            return [Listed(*row) for row in rows]

    def open(self, entry_id: str) -> list[Kept] | None:
        """What an entry holds; None where there is none of this id. Raises StorageError where the key does not fit."""
        with self._translated():
            row = self._db.execute("SELECT sealed FROM entries WHERE id = ?", (entry_id,)).fetchone()
        if row is None:
            return None
        text = self._sealer.open(entry_id.encode(), row[0])
        if text is None:
            raise StorageError(
                f"entry `{entry_id}` does not open",
                "it was changed, or sealed under another `secret.key`: restore that beside the file",
            )
        return _decode(text)

    def has(self, entry_id: str) -> bool:
        """Whether there is one of this id."""
        with self._translated():
            return self._db.execute("SELECT 1 FROM entries WHERE id = ?", (entry_id,)).fetchone() is not None

    def drop(self, entry_id: str) -> bool:
        """Remove it for good, from the log of the file too; whether it was there."""
        with self._translated():
            dropped = self._db.execute("DELETE FROM entries WHERE id = ?", (entry_id,)).rowcount > 0
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return dropped

    def _row(self, entry: Entry) -> tuple[str | int | bytes, ...]:
        sealed = self._sealer.seal(entry.id.encode(), _encode(entry.kept))
        actions = {one.verdict.action for one in entry.kept}
        rules = ", ".join(sorted({one.verdict.rule for one in entry.kept}))
        action = "block" if "block" in actions else "redact"
        return entry.id, entry.ts_ms, entry.key, entry.session_id, action, rules[:1000], len(sealed), sealed

    def _bound(self, now_ms: int, keep_days: int, most_bytes: int) -> None:
        self._db.execute("DELETE FROM entries WHERE ts_ms < ?", (now_ms - keep_days * _DAY_MS,))
        while self._db.execute("SELECT bytes FROM size").fetchone()[0] > most_bytes:
            self._db.execute(_DROP_OLDEST)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back on a full disk
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise StorageError(f"`{self._path}`: {exc}") from exc

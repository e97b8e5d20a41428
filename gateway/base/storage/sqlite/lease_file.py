"""`<data_dir>/leases.sqlite3` (WAL, 0600): transactions for several processes at once, in a thread of its own.

`synchronous = NORMAL`: a power cut may take the last transactions, but then every run of this node has ended with them, and what
they spent is in the journal. A file that is removed, replaced or emptied under a running gateway is noticed with the next
transaction and begins an epoch (began_ms -1: the first who says what time it is sets it).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private, make_private_dir
from gateway.base.storage.sqlite.migrations import LEASES, migrate
from gateway.base.storage.sqlite.wal import use_wal

_BUSY_S = 1.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGE_HINT = (
    "stop the gateway, remove it with its -wal and -shm files, and start again: what was spent is read from the ledger; "
    "only corrections that were entered by hand are lost and have to be entered again"
)
P = ParamSpec("P")
T = TypeVar("T")


class LeaseFile:
    """One connection, used in one thread; opened by the first call, and again after an error."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "leases.sqlite3"
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leases")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` in the file's thread. Raises StorageError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    async def close(self) -> None:
        """Give the connection back, after the work that was begun."""
        await self.run(self._drop)
        self._thread.shutdown(wait=False)

    @contextmanager
    def writing(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Everything or nothing; one process at a time. Raises StorageError."""
        try:
            db = self._current()
            db.execute(begin)
            yield db
            db.execute("COMMIT")
        except (sqlite3.Error, OverflowError, OSError) as exc:
            self._drop()
            raise StorageError(f"`{self.path}`: {exc}", _hint(exc)) from exc
        except BaseException:
            self._drop()
            raise

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """One snapshot; stops no writer. Raises StorageError."""
        return self.writing("BEGIN")

    def _current(self) -> sqlite3.Connection:
        if self._db is not None:
            try:
                if self.path.stat().st_ino == self._inode:
                    return self._db
            except FileNotFoundError:
                pass
            self._drop()
        self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        make_private_dir(self.path.parent)
        create_private(self.path, b"")
        inode = self.path.stat().st_ino
        db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        try:
            use_wal(db, _BUSY_S)
            db.execute("PRAGMA synchronous = NORMAL")
            is_new = db.execute("PRAGMA user_version").fetchone() == (0,)
            migrate(db, LEASES, self.path.name)
            if self._inode and (is_new or inode != self._inode):
                db.execute("UPDATE epoch SET began_ms = -1")
        except BaseException:
            db.close()
            raise
        self._inode = inode
        return db

    def _drop(self) -> None:
        """Close; SQLite rolls back what was open."""
        if self._db is not None:
            self._db.close()
            self._db = None


def _hint(exc: Exception) -> str:
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF if isinstance(exc, sqlite3.Error) else 0
    if code in _DAMAGED:
        return _DAMAGE_HINT
    if code == sqlite3.SQLITE_FULL:
        return "make room on its disk; it is tried again within a second"
    return "run this as the user that runs the gateway" if isinstance(exc, sqlite3.OperationalError | OSError) else ""

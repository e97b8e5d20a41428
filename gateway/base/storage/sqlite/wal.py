"""A file's switch to WAL, which several processes may want at once when the file is new."""

import sqlite3
import time

_TRY_EVERY_S = 0.005


def use_wal(db: sqlite3.Connection, wait_s: float) -> None:
    """Switch to WAL; wait up to `wait_s` for other processes, since SQLite's own timeout does not count for this lock.

    Blocks. Raises sqlite3.Error.
    """
    until = time.monotonic() + wait_s
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_TRY_EVERY_S)

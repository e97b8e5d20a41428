"""Several processes that open one new file at once: none is turned away."""

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from gateway.base.storage import open_keys
from gateway.base.storage.sqlite.lease_file import LeaseFile
from gateway.base.storage.sqlite.wal import use_wal

PROCESSES = 4
FILES = 60
"""Without the wait about one new file in ten turns a process away."""


def keys(data_dir: Path) -> None:
    open_keys(data_dir).close()


def leases(data_dir: Path) -> None:
    file = LeaseFile(data_dir)

    def look() -> None:
        with file.reading():
            pass

    async def main() -> None:
        await file.run(look)
        await file.close()

    asyncio.run(main())


def open_all(opened: Callable[[Path], None], folder: Path, start: Barrier) -> None:
    try:
        for number in range(FILES):
            start.wait(30)
            opened(folder / str(number))
    except BaseException:
        start.abort()
        raise


def opened_new(folder: Path, mode: str = "rwc") -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{folder / 'new'}?mode={mode}", uri=True, isolation_level=None))


@pytest.mark.parametrize("opened", [keys, leases])
def test_processes_that_make_a_file_at_once_all_get_it(opened: Callable[[Path], None], tmp_path: Path) -> None:
    """A gateway's workers and a command line may start together on a new machine."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    started = [context.Process(target=open_all, args=(opened, tmp_path, start), daemon=True) for _ in range(PROCESSES)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * PROCESSES


def test_the_switch_waits_for_a_process_that_writes(tmp_path: Path) -> None:
    """SQLite itself does not: it gives up at once, whatever the connection's timeout."""
    with opened_new(tmp_path) as other, opened_new(tmp_path) as db:
        other.execute("BEGIN IMMEDIATE")
        tried: list[str] = []

        def look(statement: str) -> None:
            tried.append(statement)
            if len(tried) == 2:  # the first has failed
                other.execute("ROLLBACK")

        db.set_trace_callback(look)
        use_wal(db, 30)
        assert len(tried) == 2
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_switch_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A process that hangs in a transaction is an error in the end."""
    with opened_new(tmp_path) as other, opened_new(tmp_path) as db:
        other.execute("BEGIN IMMEDIATE")
        tried: list[str] = []
        db.set_trace_callback(tried.append)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(db, 0.02)
        assert len(tried) > 1


def test_what_no_waiting_mends_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with opened_new(tmp_path, "ro") as db:
        tried: list[str] = []
        db.set_trace_callback(tried.append)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            use_wal(db, 30)
        assert len(tried) == 1

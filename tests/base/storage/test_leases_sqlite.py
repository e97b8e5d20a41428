"""`leases.sqlite3` itself: who may read it, several processes at once, damage."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gateway.base.storage import StorageError
from gateway.base.storage.leases import FORGET_NODE_MS, RECOVER_MS, SETTLE_MS, Told
from tests.base.storage.bank import START_MS, USD, Bank, ask, name, period_of

TEAM = name()

WRITER = """
import asyncio, random, sys
from pathlib import Path
from gateway.base.storage.sqlite.leases import SqliteLeases
from tests.base.storage.bank import START_MS, USD, ask, name

async def main(run, folder, seed, steps):
    store, draw = SqliteLeases(Path(folder)), random.Random(int(seed))
    granted = spent = 0
    for step in range(int(steps)):
        keep = draw.choice((spent, granted, granted))
        said = ask(
            name(), 10 * USD, spent_nusd=spent, granted_nusd=granted, keep_nusd=keep,
            need_nusd=draw.randrange(USD // 2), extra_nusd=draw.randrange(USD),
        )
        (told,) = await store.sync("n1", run, [said], START_MS + 100_000 + step)
        granted = told.granted_nusd
        spent += draw.randrange(1 + min(granted - spent, USD // 100))
        print(granted, told.committed_nusd, flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def bank(folder: Path) -> Iterator[Bank]:
    bank = Bank(folder, None)
    bank.adopt(TEAM)
    yield bank
    bank.close()


@pytest.fixture
def other(folder: Path) -> Iterator[Bank]:
    """As another process has it."""
    bank = Bank(folder, None)
    yield bank
    bank.close()


def start_writer(run: str, folder: Path, steps: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, run, str(folder), run[-1], str(steps)], stdout=subprocess.PIPE, text=True
    )


def test_files_are_readable_by_their_owner_only(bank: Bank, folder: Path) -> None:
    bank.one("a", ask(TEAM, spent_nusd=1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) == {"leases.sqlite3", "leases.sqlite3-wal", "leases.sqlite3-shm"}
    assert set(modes.values()) == {0o600}


def test_four_processes_together_never_pass_the_ceiling(bank: Bank, folder: Path) -> None:
    """Each says that it spends and gives back; what the last one leaves is what their rows say."""
    writers = [start_writer(f"run{i}", folder, 150) for i in range(4)]
    lines = [line for writer in writers for line in writer.communicate(timeout=60)[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(lines) == 600
    committed = [int(line.split()[1]) for line in lines]
    assert 9 * USD < max(committed) <= 10 * USD
    assert sum(row.granted_nusd for row in bank.rows()) <= 10 * USD


def test_a_killed_writer_leaves_a_whole_file(bank: Bank, folder: Path) -> None:
    """kill -9 somewhere in its transactions: its row stands until it is folded, and others go on at once."""
    for i in range(6):
        writer = start_writer(f"run{i}", folder, 1_000_000)
        assert writer.stdout is not None
        for _ in range(1 + 5 * i):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()
        rows = {row.run: row for row in bank.rows()}
        assert 0 < rows[f"run{i}"].granted_nusd == sum(row.granted_nusd for row in rows.values()) <= 10 * USD
        bank.post({TEAM: 0}, finished=(f"run{i}",))
    bank.close()
    with closing(sqlite3.connect(folder / "leases.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_process_that_hangs_in_a_transaction_is_an_error_soon(bank: Bank, folder: Path) -> None:
    """Nobody waits for ever for the file's lock."""
    other = sqlite3.connect(folder / "leases.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StorageError, match="locked"):
        bank.sync("a")
    assert time.monotonic() - began < 3
    other.execute("ROLLBACK")
    other.close()
    assert bank.sync("a") == []


def test_processes_that_make_the_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite itself does not wait for the lock that a new file's switch to WAL takes."""
    bank = Bank(tmp_path, None)
    path = tmp_path / "leases.sqlite3"
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def main() -> list[Told]:
            sync = asyncio.ensure_future(bank.store.sync("n1", "a", [], START_MS))
            await asyncio.sleep(0.05)  # long enough for a call that does not wait to have failed
            other.execute("ROLLBACK")
            return await sync

        assert bank.do(main()) == []
    bank.close()


def test_the_event_loop_does_not_wait_for_the_file(bank: Bank, folder: Path) -> None:
    """While the lock is another's, exchanges go on."""
    other = sqlite3.connect(folder / "leases.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def main() -> bool:
        sync = asyncio.ensure_future(bank.store.sync("n1", "a", [], START_MS))
        for _ in range(3):
            await asyncio.sleep(0)
        was_free = not sync.done()
        other.execute("ROLLBACK")
        await sync
        return was_free

    assert bank.do(main())
    other.close()


@pytest.mark.parametrize("damage", ["not a database", "torn pages"])
def test_a_damaged_file_says_what_to_do(bank: Bank, folder: Path, damage: str) -> None:
    """Removing it is safe, even under a running gateway: nothing is granted before all have reported again."""
    bank.post({TEAM: 3 * USD, **{name(f"user:{i}"): 1 for i in range(200)}})
    bank.one("a", ask(TEAM, 10 * USD, need_nusd=USD))
    bank.close()
    path = folder / "leases.sqlite3"
    content = path.read_bytes()
    path.write_bytes(b"x" * 5000 if damage == "not a database" else content[:4096] + b"\xff" * (len(content) - 4096))
    damaged = Bank(folder, None)
    with pytest.raises(StorageError, match=r"leases\.sqlite3") as caught:
        damaged.one("a", ask(TEAM, 10 * USD, granted_nusd=USD))
    assert "remove it" in caught.value.hint
    path.unlink()
    assert damaged.one("a", ask(TEAM, 10 * USD, granted_nusd=USD)).committed_nusd == USD
    damaged.close()


@pytest.mark.parametrize("loss", ["removed", "emptied"])
def test_a_file_that_was_lost_begins_an_epoch(bank: Bank, folder: Path, loss: str) -> None:
    """Another process may hold money that this file has forgotten."""
    path = folder / "leases.sqlite3"
    bank.now_ms += RECOVER_MS
    assert bank.one("a", ask(TEAM, 10 * USD)).is_ready
    if loss == "removed":
        bank.lose_memory()
    else:
        with closing(sqlite3.connect(path)) as shell:
            shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.truncate(path, 0)
        with pytest.raises(StorageError):
            bank.sync("a")
    bank.adopt(TEAM)
    bank.now_ms += SETTLE_MS - 1
    assert not bank.one("a", ask(TEAM, 10 * USD)).is_ready
    bank.now_ms += 1
    assert bank.one("a", ask(TEAM, 10 * USD)).is_ready


def test_another_process_notices_that_the_file_was_removed(bank: Bank, other: Bank) -> None:
    """Two processes that spend by two files would spend twice."""
    other.now_ms = bank.now_ms = START_MS + RECOVER_MS
    bank.one("a", ask(TEAM, 10 * USD, need_nusd=7 * USD))
    other.sync("b")
    bank.lose_memory()
    bank.adopt(TEAM)
    other.now_ms += 1
    assert other.one("b", ask(TEAM, 10 * USD, need_nusd=7 * USD)).granted_nusd == 0
    bank.now_ms += 2
    assert bank.one("a", ask(TEAM, 10 * USD, granted_nusd=7 * USD)).committed_nusd == 7 * USD
    bank.adopt(TEAM)
    other.now_ms += SETTLE_MS
    assert other.one("b", ask(TEAM, 10 * USD, need_nusd=7 * USD)).is_refused


def test_an_unreadable_folder_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bank = Bank(tmp_path / "file", None)
    with pytest.raises(StorageError) as caught:
        bank.sync("a")
    assert caught.value.hint
    bank.close()


def test_amounts_that_no_database_holds_are_an_error(bank: Bank) -> None:
    with pytest.raises(StorageError):
        bank.one("a", ask(TEAM, spent_nusd=1 << 63))
    assert bank.rows() == []


def test_a_newer_shape_is_left_alone(bank: Bank, folder: Path) -> None:
    bank.close()
    db = sqlite3.connect(folder / "leases.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()
    newer = Bank(folder, None)
    with pytest.raises(StorageError, match="shape 99"):
        newer.sync("a")
    newer.close()


def test_nodes_that_own_nothing_are_forgotten_in_time(bank: Bank, folder: Path) -> None:
    bank.register("gone")
    bank.post({TEAM: 1}, node="spent")
    bank.now_ms += FORGET_NODE_MS + 1
    bank.register()
    with closing(sqlite3.connect(folder / "leases.sqlite3")) as db:
        assert db.execute("SELECT node FROM nodes ORDER BY node").fetchall() == [("n1",), ("spent",)]


def test_a_stopped_process_holds_nobody_up_for_long(request: pytest.FixtureRequest, bank: Bank, folder: Path) -> None:
    """SIGSTOP may hit it in a transaction: then others get an error soon, and go on when it goes on."""
    writer = start_writer("run1", folder, 1_000_000)
    request.addfinalizer(writer.kill)
    assert writer.stdout is not None
    writer.stdout.readline()
    for _ in range(5):
        writer.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with suppress(StorageError):
            bank.sync("a")
        assert time.monotonic() - began < 3
        writer.send_signal(signal.SIGCONT)
        writer.stdout.readline()
    writer.kill()
    writer.wait()
    writer.stdout.close()
    assert period_of(TEAM) in bank.adopted()

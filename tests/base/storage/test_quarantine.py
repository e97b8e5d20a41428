"""The quarantine's file: sealed, bounded, whole after a kill, and nobody's loss when the disk is full."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.base.core.verdict import Verdict
from gateway.base.storage import StorageError
from gateway.base.storage.sqlite.quarantine import FILE_NAME, Entry, Kept, SqliteQuarantine
from tests.harness import ROOT

KEY, OTHER = b"k" * 32, b"o" * 32
SECRET = "ghp_canaryCANARYcanaryCANARYcanary012345"
DAY_MS = 86_400_000
NOW_MS = 1_795_240_092_123
ROOMY = {"now_ms": NOW_MS, "keep_days": 30, "most_bytes": 1 << 20}


def entry(number: int, *, ts_ms: int = NOW_MS, text: str = SECRET, action: str = "redact") -> Entry:
    verdict = Verdict("secrets", "github-pat", action, "request", "input[0]", "aa" * 8)  # type: ignore[arg-type]
    return Entry(f"req_{number:04d}", ts_ms, "alice", "ses_1", [Kept(verdict, text)])


def bytes_on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())


def test_nothing_on_the_disk_is_plain(tmp_path: Path) -> None:
    """Neither the file nor its log holds the secret, and only its owner reads them; what was kept comes back whole."""
    store = SqliteQuarantine(tmp_path, KEY)
    store.put([entry(1), entry(2, action="block")], **ROOMY)
    on_disk = bytes_on_disk(tmp_path)
    assert b"req_0001" in on_disk
    assert SECRET.encode() not in on_disk
    assert SECRET[4:20].encode() not in on_disk
    assert os.stat(tmp_path / FILE_NAME).st_mode & 0o777 == 0o600
    assert store.open("req_0001") == entry(1).kept
    assert [(one.id, one.action, one.rules) for one in store.entries()] == [
        ("req_0002", "block", "github-pat"), ("req_0001", "redact", "github-pat"),
    ]  # fmt: skip
    store.close()


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    """Nor does an entry open under the id of another."""
    store = SqliteQuarantine(tmp_path, KEY)
    store.put([entry(1), entry(2)], **ROOMY)
    store.close()
    stranger = SqliteQuarantine(tmp_path, OTHER)
    with pytest.raises(StorageError, match="does not open"):
        stranger.open("req_0001")
    stranger.close()
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute("UPDATE entries SET sealed = (SELECT sealed FROM entries WHERE id = 'req_0002') WHERE id = 'req_0001'")
    db.commit()
    db.close()
    store = SqliteQuarantine(tmp_path, KEY)
    with pytest.raises(StorageError, match="does not open"):
        store.open("req_0001")
    store.close()


def test_the_oldest_go_first(tmp_path: Path) -> None:
    """By days and by bytes; one that is kept twice counts once."""
    store = SqliteQuarantine(tmp_path, KEY)
    store.put([entry(1, ts_ms=NOW_MS - 31 * DAY_MS), entry(2, ts_ms=NOW_MS - 29 * DAY_MS)], **ROOMY)
    assert [one.id for one in store.entries()] == ["req_0002"]
    for number in range(300):
        store.put(
            [entry(number, ts_ms=NOW_MS + number, text="x" * 5000)] * 2, now_ms=NOW_MS, keep_days=30, most_bytes=1 << 20
        )
    left = store.entries(1000)
    assert sum(one.bytes for one in left) <= 1 << 20
    assert len(left) > 100
    assert left[0].id == "req_0299"
    assert (tmp_path / FILE_NAME).stat().st_size < 3 << 20
    store.expire(now_ms=NOW_MS + 31 * DAY_MS, keep_days=30, most_bytes=1 << 20)
    assert store.entries() == []
    store.close()


def test_what_is_dropped_is_gone(tmp_path: Path) -> None:
    """Its sealed bytes too, from the file and its log."""
    store = SqliteQuarantine(tmp_path, KEY)
    store.put([entry(1), entry(2)], **ROOMY)
    db = sqlite3.connect(tmp_path / FILE_NAME)
    (sealed,) = db.execute("SELECT sealed FROM entries WHERE id = 'req_0001'").fetchone()
    db.close()
    assert (store.drop("req_0001"), store.drop("req_0001"), store.open("req_0001")) == (True, False, None)
    assert sealed not in bytes_on_disk(tmp_path)
    assert store.open("req_0002") == entry(2).kept
    store.close()


_WRITES_FOR_EVER = """
import sys
from pathlib import Path
from tests.base.storage.test_quarantine import KEY, ROOMY, entry
from gateway.base.storage.sqlite.quarantine import SqliteQuarantine
store = SqliteQuarantine(Path(sys.argv[1]), KEY)
number = 0
while True:
    store.put([entry(number + i) for i in range(20)], **{**ROOMY, "most_bytes": 1 << 30})
    number += 20
    print(number, flush=True)
"""


def test_a_kill_in_mid_write_leaves_whole_entries(tmp_path: Path) -> None:
    """What was put is there, each entry opens, and all of a put or nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITES_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    said = 0
    while said < 200:
        said = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    store = SqliteQuarantine(tmp_path, KEY)
    left = store.entries(100_000)
    assert len(left) >= said
    assert len(left) % 20 == 0
    assert all(store.open(one.id) for one in left)
    store.put([entry(99_999_999)], **ROOMY)
    store.close()


def test_a_full_disk_is_said_and_keeps_what_is_there(tmp_path: Path) -> None:
    """SQLite refuses, the entry is lost, those before are not; with room it goes on."""
    store = SqliteQuarantine(tmp_path, KEY)
    store.put([entry(1)], **ROOMY)
    store._db.execute("PRAGMA max_page_count = 1")  # raised to what there is: no page more
    with pytest.raises(StorageError, match="full"):
        store.put([entry(2, text="x" * 200_000)], **ROOMY)
    assert [one.id for one in store.entries()] == ["req_0001"]
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.put([entry(3)], **ROOMY)
    assert [one.id for one in store.entries()] == ["req_0003", "req_0001"]
    store.close()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    """Where nothing was ever kept, nothing is made."""
    with pytest.raises(StorageError, match="is not there"):
        SqliteQuarantine(tmp_path, KEY, is_made=False)
    assert list(tmp_path.iterdir()) == []

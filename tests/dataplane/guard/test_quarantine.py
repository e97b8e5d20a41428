"""Copies for the quarantine leave the road: a queue and a thread, which may fail without anybody's harm."""

import json
from pathlib import Path

import pytest

from gateway.base.config.schema.guardrails import QuarantineConfig
from gateway.base.core.verdict import Verdict
from gateway.base.storage.sqlite.quarantine import FILE_NAME, SqliteQuarantine
from gateway.dataplane.guard import quarantine as module
from gateway.dataplane.guard.quarantine import Quarantine

KEY = b"k" * 32
ON = QuarantineConfig(enabled=True)
VERDICT = Verdict("secrets", "github-pat", "redact", "request", "input[0]", "aa" * 8)
NOW_MS = 1_795_240_092_123


def test_what_was_put_is_there_after_the_close(tmp_path: Path) -> None:
    """Until something is put there is neither file nor thread."""
    idle = Quarantine(tmp_path / "idle", KEY)
    idle.close()
    assert not (tmp_path / "idle").exists()
    kept = Quarantine(tmp_path, KEY)
    for number in range(200):
        kept.put(
            QuarantineConfig(enabled=True, keep_days=3650),
            f"req_{number}",
            NOW_MS,
            "alice",
            "ses",
            [(VERDICT, b"ghp_x")],
        )
    kept.close()
    store = SqliteQuarantine(tmp_path, KEY)
    assert len(store.entries(1000)) == 200
    (one,) = store.open("req_7") or []
    assert (one.verdict, one.text) == (VERDICT, "ghp_x")
    store.close()


def test_long_texts_are_cut_and_odd_bytes_kept(tmp_path: Path) -> None:
    """An entry has its bound whatever was found, and any bytes are text."""
    kept = Quarantine(tmp_path, KEY)
    kept.put(ON, "req_1", 1 << 50, "alice", "", [(VERDICT, b"\xed\xa0\x80" + b"x" * (1 << 20))] * 100)
    kept.close()
    store = SqliteQuarantine(tmp_path, KEY)
    (one,) = store.entries()
    assert one.bytes < 400 << 10
    found = store.open("req_1") or []
    assert found[0].text.startswith("\\xed\\xa0\\x80xxx")
    assert len(found) == 4
    store.close()


def test_a_disk_that_takes_nothing_is_logged_and_harms_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`put` neither raises nor waits; the log says how many were lost, and nothing of what."""
    (tmp_path / FILE_NAME).mkdir()
    kept = Quarantine(tmp_path, KEY)
    kept.put(ON, "req_1", NOW_MS, "alice", "", [(VERDICT, b"ghp_secret")])
    kept.close()
    (line,) = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    assert (line["event"], line["entries"]) == ("quarantine_failed", 1)
    assert "ghp_secret" not in str(line)


def test_a_queue_that_is_too_long_loses_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Memory is bounded, and what is lost is counted."""
    monkeypatch.setattr(module, "_MOST_WAITING", 0)
    kept = Quarantine(tmp_path, KEY)
    kept.put(ON, "req_1", NOW_MS, "alice", "", [(VERDICT, b"x")])
    monkeypatch.setattr(module, "_MOST_WAITING", 9)
    kept.put(ON, "req_2", 1 << 50, "alice", "", [(VERDICT, b"x")])
    kept.close()
    assert '"quarantine_failed","entries":1' in capfd.readouterr().err
    store = SqliteQuarantine(tmp_path, KEY)
    assert [one.id for one in store.entries()] == ["req_2"]
    store.close()

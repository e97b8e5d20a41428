"""The log lines of exchanges: one for each, once it is stored, of what began since the bound."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.base.journal import Follower, JournalWriter, open_run, rfc3339
from gateway.controlplane.projections import Exporter, Ledger, Projector
from gateway.controlplane.projections.lines import ExchangeLines
from tests.base.journal.conftest import done_payload, open_payload


@pytest.fixture
def writer(tmp_path: Path) -> JournalWriter:
    return open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")[0]


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines of exchanges that came on stderr since the last call."""

    def read() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        return [line for line in lines if line["event"] == "exchange"]

    return read


def test_each_exchange_has_one_line_with_its_frame(
    tmp_path: Path, writer: JournalWriter, written: Callable[[], list[dict[str, Any]]]
) -> None:
    """Over many pieces and steps: in the journal's order, as the frame says it, never for an `open` frame."""
    now = time.time()
    projector = Projector(tmp_path / "journal", tmp_path / "ledger.sqlite3", Exporter("t"))
    frames = [done_payload(f"req_{i}", ts=rfc3339(now), path='/é"\\') for i in range(700)]
    for i, frame in enumerate(frames):
        writer.append(open_payload(f"req_{i}"))
        writer.append(frame)
        if i == 600:
            projector.step()
    while projector.step():
        pass
    projector.stop()
    lines = written()
    assert [line["exchange"] for line in lines] == [json.loads(frame) for frame in frames]
    assert {line["level"] for line in lines} == {"info"}
    assert all(abs(line["ts"] - now) < 60 for line in lines)
    writer.abandon()


def test_old_exchanges_have_none(
    tmp_path: Path, writer: JournalWriter, written: Callable[[], list[dict[str, Any]]]
) -> None:
    """A ledger that is built anew does not write years of lines: only what began in the ten minutes before the start."""
    now = time.time()
    for i, age_s in enumerate((86400.0, 700.0, 500.0, 0.0)):
        writer.append(done_payload(f"req_{i}", ts=rfc3339(now - age_s)))
    projector = Projector(tmp_path / "journal", tmp_path / "ledger.sqlite3", Exporter("t"))
    projector.step()
    projector.stop()
    assert [line["exchange"]["request_id"] for line in written()] == ["req_2", "req_3"]
    writer.abandon()


def test_lines_come_when_the_rows_are_stored(
    tmp_path: Path, writer: JournalWriter, written: Callable[[], list[dict[str, Any]]]
) -> None:
    """A step that failed has written none; the one that succeeds writes each once."""
    now = time.time()
    path = tmp_path / "ledger.sqlite3"
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON totals BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    db.commit()
    for i in range(300):
        writer.append(done_payload(f"req_{i}", ts=rfc3339(now)))
    exporter = Exporter("t")
    projector = Projector(tmp_path / "journal", path, exporter)
    for _ in range(3):
        with pytest.raises(sqlite3.Error, match="full"):
            projector.step()
    assert not written()
    assert f"agentcc_journal_lag_bytes {float(_journal_bytes(tmp_path))}" in exporter.text().decode()
    db.execute("DROP TRIGGER full")
    db.commit()
    db.close()
    projector.step()
    projector.stop()
    assert [line["exchange"]["request_id"] for line in written()] == [f"req_{i}" for i in range(300)]
    assert "agentcc_journal_lag_bytes 0.0" in exporter.text().decode()
    writer.abandon()


def test_a_line_that_the_ledger_cannot_read_has_none(
    tmp_path: Path, writer: JournalWriter, written: Callable[[], list[dict[str, Any]]]
) -> None:
    """It is counted instead; lines are whole JSON objects whatever stands in the journal."""
    now = time.time()
    writer.append(b'{"k":"done","request_id":"req_1","ts":"9999","method":')
    writer.append(done_payload("req_2", ts=rfc3339(now)))
    ledger, lines = Ledger(tmp_path / "ledger.sqlite3"), ExchangeLines("")
    applied = ledger.apply(Follower(tmp_path / "journal").read(), lines.add)
    ledger.close()
    assert not written()
    lines.write()
    assert [line["exchange"]["request_id"] for line in written()] == ["req_2"]
    assert len(applied.bad) == 1
    writer.abandon()


def _journal_bytes(tmp_path: Path) -> int:
    return sum(len(file.read_bytes().rstrip(b"\0")) for file in (tmp_path / "journal").iterdir())

"""The admin API's guardrails, and the quarantine: who reads it is in the journal before it is read."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.base.core.verdict import Verdict
from gateway.base.journal import JournalWriter, open_run, read_exchanges, verify
from gateway.base.storage import ServerSecret, StorageError, derived_key
from gateway.base.storage.sqlite.quarantine import PURPOSE, Entry, Kept, SqliteQuarantine
from gateway.controlplane.admin import QuarantineDesk, Resources
from gateway.controlplane.projections import Exporter, Queries
from tests.base.journal.conftest import done_payload
from tests.controlplane.test_admin import BEARER, ask, desk
from tests.controlplane.test_projections import project
from tests.controlplane.test_verdicts import BLOCKED, REDACTED, SEEN, said

SECRET = "ghp_canary"
"""What the quarantine holds."""


def guarded(tmp_path: Path) -> Path:
    """The data directory of a gateway, with a journal and two entries in quarantine."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    for i, one in enumerate((said(REDACTED, SEEN), said(REDACTED), said(BLOCKED), "not_run")):
        writer.append(done_payload(f"req_{i}", ts=f"2026-11-21T05:48:1{i}.000Z", verdicts=one))
    writer.close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    store = SqliteQuarantine(tmp_path, derived_key(ServerSecret.load(tmp_path).digest, PURPOSE))
    verdict = Verdict("secrets", "github-pat", "block", "request", "input[0]", "aa" * 8)
    entries = [Entry(f"req_{i}", 1000 + i, "alice", "ses", [Kept(verdict, SECRET)]) for i in range(2)]
    store.put(entries, now_ms=1000, keep_days=30, most_bytes=1 << 20)
    store.close()
    return tmp_path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return guarded(tmp_path)


@pytest.fixture
def resources(data_dir: Path) -> Resources:
    queries = Queries(data_dir / "ledger.sqlite3")
    return Resources(Exporter("t"), queries, lambda: True, desk(), QuarantineDesk(data_dir))


def accesses(data_dir: Path) -> list[tuple[str, str, str]]:
    frames = [json.loads(line.payload) for line in read_exchanges(data_dir / "journal", is_all=True)]
    return [(frame["act"], frame["id"], frame["by"]) for frame in frames if frame["k"] == "access"]


def post(resources: Resources, **body: Any) -> Any:
    return ask(resources, "/-/quarantine", headers=BEARER, method="POST", body=body)


def test_findings_by_rule_and_one_by_one(resources: Resources) -> None:
    """Counts with their first and last time; filters choose; each finding says whose and where, and never what."""
    rows = ask(resources, "/-/guardrails", headers=BEARER).json()["rows"]
    assert [(row["scanner"], row["rule"], row["action"], row["findings"]) for row in rows] == [
        ("secrets", "aws-access-token", "redact", 2), ("pii", "email", "log", 1), ("secrets", "github-pat", "block", 1),
    ]  # fmt: skip
    assert (rows[0]["first_ts"], rows[0]["last_ts"]) == ("2026-11-21T05:48:10.000Z", "2026-11-21T05:48:11.000Z")
    found = ask(resources, "/-/guardrails/findings?rule=github-pat", headers=BEARER).json()["rows"]
    assert [(row["request_id"], row["place"], row["match"]) for row in found] == [
        ("req_2", "input[0].content[0].text", "aa" * 8)
    ]
    late = ask(resources, "/-/guardrails?since=2026-11-21T05:48:12Z", headers=BEARER).json()["rows"]
    assert [row["rule"] for row in late] == ["github-pat"]
    (row,) = ask(resources, "/-/exchanges?request_id=req_2", headers=BEARER).json()["rows"]
    assert row["verdicts"]["findings"][0]["rule"] == "github-pat"


@pytest.mark.parametrize("path", ["/-/guardrails", "/-/guardrails/findings", "/-/quarantine"])
def test_all_of_it_needs_the_token(resources: Resources, path: str) -> None:
    """From loopback too."""
    assert ask(resources, path).status_code == 401


def test_who_shows_or_drops_an_entry_is_in_the_journal(resources: Resources, data_dir: Path) -> None:
    """The list tells no secret; an entry does, and the journal's chain has who read it, and stays whole."""
    listed = ask(resources, "/-/quarantine", headers=BEARER)
    assert [row["id"] for row in listed.json()["rows"]] == ["req_1", "req_0"]
    assert SECRET not in listed.text
    assert accesses(data_dir) == []
    shown = post(resources, act="show", id="req_1", by="eve")
    assert (shown.status_code, shown.json()["kept"][0]["text"]) == (200, SECRET)
    assert post(resources, act="drop", id="req_1").json() == {"dropped": "req_1"}
    gone = post(resources, act="show", id="req_1", by="eve")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown_entry")
    assert accesses(data_dir) == [
        ("show", "req_1", "eve (admin API, 127.0.0.1)"), ("drop", "req_1", "admin API, 127.0.0.1"),
    ]  # fmt: skip
    report = verify(data_dir / "journal")
    assert report.is_ok, report.problems
    assert post(resources, act="burn", id="req_0").status_code == 400


def test_nothing_is_shown_that_cannot_be_written_down(
    resources: Resources, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal on a full disk: 503, and the entry stays closed."""
    monkeypatch.setattr(JournalWriter, "_create_segment", _full)
    refused = post(resources, act="show", id="req_0", by="eve")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "quarantine_unavailable")
    assert SECRET not in refused.text
    assert post(resources, act="drop", id="req_0").status_code == 503
    monkeypatch.undo()
    assert len(QuarantineDesk(data_dir).entries(10)) == 2


def _full(*_: object) -> int:
    from gateway.base.journal import JournalFull

    raise JournalFull("the journal's disk is full")


def test_another_secret_key_opens_nothing(data_dir: Path) -> None:
    """The attempt is in the journal all the same."""
    (data_dir / "secret.key").write_bytes(b"x" * 32)
    with pytest.raises(StorageError, match="does not open"):
        QuarantineDesk(data_dir).show("req_0", "mallory")
    assert accesses(data_dir) == [("show", "req_0", "mallory")]


def test_another_user_of_the_machine_gets_nothing(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even root: what it would write, the gateway could not read, and its reports would stop."""
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    with pytest.raises(StorageError, match="the user that runs the gateway"):
        QuarantineDesk(data_dir).show("req_0", "mallory")
    monkeypatch.undo()
    assert accesses(data_dir) == []


def test_a_start_adopts_the_accesses(data_dir: Path) -> None:
    """Worker 0 takes their runs over like any that ended; the ledger reads on."""
    QuarantineDesk(data_dir).show("req_0", "eve")
    writer, recovery = open_run(data_dir / "journal", 0, run_id="b" * 12, version="t", adopt_slots_from=1)
    assert len(recovery.adopted) == 2
    writer.append(done_payload("req_9"))
    writer.close()
    assert verify(data_dir / "journal").is_ok
    project(data_dir / "journal", data_dir / "ledger.sqlite3")
    db = sqlite3.connect(data_dir / "ledger.sqlite3")
    assert db.execute("SELECT count(*) FROM exchanges").fetchone() == (5,)
    db.close()


def test_retention_drops_the_old(data_dir: Path, tmp_path: Path) -> None:
    """The control plane's hourly job, also where nothing is kept."""
    QuarantineDesk(data_dir).expire(now_ms=86_400_000 * 40, keep_days=30, most_bytes=1 << 20)
    assert QuarantineDesk(data_dir).entries(10) == []
    QuarantineDesk(tmp_path / "empty").expire(now_ms=0, keep_days=30, most_bytes=1 << 20)

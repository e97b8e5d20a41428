"""`agentcc guard quarantine`: list, show and drop, with the account of whoever calls in the journal."""

import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.controlplane.test_guard import SECRET, accesses, guarded


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return guarded(tmp_path)


def test_the_command_line(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`agentcc guard quarantine list|show|drop`, with the account of whoever calls."""
    where = ["--data-dir", str(data_dir)]
    assert main(["guard", "quarantine", "list", *where]) == 0
    listed = capsys.readouterr().out
    assert "req_1" in listed
    assert SECRET not in listed
    assert main(["guard", "quarantine", "show", "req_0", "--by", "incident 7", *where]) == 0
    assert f"secrets github-pat (block, request) at input[0]:\n{SECRET}\n" in capsys.readouterr().out
    assert main(["guard", "quarantine", "drop", "req_0", *where]) == 0
    assert main(["guard", "quarantine", "show", "req_0", *where]) == 1
    assert main(["guard", "quarantine", "list", "--json", *where]) == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == ["req_1"]
    (show, drop) = accesses(data_dir)
    assert show[:2] == ("show", "req_0")
    assert show[2].startswith("incident 7 (")
    assert drop[0] == "drop"
    assert "@" in drop[2]


def test_an_entry_steers_no_terminal(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences are shown as text; where nothing is kept the list says how to change that."""
    from gateway.base.core.verdict import Verdict
    from gateway.base.storage import ServerSecret, derived_key
    from gateway.base.storage.sqlite.quarantine import PURPOSE, Entry, Kept, SqliteQuarantine

    store = SqliteQuarantine(data_dir, derived_key(ServerSecret.load(data_dir).digest, PURPOSE))
    verdict = Verdict("secrets", "x", "block", "request", "input[0]", "aa" * 8)
    store.put([Entry("req_9", 1, "", "", [Kept(verdict, "\x1b[2Jx")])], now_ms=1, keep_days=1, most_bytes=1 << 20)
    store.close()
    assert main(["guard", "quarantine", "show", "req_9", "--data-dir", str(data_dir)]) == 0
    assert "\\x1b[2Jx" in capsys.readouterr().out
    assert main(["guard", "quarantine", "list", "--data-dir", str(data_dir / "nothing")]) == 0
    assert "guardrails.quarantine.enabled" in capsys.readouterr().err

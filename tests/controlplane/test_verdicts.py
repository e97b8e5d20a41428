"""What the guard said, in the ledger, the metrics and the log."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.base.core.record import Inspected
from gateway.base.core.verdict import Verdict
from gateway.base.journal import open_run
from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections import Queries
from gateway.controlplane.projections.verdicts import GuardLines
from tests.base.journal.conftest import done_payload
from tests.controlplane.test_projections import project

RAN = ("secrets", "pii", "injection")
BLOCKED = Verdict("secrets", "github-pat", "block", "request", "input[0].content[0].text", "aa" * 8)
REDACTED = Verdict("secrets", "aws-access-token", "redact", "request", "input[3].output", "bb" * 8)
AGAIN = msgspec.structs.replace(REDACTED, is_known=True)
SEEN = Verdict("pii", "email", "log", "request", "input[3].output", "cc" * 8)
COMMAND = Verdict("tool_calls", "rm-root", "log", "answer", "call shell", "dd" * 8)


def said(*findings: Verdict, cpu_us: int = 30) -> Any:
    return Inspected(RAN, ("tool_calls",), cpu_us, 2000, 60_000, list(findings))


def written(tmp_path: Path, *verdicts: Any) -> Path:
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    for i, one in enumerate(verdicts):
        writer.append(done_payload(f"req_{i}", ts=f"2026-11-21T05:48:1{i}.000Z", verdicts=one))
    writer.close()
    return tmp_path / "ledger.sqlite3"


def test_findings_and_exchanges_are_counted_once(tmp_path: Path) -> None:
    """By scanner, rule, action, side and whether they are known; exchanges by what the guard did; whatever is read twice."""
    path = written(
        tmp_path, "not_run", "not_run: off", "not_run: shadow", "unknown", said(), said(BLOCKED),
        said(REDACTED, SEEN), said(AGAIN),
    )  # fmt: skip
    for _ in range(2):  # the second time from the ledger
        exporter = project(tmp_path / "journal", path)
        for verdict, known in ((BLOCKED, "false"), (REDACTED, "false"), (AGAIN, "true"), (SEEN, "false")):
            labels = (verdict.scanner, verdict.rule, verdict.action, verdict.side, known)
            assert exporter.value(m.GUARD_VERDICTS, *labels) == 1, labels
        for result, count in (("not_run", 1), ("off", 1), ("shadow", 1), ("unknown", 1), ("clean", 1), ("found", 3)):
            assert exporter.value(m.GUARD_EXCHANGES, "openai.responses", result) == count, result
        assert exporter.value(m.GUARD_CPU) == 120
        assert (exporter.value(m.GUARD_BYTES), exporter.value(m.GUARD_KNOWN)) == (8000, 240_000)
    assert b"agentcc_guardrail_cpu_seconds_total 0.00012" in exporter.text()


def test_the_ledger_lists_what_was_new(tmp_path: Path) -> None:
    """Known findings come with each turn: they stand in their exchange's row, and nowhere else, but for refusals."""
    refused_again = msgspec.structs.replace(BLOCKED, is_known=True)
    path = written(tmp_path, said(REDACTED, SEEN), said(AGAIN), said(refused_again), "not_run")
    project(tmp_path / "journal", path)
    queries = Queries(path)
    assert [(row["rule"], row["request_id"]) for row in queries.findings({})] == [
        ("github-pat", "req_2"), ("email", "req_0"), ("aws-access-token", "req_0"),
    ]  # fmt: skip
    assert [row["rule"] for row in queries.findings({"action": "redact"})] == ["aws-access-token"]
    assert queries.findings({}, until_ms=0) == []
    counted = {row["rule"]: (row["findings"], row["matches"], row["exchanges"]) for row in queries.rules({})}
    assert counted == dict.fromkeys(("github-pat", "aws-access-token", "email"), (1, 1, 1))
    assert [
        json.loads(row["verdicts"])["findings"][0]["is_known"] for row in queries.exchanges(request_id="req_1")
    ] == [True]


def test_odd_names_and_damaged_verdicts_harm_nobody(tmp_path: Path) -> None:
    """A newer version's, or a broken one's: counted as `other` and `unknown`."""
    odd = msgspec.structs.replace(BLOCKED, rule="a\nb{}")
    path = written(tmp_path, said(odd), {"findings": 7}, ["x"], 17)
    exporter = project(tmp_path / "journal", path)
    assert exporter.value(m.GUARD_VERDICTS, "secrets", "other", "block", "request", "false") == 1
    assert exporter.value(m.GUARD_EXCHANGES, "openai.responses", "unknown") == 3
    assert len(Queries(path).exchanges()) == 4


def test_one_line_for_what_somebody_should_know(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Blocks, dangerous calls and our own keys are alerts; redactions are told; what is only logged, or known, is not."""
    own = msgspec.structs.replace(SEEN, scanner="secrets", rule="agentcc-virtual-key")
    path = written(
        tmp_path, said(REDACTED, SEEN), said(AGAIN), said(BLOCKED, SEEN), said(SEEN), said(COMMAND), said(own)
    )
    project(tmp_path / "journal", path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM verdicts").fetchone() == (7,)
    db.close()
    assert [line for line in _lines(capfd.readouterr().err) if line["event"] == "guardrail"] == [], "long ago"

    from gateway.controlplane.projections.exchange import Exchange, Labels
    from gateway.controlplane.projections.view import decode_done

    lines = GuardLines("2026-01-01T00:00:00Z")
    for one in (
        said(REDACTED, SEEN),
        said(AGAIN),
        said(BLOCKED, SEEN),
        said(SEEN),
        said(COMMAND),
        said(own),
        "not_run",
    ):
        done = decode_done(done_payload("req_1", verdicts=one))
        lines.add([Exchange(done, Labels("openai", "m", "alice", "ok", "d"), 0, (), b"")])
    lines.write()
    found = _lines(capfd.readouterr().err)
    assert [(line["level"], line["alert"], [one["rule"] for one in line["shown"]]) for line in found] == [
        ("info", False, ["aws-access-token"]), ("warning", True, ["github-pat"]), ("warning", True, ["rm-root"]),
        ("warning", True, ["agentcc-virtual-key"]),
    ]  # fmt: skip
    assert {line["key"] for line in found} == {"alice"}


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

"""The projections: whatever the order of reads, kills and restarts, ledger and metrics say what the journal says."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.base.journal import Follower, JournalWriter, open_run, read_runs
from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections import Exporter, Ledger, Projector, Queries, open_ledger
from gateway.controlplane.projections.ledger import _decode_labels


def dump(path: Path) -> dict[str, list[Any]]:
    """Every table's rows, without the ids that depend on the order of reading."""
    db = sqlite3.connect(path)
    rows = {
        "exchanges": db.execute(
            "SELECT e.*, p.json FROM exchanges e JOIN principals p ON p.id = e.principal ORDER BY request_id"
        ).fetchall(),
        "runs": db.execute("SELECT * FROM runs ORDER BY run").fetchall(),
        "offsets": db.execute("SELECT * FROM offsets ORDER BY run").fetchall(),
        "totals": db.execute("SELECT * FROM totals WHERE value <> 0 ORDER BY metric, labels").fetchall(),
    }
    db.close()
    rows["exchanges"] = [row[:4] + row[5:] for row in rows["exchanges"]]
    return rows


def project(directory: Path, path: Path) -> Exporter:
    exporter = Exporter("t")
    projector = Projector(directory, path, exporter)
    while projector.step():
        pass
    projector.stop()
    return exporter


def test_the_ledger_holds_each_exchange_once(journal: Path, tmp_path: Path) -> None:
    """160 that finished, and the orphans of the two crashed runs; the open ones of clean ends are nobody's."""
    exporter = project(journal, tmp_path / "ledger.sqlite3")
    rows = Queries(tmp_path / "ledger.sqlite3").exchanges(limit=1000)
    assert len(rows) == 162
    crashed = [row for row in rows if row["outcome"] == "crashed"]
    assert [(row["cost_nusd"], row["cost_basis"]) for row in crashed] == [(123_000, "estimated")] * 2
    assert exporter.value(m.RESTARTS, "0") == exporter.value(m.RESTARTS, "1") == 1


def test_counters_equal_the_ledger(journal: Path, tmp_path: Path) -> None:
    """Cost, tokens, requests and histogram counts are the sums of the rows."""
    path = tmp_path / "ledger.sqlite3"
    exporter = project(journal, path)
    db = sqlite3.connect(path)
    rows = db.execute(
        "SELECT e.provider, e.model_used, p.key, e.outcome, e.cost_nusd, e.output_tokens, e.input_tokens FROM exchanges e"
        " JOIN principals p ON p.id = e.principal"
    ).fetchall()
    db.close()
    cost, output, requests, models = Counter[Any](), Counter[Any](), Counter[Any](), set()
    for provider, model, key, outcome, nusd, tokens, prompt in rows:
        label = model if outcome == "ok" or nusd or tokens or prompt else "other"
        models.add(label)
        cost[provider, label, key or "none"] += nusd
        output[provider, label, key or "none"] += tokens
        requests[provider, label, key or "none", outcome] += 1
    assert "other" in models
    assert "openai/nobody-has-this" not in models
    for labels, value in cost.items():
        assert exporter.value(m.COST, *labels) == value
        assert exporter.value(m.TOKENS, *labels, "output") == output[labels]
    for labels, value in requests.items():
        assert exporter.value(m.REQUESTS, *labels) == value
    text = exporter.text().decode()
    assert (
        f'agentcc_overhead_seconds_count{{dialect="openai.responses"}} {float(len(rows) - 2)}' in text
    )  # not the two crashed
    assert 'agentcc_overhead_seconds_bucket{dialect="openai.responses",le="+Inf"}' in text
    for metric in m.METRICS:
        assert f"# HELP {metric.name} " in text


@pytest.mark.parametrize("seed", range(8))
def test_restarts_and_rebuilds_end_the_same(journal: Path, tmp_path: Path, seed: int) -> None:
    """Small steps, killed and restarted at any offset, come to the same rows and sums as one read from zero."""
    project(journal, tmp_path / "whole.sqlite3")
    random = Random(seed)
    path = tmp_path / "steps.sqlite3"
    while True:
        ledger = Ledger(path)
        follower, exporter = Follower(journal, ledger.positions()), Exporter("t")
        exporter.start_from(ledger.totals())
        polls = 0
        for _ in range(random.randrange(1, 6)):
            batches = follower.poll(random.randrange(1, 20_000))
            polls += len(batches)
            exporter.add(ledger.apply(batches).deltas)
            follower.accept(batches)
        counts = {key: value for key, value in exporter._totals.items() if value and key[0] != m.PROJECTION_ERRORS.name}
        stored = {key: value for key, value in ledger.totals().items() if value}
        assert counts == stored
        ledger.close()
        if not polls:
            break
    assert dump(path) == dump(tmp_path / "whole.sqlite3")


@pytest.mark.parametrize("seed", range(4))
def test_reading_again_from_an_earlier_offset_changes_nothing(journal: Path, tmp_path: Path, seed: int) -> None:
    """Offsets set back, or lost altogether: the rows are there already, so nothing counts twice."""
    path = tmp_path / "ledger.sqlite3"
    project(journal, path)
    before = dump(path)
    db = sqlite3.connect(path)
    if seed == 0:
        db.execute("DELETE FROM offsets")
    else:
        for (run,) in db.execute("SELECT run FROM offsets").fetchall():
            if Random(seed).random() < 0.7:
                db.execute("UPDATE offsets SET segment = 1, offset = 0, is_done = 0 WHERE run = ?", (run,))
    db.commit()
    db.close()
    project(journal, path)
    assert dump(path) == before


def test_a_write_that_fails_is_tried_again_and_counts_once(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: nothing of the batch is stored or counted; the next step does it all."""
    path = tmp_path / "ledger.sqlite3"
    exporter = Exporter("t")
    projector = Projector(journal, path, exporter)
    Ledger(path).close()
    db = sqlite3.connect(path)
    db.execute("CREATE TRIGGER full BEFORE INSERT ON totals BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
    db.commit()
    with pytest.raises(sqlite3.Error, match="full"):
        projector.step()
    assert "agentcc_requests_total{" not in exporter.text().decode()
    db.execute("DROP TRIGGER full")
    db.commit()
    db.close()
    while projector.step():
        pass
    projector.stop()
    project(journal, tmp_path / "whole.sqlite3")
    assert dump(path) == dump(tmp_path / "whole.sqlite3")


@pytest.mark.parametrize(
    "bad",
    [
        b'{"k":"done"}',
        b'{"k":"done","request_id":"r","ts":"yesterday"}',
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","cost_nusd":99999999999999999999999}',
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","principal":[]}',
        b'{"k":"done","request_id":"\xff',
        b'{"k":"run"}',
        b"not json",
    ],
)
def test_one_bad_line_stops_nothing(tmp_path: Path, bad: bytes, done_of: Callable[[str], bytes]) -> None:
    """A line that cannot be read is counted and passed; what follows is projected."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    writer.append(bad)
    writer.append(done_of("req_after"))
    writer.close()
    exporter = project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    assert [row["request_id"] for row in Queries(tmp_path / "ledger.sqlite3").exchanges()] == ["req_after"]
    assert exporter.value(m.BAD_LINES) == (0 if bad == b"not json" else 1)


@pytest.fixture
def done_of() -> Callable[[str], bytes]:
    from tests.base.journal.conftest import done_payload

    return done_payload


def test_the_projector_follows_live_writers(
    tmp_path: Path, traffic: Callable[[JournalWriter, int, Random], None]
) -> None:
    """Its thread sees what is appended after its start; `stop` takes in what was written last."""
    directory = tmp_path / "journal"
    writer, _ = open_run(directory, 0, run_id="a" * 12, version="t", segment_bytes=20_000)
    projector = Projector(directory, tmp_path / "ledger.sqlite3", Exporter("t"))
    projector.start()
    traffic(writer, 200, Random(3))
    writer.close()
    projector.stop()
    assert len(Queries(tmp_path / "ledger.sqlite3").exchanges(limit=1000)) == 200
    assert projector.is_caught_up


def test_a_damaged_or_foreign_ledger_is_put_aside_and_rebuilt(journal: Path, tmp_path: Path) -> None:
    """The ledger is a projection: the journal makes it again."""
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    open_ledger(path, 17).close()
    assert (tmp_path / "ledger.sqlite3.17.bak").exists()
    project(journal, path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    open_ledger(path, 18).close()
    project(journal, path)
    assert len(Queries(path).exchanges(limit=1000)) == 162


def test_a_pruned_journal_keeps_the_sums(journal: Path, tmp_path: Path) -> None:
    """Rows and totals outlive the segments they were read from."""
    path = tmp_path / "ledger.sqlite3"
    project(journal, path)
    before = dump(path)
    for run in read_runs(journal):
        for segment in run.segments:
            Path(segment.path).unlink()
    project(journal, path)
    assert dump(path)["totals"] == before["totals"]
    shutil.rmtree(journal)
    project(journal, path)
    assert dump(path)["exchanges"] == before["exchanges"]


def test_labels_survive_the_ledger(tmp_path: Path) -> None:
    """Names with quotes and newlines come back as they were, and the text format escapes them."""
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    exporter = Exporter("t")
    exporter.add({(m.COST.name, ('a"b', "c\nd", "é")): 1_500_000_000})  # type: ignore[arg-type]
    assert b'{model="c\\nd",provider="a\\"b",virtual_key="\xc3\xa9"} 1.5' in exporter.text()
    assert _decode_labels(b'["a\\"b"]') == ('a"b',)
    ledger.close()

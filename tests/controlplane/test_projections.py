"""The projections: whatever the order of reads, kills and restarts, ledger and metrics say what the journal says."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from gateway.base.core.record import Inspected
from gateway.base.core.usage import Usage
from gateway.base.journal import Follower, JournalWriter, open_run, read_runs
from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections import Exporter, Ledger, Projector, Queries, open_ledger
from gateway.controlplane.projections.ledger import _decode_labels


def dump(path: Path) -> dict[str, list[Any]]:
    """All that the ledger says, without the ids that depend on the order of reading."""
    db = sqlite3.connect(path)
    rows = {
        "exchanges": sorted(Queries(path).exchanges(limit=10_000), key=lambda row: row["request_id"]),
        "sessions": sorted(Queries(path).sessions({}), key=lambda line: (line["session_id"], line["key"])),
        "runs": db.execute("SELECT * FROM runs ORDER BY run").fetchall(),
        "offsets": db.execute("SELECT * FROM offsets ORDER BY run").fetchall(),
        "totals": db.execute("SELECT * FROM totals WHERE value <> 0 ORDER BY metric, labels").fetchall(),
    }
    db.close()
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
        "SELECT t.provider, t.model_used, p.key, t.outcome, e.cost_nusd, e.output_tokens, e.input_tokens FROM exchanges e"
        " JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal"
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
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","usage":{"output_tokens":9223372036854775807}}',
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","latency_ms":1e300}',
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","hops":["\xff"]}',
        b'{"k":"done","request_id":"r","ts":"2026-11-21T00:00:00Z","principal":[]}',
        b'{"k":"done","request_id":"\xff',
        b'{"k":"run"}',
        b"not json",
    ],
)
def test_one_bad_line_stops_nothing(tmp_path: Path, bad: bytes, done_of: Callable[..., bytes]) -> None:
    """A line that cannot be read is counted and passed; what follows is projected."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    writer.append(done_of("req_before"))
    writer.append(bad)
    writer.append(done_of("req_after"))
    writer.close()
    exporter = project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    rows = Queries(tmp_path / "ledger.sqlite3").exchanges()
    assert {row["request_id"] for row in rows} == {"req_before", "req_after"}
    assert exporter.value(m.BAD_LINES) == (0 if bad == b"not json" else 1)


@pytest.mark.parametrize("seed", range(4))
def test_old_and_new_rows_in_one_step_count_once(
    tmp_path: Path, seed: int, traffic: Callable[[JournalWriter, int, Random], None]
) -> None:
    """Offsets set back while the journal went on: among rows that are there, the new ones and only they are counted."""
    directory, path, random = tmp_path / "journal", tmp_path / "ledger.sqlite3", Random(seed)
    writer, _ = open_run(directory, 0, run_id="a" * 12, version="t", segment_bytes=30_000)
    traffic(writer, random.randrange(1, 70), random)
    project(directory, path)
    db = sqlite3.connect(path)
    db.execute("UPDATE offsets SET segment = 0, offset = 0")
    db.execute("DELETE FROM exchanges WHERE id % 3 = 0")
    db.execute("DELETE FROM totals")  # from here on only what is new is counted
    db.commit()
    kept = {request_id for (request_id,) in db.execute("SELECT request_id FROM exchanges")}
    db.close()
    other, _ = open_run(directory, 1, run_id="b" * 12, version="t")
    traffic(other, 40, random)
    exporter = project(directory, path)
    rows = Queries(path).exchanges(limit=1000)
    new = [row for row in rows if row["request_id"] not in kept]
    assert sum(value for key, value in exporter._totals.items() if key[0] == m.REQUESTS.name) == len(new)
    assert sum(value for key, value in exporter._totals.items() if key[0] == m.COST.name) == sum(
        row["cost_nusd"] for row in new
    )


def test_a_second_done_frame_changes_nothing(tmp_path: Path, done_of: Callable[..., bytes]) -> None:
    """The first record of an exchange counts, whether the other comes beside it, in the same step or in a later one."""
    directory, path = tmp_path / "journal", tmp_path / "ledger.sqlite3"
    writer, _ = open_run(directory, 0, run_id="a" * 12, version="t")
    for i in range(100):
        writer.append(done_of(f"req_{i}", cost_nusd=1000))
    for i in (0, 50, 99, 99):
        writer.append(done_of(f"req_{i}", cost_nusd=7))
    exporter = project(directory, path)
    writer.append(done_of("req_3", cost_nusd=7))
    writer.append(done_of("req_new", cost_nusd=1000))
    for counted in (exporter, project(directory, path)):
        labels = ("openai", "openai/gpt-5.1", "none")
        rows = 100 if counted is exporter else 101
        assert counted.value(m.COST, *labels) == 1000 * rows
        assert counted.value(m.REQUESTS, *labels, "ok") == rows
    assert {row["cost_nusd"] for row in Queries(path).exchanges(limit=1000)} == {1000}
    writer.abandon()


def test_a_row_says_what_its_frame_said(tmp_path: Path, done_of: Callable[..., bytes]) -> None:
    """Each field comes back from the ledger under its name, with the line's run and hash."""
    fields = {
        "session_id": "ses", "dialect": "d", "client": "c", "model_requested": "mr", "model_used": "mu", "provider": "p",
        "status": 201, "outcome": "cut", "error_code": "ec", "cost_nusd": 17, "cost_basis": "estimated",
        "price_version": "pv", "policy_version": "cv", "latency_ms": 1.25, "ttfb_ms": 0.5, "overhead_us": 18,
        "request_bytes": 19, "response_bytes": 20, "session_basis": "derived", "turn_id": "turn", "retry": 2, "queued_ms": 21,
    }  # fmt: skip
    principal = b'{"key":"k\\u0000\xc3\xa9","org":"o","team":"t","user":"u","tags":{"a":"b"},"cost_center":"cc"}'
    usage = Usage(1, 2, 3, 4, 5, 6)
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    verdicts = Inspected(("secrets",), (), 30, 2000, 60_000)
    writer.append(
        done_of("req_1", ts="2026-11-21T05:48:12.123Z", principal=msgspec.Raw(principal), usage=usage, verdicts=verdicts,
                hops=[msgspec.Raw(b'{"model":"x"}')], is_stream=False, **fields)
    )  # fmt: skip
    digest = writer.head
    writer.append(done_of("req_2", ts="2026-11-21T05:48:11Z"))
    writer.close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    row, plain = Queries(tmp_path / "ledger.sqlite3").exchanges()
    assert row == fields | {
        "request_id": "req_1", "ts_ms": 1795240092123, "run": "a" * 12, "hash": digest, "principal": principal.decode(),
        "input_tokens": 1, "cache_read_tokens": 2, "cache_write_tokens": 7, "output_tokens": 5, "reasoning_tokens": 6,
        "hops": '[{"model":"x"}]', "verdicts": msgspec.json.encode(verdicts).decode(), "is_stream": 0,
    }  # fmt: skip
    assert (plain["hops"], plain["verdicts"], plain["is_stream"]) == ("", "", 1)


def test_times_fall_into_the_bucket_whose_bound_they_do_not_pass(tmp_path: Path, done_of: Callable[..., bytes]) -> None:
    """A bound belongs to its bucket; what is longer than the last is `+Inf`; zero is a time that was not measured."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    times_ms = [0.0, 0.4, 25.0, 25.001, 49.9, 50.0, 3_600_000.0, 3_600_000.001, 1e8]
    for i, ms in enumerate(times_ms):
        writer.append(done_of(f"req_{i}", latency_ms=ms, ttfb_ms=0.0, overhead_us=round(ms)))
    writer.close()
    exporter = project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    labels = ("openai", "openai/gpt-5.1")
    counts = {key[1][2]: n for key, n in exporter._totals.items() if key[0] == m.DURATION.name}
    assert counts == {"0.025": 2, "0.05": 3, "3600": 1, "+Inf": 2, "sum": round(sum(times_ms) * 1000)}
    assert exporter.value(m.FIRST_BYTE, *labels, "sum") == 0
    assert exporter.value(m.OVERHEAD, "openai.responses", "5e-05") == 2
    assert exporter.value(m.OVERHEAD, "openai.responses", "2.5e-05") == 2
    text = exporter.text().decode()
    assert 'agentcc_request_duration_seconds_bucket{le="0.05",model="openai/gpt-5.1",provider="openai"} 5.0' in text
    assert 'agentcc_request_duration_seconds_count{model="openai/gpt-5.1",provider="openai"} 8.0' in text


def test_more_traits_than_are_remembered(tmp_path: Path, done_of: Callable[..., bytes]) -> None:
    """A trait is stored once, however often it was forgotten in between."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    for i in range(10_500):
        writer.append(done_of(f"req_{i}", model_requested=f"m{i % 10_100}"))
    writer.close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    db = sqlite3.connect(tmp_path / "ledger.sqlite3")
    (traits,), (rows,) = (db.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("traits", "exchanges"))
    db.close()
    assert (traits, rows) == (10_100, 10_500)


@pytest.fixture
def done_of() -> Callable[..., bytes]:
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
    assert dump(path)["sessions"] == before["sessions"]


def test_labels_survive_the_ledger(tmp_path: Path) -> None:
    """Names with quotes and newlines come back as they were, and the text format escapes them."""
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    exporter = Exporter("t")
    exporter.add({(m.COST.name, ('a"b', "c\nd", "é")): 1_500_000_000})  # type: ignore[arg-type]
    assert b'{model="c\\nd",provider="a\\"b",virtual_key="\xc3\xa9"} 1.5' in exporter.text()
    assert _decode_labels(b'["a\\"b"]') == ('a"b',)
    ledger.close()

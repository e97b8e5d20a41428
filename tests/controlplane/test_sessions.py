"""Sessions: one chargeback line for each session id of each principal, whatever is read twice, crashes or is read anew."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.base.core.record import NOBODY, OpenFrame
from gateway.base.core.usage import Usage
from gateway.base.journal import open_run
from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections import Queries
from gateway.controlplane.projections.exchange import is_billable
from gateway.controlplane.projections.view import DoneView
from gateway.dataplane.flow.route import find_route, served_routes
from tests.base.journal.conftest import TS, done_payload
from tests.controlplane.test_projections import project

ALICE = msgspec.Raw(b'{"key":"alice","org":"acme","team":"platform","user":"a@acme.dev","cost_center":"cc-7"}')
BOB = msgspec.Raw(b'{"key":"bob","team":"payments","user":"b@acme.dev"}')
FREE = "/v1/messages/count_tokens"


def lines_of(tmp_path: Path, *frames: bytes, **chosen: str) -> list[dict[str, Any]]:
    """The lines of a journal that holds `frames`."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    for frame in frames:
        writer.append(frame)
    writer.close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    return Queries(tmp_path / "ledger.sqlite3").sessions(chosen)


def counts(line: dict[str, Any]) -> tuple[int, int, int, int, int]:
    return line["exchanges"], line["turns"], line["retries"], line["refused"], line["errors"]


def test_a_line_is_the_sum_of_its_session(tmp_path: Path) -> None:
    """Who, when, tokens by kind, cost, and how much of it is estimated."""
    (line,) = lines_of(
        tmp_path,
        done_payload("req_1", principal=ALICE, ts="2026-11-21T05:48:12.000Z", usage=Usage(1000, 200, 30, 4, 50, 6)),
        done_payload(
            "req_2", principal=ALICE, ts="2026-11-21T05:48:10.000Z", usage=Usage(1000, 2000, 300, 40, 500, 60)
        ),
        done_payload("req_3", principal=ALICE, ts="2026-11-21T05:48:11.000Z", outcome="cut", cost_basis="estimated"),
        done_payload("req_4", principal=ALICE, session_id=""),
    )
    prompt = 2000 + 2200 + 374
    assert line == {
        "session_id": "ses_1", "session_basis": "client", "key": "alice", "user": "a@acme.dev", "team": "platform",
        "org": "acme", "cost_center": "cc-7", "first_ts_ms": 1795240090000, "last_ts_ms": 1795240092000, "exchanges": 3,
        "turns": 3, "retries": 0, "refused": 0, "errors": 1, "input_tokens": 2000, "cache_read_tokens": 2200,
        "cache_write_tokens": 374, "output_tokens": 550, "cache_hit_rate": 2200 / prompt, "is_flagged": False,
        "cost_nusd": 3000, "cost_usd": 3000 / 1e9, "estimated": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({}, (1, 1, 0, 0, 0)),
        ({"retry": 1}, (1, 0, 1, 0, 0)),
        ({"retry": 3, "outcome": "refused"}, (1, 0, 1, 1, 0)),
        ({"outcome": "refused"}, (1, 0, 0, 1, 0)),
        ({"outcome": "upstream_error"}, (1, 1, 0, 0, 1)),
        ({"outcome": "error", "retry": 1}, (1, 0, 1, 0, 1)),
        ({"outcome": "disconnected"}, (1, 1, 0, 0, 0)),
        ({"outcome": "crashed", "method": "", "path": ""}, (1, 1, 0, 0, 1)),
        ({"path": FREE}, (1, 0, 0, 0, 0)),
        ({"method": "GET", "path": "/v1/models"}, (1, 0, 0, 0, 0)),
    ],
)
def test_what_counts_as_what(tmp_path: Path, changes: dict[str, Any], want: tuple[int, ...]) -> None:
    """A turn is billable, no retry and not refused; a retry that was refused is both."""
    (line,) = lines_of(tmp_path, done_payload("req_1", **changes))
    assert counts(line) == want


def test_a_session_id_under_two_keys_is_two_lines(tmp_path: Path) -> None:
    """Each key pays for its own."""
    frames = [done_payload(f"req_{i}", principal=who, cost_nusd=10**i) for i, who in enumerate((ALICE, BOB, ALICE))]
    lines = lines_of(tmp_path, *frames)
    assert {line["key"]: (line["exchanges"], line["cost_nusd"]) for line in lines} == {
        "alice": (2, 101),
        "bob": (1, 10),
    }
    assert len(Queries(tmp_path / "ledger.sqlite3").exchanges(session_id="ses_1")) == 3


def test_derived_ids_say_so(tmp_path: Path) -> None:
    """Records of older versions do not say; they knew only the ids that clients sent."""
    old = msgspec.json.decode(done_payload("req_2", session_id="old"))
    for name in ("session_basis", "turn_id", "retry", "queued_ms"):
        del old[name]
    new = done_payload("req_1", session_id="new", session_basis="derived")
    lines = lines_of(tmp_path, new, msgspec.json.encode(old))
    assert {line["session_id"]: line["session_basis"] for line in lines} == {"new": "derived", "old": "client"}
    assert [counts(line) for line in lines] == [(1, 1, 0, 0, 0)] * 2


def test_what_is_read_twice_counts_once(tmp_path: Path) -> None:
    """A second `done`, in the same step or a later one, of this or another session; and the whole journal again."""
    first = [done_payload(f"req_{i}", session_id=f"ses_{i % 7}") for i in range(100)]
    again = [done_payload(f"req_{i}", session_id=name, retry=1) for i, name in enumerate(("ses_0", "ses_2", "other"))]
    before = lines_of(tmp_path, *first, *again)
    assert [line["exchanges"] for line in sorted(before, key=lambda line: line["session_id"])] == [15, 15, *[14] * 5]
    assert sum(line["retries"] for line in before) == 0
    writer, _ = open_run(tmp_path / "journal", 0, run_id="b" * 12, version="t")
    writer.append(done_payload("req_50", session_id="other", ts="2026-11-20T00:00:00Z"))
    writer.close()
    db = sqlite3.connect(tmp_path / "ledger.sqlite3")
    db.execute("DELETE FROM offsets")
    db.commit()
    db.close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    queries = Queries(tmp_path / "ledger.sqlite3")
    assert queries.sessions({}) == before
    assert queries.exchanges(session_id="other") == []


def test_a_worker_that_died_in_a_session_is_on_its_line(tmp_path: Path) -> None:
    """At its hold, marked estimated, as the turn or the retry that it was."""
    writer, _ = open_run(tmp_path / "journal", 0, run_id="a" * 12, version="t")
    for i, retry in enumerate((0, 1)):
        frame = OpenFrame(f"req_{i}", TS, "ses_1", NOBODY, "d", "m", "p/m", "p", 500, "v1", "derived", "t", retry)
        writer.append(msgspec.json.encode(frame))
    writer.abandon()
    (line,) = lines_of_next_run(tmp_path)
    assert counts(line) == (2, 1, 1, 0, 2)
    assert (line["cost_nusd"], line["estimated"], line["session_basis"]) == (1000, 2, "derived")


def lines_of_next_run(tmp_path: Path) -> list[dict[str, Any]]:
    """The lines after another worker has started and recorded what the dead one left."""
    open_run(tmp_path / "journal", 0, run_id="b" * 12, version="t")[0].close()
    project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    return Queries(tmp_path / "ledger.sqlite3").sessions({})


@pytest.mark.parametrize(
    ("turns", "retry", "usage", "is_flagged"),
    [
        (2, 0, Usage(input_tokens=5000, cache_read_tokens=0), True),
        (2, 0, Usage(input_tokens=5000, cache_write_5m_tokens=5000, cache_read_tokens=4000), True),
        (2, 0, Usage(input_tokens=7000, cache_read_tokens=3000), False),
        (2, 0, Usage(input_tokens=7001, cache_read_tokens=2999), True),
        (2, 0, Usage(input_tokens=4999), False),
        (1, 0, Usage(input_tokens=90_000), False),
        (2, 1, Usage(input_tokens=90_000), False),
        (2, 0, Usage(output_tokens=90_000), False),
    ],
)
def test_sessions_that_miss_the_cache_are_flagged(
    tmp_path: Path, turns: int, retry: int, usage: Usage, is_flagged: bool
) -> None:
    """Under 30 % (SPEC §3), once there were two turns and enough text that a provider could have cached it."""
    (line,) = lines_of(tmp_path, *(done_payload(f"req_{i}", usage=usage, retry=retry) for i in range(turns)))
    assert line["is_flagged"] is is_flagged
    assert Queries(tmp_path / "ledger.sqlite3").sessions({}, is_flagged=True) == ([line] if is_flagged else [])
    assert (line["cache_hit_rate"] is None) == (not usage.prompt_tokens())


def test_lines_are_chosen_by_when_they_were_active(tmp_path: Path) -> None:
    """[since, until) touches the time between a session's first and last exchange."""
    frames = [done_payload(f"req_{i}", session_id=name, ts=f"2026-11-21T0{hour}:00:00Z")
              for i, (name, hour) in enumerate((("long", 1), ("short", 2), ("long", 3)))]  # fmt: skip
    assert [line["session_id"] for line in lines_of(tmp_path, *frames)] == ["long", "short"]
    hour, start = 3_600_000, 1795222800000 - 3_600_000  # midnight UTC
    queries = Queries(tmp_path / "ledger.sqlite3")

    def active(since: int, until: int) -> list[str]:
        return [line["session_id"] for line in queries.sessions({}, start + since * hour, start + until * hour)]

    assert active(0, 1) == []
    assert active(1, 2) == ["long"]
    assert active(2, 3) == ["long", "short"]
    assert active(3, 4) == ["long"]
    assert active(4, 5) == []
    assert len(queries.exchanges(session_id="long")) == 2
    assert [row["session"] for row in queries.spend("session")] == ["long", "short"]


def test_more_sessions_than_are_remembered(tmp_path: Path) -> None:
    """A line is found again after it was forgotten."""
    many = 20_100
    frames = (done_payload(f"req_{i}", session_id=f"s{i % many}", cost_nusd=1) for i in range(many + 500))
    lines_of(tmp_path, *frames)
    lines = Queries(tmp_path / "ledger.sqlite3").sessions({}, limit=many + 1)
    assert len(lines) == many
    assert sum(line["cost_nusd"] for line in lines) == many + 500


def test_retries_are_a_metric(tmp_path: Path) -> None:
    """By provider, model and key; there is no series where nobody tried again."""
    lines_of(tmp_path)
    assert "agentcc_retries_total{" not in project(tmp_path / "journal", tmp_path / "other.sqlite3").text().decode()
    writer, _ = open_run(tmp_path / "journal", 0, run_id="b" * 12, version="t")
    for i in range(5):
        writer.append(done_payload(f"req_{i}", principal=ALICE, retry=max(0, i - 1)))
    writer.close()
    exporter = project(tmp_path / "journal", tmp_path / "ledger.sqlite3")
    assert exporter.value(m.RETRIES, "openai", "openai/gpt-5.1", "alice") == 3


def test_what_is_billable_is_what_the_routes_say() -> None:
    """The control plane knows a path by its end; the data plane's table is what counts."""
    for method, path, _ in served_routes():
        route = find_route(method, path)
        done = DoneView(request_id="r", ts=TS, method=method, path=path)
        assert is_billable(done) == (route.kind == "exchange" and route.is_billable), path

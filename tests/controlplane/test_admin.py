"""The admin API: who may ask what, from where, and how the answers look."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.controlplane.admin import ROUTES, AdminApp, QuarantineDesk, Resources, admin_token, identify
from gateway.controlplane.budgets import Desk
from gateway.controlplane.projections import Exporter, Projector, Queries
from tests.controlplane.budgets.conftest import window
from tests.controlplane.budgets.fakes import FakeBook

TOKEN, SECRET = "the-admin-token", "the-workers-secret"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def resources(journal: Path, tmp_path: Path) -> Resources:
    exporter = Exporter("1.2.3")
    projector = Projector(journal, tmp_path / "ledger.sqlite3", exporter)
    while projector.step():
        pass
    projector.stop()
    return Resources(
        exporter, Queries(tmp_path / "ledger.sqlite3"), lambda: projector.is_caught_up, desk(), QuarantineDesk(tmp_path)
    )


def desk(book: FakeBook | None = None) -> Desk:
    """Two budgets of one team, one of the organisation."""
    windows = (window("team", "platform"), window("team", "platform", period="daily"), window("org", ""))
    return Desk(book or FakeBook(), windows)


def ask(resources: Resources, path: str, peer: str = "127.0.0.1", *, method: str = "GET", public: bool = False,
        headers: dict[str, str] | None = None, body: object = None) -> httpx.Response:  # fmt: skip
    app = AdminApp(resources, token=TOKEN, forward_secret=SECRET, is_metrics_public=public)

    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
            return await client.request(method, path, headers=headers, json=body)

    return asyncio.run(go())


def forwarded(address: str, secret: str = SECRET) -> dict[str, str]:
    return {"x-agentcc-forwarded-for": address, "x-agentcc-forwarded-secret": secret}


def test_metrics_are_prometheus_text(resources: Resources) -> None:
    """Names and labels of SPEC §5."""
    response = ask(resources, "/-/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in ("cost_total", "tokens_total", "cache_hits_total", "cache_misses_total", "requests_total"):
        assert f"agentcc_{name}{{" in response.text
        assert 'model="openai/gpt-5.1",' in response.text
    assert 'agentcc_build_info{version="1.2.3"} 1.0' in response.text
    assert "agentcc_journal_lag_bytes 0.0" in response.text


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("peer", "headers", "is_local"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("10.0.0.7", {}, False),
        ("", {}, False),
        ("127.0.0.1", forwarded("127.0.0.1"), True),
        ("127.0.0.1", forwarded("10.0.0.7"), False),
        ("127.0.0.1", forwarded("127.0.0.1", "guessed"), False),
        ("127.0.0.1", {"x-agentcc-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"x-agentcc-forwarded-secret": SECRET}, False),
        ("127.0.0.1", {"x-agentcc-forwarded-host": "x"}, False),
        ("127.0.0.1", forwarded("not an address"), False),
    ],
)
def test_without_a_token_only_local_callers_see_metrics_and_health(
    resources: Resources, path: str, peer: str, headers: dict[str, str], is_local: bool
) -> None:
    """No header that a client can send makes it local; spend and exchanges always need the token."""
    path = path.format(session_id="ses_1")
    want = 200 if is_local and path in {"/-/metrics", "/-/healthz", "/-/readyz"} else 401
    response = ask(resources, path, peer, headers=headers)
    assert response.status_code == want
    if want == 401:
        assert response.json()["error"]["code"] == "admin_token_required"
    assert ask(resources, path, peer, headers={**headers, **BEARER}).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer é"])
def test_a_wrong_token_is_refused(resources: Resources, value: str) -> None:
    """Only the whole token as a bearer counts."""
    response = ask(resources, "/-/spend", headers={"authorization": value.encode("latin-1")})  # type: ignore[dict-item]
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_public_metrics_need_no_token(resources: Resources) -> None:
    """`metrics_public` opens the metrics and nothing else."""
    assert ask(resources, "/-/metrics", "10.0.0.7", public=True).status_code == 200
    assert ask(resources, "/-/healthz", "10.0.0.7", public=True).status_code == 401
    assert ask(resources, "/-/spend", "10.0.0.7", public=True).status_code == 401


def test_an_empty_secret_vouches_for_nobody() -> None:
    """A control plane that was started without the workers' secret trusts no forwarded address."""
    headers = [(b"X-Agentcc-Forwarded-For", b"127.0.0.1"), (b"x-agentcc-forwarded-secret", b"")]
    assert not identify(headers, "127.0.0.1", "", "").is_local()
    twice = [(b"x-agentcc-forwarded-for", b"127.0.0.1"), (b"x-agentcc-forwarded-for", b"10.0.0.7"),
             (b"x-agentcc-forwarded-secret", b"s")]  # fmt: skip
    assert not identify(twice, "127.0.0.1", "", "s").is_local()


@pytest.mark.parametrize("by", ["key", "user", "team", "model", "session", "org", "provider", "cost_center"])
def test_spend_sums_the_ledger(resources: Resources, by: str) -> None:
    """Every grouping adds up to the same money."""
    rows = ask(resources, f"/-/spend?by={by}", headers=BEARER).json()["rows"]
    total = ask(resources, "/-/spend?by=org", headers=BEARER).json()["rows"]
    assert sum(row["cost_nusd"] for row in rows) == sum(row["cost_nusd"] for row in total) > 0
    assert sum(row["exchanges"] for row in rows) == 162
    assert [row["cost_nusd"] for row in rows] == sorted((row["cost_nusd"] for row in rows), reverse=True)
    assert all(by in row and row["cost_usd"] == row["cost_nusd"] / 1e9 for row in rows)


def test_spend_takes_a_time_window(resources: Resources) -> None:
    """[since, until) in RFC 3339 or milliseconds: days add up to the whole."""

    def exchanges(query: str) -> int:
        rows = ask(resources, f"/-/spend?by=org{query}", headers=BEARER).json()["rows"]
        return sum(row["exchanges"] for row in rows)

    days = [exchanges(f"&since=2026-11-{d}&until=2026-11-{d + 1}T00:00:00Z") for d in range(20, 30)]
    assert sum(days) == 162
    assert exchanges("&since=0&until=1000") == 0


def test_exchanges_are_the_latest_first(resources: Resources) -> None:
    """Whole records with their principal; one by its id, several by their session."""
    rows = ask(resources, "/-/exchanges?limit=5", headers=BEARER).json()["rows"]
    assert len(rows) == 5
    assert [r["ts"] for r in rows] == sorted((r["ts"] for r in rows), reverse=True)
    row = rows[0]
    assert row["principal"]["key"] in {"alice", "bob"}
    assert (row["hops"], row["verdicts"], len(row["hash"])) == ([], "not_run", 64)
    (same,) = ask(resources, f"/-/exchanges?request_id={row['request_id']}", headers=BEARER).json()["rows"]
    assert same == row
    session = ask(resources, "/-/exchanges?session_id=ses_1&limit=1000", headers=BEARER).json()["rows"]
    assert {r["session_id"] for r in session} == {"ses_1"}


def test_sessions_are_one_line_for_each_key(resources: Resources) -> None:
    """The last active first; filters choose; all lines together are what was spent."""
    rows = ask(resources, "/-/sessions", headers=BEARER).json()["rows"]
    assert len(rows) == 9  # four sessions of two keys, and the crashed ones of nobody
    assert [row["last_ts_ms"] for row in rows] == sorted((row["last_ts_ms"] for row in rows), reverse=True)
    spend = ask(resources, "/-/spend?by=session", headers=BEARER).json()["rows"]
    assert {row["session"] for row in spend} == {row["session_id"] for row in rows} == {f"ses_{i}" for i in range(4)}
    assert sum(row["cost_nusd"] for row in rows) == sum(row["cost_nusd"] for row in spend)
    assert sum(row["exchanges"] for row in rows) == 162
    for row in rows:
        prompt = row["input_tokens"] + row["cache_read_tokens"] + row["cache_write_tokens"]
        assert row["cache_hit_rate"] == (row["cache_read_tokens"] / prompt if prompt else None)
        assert (row["cost_usd"], row["session_basis"]) == (row["cost_nusd"] / 1e9, "client")

    def ids(query: str) -> list[tuple[str, str]]:
        found = ask(resources, f"/-/sessions?{query}", headers=BEARER).json()["rows"]
        return [(row["key"], row["session_id"]) for row in found]

    everything = ids("")
    alice = [pair for pair in everything if pair[0] == "alice"]
    assert ids("key=alice") == ids("user=alice@acme.dev") == ids("key=alice&team=platform") == alice
    assert ids("team=payments") == ids("until=2026-11-20") == ids("since=2026-12-01T00:00:00Z") == []
    assert ids("limit=2") == everything[:2]
    flagged = [(row["key"], row["session_id"]) for row in rows if row["is_flagged"]]
    assert ids("flagged=true") == flagged
    assert ids("flagged=false") == everything


def test_one_session_has_its_lines_and_latest_exchanges(resources: Resources) -> None:
    """Of all its keys, newest first; an id that nobody used is a 404."""
    shown = ask(resources, "/-/sessions/ses_2?limit=3&session_id=ses_3", headers=BEARER).json()
    assert {row["session_id"] for row in [*shown["rows"], *shown["exchanges"]]} == {"ses_2"}
    assert sorted(row["key"] for row in shown["rows"]) == ["alice", "bob"]
    latest = ask(resources, "/-/exchanges?session_id=ses_2&limit=3", headers=BEARER).json()["rows"]
    assert shown["exchanges"] == latest
    assert len(latest) == 3
    assert {(row["session_basis"], row["turn_id"], row["retry"], row["queued_ms"]) for row in latest} == {
        ("client", "", 0, 0)
    }
    for path in ("/-/sessions/nobody", "/-/sessions/"):
        response = ask(resources, path, headers=BEARER)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_session")


@pytest.mark.parametrize(
    "query",
    ["spend?by=drop", "spend?limit=0", "spend?limit=99999", "spend?since=soon", "exchanges?limit=x", "exchanges?limit=-1",
     "sessions?limit=0", "sessions?since=soon", "sessions?until=x", "sessions?flagged=yes", "sessions/ses_1?limit=x",
     "spend?" + "&".join(f"a{i}=1" for i in range(40))],
)  # fmt: skip
def test_a_bad_query_says_what_is_wrong(resources: Resources, query: str) -> None:
    """400 with a code and a message, never a 500."""
    response = ask(resources, f"/-/{query}", headers=BEARER)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_request"


def test_unknown_paths_and_methods(resources: Resources) -> None:
    """404 and 405 are JSON; HEAD answers like GET without its body."""
    assert ask(resources, "/-/nothing").json()["error"]["code"] == "unknown_route"
    response = ask(resources, "/-/metrics", method="POST")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    response = ask(resources, "/-/healthz", method="HEAD")
    assert (response.status_code, response.content) == (200, b"")


def test_no_ledger_yet_is_a_503(tmp_path: Path) -> None:
    """Health and metrics are there before the first record is."""
    resources = Resources(Exporter("t"), Queries(tmp_path / "absent"), lambda: False, desk(), QuarantineDesk(tmp_path))
    for path in ("/-/spend", "/-/sessions", "/-/sessions/ses_1"):
        assert ask(resources, path, headers=BEARER).json()["error"]["code"] == "ledger_unavailable"
    assert ask(resources, "/-/readyz").status_code == 503
    assert ask(resources, "/-/metrics").status_code == 200


def test_budgets_are_listed_and_corrected(resources: Resources) -> None:
    """Exact texts beside integers; an entry says who, from where, when and why."""
    rows = ask(resources, "/-/budgets", headers=BEARER).json()["rows"]
    assert [(row["level"], row["id"], row["period"]) for row in rows] == [
        ("org", "", "monthly"), ("team", "platform", "monthly"), ("team", "platform", "daily"),
    ]  # fmt: skip
    path = "/-/budgets/corrections"
    body = {"account": "team:platform", "period": "daily", "amount_usd": "-1.25", "reason": "refund", "by": "fin"}
    made = ask(resources, path, method="POST", headers=BEARER, body=body)
    assert made.status_code == 201
    entry = made.json()["correction"]
    assert (entry["amount_nusd"], entry["reason"], entry["by"]) == (
        -1_250_000_000,
        "refund",
        "fin (admin API, 127.0.0.1)",
    )
    assert ask(resources, path, headers=BEARER).json()["rows"] == [entry]
    assert ask(resources, f"{path}?bucket=other", headers=BEARER).json()["rows"] == []
    (row,) = [row for row in ask(resources, "/-/budgets?account=team:platform", headers=BEARER).json()["rows"]
              if row["period"] == "daily"]  # fmt: skip
    assert (row["spent_usd"], row["bucket"]) == ("-1.250000", entry["bucket"])


@pytest.mark.parametrize(
    "body",
    [
        {"account": "team:platform", "amount_usd": "1", "reason": "several budgets"},
        {"account": "team:nobody", "amount_usd": "1", "reason": "x"},
        {"bucket": "no such", "amount_usd": "1", "reason": "x"},
        {"account": "org", "amount_usd": 1.5, "reason": "a float is not exact"},
        {"account": "org", "amount_usd": "0", "reason": "x"},
        {"account": "org", "amount_usd": "1", "reason": " "},
        {"account": "org", "amount_usd": "1", "reason": "x", "typo": 1},
        ["no object"],
        None,
    ],
)
def test_a_bad_correction_changes_nothing(resources: Resources, body: object) -> None:
    """400 with what to write instead."""
    made = ask(resources, "/-/budgets/corrections", method="POST", headers=BEARER, body=body)
    assert (made.status_code, made.json()["error"]["code"]) == (400, "bad_request")
    assert ask(resources, "/-/budgets/corrections", headers=BEARER).json()["rows"] == []


def test_a_correction_needs_the_token_and_a_small_body(resources: Resources) -> None:
    """Loopback is not enough."""
    path, body = "/-/budgets/corrections", {"account": "org", "amount_usd": "1", "reason": "x"}
    assert ask(resources, path, method="POST", body=body).status_code == 401
    big = ask(resources, path, method="POST", headers=BEARER, body={**body, "reason": "x" * 70_000})
    assert big.status_code == 413
    response = ask(resources, path, method="DELETE", headers=BEARER)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, POST")


def test_no_budget_store_is_a_503(resources: Resources, tmp_path: Path) -> None:
    """The rest of the admin API goes on."""
    down = Resources(
        Exporter("t"),
        Queries(tmp_path / "absent"),
        lambda: True,
        desk(FakeBook(is_down=True)),
        QuarantineDesk(tmp_path),
    )
    assert ask(down, "/-/budgets", headers=BEARER).json()["error"]["code"] == "budgets_unavailable"
    body = {"account": "org", "amount_usd": "1", "reason": "x"}
    assert ask(down, "/-/budgets/corrections", method="POST", headers=BEARER, body=body).status_code == 503
    assert ask(down, "/-/readyz").status_code == 200


def test_the_token_is_made_once_and_private(tmp_path: Path) -> None:
    """The configured token wins; else the file's, written 0600 at the first start."""
    directory: Any = tmp_path / "data"
    token = admin_token(None, directory)
    assert len(token) > 40
    assert admin_token(None, directory) == token
    assert admin_token("mine", directory) == "mine"
    assert stat.S_IMODE((directory / "admin.token").stat().st_mode) == 0o600

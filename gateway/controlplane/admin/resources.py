"""The admin API's resources: query in, reply out. What is no coroutine blocks; the application runs it in a thread.

Errors are JSON: {"error": {"code", "message"}}. Times are RFC 3339 or milliseconds since the epoch; money is nano-USD.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Raw

from gateway.base.core.struct import Record
from gateway.base.journal import rfc3339
from gateway.controlplane.admin.budgets import BudgetResources
from gateway.controlplane.admin.caller import Caller
from gateway.controlplane.admin.reply import Refused, Reply, as_reply
from gateway.controlplane.budgets import Desk
from gateway.controlplane.projections import Exporter, Queries
from gateway.controlplane.projections.queries import FOREVER_MS, SPEND_BY

Access = Literal["local", "metrics", "token"]

_MAX_ROWS = 10_000
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Resources(BudgetResources):
    """What the routes answer from. `is_ready` says whether the journal as it stood at the start has been read."""

    def __init__(self, exporter: Exporter, queries: Queries, is_ready: Callable[[], bool], desk: Desk) -> None:
        super().__init__(desk)
        self._exporter, self._queries, self._is_ready = exporter, queries, is_ready

    def metrics(self, query: Mapping[str, str]) -> Reply:
        """All metrics in Prometheus's text format."""
        return Reply(200, self._exporter.text(), _TEXT)

    def healthz(self, query: Mapping[str, str]) -> Reply:
        """The process answers."""
        return Reply(200, b'{"status":"ok"}')

    def readyz(self, query: Mapping[str, str]) -> Reply:
        """The ledger and the metrics have caught up with the journal."""
        if self._is_ready():
            return Reply(200, b'{"status":"ok"}')
        return Reply(503, b'{"status":"reading the journal"}')

    def spend(self, query: Mapping[str, str]) -> Reply:
        """Sums by `by` (key, user, team, org, cost_center, model, provider, session) in [`since`, `until`)."""
        by = query.get("by", "key")
        if by not in SPEND_BY:
            raise Refused(400, "bad_request", f"`by` is `{by}`; it is one of {', '.join(SPEND_BY)}")
        since_ms, until_ms = _time(query, "since", 0), _time(query, "until", FOREVER_MS)
        rows = self._ask(lambda: self._queries.spend(by, since_ms, until_ms, _limit(query, 1000)))
        for row in rows:
            row["cost_usd"] = row["cost_nusd"] / 1e9
        return as_reply({"by": by, "rows": rows})

    def exchanges(self, query: Mapping[str, str]) -> Reply:
        """The latest exchanges, newest first; `request_id` or `session_id` choose some."""
        rows = self._ask(
            lambda: self._queries.exchanges(
                _limit(query, 100), query.get("request_id", ""), query.get("session_id", "")
            )
        )
        return as_reply({"rows": [_exchange(row) for row in rows]})

    @staticmethod
    def _ask(question: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return question()
        except sqlite3.Error as exc:
            raise Refused(503, "ledger_unavailable", f"the ledger cannot be read now: {exc}") from exc


class Route(Record, frozen=True):
    """Who may ask (`local`: without a token from loopback; `metrics`: also where `metrics_public` is set), and what.

    `get` takes the query; a plain function blocks, so it is run in a thread. `post` takes the body.
    """

    access: Access
    get: Callable[[Resources, Mapping[str, str]], Reply | Awaitable[Reply]]
    post: Callable[[Resources, bytes, Caller], Awaitable[Reply]] | None = None


ROUTES: Mapping[str, Route] = {
    "/-/metrics": Route("metrics", Resources.metrics),
    "/-/healthz": Route("local", Resources.healthz),
    "/-/readyz": Route("local", Resources.readyz),
    "/-/spend": Route("token", Resources.spend),
    "/-/exchanges": Route("token", Resources.exchanges),
    "/-/budgets": Route("token", Resources.budgets),
    "/-/budgets/corrections": Route("token", Resources.corrections, Resources.correct),
}


def _exchange(row: dict[str, Any]) -> dict[str, Any]:
    row["ts"] = rfc3339(row.pop("ts_ms") / 1000)
    row["is_stream"] = bool(row["is_stream"])
    row["principal"] = Raw(row["principal"].encode())
    row["hops"] = Raw((row["hops"] or "[]").encode())
    row["verdicts"] = Raw((row["verdicts"] or '"not_run"').encode())
    return row


def _limit(query: Mapping[str, str], default: int) -> int:
    text = query.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MAX_ROWS:
        raise Refused(400, "bad_request", f"`limit` is `{text}`; it is a number from 1 to {_MAX_ROWS}")
    return int(text)


def _time(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) < 17:
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            400, "bad_request", f"`{name}` is `{text}`; write it like 2026-11-21T00:00:00Z or in ms since the epoch"
        ) from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)

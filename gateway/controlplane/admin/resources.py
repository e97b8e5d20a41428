"""The admin API's resources: query in, reply out. Blocking; the application runs them in a thread.

Errors are JSON: {"error": {"code", "message"}}. Times are RFC 3339 or milliseconds since the epoch; money is nano-USD.
"""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw

from gateway.base.core.struct import Record
from gateway.base.journal import rfc3339
from gateway.controlplane.projections import Exporter, Queries
from gateway.controlplane.projections.queries import FOREVER_MS, SPEND_BY

Access = Literal["local", "metrics", "token"]

_MAX_ROWS = 10_000
_JSON = "application/json"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_encode = msgspec.json.Encoder().encode


class Reply(Record, frozen=True):
    """Status, body and content type of one answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The query cannot be answered: `status`, a stable `code`, and what to do instead."""

    def __init__(self, status: int, code: str, message: str, *headers: tuple[str, str]) -> None:
        super().__init__(message)
        self.reply = Reply(status, _encode({"error": {"code": code, "message": message}}), _JSON, headers)


class Resources:
    """What the routes answer from. `is_ready` says whether the journal as it stood at the start has been read."""

    def __init__(self, exporter: Exporter, queries: Queries, is_ready: Callable[[], bool]) -> None:
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
        return Reply(200, _encode({"by": by, "rows": rows}))

    def exchanges(self, query: Mapping[str, str]) -> Reply:
        """The latest exchanges, newest first; `request_id` or `session_id` choose some."""
        rows = self._ask(
            lambda: self._queries.exchanges(
                _limit(query, 100), query.get("request_id", ""), query.get("session_id", "")
            )
        )
        return Reply(200, _encode({"rows": [_exchange(row) for row in rows]}))

    @staticmethod
    def _ask(question: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return question()
        except sqlite3.Error as exc:
            raise Refused(503, "ledger_unavailable", f"the ledger cannot be read now: {exc}") from exc


ROUTES: Mapping[str, tuple[Access, Callable[[Resources, Mapping[str, str]], Reply]]] = {
    "/-/metrics": ("metrics", Resources.metrics),
    "/-/healthz": ("local", Resources.healthz),
    "/-/readyz": ("local", Resources.readyz),
    "/-/spend": ("token", Resources.spend),
    "/-/exchanges": ("token", Resources.exchanges),
}
"""Path → who may ask (`local`: without a token from loopback; `metrics`: also where `metrics_public` is set), and what."""


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

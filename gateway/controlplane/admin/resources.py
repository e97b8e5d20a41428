"""The admin API's resources: query in, reply out. What is no coroutine blocks; the application runs it in a thread.

Errors are JSON: {"error": {"code", "message"}}. Times are RFC 3339 or milliseconds since the epoch; money is nano-USD.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from msgspec import Raw

from gateway.base.core.struct import Record
from gateway.base.journal import rfc3339
from gateway.controlplane.admin.budgets import BudgetResources
from gateway.controlplane.admin.caller import Caller
from gateway.controlplane.admin.guard import GuardResources
from gateway.controlplane.admin.quarantine import QuarantineDesk
from gateway.controlplane.admin.query import MAX_ROWS, ask, flag_of, limit_of, time_of
from gateway.controlplane.admin.reply import Refused, Reply, as_reply
from gateway.controlplane.budgets import Desk
from gateway.controlplane.projections import Exporter, Queries
from gateway.controlplane.projections.queries import FOREVER_MS, SPEND_BY

Access = Literal["local", "metrics", "token"]

_SESSION = "/-/sessions/"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Resources(BudgetResources, GuardResources):
    """What the routes answer from. `is_ready` says whether the journal as it stood at the start has been read."""

    def __init__(
        self, exporter: Exporter, queries: Queries, is_ready: Callable[[], bool], desk: Desk, quarantine: QuarantineDesk
    ) -> None:
        BudgetResources.__init__(self, desk)
        GuardResources.__init__(self, queries, quarantine)
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
        since_ms, until_ms = time_of(query, "since", 0), time_of(query, "until", FOREVER_MS)
        rows = ask(lambda: self._queries.spend(by, since_ms, until_ms, limit_of(query, 1000)))
        for row in rows:
            row["cost_usd"] = row["cost_nusd"] / 1e9
        return as_reply({"by": by, "rows": rows})

    def exchanges(self, query: Mapping[str, str]) -> Reply:
        """The latest exchanges, newest first; `request_id` or `session_id` choose some."""
        limit, request_id, session_id = limit_of(query, 100), query.get("request_id", ""), query.get("session_id", "")
        rows = ask(lambda: self._queries.exchanges(limit, request_id, session_id))
        return as_reply({"rows": [_exchange(row) for row in rows]})

    def sessions(self, query: Mapping[str, str]) -> Reply:
        """One chargeback line for each session of each key, the one that was active last first; `key`, `user`, `team`, `since` and
        `until` (when it was active), and `flagged=true` (cache hit rate under 30 %) choose some."""
        since_ms, until_ms = time_of(query, "since", 0), time_of(query, "until", FOREVER_MS)
        chosen = {name: query[name] for name in ("key", "user", "team") if name in query}
        is_flagged, limit = flag_of(query, "flagged"), limit_of(query, 100)
        rows = ask(lambda: self._queries.sessions(chosen, since_ms, until_ms, is_flagged=is_flagged, limit=limit))
        return as_reply({"rows": rows})

    def session(self, query: Mapping[str, str]) -> Reply:
        """The lines of one session, and its latest exchanges (`limit`), newest first."""
        session_id, limit = query["session_id"], limit_of(query, 100)
        rows = ask(lambda: self._queries.sessions({"session_id": session_id}, limit=MAX_ROWS))
        if not rows:
            raise Refused(
                404, "unknown_session", f"no session `{session_id[:128]}` is in the ledger; `/-/sessions` lists them"
            )
        exchanges = ask(lambda: self._queries.exchanges(limit, session_id=session_id))
        return as_reply({"rows": rows, "exchanges": [_exchange(row) for row in exchanges]})


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
    "/-/sessions": Route("token", Resources.sessions),
    _SESSION + "{session_id}": Route("token", Resources.session),
    "/-/budgets": Route("token", Resources.budgets),
    "/-/budgets/corrections": Route("token", Resources.corrections, Resources.correct),
    "/-/guardrails": Route("token", Resources.guardrails),
    "/-/guardrails/findings": Route("token", Resources.findings),
    "/-/quarantine": Route("token", Resources.quarantine, Resources.open_quarantine),
}


def route_of(path: str) -> tuple[Route | None, Mapping[str, str]]:
    """The route of `path`, and what the path itself says. A session's id is all that is left: it may hold a slash."""
    if path.startswith(_SESSION):
        return ROUTES[_SESSION + "{session_id}"], {"session_id": path[len(_SESSION) :]}
    return ROUTES.get(path), {}


def _exchange(row: dict[str, Any]) -> dict[str, Any]:
    row["ts"] = rfc3339(row.pop("ts_ms") / 1000)
    row["is_stream"] = bool(row["is_stream"])
    row["principal"] = Raw(row["principal"].encode())
    row["hops"] = Raw((row["hops"] or "[]").encode())
    row["verdicts"] = Raw((row["verdicts"] or '"not_run"').encode())
    return row

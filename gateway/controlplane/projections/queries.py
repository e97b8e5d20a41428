"""Questions to the ledger: spend by account, single exchanges, sessions. Each call opens its own read-only connection."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BY: Mapping[str, str] = {
    "key": "p.key",
    "user": "p.user",
    "team": "p.team",
    "org": "p.org",
    "cost_center": "p.cost_center",
    "model": "t.model_used",
    "provider": "t.provider",
    "session": "coalesce(s.session_id, '')",
}
_FROM = """
FROM exchanges e JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal
     LEFT JOIN sessions s ON s.id = e.session
"""
_SPEND = (
    """
SELECT {column}, count(*), sum(e.cost_nusd), sum(t.cost_basis = 'estimated'), sum(e.input_tokens),
       sum(e.cache_read_tokens), sum(e.cache_write_tokens), sum(e.output_tokens), sum(t.outcome = 'ok'),
       min(e.ts_ms), max(e.ts_ms)"""
    + _FROM
    + "WHERE e.ts_ms >= ? AND e.ts_ms < ? GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT ?"
)
_SPEND_FIELDS = (
    "", "exchanges", "cost_nusd", "estimated", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "ok", "first_ts_ms", "last_ts_ms",
)  # fmt: skip
_EXCHANGES = (
    """
SELECT e.request_id, e.ts_ms, t.run, lower(hex(e.hash)) AS hash, p.json AS principal,
       coalesce(s.session_id, '') AS session_id, coalesce(s.basis, 'none') AS session_basis, e.turn_id, e.retry, t.dialect,
       e.client, t.model_requested, t.model_used, t.provider, t.status, t.outcome, t.error_code, e.input_tokens,
       e.cache_read_tokens, e.cache_write_tokens, e.output_tokens, e.reasoning_tokens, e.cost_nusd, t.cost_basis,
       t.price_version, e.hops, t.ran || e.verdicts AS verdicts, t.policy_version, e.latency_ms, e.ttfb_ms, e.queued_ms, e.overhead_us,
       e.request_bytes, e.response_bytes, t.is_stream"""
    + _FROM
    + "WHERE {where} ORDER BY e.ts_ms DESC LIMIT :limit"
)
_OF_SESSION = """
    e.session IN (SELECT id FROM sessions WHERE session_id = :session_id)
    AND e.ts_ms >= (SELECT min(first_ts_ms) FROM sessions WHERE session_id = :session_id)
    AND e.ts_ms <= (SELECT max(last_ts_ms) FROM sessions WHERE session_id = :session_id)"""
"""Its times, which are indexed, say where to look for it."""
_FINDINGS = """
SELECT v.ts_ms, e.request_id, p.key, p.user, p.team, coalesce(s.session_id, '') AS session_id, t.dialect, e.client, t.model_used,
       t.outcome, v.scanner, v.rule, v.action, v.side, v.place, v.match
FROM verdicts v JOIN exchanges e ON e.id = v.exchange JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal
     LEFT JOIN sessions s ON s.id = e.session
WHERE v.ts_ms >= :since AND v.ts_ms < :until {more}
ORDER BY v.ts_ms DESC, v.id DESC LIMIT :limit
"""
_RULES = """
SELECT v.scanner, v.rule, v.action, v.side, count(*) AS findings, count(DISTINCT v.match) AS matches,
       count(DISTINCT v.exchange) AS exchanges, count(DISTINCT p.key) AS keys, min(v.ts_ms) AS first_ts_ms,
       max(v.ts_ms) AS last_ts_ms
FROM verdicts v JOIN exchanges e ON e.id = v.exchange JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal
WHERE v.ts_ms >= :since AND v.ts_ms < :until {more}
GROUP BY 1, 2, 3, 4 ORDER BY findings DESC, 1, 2, 3, 4 LIMIT :limit
"""
_OF_FINDING = {
    "scanner": "v.scanner",
    "rule": "v.rule",
    "action": "v.action",
    "side": "v.side",
    "match": "v.match",
    "key": "p.key",
}
FINDINGS_BY = tuple(_OF_FINDING)
_PROMPT = "(s.input_tokens + s.cache_read_tokens + s.cache_write_tokens)"
_SESSIONS = f"""
SELECT s.session_id, s.basis AS session_basis, p.key, p.user, p.team, p.org, p.cost_center, s.first_ts_ms, s.last_ts_ms,
       s.exchanges, s.turns, s.retries, s.refused, s.errors, s.input_tokens, s.cache_read_tokens, s.cache_write_tokens,
       s.output_tokens, CAST(s.cache_read_tokens AS REAL) / nullif({_PROMPT}, 0) AS cache_hit_rate,
       s.turns >= 2 AND {_PROMPT} >= 10000 AND s.cache_read_tokens < 0.3 * {_PROMPT} AS is_flagged,
       s.cost_nusd, s.estimated
FROM sessions s JOIN principals p ON p.id = s.principal
WHERE s.exchanges > 0 AND s.last_ts_ms >= :since AND s.first_ts_ms < :until {{more}}
ORDER BY s.last_ts_ms DESC, s.id DESC LIMIT :limit
"""  # noqa: S608 - our own text
"""Flagged (SPEC §3): less than 30 % of the prompt came from the provider's cache. A first turn cannot hit, and providers cache no
prefix of less than 1,024 to 4,096 tokens: two turns of 5,000 are the least that says something."""
_MORE = {"session_id": "s.session_id", "key": "p.key", "user": "p.user", "team": "p.team"}
SPEND_BY = tuple(_BY)
FOREVER_MS = 1 << 62


def when_ms(text: str) -> int:
    """RFC 3339, a date, or milliseconds since the epoch; UTC when it does not say. Raises ValueError."""
    if text.isascii() and text.isdigit() and len(text) < 17:
        return int(text)
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


class Queries:
    """Reads one ledger file. Raises sqlite3.OperationalError when it is not there yet."""

    def __init__(self, path: str | Path) -> None:
        self._uri = Path(path).absolute().as_uri() + "?mode=ro"

    def spend(self, by: str, since_ms: int = 0, until_ms: int = FOREVER_MS, limit: int = 1000) -> list[dict[str, Any]]:
        """Sums by one of SPEND_BY, dearest first, of exchanges that began in [since_ms, until_ms)."""
        sql = _SPEND.format(column=_BY[by])
        names = (by, *_SPEND_FIELDS[1:])
        return [dict(zip(names, row, strict=True)) for row in self._rows(sql, (since_ms, until_ms, limit))]

    def exchanges(self, limit: int = 100, request_id: str = "", session_id: str = "") -> list[dict[str, Any]]:
        """The latest exchanges, newest first; or the one with `request_id`, or those of one session."""
        asked = {"e.request_id = :request_id": request_id, _OF_SESSION: session_id}
        sql = _EXCHANGES.format(where=" AND ".join(condition for condition, value in asked.items() if value) or "true")
        values = {"request_id": request_id, "session_id": session_id, "limit": limit}
        return [dict(row) for row in self._rows(sql, values)]

    def sessions(
        self,
        chosen: Mapping[str, str],
        since_ms: int = 0,
        until_ms: int = FOREVER_MS,
        *,
        is_flagged: bool = False,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """The lines of sessions that were active in [since_ms, until_ms), the one that was last first.

        `chosen` has what `session_id`, `key`, `user` and `team` must be; one that is not in it may be any. Each line is the sum
        of the whole session.
        """
        more = [f"AND {_MORE[name]} = :{name}" for name in chosen] + ["AND is_flagged"] * is_flagged
        values = {**chosen, "since": since_ms, "until": until_ms, "limit": limit}
        rows = self._rows(_SESSIONS.format(more=" ".join(more)), values)
        return [
            {**dict(row), "is_flagged": bool(row["is_flagged"]), "cost_usd": row["cost_nusd"] / 1e9} for row in rows
        ]

    def findings(
        self, chosen: Mapping[str, str], since_ms: int = 0, until_ms: int = FOREVER_MS, limit: int = 100
    ) -> list[dict[str, Any]]:
        """What the guard found that was new, in exchanges that began in [since_ms, until_ms), the latest first; `chosen`: by FINDINGS_BY."""
        return self._of_findings(_FINDINGS, chosen, since_ms, until_ms, limit)

    def rules(
        self, chosen: Mapping[str, str], since_ms: int = 0, until_ms: int = FOREVER_MS, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """The same, counted by scanner, rule, action and side."""
        return self._of_findings(_RULES, chosen, since_ms, until_ms, limit)

    def _of_findings(
        self, sql: str, chosen: Mapping[str, str], since_ms: int, until_ms: int, limit: int
    ) -> list[dict[str, Any]]:
        more = " ".join(f"AND {_OF_FINDING[name]} = :{name}" for name in chosen)
        values = {**chosen, "since": since_ms, "until": until_ms, "limit": limit}
        return [dict(row) for row in self._rows(sql.format(more=more), values)]

    def _rows(self, sql: str, values: tuple[Any, ...] | Mapping[str, Any]) -> list[sqlite3.Row]:
        db = sqlite3.connect(self._uri, uri=True)
        try:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

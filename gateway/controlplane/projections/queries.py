"""Questions to the ledger: spend by account, single exchanges. Each call opens its own read-only connection."""

import sqlite3
from collections.abc import Mapping
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
    "session": "e.session_id",
}
_SPEND = """
SELECT {column}, count(*), sum(e.cost_nusd), sum(t.cost_basis = 'estimated'), sum(e.input_tokens),
       sum(e.cache_read_tokens), sum(e.cache_write_tokens), sum(e.output_tokens), sum(t.outcome = 'ok'),
       min(e.ts_ms), max(e.ts_ms)
FROM exchanges e JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal
WHERE e.ts_ms >= ? AND e.ts_ms < ? GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT ?
"""
_SPEND_FIELDS = (
    "", "exchanges", "cost_nusd", "estimated", "input_tokens", "cache_read_tokens", "cache_write_tokens",
    "output_tokens", "ok", "first_ts_ms", "last_ts_ms",
)  # fmt: skip
_EXCHANGES = """
SELECT e.request_id, e.ts_ms, t.run, lower(hex(e.hash)) AS hash, p.json AS principal, e.session_id, t.dialect, e.client,
       t.model_requested, t.model_used, t.provider, t.status, t.outcome, t.error_code, e.input_tokens,
       e.cache_read_tokens, e.cache_write_tokens, e.output_tokens, e.reasoning_tokens, e.cost_nusd, t.cost_basis,
       t.price_version, e.hops, e.verdicts, t.policy_version, e.latency_ms, e.ttfb_ms, e.overhead_us, e.request_bytes,
       e.response_bytes, t.is_stream
FROM exchanges e JOIN traits t ON t.id = e.trait JOIN principals p ON p.id = t.principal
WHERE {where} ORDER BY e.ts_ms DESC LIMIT ?
"""
SPEND_BY = tuple(_BY)
FOREVER_MS = 1 << 62


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
        asked = {"e.request_id = ?": request_id, "e.session_id = ?": session_id}
        chosen = {condition: value for condition, value in asked.items() if value}
        sql = _EXCHANGES.format(where=" AND ".join(chosen) or "true")
        return [dict(row) for row in self._rows(sql, (*chosen.values(), limit))]

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        db = sqlite3.connect(self._uri, uri=True)
        try:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

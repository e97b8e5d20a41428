"""Sessions: one chargeback line for each session id of each principal, added up from its exchanges.

Rules: a line belongs to a whole principal, so that a key that moves to another team in mid-session gets a second one. A turn is a
billable exchange that is no retry and was not refused; a retry is what the record says is one, whatever became of it. What is
read twice is not counted twice: only exchanges whose rows are new come here, in the transaction that made those rows.
"""

import sqlite3
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from gateway.controlplane.projections import schema
from gateway.controlplane.projections.exchange import Exchange, basis_of, epoch_ms, is_billable
from gateway.controlplane.projections.view import DoneView

_MAX_CACHED = 20_000  # some 5 MB
_ERRORS: Final = frozenset({"upstream_error", "cut", "error", "crashed"})


class _Sums(Struct, gc=False):
    """What one transaction adds to a line; fields in the order of schema.ADD_TO_SESSION."""

    first_ts_ms: int
    last_ts_ms: int
    exchanges: int = 0
    turns: int = 0
    retries: int = 0
    refused: int = 0
    errors: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_nusd: int = 0
    estimated: int = 0


class Sessions:
    """The table `sessions`, in the ledger's transaction: `of` gives a line's id, `add` counts, `store` writes what was counted."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, int], int] = {}
        self._sums: dict[int, _Sums] = {}

    def forget(self) -> None:
        """The transaction was rolled back: lines that were added are gone, and so is what was counted."""
        self._known.clear()
        self._sums.clear()

    def of(self, done: DoneView, principal: int) -> int:
        """The id of the line of `done`; 0 when it is of no session."""
        if not done.session_id:
            return 0
        key = done.session_id, principal
        return self._known.get(key) or self._store(key, basis_of(done))

    def add(self, exchange: Exchange) -> None:
        """Count one whose row is new."""
        if not exchange.session:
            return
        done, sums = exchange.done, self._sums.get(exchange.session)
        ts_ms = epoch_ms(done.ts)
        if sums is None:
            sums = self._sums[exchange.session] = _Sums(ts_ms, ts_ms)
        elif ts_ms > sums.last_ts_ms:
            sums.last_ts_ms = ts_ms
        elif ts_ms < sums.first_ts_ms:
            sums.first_ts_ms = ts_ms
        sums.exchanges += 1
        if done.retry > 0:
            sums.retries += 1
        elif done.outcome != "refused" and is_billable(done):
            sums.turns += 1
        if done.outcome == "refused":
            sums.refused += 1
        elif done.outcome in _ERRORS:
            sums.errors += 1
        usage = done.usage
        sums.input_tokens += usage.input_tokens
        sums.cache_read_tokens += usage.cache_read_tokens
        sums.cache_write_tokens += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        sums.output_tokens += usage.output_tokens
        sums.cost_nusd += done.cost_nusd
        if done.cost_basis == "estimated":
            sums.estimated += 1

    def store(self) -> None:
        """Add what was counted to the lines."""
        rows = ((*astuple(sums), session) for session, sums in self._sums.items())
        self._db.executemany(schema.ADD_TO_SESSION, rows)
        self._sums.clear()

    def _store(self, key: tuple[str, int], basis: str) -> int:
        self._db.execute(schema.ADD_SESSION, (*key, basis))
        (session,) = self._db.execute(schema.FIND_SESSION, key).fetchone()
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[key] = session
        return int(session)

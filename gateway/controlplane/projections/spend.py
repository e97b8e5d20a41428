"""What the exchanges of each run cost, read off the ledger as it grows: the budgets' questions, on a connection of their own.

Rows of the ledger never change and their ids grow, so who has read up to an id asks only for what came after it: some
microseconds for each new row instead of 1.3 us for each old one (measured with a million).
"""

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.base.core.budget import Span
from gateway.base.core.principal import Principal
from gateway.base.core.struct import Record

Question = tuple[Span, int]
"""Exchanges that began in the span, of rows after the id."""

_NOBODY = Principal("")
_decode_principal = msgspec.json.Decoder(Principal).decode

_COSTS = """
SELECT CASE t.outcome WHEN 'crashed' THEN '' ELSE t.run END, t.principal, t.model_used, sum(s.cost)
FROM (SELECT trait, sum(cost_nusd) AS cost FROM exchanges
      WHERE id > ? AND id <= ? AND {ts} >= ? AND {ts} < ? AND cost_nusd != 0 {more} GROUP BY trait) s
JOIN traits t ON t.id = s.trait GROUP BY 1, 2, 3
"""
_OF_RUN = "trait IN (SELECT id FROM traits WHERE run = ? AND outcome != 'crashed')"
_COUNTS = """
SELECT t.run, sum(s.rows) FROM (SELECT trait, count(*) AS rows FROM exchanges WHERE id > ? AND id <= ? GROUP BY trait) s
JOIN traits t ON t.id = s.trait WHERE t.outcome != 'crashed' GROUP BY 1
"""
_NTH = f"SELECT id FROM exchanges WHERE id > ? AND {_OF_RUN} ORDER BY id LIMIT 1 OFFSET ?"  # noqa: S608
_MOST_MARKS = 4_096


class Cost(NamedTuple):
    """What one principal's exchanges with one model cost in one run; `principal_id` names the principal.

    `run` is empty for `crashed` records: they are of a run that is dead, whichever run wrote them down.
    """

    run: str
    principal_id: int
    principal: Principal
    model_used: str
    cost_nusd: int


class Reading(Record, frozen=True):
    """The ledger at one moment. `read_to`: run → (segment, offset); `done` are the runs that were read to their end."""

    last_id: int
    read_to: dict[str, tuple[int, int]]
    done: set[str]
    costs: dict[Question, list[Cost]]


class SpendReader:
    """Asks one ledger file. Raises sqlite3.OperationalError when it is not there yet. One thread at a time."""

    def __init__(self, path: str | Path) -> None:
        self._uri = Path(path).absolute().as_uri() + "?mode=ro"
        self._principals: dict[int, Principal] = {}
        self._counted_to = 0
        self._marks: dict[str, list[tuple[int, int]]] = {}
        """Run → (exchanges that it has recorded, last row by then), rising: where to look for its n-th."""

    def read(self, questions: Iterable[Question]) -> Reading:
        """Answer all of them from one snapshot."""
        with closing(self._connect()) as db:
            db.execute("BEGIN")
            (last_id,) = db.execute("SELECT coalesce(max(id), 0) FROM exchanges").fetchone()
            offsets = db.execute("SELECT run, segment, offset, is_done FROM offsets").fetchall()
            costs = {(span, after): self._costs(db, span, after, last_id) for span, after in questions}
            counts = db.execute(_COUNTS, (self._counted_to, last_id)).fetchall()
        for run, count in counts:
            self._mark(run, count, last_id)
        self._counted_to = last_id
        read_to = {run: (segment, offset) for run, segment, offset, _ in offsets}
        return Reading(last_id, read_to, {run for run, _, _, is_done in offsets if is_done}, costs)

    def nth(self, run: str, number: int) -> int | None:
        """The row of the `number`-th exchange (from 1) that `run` itself recorded; None while nothing that was read has it."""
        marks = self._marks.get(run, [])
        at = bisect_left(marks, (number, 0))
        if at == len(marks):
            return None
        count, after = marks[at - 1] if at else (0, 0)
        with closing(self._connect()) as db:
            (found,) = db.execute(_NTH, (after, run, number - count - 1)).fetchone()
        return int(found)

    def of_run(self, run: str, span: Span, after: int, last_id: int) -> list[Cost]:
        """The costs of what `run` itself recorded, of rows in (after, last_id]."""
        with closing(self._connect()) as db:
            return self._costs(db, span, after, last_id, run)

    def _mark(self, run: str, count: int, last_id: int) -> None:
        marks = self._marks.setdefault(run, [])
        if len(marks) >= _MOST_MARKS:
            del marks[::2]
        marks.append(((marks[-1][0] if marks else 0) + count, last_id))

    def _costs(self, db: sqlite3.Connection, span: Span, after: int, last_id: int, run: str = "") -> list[Cost]:
        # The index of times finds a period in the whole ledger; what is new, or all, is read without it.
        sql = _COSTS.format(
            ts="+ts_ms" if after or not span.start_ms else "ts_ms", more=f"AND {_OF_RUN}" if run else ""
        )
        values = (after, last_id, span.start_ms, span.end_ms, *([run] if run else []))
        rows = db.execute(sql, values).fetchall()
        return [Cost(r, principal, self._principal(db, principal), model, cost) for r, principal, model, cost in rows]

    def _principal(self, db: sqlite3.Connection, principal_id: int) -> Principal:
        found = self._principals.get(principal_id)
        if found is None:
            (text,) = db.execute("SELECT json FROM principals WHERE id = ?", (principal_id,)).fetchone()
            found = self._principals[principal_id] = _principal_of(text)
        return found

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._uri, uri=True, isolation_level=None)


def _principal_of(text: str) -> Principal:
    try:
        return _decode_principal(text)
    except msgspec.DecodeError:  # of another version; such a record is in no account
        return _NOBODY

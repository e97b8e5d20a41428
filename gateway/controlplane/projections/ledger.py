"""Journal → SQLite: one row per exchange, the sessions and totals counted from them, and how far each run was read.

Rules: rows, sessions, totals and offsets change in one transaction, so that a kill at any moment leaves them in step; a row that is
there already changes nothing, so that reading from any earlier offset is harmless. The file is a projection: when it is
damaged or of another version it is put aside and built again from the journal.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.base.journal import Batch, Position, RunFrame
from gateway.base.telemetry import metrics as m
from gateway.base.telemetry.log import log
from gateway.controlplane.projections import schema
from gateway.controlplane.projections.exchange import Exchange, row_of
from gateway.controlplane.projections.sessions import Sessions
from gateway.controlplane.projections.totals import Tally, Totals, new_totals
from gateway.controlplane.projections.traits import Traits
from gateway.controlplane.projections.verdicts import store_findings
from gateway.controlplane.projections.view import decode_done

_BUSY_MS = 5000
_CHECKPOINT_PAGES = 4000  # 16 MB of log; at SQLite's 1000 an exchange costs 0.2 us more
_UNREADABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)

_decode_run = msgspec.json.Decoder(RunFrame).decode
_decode_labels = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


class Applied(Struct):
    """What one `apply` did: how far it came in which runs, the increments of the totals, and what it could not read."""

    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    read_bytes: int = 0
    deltas: Totals = msgspec.field(default_factory=new_totals)
    bad: list[str] = msgspec.field(default_factory=list)


def open_ledger(path: str | Path, now_ms: int) -> "Ledger":
    """Open or create the ledger; one that cannot be used is renamed to `<name>.<now_ms>.bak`, and a new one begun."""
    try:
        return Ledger(path)
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            raise  # locked, full or not writable: nothing is wrong with the file
        aside = f"{path}.{now_ms}.bak"
        log("error", "ledger_put_aside", path=str(path), to=aside, error=str(exc))
        os.rename(path, aside)
        for suffix in ("-wal", "-shm"):
            if os.path.exists(f"{path}{suffix}"):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        return Ledger(path)


class Ledger:
    """The writing side; one thread at a time. `Queries` reads. Raises sqlite3.Error where SQLite does."""

    def __init__(self, path: str | Path) -> None:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise
        self._traits = Traits(self._db)
        self._sessions = Sessions(self._db)
        self._last = 0

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a power loss may cost the last rows; the journal has them
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN; {schema.SCHEMA} PRAGMA user_version = {schema.VERSION}; COMMIT;")
        elif version != schema.VERSION:
            raise sqlite3.DatabaseError(f"is of version {version}, this gateway's is {schema.VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def positions(self) -> list[Position]:
        """How far each run was read."""
        rows = self._db.execute("SELECT run, segment, offset, head, is_done FROM offsets")
        return [Position(run, segment, offset, head, bool(done)) for run, segment, offset, head, done in rows]

    def totals(self) -> Totals:
        """All totals, to start the metrics from."""
        totals = new_totals()
        for metric, labels, value in self._db.execute("SELECT metric, labels, value FROM totals"):
            totals[metric, _decode_labels(labels)] = value
        return totals

    def apply(
        self,
        batches: Iterable[Batch],
        on_read: Callable[[list[Exchange]], None] = lambda exchanges: None,
        on_stored: Callable[[list[Exchange]], None] = lambda exchanges: None,
    ) -> Applied:
        """Store `batches` and their positions, all or nothing. A line that cannot be read is counted, not fatal.

        `on_read` gets the exchanges of each batch, new or not, and `on_stored` the new ones, before the transaction has ended.
        """
        applied, tally = Applied(), Tally()
        try:
            for batch in batches:
                if not self._db.in_transaction:
                    self._db.execute("BEGIN IMMEDIATE")
                    (self._last,) = self._db.execute(schema.LAST_EXCHANGE).fetchone()
                exchanges = self._read(batch, applied)
                stored = list(self._store(exchanges))
                for exchange in stored:
                    tally.add(exchange.done, exchange.labels)
                    self._sessions.add(exchange)
                    store_findings(self._db, exchange)
                on_read(exchanges)
                on_stored(stored)
            if self._db.in_transaction:
                self._finish(applied, tally)
        except BaseException:
            self._traits.forget()
            self._sessions.forget()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return applied

    def _read(self, batch: Batch, applied: Applied) -> list[Exchange]:
        """The exchanges of `batch`; stores its other frames and notes the rest."""
        exchanges: list[Exchange] = []
        run = batch.run.run
        applied.positions[run] = batch.position
        applied.read_bytes += batch.read_bytes
        applied.bad += batch.bad
        for line in batch.lines:
            frame = line.payload
            try:
                if frame.startswith(b'{"k":"done"'):
                    done = decode_done(frame)
                    trait = self._traits.of(run, done)
                    session = self._sessions.of(done, trait.principal)
                    row = row_of(done, trait.id, session, line.hash)
                    exchanges.append(Exchange(done, trait.labels, session, row, frame))
                elif frame.startswith(b'{"k":"run"'):
                    self._add_run(_decode_run(frame), applied)
            except _UNREADABLE as exc:
                applied.bad.append(f"run {run}, line {line.hash[:12]}…: {exc}")
        return exchanges

    def _store(self, exchanges: list[Exchange]) -> Iterator[Exchange]:
        """Insert the rows of `exchanges`; those that were not there."""
        for start in range(0, len(exchanges), schema.ROWS_AT_ONCE):
            some = exchanges[start : start + schema.ROWS_AT_ONCE]
            values = list(chain.from_iterable([exchange.row for exchange in some]))
            added = self._db.execute(schema.ADD_EXCHANGES[len(some)], values).rowcount
            yield from some if added == len(some) else filter(self._is_added, some)

    def _is_added(self, exchange: Exchange) -> bool:
        """Whether this transaction made the row of `exchange`, and from its line: a second `done` has another hash."""
        request_id, _, _, line_hash, *_ = exchange.row
        row = self._db.execute(schema.FIND_EXCHANGE, (request_id, line_hash, self._last)).fetchone()
        return row is not None

    def _finish(self, applied: Applied, tally: Tally) -> None:
        tally.into(applied.deltas)
        if applied.bad:
            applied.deltas[m.BAD_LINES.name, ()] += len(applied.bad)
        self._sessions.store()
        self._db.executemany(schema.ADD_TOTAL, _total_rows(applied.deltas))
        positions = ((p.run, p.segment, p.offset, p.head, p.is_done) for p in applied.positions.values())
        self._db.executemany(schema.SET_OFFSET, positions)
        self._db.execute("COMMIT")

    def _add_run(self, frame: RunFrame, applied: Applied) -> None:
        crashed = sum(not p.ended for p in frame.predecessors)
        row = (frame.run, frame.slot, frame.pid, frame.ts, frame.version, crashed)
        if self._db.execute(schema.ADD_RUN, row).rowcount and crashed:
            applied.deltas[m.RESTARTS.name, (str(frame.slot),)] += 1


def _total_rows(deltas: Totals) -> Iterator[tuple[str, str, int]]:
    for (metric, labels), value in deltas.items():
        yield metric, _encode(labels).decode(), value

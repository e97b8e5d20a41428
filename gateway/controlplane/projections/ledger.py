"""Journal → SQLite: one row per exchange, the totals counted from them, and how far each run was read.

Rules: rows, totals and offsets change in one transaction, so that a kill at any moment leaves them in step; a row that is
there already changes nothing, so that reading from any earlier offset is harmless. The file is a projection: when it is
damaged or of another version it is put aside and built again from the journal.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.base.journal import Batch, Line, Position, RunFrame
from gateway.base.telemetry import metrics as m
from gateway.base.telemetry.log import log
from gateway.controlplane.projections import schema
from gateway.controlplane.projections.totals import Tally, Totals, new_totals
from gateway.controlplane.projections.view import DoneView, decode_done, decode_principal

_BUSY_MS = 5000
_MAX_PRINCIPALS_CACHED = 100_000
_NOTHING = {b"[]", b"null", b'"not_run"', b'""'}
_UNREADABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)

_decode_run = msgspec.json.Decoder(RunFrame).decode
_decode_labels = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


class Applied(Struct):
    """What one `apply` did: new exchanges, and the increments of the totals, already stored."""

    exchanges: int = 0
    tally: Tally = msgspec.field(default_factory=Tally)
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
        self._principals: dict[bytes, tuple[int, str]] = {}

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # a power loss may cost the last rows; the journal has them
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

    def apply(self, batches: Iterable[Batch]) -> Applied:
        """Store `batches` and their positions, all or nothing. A line that cannot be read is counted, not fatal."""
        applied = Applied()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for batch in batches:
                applied.bad += batch.bad
                for line in batch.lines:
                    self._apply_line(batch.run.run, line, applied)
                p = batch.position
                self._db.execute(schema.SET_OFFSET, (p.run, p.segment, p.offset, p.head, p.is_done))
            applied.tally.into(applied.deltas)
            if applied.bad:
                applied.deltas[m.BAD_LINES.name, ()] += len(applied.bad)
            self._db.executemany(schema.ADD_TOTAL, _total_rows(applied.deltas))
            self._db.execute("COMMIT")
        except BaseException:
            self._principals.clear()  # ids of rows that are gone now
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return applied

    def _apply_line(self, run: str, line: Line, applied: Applied) -> None:
        try:
            if line.payload.startswith(b'{"k":"done"'):
                self._add_exchange(run, line, decode_done(line.payload), applied)
            elif line.payload.startswith(b'{"k":"run"'):
                self._add_run(_decode_run(line.payload), applied)
        except _UNREADABLE as exc:
            applied.bad.append(f"run {run}, line {line.hash[:12]}…: {exc}")

    def _add_exchange(self, run: str, line: Line, done: DoneView, applied: Applied) -> None:
        ts_ms = round(datetime.fromisoformat(done.ts).timestamp() * 1000)
        principal, virtual_key = self._principal(bytes(done.principal))
        usage, hops, verdicts = done.usage, bytes(done.hops), bytes(done.verdicts)
        cursor = self._db.execute(
            schema.ADD_EXCHANGE,
            (
                done.request_id, ts_ms, run, bytes.fromhex(line.hash), principal, done.session_id, done.dialect,
                done.client, done.model_requested, done.model_used, done.provider, done.status, done.outcome,
                done.error_code, usage.input_tokens, usage.cache_read_tokens,
                usage.cache_write_5m_tokens + usage.cache_write_1h_tokens, usage.output_tokens, usage.reasoning_tokens,
                done.cost_nusd, done.cost_basis, done.price_version, None if hops in _NOTHING else hops.decode(),
                None if verdicts in _NOTHING else verdicts.decode(), done.policy_version, done.latency_ms, done.ttfb_ms,
                done.overhead_us, done.request_bytes, done.response_bytes, done.is_stream,
            ),
        )  # fmt: skip
        if cursor.rowcount:
            applied.exchanges += 1
            applied.tally.add(done, virtual_key)

    def _add_run(self, frame: RunFrame, applied: Applied) -> None:
        crashed = sum(not p.ended for p in frame.predecessors)
        row = (frame.run, frame.slot, frame.pid, frame.ts, frame.version, crashed)
        if self._db.execute(schema.ADD_RUN, row).rowcount and crashed:
            applied.deltas[m.RESTARTS.name, (str(frame.slot),)] += 1

    def _principal(self, raw: bytes) -> tuple[int, str]:
        """(row id, name of the virtual key) of a principal's JSON."""
        known = self._principals.get(raw)
        if known is None:
            p, text = decode_principal(raw), raw.decode()
            row = (text, p.org, p.team, p.user, p.key, p.cost_center, p.idp_claim)
            self._db.execute(schema.ADD_PRINCIPAL, row)
            (row_id,) = self._db.execute("SELECT id FROM principals WHERE json = ?", (text,)).fetchone()
            if len(self._principals) >= _MAX_PRINCIPALS_CACHED:
                self._principals.clear()
            known = self._principals[raw] = (row_id, p.key)
        return known


def _total_rows(deltas: Totals) -> Iterator[tuple[str, str, int]]:
    for (metric, labels), value in deltas.items():
        yield metric, _encode(labels).decode(), value

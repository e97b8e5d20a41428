"""Rate limits of one node: RateStore on `leases.sqlite3`, for all its workers.

A connection and a thread of its own: a take does not queue behind a sync of leases of the same worker, only for the file's lock.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gateway.base.storage.gcra import Drained, can_give, drained, level, told
from gateway.base.storage.rates import SLOTS_MS, RateAsk, RateTold, SlotAsk, SlotTold
from gateway.base.storage.sqlite.lease_file import LeaseFile

_PRUNE_MS = 60_000
_SET_BACK_MS = 60_000
"""A clock that is so far behind the last call's was set back; less is a call that waited for the file's lock."""


class SqliteRates:
    """See RateStore. Opens the file with the first call; one object per process, made after a fork."""

    def __init__(self, data_dir: str | Path) -> None:
        self._file = LeaseFile(Path(data_dir))
        self._pruned_ms = 0

    async def close(self) -> None:
        """See RateStore."""
        await self._file.close()

    async def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        """See RateStore."""
        return await self._file.run(self._take, run, rates, slots, now_ms)

    def _take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        with self._file.writing() as db:
            _follow_clock(db, now_ms)
            _hear(db, run, now_ms)
            if abs(now_ms - self._pruned_ms) >= _PRUNE_MS:
                db.execute("DELETE FROM rates WHERE drained_ms < ?", (now_ms,))
                self._pruned_ms = now_ms
            levels = _levels(db, rates, now_ms)
            free = _free(db, run, slots)
            is_given = all(map(can_give, rates, levels)) and all(map(_has_need, slots, free))
            rates_told = [told(ask, parts, is_given) for ask, parts in zip(rates, levels, strict=True)]
            slots_told = [_slot_told(ask, left, is_given) for ask, left in zip(slots, free, strict=True)]
            _keep_rates(db, rates, levels, rates_told, now_ms)
            _keep_slots(db, run, slots_told)
            return rates_told, slots_told


def _follow_clock(db: sqlite3.Connection, now_ms: int) -> None:
    """All times move back with a clock that was set back: else nothing would drain, and no run be silent, until it is again where it was."""
    (latest_ms,) = db.execute("SELECT max(heard_ms) FROM slot_runs").fetchone()
    if latest_ms is not None and latest_ms - now_ms > _SET_BACK_MS:
        db.execute("UPDATE rates SET drained_ms = drained_ms - ?", (latest_ms - now_ms,))
        db.execute("UPDATE slot_runs SET heard_ms = heard_ms - ?", (latest_ms - now_ms,))


def _hear(db: sqlite3.Connection, run: str, now_ms: int) -> None:
    """A sign of life for all slots of `run`, after those of silent runs are gone, its own too."""
    for silent in db.execute("SELECT run FROM slot_runs WHERE heard_ms < ?", (now_ms - SLOTS_MS,)).fetchall():
        for table in ("slots", "slot_runs"):
            db.execute(f"DELETE FROM {table} WHERE run = ?", silent)
    db.execute("INSERT OR REPLACE INTO slot_runs VALUES (?, ?)", (run, now_ms))


def _levels(db: sqlite3.Connection, rates: Sequence[RateAsk], now_ms: int) -> list[int]:
    names = [ask.limiter for ask in rates]
    found = db.execute(f"SELECT limiter, drained_ms, rest FROM rates WHERE limiter IN ({_marks(names)})", names)
    known = {limiter: Drained(at_ms, rest) for limiter, at_ms, rest in found}
    return [level(ask, known.get(ask.limiter), now_ms) for ask in rates]


def _free(db: sqlite3.Connection, run: str, slots: Sequence[SlotAsk]) -> list[int]:
    """What nobody has, once the run has given back what it does not keep."""
    if not slots:
        return []
    names = [ask.limiter for ask in slots]
    others = dict(
        db.execute(
            f"SELECT limiter, sum(granted) FROM slots WHERE limiter IN ({_marks(names)}) AND run != ? GROUP BY limiter",
            (*names, run),
        ).fetchall()
    )
    return [ask.limit - ask.keep - others.get(ask.limiter, 0) for ask in slots]


def _has_need(ask: SlotAsk, free: int) -> bool:
    return ask.need == 0 or ask.need <= free


def _slot_told(ask: SlotAsk, free: int, is_given: bool) -> SlotTold:
    given = ask.need + max(0, min(ask.extra, free - ask.need)) if is_given else 0
    return SlotTold(ask.limiter, ask.keep + given, free - given, not _has_need(ask, free))


def _keep_rates(
    db: sqlite3.Connection,
    rates: Sequence[RateAsk],
    levels: Sequence[int],
    answers: Sequence[RateTold],
    now_ms: int,
) -> None:
    changed = []
    for ask, parts, answer in zip(rates, levels, answers, strict=True):
        if ask.booked or answer.given:
            kept = drained(ask, parts, answer.given, now_ms)
            changed.append((ask.limiter, kept.at_ms, kept.rest))
    db.executemany("INSERT OR REPLACE INTO rates VALUES (?, ?, ?)", changed)


def _keep_slots(db: sqlite3.Connection, run: str, answers: Sequence[SlotTold]) -> None:
    for answer in answers:
        if answer.granted:
            db.execute("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", (answer.limiter, run, answer.granted))
        else:
            db.execute("DELETE FROM slots WHERE limiter = ? AND run = ?", (answer.limiter, run))


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))

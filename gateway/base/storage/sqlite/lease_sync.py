"""One `sync` on leases.sqlite3, inside of its transaction: reads rows, asks grants.py, writes what it said."""

import sqlite3
from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import astuple, replace

from gateway.base.storage.grants import Standing, reported, rollover, share_out
from gateway.base.storage.leases import LIVE_MS, RECOVER_MS, SETTLE_MS, UNKNOWN_BASE, WANTED_MS, Ask, Told


class _Share(Struct):
    """A run's row. `tight_ms`: since when its answers say that the bucket is tight, 0 when the last one did not."""

    base: int
    granted: int
    spent: int
    held: int
    first_frames: int
    synced_ms: int
    tight_ms: int


class _Bucket(Struct):
    """Sums over the rows of a bucket."""

    committed: int = 0
    spent: int = 0
    runs: int = 0
    is_known: bool = True

    def take(self, share: _Share) -> None:
        """Count a row."""
        base = max(0, share.base)
        self.committed += base + share.granted
        self.spent += base + share.spent
        self.runs += 1
        self.is_known = self.is_known and share.base != UNKNOWN_BASE


def epoch(db: sqlite3.Connection, now_ms: int) -> int:
    """The epoch, by the moment at which it began; 0 for a file that was never lost."""
    (began_ms,) = db.execute("SELECT began_ms FROM epoch").fetchone()
    if began_ms < 0:
        db.execute("UPDATE epoch SET began_ms = ?", (now_ms,))
        return now_ms
    return int(began_ms)


def hear(db: sqlite3.Connection, node: str, now_ms: int) -> None:
    db.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?)", (node, now_ms))


def answers(db: sqlite3.Connection, run: str, asks: Sequence[Ask], epoch_ms: int, now_ms: int) -> list[Told]:
    """Report the rows of `run`, share out, keep what was given."""
    buckets = _others(db, run, asks)
    before = _own(db, run, list(buckets))
    shares = {ask.bucket: _reported(before.get(ask.bucket), ask, now_ms) for ask in asks}
    for bucket, share in (before | shares).items():
        buckets[bucket].take(share)
    adopted = _adopted_by_all(db, asks, epoch_ms, now_ms)
    wanted = _wanted(db, asks, now_ms)
    told = share_out(asks, [_standing(ask, buckets, shares, adopted, wanted) for ask in asks])
    for index, answer in enumerate(told):
        share = shares[answer.bucket]
        share.granted = answer.granted_nusd
        share.tight_ms = (share.tight_ms or now_ms) if answer.is_tight else 0
        if answer.is_refused:
            idle_nusd, oldest_ms = _idle(db, answer.bucket, run, now_ms)
            told[index] = replace(answer, others_idle_nusd=idle_nusd, oldest_sync_ms=oldest_ms)
            _want(db, asks[index].need_nusd, told[index], wanted, now_ms)
    db.executemany(
        "INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(bucket, run, *astuple(share)) for bucket, share in shares.items()],
    )
    return told


def _others(db: sqlite3.Connection, run: str, asks: Sequence[Ask]) -> dict[str, _Bucket]:
    """The asked buckets and those that they roll over from, without the rows of `run`."""
    names = {ask.bucket for ask in asks} | {ask.rolls_from for ask in asks if ask.rolls_from}
    buckets = {name: _Bucket() for name in names}
    for name, runs, committed, spent, least_base in db.execute(
        "SELECT bucket, count(*), sum(max(0, base_nusd) + granted_nusd), sum(max(0, base_nusd) + spent_nusd), min(base_nusd)"
        f" FROM shares WHERE bucket IN ({_marks(names)}) AND run != ? GROUP BY bucket",
        (*names, run),
    ):
        buckets[name] = _Bucket(committed, spent, runs, least_base != UNKNOWN_BASE)
    for name, total in db.execute(
        f"SELECT bucket, total_nusd FROM totals WHERE bucket IN ({_marks(names)})", tuple(names)
    ):
        buckets[name].committed += total
        buckets[name].spent += total
    return buckets


def _own(db: sqlite3.Connection, run: str, names: Sequence[str]) -> dict[str, _Share]:
    found = db.execute(
        "SELECT bucket, base_nusd, granted_nusd, spent_nusd, held_nusd, first_frames, synced_ms, tight_ms"
        f" FROM shares WHERE bucket IN ({_marks(names)}) AND run = ?",
        (*names, run),
    )
    return {bucket: _Share(*values) for bucket, *values in found}


def _reported(share: _Share | None, ask: Ask, now_ms: int) -> _Share:
    """The run's row after what it said."""
    if share is None or ask.is_fresh:
        base = UNKNOWN_BASE if ask.first_frames else 0
        share = _Share(base, 0, 0, 0, ask.first_frames, now_ms, 0)
    share.granted = reported(ask, share.granted)
    share.spent, share.held, share.synced_ms = ask.spent_nusd, ask.held_nusd, now_ms
    return share


def _adopted_by_all(db: sqlite3.Connection, asks: Sequence[Ask], epoch_ms: int, now_ms: int) -> set[tuple[str, str]]:
    """Those (window, label)s of the asks for whose adoption nobody is waited for any more; none before the epoch has settled."""
    age_ms = now_ms - epoch_ms
    if age_ms < SETTLE_MS:
        return set()
    awaited = "SELECT 1 FROM runs WHERE synced_ms <= ? AND EXISTS (SELECT 1 FROM shares WHERE shares.run = runs.run)"
    if age_ms < RECOVER_MS and db.execute(awaited, (epoch_ms,)).fetchone():
        return set()
    nodes = db.execute("SELECT node FROM nodes WHERE max(heard_ms, ?) >= ?", (epoch_ms, now_ms - RECOVER_MS)).fetchall()
    pairs = {pair for ask in asks for pair in _periods(ask)}
    for node in nodes:
        for pair in list(pairs):
            if not db.execute(
                "SELECT 1 FROM adopted WHERE label = ? AND window = ? AND node = ? AND epoch_ms = ?",
                (pair[1], pair[0], node[0], epoch_ms),
            ).fetchone():
                pairs.remove(pair)
    return pairs


def _periods(ask: Ask) -> list[tuple[str, str]]:
    """The (window, label)s that must be adopted: the bucket's, and with rollover the last period's."""
    pairs = [(ask.window, ask.label)]
    if ask.rolls_from:
        pairs.append((ask.window, ask.rolls_from.rpartition("|")[2]))
    return pairs


def _wanted(db: sqlite3.Connection, asks: Sequence[Ask], now_ms: int) -> dict[str, int]:
    """Bucket → need that was refused a moment ago."""
    names = [ask.bucket for ask in asks]
    found = db.execute(
        f"SELECT bucket, need_nusd FROM wanted WHERE bucket IN ({_marks(names)}) AND at_ms > ?",
        (*names, now_ms - WANTED_MS),
    )
    return dict(found.fetchall())


def _want(db: sqlite3.Connection, need_nusd: int, told: Told, wanted: dict[str, int], now_ms: int) -> None:
    """Remember a refused need that idle money could pay."""
    is_payable = need_nusd <= told.ceiling_nusd - told.committed_nusd + told.others_idle_nusd
    if is_payable and need_nusd >= wanted.get(told.bucket, 0):
        db.execute("INSERT OR REPLACE INTO wanted VALUES (?, ?, ?)", (told.bucket, need_nusd, now_ms))


def _standing(
    ask: Ask,
    buckets: dict[str, _Bucket],
    shares: dict[str, _Share],
    adopted: set[tuple[str, str]],
    wanted: dict[str, int],
) -> Standing:
    bucket, last = buckets[ask.bucket], buckets.get(ask.rolls_from)
    return Standing(
        granted_nusd=shares[ask.bucket].granted,
        committed_nusd=bucket.committed,
        spent_nusd=bucket.spent,
        runs=bucket.runs,
        rest_nusd=rollover(ask, last.committed) if last else 0,
        wanted_nusd=wanted.get(ask.bucket, 0),
        is_ready=bucket.is_known and (last is None or last.is_known) and adopted.issuperset(_periods(ask)),
    )


def _idle(db: sqlite3.Connection, bucket: str, run: str, now_ms: int) -> tuple[int, int]:
    """What other live runs could give back, and since when none of them has been silent knowing that it should."""
    idle_nusd, oldest_ms = db.execute(
        "SELECT sum(granted_nusd - spent_nusd - held_nusd),"
        " min(iif(0 < tight_ms AND tight_ms < shares.synced_ms, shares.synced_ms, 0))"
        " FROM shares JOIN runs USING (run)"
        " WHERE bucket = ? AND run != ? AND runs.synced_ms >= ? AND granted_nusd > spent_nusd + held_nusd",
        (bucket, run, now_ms - LIVE_MS),
    ).fetchone()
    return idle_nusd or 0, oldest_ms or 0


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))

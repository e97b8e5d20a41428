"""Keeps the lease store true to the ledger: what finished runs spent, what was spent before a window was there, who has died.

Each step compares what the store says of this node with what the ledger says, and posts the difference; it remembers nothing
that a restart could lose. A node's row of a bucket makes up for what the rows of its runs do not tell:

    Σ finished runs: what their exchanges cost  +  Σ live runs: max(0, what their exchanges cost - base - max(granted, spent))

The second sum is of runs that spent before the window was theirs and have no row yet; a row that tells all makes it zero.
"""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress

from gateway.base.core.budget import Window
from gateway.base.storage import StorageError
from gateway.base.storage.leases import LIVE_MS, UNKNOWN_BASE, LeaseBook, Row
from gateway.base.telemetry.log import log
from gateway.controlplane.budgets.names import BucketName, parse_bucket
from gateway.controlplane.budgets.pairs import Pair, first_labels, near_pairs, wanted_pairs
from gateway.controlplane.budgets.runs import Runs, Seen
from gateway.controlplane.budgets.sums import Sums
from gateway.controlplane.projections.spend import Reading, SpendReader

_Ends = Mapping[str, tuple[int, int]]
_Bases = Mapping[str, Mapping[str, tuple[int, int]]]

_STEP_S = 0.5
_SOON_S = 0.1
"""Between steps while something is awaited: a dead run's recovery, the ledger's next rows."""
_LOOK_S = 0.1
_LONGEST_BACK_OFF_S = 5.0
_PRUNE_EVERY_MS = 3_600_000
_MOST_FIRSTS = 256
_NOWHERE = (0, 0)


class Keeper:
    """One per control plane. `is_ready` says that the ledger has caught up with the journal as it stood at the start."""

    def __init__(
        self, node: str, book: LeaseBook, runs: Runs, spend: SpendReader, is_ready: Callable[[], bool] = lambda: True
    ) -> None:
        self._node, self._book, self._runs, self._spend, self._is_ready = node, book, runs, spend, is_ready
        self._woken = asyncio.Event()
        self._has_rows = True
        self._sums: dict[BucketName, Sums] = {}
        self._firsts: dict[tuple[str, int, BucketName], Mapping[str, int]] = {}
        self._missing: dict[tuple[str, int], tuple[int, int]] = {}
        """First frames that the ledger lacked: how far their run had written by then. Read so far, it has all that can be read."""
        self._awaited: dict[Pair, _Ends] = {}
        """Pairs to adopt, and how far each live run had written when they were first wanted: so far the ledger must have read."""
        self._pruned_ms = 0
        self.windows: tuple[Window, ...] = ()

    def use(self, windows: tuple[Window, ...]) -> None:
        """Take the windows of a policy version."""
        self.windows = windows
        self._woken.set()

    async def run(self) -> None:
        """Step for ever. The store may be down, the ledger locked: it is tried again."""
        back_off_s = _STEP_S
        while True:
            self._woken.clear()
            began, is_well = time.perf_counter(), False
            try:
                is_on = self._is_ready() and (bool(self.windows) or self._has_rows)
                pause_s = _SOON_S if is_on and await self.step(time.time_ns() // 1_000_000) else _STEP_S
                back_off_s, is_well = _STEP_S, is_on
            except (StorageError, sqlite3.Error, OSError) as exc:
                pause_s = back_off_s = min(back_off_s * 2, _LONGEST_BACK_OFF_S)
                log("error", "budget_keeper_failed", error=str(exc), retry_in_s=back_off_s)
            except Exception as exc:  # noqa: BLE001 - a bug here must not end the process, which serves the metrics too
                pause_s = _LONGEST_BACK_OFF_S
                log("error", "budget_keeper_bug", error=repr(exc), retry_in_s=pause_s)
            await self._pause(max(pause_s, time.perf_counter() - began), is_watching=is_well)

    async def _pause(self, seconds: float, *, is_watching: bool) -> None:
        """Wait, but no longer than until there are new windows or, `is_watching`, a run has died."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0 and not (is_watching and self._runs.has_death()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), min(left, _LOOK_S))
                return

    async def step(self, now_ms: int) -> bool:
        """Bring the store up to the ledger, once; whether the next step should come soon. Raises StorageError, sqlite3.Error."""
        book, node = self._book, self._node
        await book.register(node, now_ms)
        adopted = await book.adopted(node)
        rows = await book.rows(node)  # before the journal is listed: whose row is here has its journal there
        self._has_rows = any(row.run for row in rows)
        wanted = wanted_pairs(self.windows, now_ms)
        pairs = wanted | near_pairs(adopted, now_ms)
        self._open_sums({f"{window}|{label}" for window, label in pairs} | {row.bucket for row in rows if row.run})
        seen, reading = await asyncio.to_thread(self._look)
        coming = {parse_bucket(f"{window}|{label}").of_all() for window, label in wanted - adopted}
        for of, sums in self._sums.items():
            sums.age(now_ms, is_new=of in coming)
        over = {row.run for row in rows if row.run and _is_over(row.run, seen, reading)}
        own = [row for row in rows if row.run and row.run not in over]
        unknown = [row for row in own if row.base_nusd == UNKNOWN_BASE]
        bases = await asyncio.to_thread(self._bases, unknown, seen, reading)
        totals = self._totals(own, bases, now_ms)
        posted = {row.bucket: row.spent_nusd for row in rows if not row.run}
        changed = {bucket: total for bucket, total in totals.items() if total != posted.get(bucket, 0)}
        changed |= {row.bucket: totals[row.bucket] for row in rows if row.run in over}
        new = self._adoptable(wanted - adopted, seen, reading)
        if changed or over or new:
            await book.post(node, changed, sorted(over), new, now_ms)
        # After the totals that they lower: as long as a base is unknown nothing is granted, so meanwhile too little is no harm.
        for run, found in bases.items():
            await book.put_bases(run, found)
        if over:
            log("info", "budget_runs_folded", runs=sorted(over))
        if now_ms - self._pruned_ms >= _PRUNE_EVERY_MS:
            await book.prune(first_labels(now_ms))
            self._pruned_ms = now_ms
        return bool(self._awaited or seen.dead.keys() - reading.done or len(unknown) > sum(map(len, bases.values())))

    def _open_sums(self, buckets: set[str]) -> None:
        """Have the sums of these buckets (`*` for every account), with what was read of them before."""
        ids: defaultdict[BucketName, set[str]] = defaultdict(set)
        for name in map(parse_bucket, buckets):
            ids[name.of_all()].add(name.account_id)
        self._sums = {of: self._sums.get(of) or Sums(of) for of in ids}
        for of, sums in self._sums.items():
            sums.ids = ids[of]

    def _look(self) -> tuple[Seen, Reading]:
        """The journal's runs, then the ledger, which may know more. Recovers the dead."""
        seen = self._runs.look()
        reading = self._spend.read({(sums.span, sums.read_to) for sums in self._sums.values()})
        for name, run in seen.dead.items():
            recovery = None if name in reading.done else self._runs.recover(run)
            if recovery is not None:
                log(
                    "warning", "journal_recovered", crashed=len(recovery.crashed), torn=recovery.torn,
                    broken=recovery.broken, runs=[p.run for p in recovery.adopted],
                )  # fmt: skip
        over = reading.done - seen.ends.keys()
        for sums in self._sums.values():
            sums.add(reading.costs[sums.span, sums.read_to], reading.last_id)
            sums.finish(over)
        self._runs.finished = over
        return seen, reading

    def _bases(self, unknown: Iterable[Row], seen: Seen, reading: Reading) -> dict[str, dict[str, tuple[int, int]]]:
        """Run → bucket → (first frames, what they cost there); without what the ledger has not read yet."""
        bases: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for row in unknown:
            run, frames, of = row.run, row.first_frames, parse_bucket(row.bucket).of_all()
            if (run, frames, of) not in self._firsts:
                end = self._missing.setdefault((run, frames), seen.ends.get(run, _NOWHERE))
                last = self._spend.nth(run, frames)
                if last is None and reading.read_to.get(run, _NOWHERE) < end:
                    continue
                self._add_first(run, frames, of, reading.last_id if last is None else last)
            bases[run][row.bucket] = frames, self._firsts[run, frames, of].get(row.bucket, 0)
        return bases

    def _add_first(self, run: str, frames: int, of: BucketName, last: int) -> None:
        """Find out what the run's exchanges up to row `last` cost all accounts: after a reload each account will ask."""
        known, later = self._sums[of], Sums(of)
        later.add(self._spend.of_run(run, later.span, last, known.read_to), known.read_to)
        if len(self._firsts) >= _MOST_FIRSTS:
            self._firsts.clear()
            self._missing.clear()
        after = later.of(run)
        self._firsts[run, frames, of] = {bucket: cost - after.get(bucket, 0) for bucket, cost in known.of(run).items()}

    def _totals(self, own: Collection[Row], bases: _Bases, now_ms: int) -> defaultdict[str, int]:
        """The node's row of each bucket, as it should be."""
        told = {(row.run, row.bucket): _told(row, bases) for row in own}
        telling = {(row.run, row.bucket) for row in own if now_ms - row.synced_ms < LIVE_MS}
        totals: defaultdict[str, int] = defaultdict(int)
        for sums in self._sums.values():
            for run, bucket, cost in sums.wanted(telling):
                totals[bucket] += max(0, cost - told.get((run, bucket), 0))
        return totals

    def _adoptable(self, pairs: set[Pair], seen: Seen, reading: Reading) -> list[Pair]:
        """Those of `pairs` whose past is in the ledger: no dead run is left, and it has read what was written when they came up."""
        self._awaited = {pair: self._awaited.get(pair, seen.ends) for pair in pairs}
        if seen.dead.keys() - reading.done:
            return []
        new = sorted(pair for pair, ends in self._awaited.items() if _has_read(reading, ends))
        for pair in new:
            del self._awaited[pair]
        return new


def _is_over(run: str, seen: Seen, reading: Reading) -> bool:
    """Whether nothing more can come of a run that has a row: it was read to its end, or its journal is gone."""
    if run in seen.ends:
        return False
    return run in reading.done or run not in seen.dead


def _told(row: Row, bases: _Bases) -> int:
    """What a run's row says that its exchanges come to at most."""
    _, base = bases.get(row.run, {}).get(row.bucket, (0, row.base_nusd))
    return max(0, base) + max(row.granted_nusd, row.spent_nusd)


def _has_read(reading: Reading, ends: _Ends) -> bool:
    return all(run in reading.done or reading.read_to.get(run, _NOWHERE) >= end for run, end in ends.items())

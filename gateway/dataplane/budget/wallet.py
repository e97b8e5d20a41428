"""A worker's money: leases held in memory, filled and given back in the background (DESIGN, idea 4; decision 0011).

The road's calls are arithmetic; only an exchange that finds too little in the lease waits for the store. Whatever a worker does not
report, it still owes: the journal has it, and the control plane folds a dead worker's rows by it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from time import perf_counter, time

from gateway._native import Hold, Tally
from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import Span, Window, bucket_name
from gateway.base.core.errors import BudgetUnproven
from gateway.base.core.period import span_at
from gateway.base.core.principal import Grant, Principal
from gateway.base.storage import StorageError
from gateway.base.storage.leases import Ask, LeaseStore, Told
from gateway.base.telemetry.log import log
from gateway.dataplane.budget.bucket import SYNC_S, Bucket
from gateway.dataplane.budget.charge import Charge
from gateway.dataplane.budget.refusal import spent_out

_ALIVE_S = 1.0
_AGAIN_S = 0.03
_WAIT_S = 2.5
"""How long an exchange waits for money that others may give back, or for a store that is not ready: a Redis that came back is so
for two seconds."""
_DRY_S = 0.25
"""How long a refusal stands for every later exchange that needs as much."""
_AHEAD_HOLDS = 8
"""For how many holds more a lease is asked that was too small."""
_KEPT_PEAKS = 2
"""How many times the recent peak of holds stays in a lease; the peak fades by a quarter with each sync."""
_MOST_CHARGES = 20_000
_LATE_MS = 6 * 3_600_000
"""How long after a period's end its bucket is kept for exchanges that are still open: longer than `timeouts.total_ms` allows."""


class Wallet:
    """All buckets of one worker. `written` says how many done frames its run has written."""

    def __init__(self, store: LeaseStore, node: str, run: str, written: Callable[[], int]) -> None:
        self._store, self._node, self._run, self._written = store, node, run, written
        self._accounts: Accounts[Window] = Accounts(())
        self._since: dict[str, tuple[int, int]] = {}
        self._buckets: dict[str, Bucket] = {}
        self._leaving: dict[str, Bucket] = {}
        """Of windows that are no more: what they still hold is told to the store until it is given back."""
        self._charges: dict[tuple[int, str], tuple[Grant, Charge]] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._said_at = 0.0
        self._is_reachable = True
        self._tally = Tally()
        self.is_on = False
        """Whether any exchange can be counted at all."""

    def use(self, accounts: Accounts[Window], now_ms: int) -> None:
        """Take the windows of a policy: at the start, and after each reload. State of what stays is kept."""
        frames, since = self._written(), {}
        for window in accounts.rules:
            kept = self._since.get(window.name)
            if (
                kept is not None
                and "*" in window.id
                and accounts.listed(window.level) != self._accounts.listed(window.level)
            ):
                kept = None  # a wildcard stands for other accounts now
            since[window.name] = kept or (now_ms, frames)
        self._since = since
        counted, self._buckets = self._buckets, {}
        for name, bucket in {**self._leaving, **counted}.items():
            terms = (bucket.window.models, bucket.window.period, bucket.window.zone)
            governing = accounts.rules_of(bucket.window.level, bucket.account_id)
            found = next((w for w in governing if (w.models, w.period, w.zone) == terms), None)
            if found is None:
                bucket.peak_held = 0  # nothing of it is kept
                self._leaving[name] = bucket
                continue
            self._buckets[name] = bucket
            bucket.use(found)
            bucket.is_untold = True
            if self._leaving.pop(name, None):  # it has come again and counts from here on, in a row that begins anew
                bucket.begin(found, self._first_frames(found, bucket.span))
        self._accounts = accounts
        self._charges.clear()
        self._tally.generation += 1
        self.is_on = bool(accounts.rules)

    # === the road ===

    def charge_for(self, grant: Grant, deployment: str, at_ms: int) -> Charge | None:
        """The buckets of this caller with this deployment (`provider/model`); None when nothing counts it."""
        found = self._charges.get((id(grant), deployment))
        if found is not None and at_ms < found[1].until_ms:
            return found[1] if found[1].buckets else None
        charge = self._charge(grant.principal, deployment, at_ms)
        if len(self._charges) >= _MOST_CHARGES:
            self._charges.clear()
        self._charges[id(grant), deployment] = grant, charge  # keeps the grant, so that its id stays its own
        return charge if charge.buckets else None

    def count(self, grant: Grant, deployment: str, at_ms: int, cost_nusd: int) -> None:
        """Count the cost of an exchange that held nothing: no budget was in force when it began."""
        charge = self.charge_for(grant, deployment, at_ms)
        if charge is not None:
            self.spend(charge, cost_nusd)

    def spend(self, charge: Charge, cost_nusd: int) -> None:
        """Count a cost in the buckets of `charge`."""
        charge.settle(0, 0, cost_nusd)
        charge.learn(cost_nusd)
        charge.touch()

    def settle_anew(self, hold: Hold, cost_nusd: int, principal: Principal, deployment: str, at_ms: int) -> None:
        """Settle a hold from before a reload: the cost counts under the policy in force now as well."""
        hold.settle(0)
        self.spend(self._joined(hold.charge, principal, deployment, at_ms), cost_nusd)

    def _joined(self, charge: Charge, principal: Principal, deployment: str, at_ms: int) -> Charge:
        """The buckets of a hold from before a reload, and those that the policy in force counts it in."""
        now = self._charge(principal, deployment, at_ms)
        buckets = {bucket.name: bucket for bucket in (*charge.buckets, *now.buckets)}
        return Charge(tuple(buckets.values()), now.until_ms, self._tally)

    def _charge(self, principal: Principal, deployment: str, at_ms: int) -> Charge:
        buckets, until_ms = [], 1 << 62
        for window, account_id in self._accounts.matching(principal, deployment):
            span = span_at(window.period, window.zone, at_ms)
            until_ms = min(until_ms, span.end_ms)
            buckets.append(self._bucket(window, account_id, span))
        return Charge(tuple(buckets), until_ms, self._tally)

    def _bucket(self, window: Window, account_id: str, span: Span) -> Bucket:
        name = bucket_name(window, account_id, span)
        kept = self._buckets.get(name)
        if kept is not None:
            return kept
        bucket = self._buckets[name] = Bucket(window, account_id, span, self._first_frames(window, span))
        return bucket

    def _first_frames(self, window: Window, span: Span) -> int:
        """What is counted from the middle of the period on has a past: that is in the ledger."""
        since_ms, frames = self._since[window.name]
        return frames if span.start_ms < since_ms else 0

    async def ask_about(self, charge: Charge) -> None:
        """Ask the store what the buckets' others have spent: once, before the first exchange is judged by it."""
        async with self._lock:
            unknown = [bucket for bucket in charge.buckets if not bucket.synced_at]
            if unknown and self._is_reachable:
                with contextlib.suppress(StorageError):  # the clock's next sync will say it
                    await self._tell(unknown)
        charge.is_known = True

    async def obtain(self, charge: Charge, hard_nusd: int, soft_nusd: int, least_nusd: int) -> Hold:
        """Hold hard money that the leases lack: between `least_nusd` and `hard_nusd`.

        Raises BudgetExceeded when a bucket cannot give it, BudgetUnproven when a bucket's state is not known.
        """
        began, began_ms = perf_counter(), int(time() * 1000)
        while True:
            for bucket in charge.hard:
                if perf_counter() < bucket.dry_until and least_nusd >= bucket.dry_need_nusd:
                    raise spent_out(bucket, began_ms, least_nusd)
            is_last = perf_counter() - began > _WAIT_S
            async with self._lock:
                if hold := charge.hold(hard_nusd, soft_nusd):
                    return hold
                try:
                    told = await self._ask_for(charge, hard_nusd)
                    if hold := charge.hold(hard_nusd, soft_nusd):
                        return hold
                    if less := self._affordable(told, least_nusd, hard_nusd):
                        told = await self._ask_for(charge, less)
                        if hold := charge.hold(less, soft_nusd):
                            return hold
                except StorageError as exc:
                    self._store_failed(exc)
                    raise _unproven(charge, "the budget store cannot be reached") from exc
            is_heard = perf_counter() - began > SYNC_S + _AGAIN_S  # by now everybody has said what is settled
            for one in told:
                if one.is_refused and (
                    is_last or (is_heard and (one.oldest_sync_ms >= began_ms or not self._could_pay(one, least_nusd)))
                ):
                    bucket = self._buckets[one.bucket]
                    bucket.dry_need_nusd, bucket.dry_until = least_nusd, perf_counter() + _DRY_S
                    raise spent_out(bucket, began_ms, least_nusd)
            if is_last:
                raise _unproven(charge, "what it has spent is not known yet")
            await asyncio.sleep(_AGAIN_S)

    def _affordable(self, told: list[Told], least_nusd: int, most_nusd: int) -> int:
        """What the buckets that refused `most_nusd` can still give, where it comes to `least_nusd`; else 0."""
        left = most_nusd
        for one in told:
            if one.is_refused:
                left = min(left, self._buckets[one.bucket].free + one.ceiling_nusd - one.committed_nusd)
        return left if least_nusd <= left < most_nusd else 0

    def _could_pay(self, told: Told, need_nusd: int) -> bool:
        """Whether a bucket that refused could give the hold if everybody gave back what is idle."""
        free = self._buckets[told.bucket].free
        return free + told.ceiling_nusd - told.committed_nusd + told.others_idle_nusd >= need_nusd

    # === the store ===

    def tick(self, now: float) -> None:
        """Called by the clock some 40 times a second (`now` in `perf_counter()` seconds): sync what is due, in the background."""
        if self._task is not None and not self._task.done():
            return
        if not self.is_on and not self._leaving:
            return
        due = self._due(now)
        if due or now - self._said_at > _ALIVE_S:
            self._task = asyncio.get_running_loop().create_task(self._sync(due))

    def _due(self, now: float) -> list[Bucket]:
        """Buckets in which something happened or that have idle money; once a second also those with open exchanges."""
        charges: list[Charge] = self._tally.touched
        for charge in charges:
            charge.is_touched = False
            for bucket in charge.buckets:
                bucket.is_untold = True
        charges.clear()
        due = []
        for bucket in (*self._buckets.values(), *self._leaving.values()):
            silent_s = now - bucket.synced_at
            if (bucket.is_untold or bucket.free > 0) and silent_s >= bucket.sync_every_s:
                due.append(bucket)
            elif bucket.held and bucket.window.is_hard and silent_s >= _ALIVE_S:
                due.append(bucket)  # a store that has lost its memory must hear of it before it grants again
        return due

    async def _sync(self, due: list[Bucket]) -> None:
        async with self._lock:
            self._said_at = perf_counter()
            try:
                await self._tell(due)
            except StorageError as exc:
                self._store_failed(exc)
                return
            if not self._is_reachable:
                self._is_reachable = True
                log("info", "budget_store_back")
            self._forget(int(time() * 1000))

    async def _tell(self, buckets: list[Bucket]) -> None:
        now_ms = int(time() * 1000)
        asks = [self._ask(bucket, now_ms) for bucket in buckets]
        await self._exchange(buckets, asks, now_ms)

    async def _exchange(self, buckets: Sequence[Bucket], asks: list[Ask], now_ms: int) -> list[Told]:
        try:
            told = await self._store.sync(self._node, self._run, asks, now_ms)
        except StorageError:
            for bucket in buckets:
                bucket.is_untold = True
            raise
        self._apply(buckets, asks, told)
        return told

    def _forget(self, now_ms: int) -> None:
        """Let go of buckets that nobody will count in any more."""
        self._leaving = {name: one for name, one in self._leaving.items() if one.held or one.free > 0 or one.is_untold}
        # By the monotonic clock too: a wall clock that jumped ahead may go back, into a period whose charges are still known.
        long_ago = perf_counter() - _LATE_MS / 1000
        for bucket in list(self._buckets.values()):
            is_over = bucket.span.end_ms < now_ms - _LATE_MS and bucket.synced_at < long_ago
            if is_over and not bucket.held and bucket.free <= 0:
                del self._buckets[bucket.name]

    async def _ask_for(self, charge: Charge, hold_nusd: int) -> list[Told]:
        if not self._is_reachable:  # the clock's next sign of life finds out; nobody else waits for a timeout
            raise StorageError("the budget store could not be reached a moment ago")
        now_ms = int(time() * 1000)
        asks = [self._ask(one, now_ms, max(0, hold_nusd - max(0, one.free)), hold_nusd) for one in charge.hard]
        return await self._exchange(charge.hard, asks, now_ms)

    def _ask(self, bucket: Bucket, now_ms: int, need_nusd: int = 0, hold_nusd: int = 0) -> Ask:
        """What to say of a bucket. Idle money is kept for a few holds, given back when it is scarce."""
        window, is_needed = bucket.window, need_nusd > 0
        bucket.peak_held = max(bucket.held + hold_nusd, bucket.peak_held * 3 // 4)
        free = max(0, bucket.free)
        slack = free if is_needed else 0 if bucket.is_tight else min(free, bucket.peak_held * _KEPT_PEAKS)
        if is_needed:
            extra = hold_nusd * _AHEAD_HOLDS
        else:
            extra = max(0, bucket.held - slack) if window.is_hard and not bucket.is_tight else 0
        bucket.spent_told, bucket.is_untold = bucket.spent, False
        # At once: nobody may hold it meanwhile. What is open without a lease, from before the budget was hard, counts as leased.
        owed = bucket.spent + bucket.held
        bucket.granted = max(owed, bucket.granted) if window.is_hard else bucket.granted
        bucket.granted = min(bucket.granted, owed + slack)
        return Ask(
            bucket=bucket.name,
            window=window.name,
            label=bucket.span.label,
            ceiling_nusd=window.limit_at(now_ms),
            spent_nusd=bucket.spent,
            held_nusd=bucket.held,
            granted_nusd=bucket.granted,
            keep_nusd=max(bucket.granted, owed),
            need_nusd=need_nusd,
            extra_nusd=extra,
            first_frames=bucket.first_frames,
            is_fresh=bucket.is_fresh,
            rolls_from=bucket.rolls_from,
            rolls_limit_nusd=window.limit_nusd if bucket.rolls_from else 0,
            rolls_cap_nusd=window.rollover_nusd if bucket.rolls_from else 0,
        )

    def _apply(self, buckets: Sequence[Bucket], asks: list[Ask], told: list[Told]) -> None:
        now = perf_counter()
        for bucket, ask, one in zip(buckets, asks, told, strict=True):
            if bucket.is_fresh and (ask.first_frames != bucket.first_frames or not ask.is_fresh):
                continue  # meanwhile it began anew
            bucket.granted = one.granted_nusd
            bucket.others_spent = one.spent_nusd - bucket.spent_told
            bucket.is_ready, bucket.is_tight, bucket.is_fresh = one.is_ready, one.is_tight, False
            bucket.is_untold |= not one.is_ready  # what others have spent, and what rolls over, is not known yet
            if one.is_ready:  # before, the last period may lack what was spent in it
                bucket.roll_over(one.ceiling_nusd - ask.ceiling_nusd)
            bucket.synced_at = now

    def _store_failed(self, exc: StorageError) -> None:
        if self._is_reachable:
            self._is_reachable = False
            log("error", "budget_store_unreachable", error=str(exc))

    async def close(self) -> None:
        """Tell the last spend and give every lease back; after the last exchange has ended."""
        if self._task is not None:
            await asyncio.wait({self._task})
        for bucket in self._buckets.values():
            bucket.is_tight = True
        if self._buckets:
            await self._sync(list(self._buckets.values()))
        await self._store.close()


def _unproven(charge: Charge, why: str) -> BudgetUnproven:
    window, account_id = charge.hard[0].window, charge.hard[0].account_id
    return BudgetUnproven(
        f"the gateway cannot prove now that this request is within the hard budget of {window.level} {account_id}".rstrip()
        + f": {why}. Try again in a moment",
        level=window.level,
        id=account_id,
    )

"""Rate limits on the road: requests, tokens and open exchanges of each account, from leases of the node's or the nodes' store.

Taking is arithmetic on what the worker has leased; only a lease that is too small waits for the store. What a turn takes of the token limits is a
guess (a token to four bytes, the usual output of this caller with this model), corrected when it is settled.
docs/concepts/rate-limits.md, docs/decisions/0012-rate-limits.md.
"""

import asyncio
from collections.abc import Iterable
from time import perf_counter, time
from typing import Any, TypeVar
from weakref import WeakSet

from gateway import _native
from gateway.base.core.accounts import Accounts
from gateway.base.core.errors import RateLimited
from gateway.base.core.principal import Grant
from gateway.base.core.rate import Rate, RateKind
from gateway.base.storage import StorageError
from gateway.base.storage.rates import RateStore, RateTold, SlotTold
from gateway.base.telemetry.log import log
from gateway.dataplane.budget.limiter import Flow, Slots
from gateway.dataplane.budget.refusal import too_fast

Needs = tuple[int, int, int, int]
"""Requests, tokens, input tokens, output tokens: in the order of `_KINDS`."""

_KINDS: tuple[RateKind, ...] = ("requests", "tokens", "input_tokens", "output_tokens")
_FIRST_OUTPUT_TOKENS = 500
_ALIVE_S = 2.0
_GIVING_BACK_S = 0.04
_GIVING_BACK_TRIES = 2
"""A refused slot may be idle on another worker, whose clock gives it back within that time."""
_DRY_S = 0.25
"""How long a refusal stands for every later exchange that needs as much, without another question to the store."""
_MOST_LIMITS = 20_000
_LONG_AGO = -60.0
"""For limiters that are idle whatever they did a moment ago."""


class Limits(_native.MeterGroup):
    """The limiters of one caller with one deployment. Made once per (grant, deployment)."""

    __slots__ = (
        "__weakref__", "dry_needs", "dry_until", "flows", "line", "refused_by", "refused_until", "slots",
    )  # fmt: skip

    def __init__(self, flows: tuple[tuple[Flow, int], ...], slots: tuple[Slots, ...], _touched: list[Any]) -> None:
        self.flows, self.slots = flows, slots
        self.output_tokens = _FIRST_OUTPUT_TOKENS
        self.line = asyncio.Lock()
        self.dry_until = 0.0
        self.dry_needs: Needs = (0, 0, 0, 0)
        self.refused_by: Flow | Slots | None = None
        self.refused_until = 0.0
        """When `refused_by` may have what was asked, as the store said; the past for slots: nobody knows."""

    def take_unasked(self, needs: Needs) -> None:
        """Take it whatever is left: the store that would say no is not there."""
        self.force(*needs)
        for slots in self.slots:
            slots.granted = max(slots.granted, slots.in_use)  # the store will hear of them when it is back

    def refusal(self, now: float) -> RateLimited:
        """What whoever was refused last is told."""
        one = self.refused_by or (
            self.slots[0] if self.slots else self.flows[0][0]
        )  # who only stood in line was not refused yet
        return too_fast(one.rate, one.account_id, max(0.0, self.refused_until - now))

    def is_dry(self, needs: Needs, now: float) -> bool:
        """Whether the store has just refused as much."""
        return now < self.dry_until and all(map(int.__ge__, needs, self.dry_needs))


class Rates:
    """All limiters of one worker."""

    def __init__(self, store: RateStore, run: str) -> None:
        self._store, self._run = store, run
        self._accounts: Accounts[Rate] = Accounts(())
        self._flows: dict[str, Flow] = {}
        self._slots: dict[str, Slots] = {}
        self._limits: dict[tuple[int, str], tuple[Grant, Limits]] = {}
        self._quotas: dict[str, Limits] = {}
        self._touched: list[Limits] = []
        self._alive: WeakSet[Limits] = WeakSet()
        """All that an exchange may still hold, those of past policies too."""
        self._lock, self._asking = asyncio.Lock(), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._said_at = 0.0
        self._is_reachable = True
        self._waiting = 0
        self.is_on = False
        """Whether there is any limit."""

    def use(self, accounts: Accounts[Rate]) -> None:
        """Take the limits of a policy: at the start, and after each reload. What was taken stays taken."""
        self._accounts = accounts
        self._limits.clear()
        self._quotas.clear()
        self.is_on = bool(accounts.rules)

    # === the road ===

    def limits_of(self, grant: Grant, deployment: str) -> Limits | None:
        """The limiters of this caller with this deployment (`provider/model`); None where nothing limits it."""
        found = self._limits.get((id(grant), deployment))
        if found is None:
            if len(self._limits) >= _MOST_LIMITS:
                self._limits.clear()
            matching = self._accounts.matching(grant.principal, deployment)
            found = self._limits[id(grant), deployment] = grant, self._new_limits(matching)
        limits = found[1]
        return limits if limits.flows or limits.slots else None

    def quota_of(self, quota: tuple[Rate, ...]) -> Limits:
        """The limiters of a deployment's own quota, whoever asks it; all of `quota` have the deployment as their `models`."""
        found = self._quotas.get(quota[0].models)
        if found is None:
            found = self._quotas[quota[0].models] = self._new_limits((rate, "") for rate in quota)
        return found

    def _new_limits(self, matching: Iterable[tuple[Rate, str]]) -> Limits:
        flows: list[tuple[Flow, int]] = []
        slots: list[Slots] = []
        for rate, account_id in matching:
            if rate.kind == "concurrency":
                slots.append(_kept(self._slots, Slots(rate, account_id)))
            else:
                flow = _kept(self._flows, Flow(rate, account_id))
                flows.append((flow, _KINDS.index(rate.kind)))
        limits = Limits(tuple(flows), tuple(slots), self._touched)
        self._alive.add(limits)
        return limits

    async def obtain(self, limits: Limits, needs: Needs, queue_ms: int, queue_requests: int) -> int:
        """Take what the leases lack, waiting for it up to `queue_ms`; gives how many ms it waited. Raises RateLimited.

        Who waits is served in the order of coming, as far as its limits are the same.
        """
        began = perf_counter()
        is_full = self._waiting >= queue_requests
        if is_full and limits.waiting:
            if limits.refused_by is None:  # the first in line is asking: its answer says when there is more
                async with self._lock:
                    pass
            raise limits.refusal(perf_counter())
        if not queue_ms or is_full:
            await self._take(limits, needs, began)
            return 0
        self._waiting += 1
        limits.waiting += 1
        try:
            async with asyncio.timeout(queue_ms / 1000), limits.line:
                await self._take(limits, needs, began + queue_ms / 1000)
        except TimeoutError:
            raise limits.refusal(perf_counter()) from None
        finally:
            self._waiting -= 1
            limits.waiting -= 1
        return int((perf_counter() - began) * 1000)

    async def _take(self, limits: Limits, needs: Needs, until: float) -> None:
        tries = 0
        while not limits.is_dry(needs, perf_counter()):
            if not self._is_reachable:  # the clock's next sign of life finds out; nobody else waits for a timeout
                limits.take_unasked(needs)
                return
            async with self._lock:
                if limits.take(*needs, perf_counter()):
                    return
                is_refused = await self._ask_for(limits, needs)
                if limits.take(*needs, now := perf_counter()):
                    return
            if not is_refused:
                continue  # who came meanwhile took it, or there is no store
            tries += 1
            is_slot = isinstance(limits.refused_by, Slots)
            wait_s = _GIVING_BACK_S if is_slot else max(0.001, limits.refused_until - now)
            if now + wait_s > until and (not is_slot or tries > _GIVING_BACK_TRIES):
                if not is_slot:  # when a slot is freed nobody knows
                    limits.dry_needs, limits.dry_until = needs, now + min(_DRY_S, wait_s)
                break
            await asyncio.sleep(wait_s)
        raise limits.refusal(perf_counter())

    # === the store ===

    def tick(self, now: float) -> None:
        """Called by the clock some 40 times a second (`now` in `perf_counter()` seconds): settle with the store in the background."""
        if (self._task is not None and not self._task.done()) or not (self._flows or self._slots):
            return
        is_silent = now - self._said_at > _ALIVE_S
        if not is_silent and not self._is_reachable:
            return
        flows = [flow for flow in self._warm_flows() if flow.is_due(now)]
        # all that are granted, again and again: the store may have lost its memory, or thought that this run is dead
        everything = self._slots.values() if is_silent else self._warm_slots()
        slots = [one for one in everything if one.is_due(now) or (is_silent and one.granted)]
        self._cool(now)
        if is_silent or flows or slots:
            self._task = asyncio.get_running_loop().create_task(self._sync(flows, slots, is_silent=is_silent))

    def _warm_flows(self) -> set[Flow]:
        return {flow for limits in self._touched for flow, _ in limits.flows}

    def _warm_slots(self) -> set[Slots]:
        return {one for limits in self._touched for one in limits.slots}

    def _cool(self, now: float) -> None:
        """Look no more at those that are quiet until they are used again."""
        warm = []
        for limits in self._touched:
            are_flows_quiet = all(flow.is_quiet(now) for flow, _ in limits.flows)
            limits.is_touched = not (are_flows_quiet and all(one.is_quiet(now) for one in limits.slots))
            if limits.is_touched:
                warm.append(limits)
        self._touched[:] = warm

    async def close(self) -> None:
        """Give back what is left, and the store's connections."""
        if self._task is not None:
            await self._task
        flows, slots = list(self._flows.values()), list(self._slots.values())
        for flow in flows:
            flow.used_at = _LONG_AGO
        for one in slots:
            one.used_at = _LONG_AGO
        await self._sync(flows, slots, is_silent=False)
        await self._store.close()

    async def _sync(self, flows: list[Flow], slots: list[Slots], *, is_silent: bool) -> None:
        async with self._lock:
            self._said_at = perf_counter()
            if await self._tell([(flow, 0) for flow in flows], [(one, 0) for one in slots]) is None:
                return
            if not self._is_reachable:
                self._is_reachable = True
                log("info", "rate_store_back")
            if is_silent:
                self._forget()

    async def _ask_for(self, limits: Limits, needs: Needs) -> bool:
        """Ask the store for what is lacking; whether it refused, and note who did. False when it can't be asked."""
        if not self._is_reachable:
            return False
        # who leaves meanwhile does not take along what the store gives
        answer = await asyncio.shield(
            self._tell([(flow, needs[kind]) for flow, kind in limits.flows], [(one, 1) for one in limits.slots])
        )
        if answer is None:
            return False
        rates, slots = answer
        refused = [(one.wait_ms, flow) for one, (flow, _) in zip(rates, limits.flows, strict=True) if one.wait_ms]
        if refused:
            wait_ms, limits.refused_by = max(refused, key=lambda pair: pair[0])
            limits.refused_until = perf_counter() + wait_ms / 1000
            return True
        for told, one in zip(slots, limits.slots, strict=True):
            if told.is_refused:
                limits.refused_by, limits.refused_until = one, 0.0
                return True
        return False

    async def _tell(
        self, flows: list[tuple[Flow, int]], slots: list[tuple[Slots, int]]
    ) -> tuple[list[RateTold], list[SlotTold]] | None:
        """One ask and its answer; None when there is none. One at a time, even when who asked has left: slots are told as a sum."""
        async with self._asking:
            now = perf_counter()
            rate_asks = [flow.ask(need, now) for flow, need in flows]
            slot_asks = [one.ask(need, now) for one, need in slots]
            try:
                rates_told, slots_told = await self._store.take(self._run, rate_asks, slot_asks, int(time() * 1000))
            except StorageError as exc:
                self._store_failed(exc)
                return None
            now = perf_counter()
            for (flow, _), rate_told in zip(flows, rates_told, strict=True):
                flow.told(rate_told, now)
            for (one, _), asked, slot_told in zip(slots, slot_asks, slots_told, strict=True):
                one.told(asked, slot_told)
            return rates_told, slots_told

    def _forget(self) -> None:
        """Let go of limiters that no Limits can use any more, and that have told the store all."""
        used = {id(one) for limits in self._alive for one in (*limits.slots, *(flow for flow, _ in limits.flows))}
        self._flows = {name: flow for name, flow in self._flows.items() if id(flow) in used or flow.have}
        self._slots = {
            name: one for name, one in self._slots.items() if id(one) in used or one.granted or not one.is_told
        }

    def _store_failed(self, exc: StorageError) -> None:
        if self._is_reachable:
            self._is_reachable = False
            log("error", "rate_store_unreachable", error=str(exc), consequence="rate limits do not hold meanwhile")


_Limiter = TypeVar("_Limiter", Flow, Slots)


def _kept(known: dict[str, _Limiter], new: _Limiter) -> _Limiter:
    """The limiter of that name: what it counts outlives a change of the amount."""
    found = known.setdefault(new.name, new)
    found.use(new.rate)
    return found

"""A rate store in memory, as small as the contract allows, and the world of one test: a clock, a store, workers. The real ones have their own suite."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from msgspec import Raw

from gateway._native import Taken
from gateway.base.core.accounts import Accounts
from gateway.base.core.principal import Grant, Principal
from gateway.base.core.rate import Rate, RateKind
from gateway.base.storage import StorageError
from gateway.base.storage.gcra import Drained, can_give, drained, level, told
from gateway.base.storage.rates import SLOTS_MS, RateAsk, RateTold, SlotAsk, SlotTold
from gateway.dataplane.budget import rates as module
from gateway.dataplane.budget.rates import Limits, Rates
from tests.model.clock import Clock, ClockLoop

T = TypeVar("T")
NOW_MS = 1_795_000_000_000
TICK_S = 0.025
ALICE = Grant(Principal("alice", "acme", "platform", "alice@acme.dev"), Raw(b"{}"))
BOB = Grant(Principal("bob", "acme", "platform", "bob@acme.dev"), Raw(b"{}"))


class MemoryRates:
    """`delay_s`: an answer takes so long. `is_down`: nothing is done. `is_mute`: it is done, and nobody hears the answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.moments: dict[str, Drained] = {}
        self.slots: dict[tuple[str, str], int] = {}
        self.heard_ms: dict[str, int] = {}
        self.is_down = self.is_mute = False
        self.delay_s = 0.0
        self.takes = self.open = self.most_open = 0

    def slots_of(self, limiter: str) -> int:
        return sum(granted for (name, _), granted in self.slots.items() if name == limiter)

    def booked(self, limiter: str, per_minute: int) -> int:
        """What has not drained yet."""
        return level(RateAsk(limiter, per_minute, 1), self.moments.get(limiter), self._clock.now_ms) // 60_000

    async def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        self.takes += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            if self.is_down:
                await asyncio.sleep(self.delay_s)
                raise StorageError("the store is down")
            answer = self._take(run, rates, slots, now_ms)
            await asyncio.sleep(self.delay_s)
            if self.is_mute:
                raise StorageError("no answer")
            return answer
        finally:
            self.open -= 1

    async def close(self) -> None:
        pass

    def _take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        silent = {one for one, heard_ms in self.heard_ms.items() if heard_ms < now_ms - SLOTS_MS}
        self.slots = {key: granted for key, granted in self.slots.items() if key[1] not in silent}
        self.heard_ms[run] = now_ms
        levels = [level(ask, self.moments.get(ask.limiter), now_ms) for ask in rates]
        free = []
        for slot in slots:
            self.slots[slot.limiter, run] = slot.keep
            free.append(slot.limit - self.slots_of(slot.limiter))
        is_short = [slot.need > max(0, left) for slot, left in zip(slots, free, strict=True)]
        is_given = all(map(can_give, rates, levels)) and not any(is_short)
        answers = [told(ask, parts, is_given) for ask, parts in zip(rates, levels, strict=True)]
        for ask, parts, one in zip(rates, levels, answers, strict=True):
            self.moments[ask.limiter] = drained(ask, parts, one.given, now_ms)
        slot_answers = []
        for slot, left, short in zip(slots, free, is_short, strict=True):
            given = slot.need + max(0, min(slot.extra, left - slot.need)) if is_given else 0
            self.slots[slot.limiter, run] += given
            slot_answers.append(SlotTold(slot.limiter, slot.keep + given, left - given, short))
        return answers, slot_answers


def rate(kind: RateKind, amount: int, burst: int | None = None, **more: Any) -> Rate:
    burst = 0 if kind == "concurrency" else amount if burst is None else burst
    return Rate(
        **{"level": "team", "id": "platform", "models": "", "kind": kind, "amount": amount, "burst": burst, **more}
    )


class World:
    """`worker` makes one whose clockwork runs; `do` runs a coroutine in no time but the clock's."""

    def __init__(self, clock: Clock, loop: ClockLoop) -> None:
        self.clock, self.loop = clock, loop
        self.store = MemoryRates(clock)
        self._clockworks: list[asyncio.Task[None]] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    def worker(self, *terms: Rate, run: str = "run-1", store: Any = None) -> Rates:
        made = Rates(store or self.store, run)
        made.use(Accounts(terms))
        self._clockworks.append(self.loop.create_task(self._tick(made)))
        return made

    async def _tick(self, worker: Rates) -> None:
        while True:
            worker.tick(self.clock.perf_counter())
            await asyncio.sleep(TICK_S)

    def kill(self, at: int = 0) -> None:
        """A worker's clockwork stops: as after kill -9."""
        self._clockworks.pop(at).cancel()

    def close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            self.do(_ended(task))
        self.loop.close()


async def _ended(task: "asyncio.Task[Any]") -> None:
    await asyncio.wait([task])


def limits_of(worker: Rates, grant: Grant = ALICE, model: str = "openai/gpt-5") -> Limits:
    found = worker.limits_of(grant, model)
    assert found is not None
    return found


async def took(
    worker: Rates, tokens: int = 0, *, grant: Grant = ALICE, queue_ms: int = 0, queue_requests: int = 100, **more: Any
) -> Taken:
    """As flow/admit.py takes: at once from the leases, else through the store. `tokens` all of the prompt."""
    limits = limits_of(worker, grant, **more)
    needs = (1, tokens, tokens, 0)
    if limits.waiting or not limits.take(*needs, module.perf_counter()):
        await worker.obtain(limits, needs, queue_ms, queue_requests)
    return Taken(limits, needs, module.perf_counter())

"""Random lives of workers on one real rate store: what they let through together, and what is left when all has ended."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateway._native import Taken
from gateway.base.core.accounts import Accounts
from gateway.base.core.errors import RateLimited
from gateway.base.core.rate import limiter_name
from gateway.base.storage.rates import RateAsk, RateTold, SlotAsk, SlotTold
from gateway.base.storage.sqlite.rates import SqliteRates
from gateway.dataplane.budget import rates as module
from gateway.dataplane.budget.rates import Rates
from tests.dataplane.budget.rate_store import ALICE, BOB, NOW_MS, World, rate, took
from tests.model.clock import AtOnce, Clock, ClockLoop

WORKERS = 3
TERMS = (
    rate("requests", 60, 5, models="lab/*"),
    rate("requests", 60_000, 6_400, models="openai/*"),
    rate("tokens", 60_000, 30_000),
    rate("concurrency", 12),
    rate("concurrency", 3, level="key", id="bob"),
)
REQUESTS = TERMS[:2]
MODELS = ("openai/gpt-5", "lab/small")
PAUSES_S = (0.0, 0.01, 0.03, 0.3, 1.0, 5.0)
_AWAY_S = 0.005
_HELD_S = 0.3
"""How long a worker may hold units that it does not use."""


class Timeless:
    """A worker's store, some milliseconds away; the clock stands still while it works."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._store, self._clock = SqliteRates(folder), clock
        self._store._file._thread = AtOnce()

    async def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        await asyncio.sleep(_AWAY_S)
        with self._clock.stopped():
            answer = await self._store.take(run, rates, slots, now_ms)
        await asyncio.sleep(_AWAY_S)
        return answer

    async def close(self) -> None:
        with self._clock.stopped():
            await self._store.close()


class Lives(RuleBasedStateMachine):
    """Exchanges come one by one and in crowds, wait, leave, fail, end; workers reload and die."""

    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Lives.clock = Clock(NOW_MS)
        self.world = World(self.clock, ClockLoop(self.clock))
        self.runs = 0
        self.workers: list[Rates] = []
        for _ in range(WORKERS):
            self.begin()
        self.open: list[tuple[Rates, str, Taken, str]] = []
        self.served: list[tuple[float, str, int]] = []
        """When, with which model, and 1; -1 for one that was given back."""
        self.used_tokens = 0

    def begin(self) -> None:
        self.runs += 1
        self.workers.append(self.world.worker(*TERMS, run=f"run-{self.runs}", store=Timeless(self.folder, self.clock)))

    def teardown(self) -> None:
        try:
            for _, _, taken, _ in self.open:
                taken.settle(0, 0)
            self.world.wait(4.0)
            self.nothing_is_left()
        finally:
            self.world.close()
            shutil.rmtree(self.folder)

    def nothing_is_left(self) -> None:
        self.world.wait(11.0)  # dead runs too
        rates = [
            RateAsk(limiter_name(one, one.id), one.amount, one.burst) for one in TERMS if one.kind != "concurrency"
        ]
        slots = [SlotAsk(limiter_name(one, one.id), one.amount, 0) for one in TERMS if one.kind == "concurrency"]
        asked = Timeless(self.folder, self.clock)
        told, slots_told = self.world.do(asked.take("ask", rates, slots, self.clock.now_ms))
        assert [one.left for one in slots_told] == [one.limit for one in slots]
        full_ms = {one.limiter: one.full_ms for one in told}
        assert full_ms["requests|team:platform|lab/*"] <= 5_000
        assert full_ms["requests|team:platform|openai/*"] <= 6_400
        if self.runs == WORKERS:  # what was leased by one that was killed only drains; one a millisecond
            assert full_ms["tokens|team:platform|"] <= max(0, self.used_tokens - 11_000)
        self.world.wait(max(full_ms.values()) / 1000)
        told, _ = self.world.do(asked.take("ask", rates, slots, self.clock.now_ms))
        assert [one.left for one in told] == [one.burst for one in rates]
        self.world.do(asked.close())

    @rule(
        count=st.sampled_from([1, 1, 2, 9, 200]),
        who=st.sampled_from(["alice", "bob"]),
        model=st.sampled_from(MODELS),
        tokens=st.sampled_from([0, 0, 0, 1, 300, 29_000, 50_000]),
        queue_ms=st.sampled_from([0, 0, 200, 3_000]),
        leave_s=st.sampled_from([None, None, 0.002, 0.007, 0.03, 0.2]),
        data=st.data(),
    )
    def come(self, count: int, who: str, model: str, tokens: int, queue_ms: int, leave_s: float | None, data: st.DataObject) -> None:  # fmt: skip
        workers = [self.workers[i % len(self.workers)] for i in range(data.draw(st.integers(0, 9)), 9)] or self.workers

        async def one(at: int) -> None:
            worker = workers[at % len(workers)]
            grant = ALICE if who == "alice" else BOB
            taken = await took(worker, tokens, grant=grant, queue_ms=queue_ms, model=model)
            self.served.append((self.clock.perf_counter(), model, 1))
            self.open.append((worker, model, taken, who))
            assert self.in_use() <= 12
            assert self.in_use("bob") <= 3

        async def crowd() -> None:
            tasks = [asyncio.ensure_future(one(at)) for at in range(count)]
            if leave_s is not None:
                await asyncio.sleep(leave_s)
                for task in tasks[::2]:
                    task.cancel()
            for got in await asyncio.gather(*tasks, return_exceptions=True):
                if got is not None and not isinstance(got, RateLimited | asyncio.CancelledError):
                    raise got

        self.world.do(crowd())

    def in_use(self, who: str = "") -> int:
        return sum(whose == who or not who for worker, _, _, whose in self.open if worker in self.workers)

    @precondition(lambda self: self.open)
    @rule(
        at=st.integers(0, 10),
        tokens=st.sampled_from([0, 0, 1, 100, 29_000, 40_000]),
        is_sent=st.sampled_from([True, True, False]),
    )
    def end(self, at: int, tokens: int, is_sent: bool) -> None:
        _, model, taken, _ = self.open.pop(at % len(self.open))
        if is_sent:
            taken.settle(tokens, 0)
            self.used_tokens += tokens
        else:
            taken.cancel(self.clock.perf_counter())
            self.served.append((self.clock.perf_counter(), model, -1))

    @rule(pause_s=st.sampled_from(PAUSES_S))
    def time_passes(self, pause_s: float) -> None:
        self.world.wait(pause_s)

    @rule()
    def reload(self) -> None:
        for worker in self.workers:
            worker.use(Accounts(TERMS))

    @rule(at=st.integers(0, WORKERS - 1))
    def kill(self, at: int) -> None:
        """As after kill -9: what it had open is gone with it, its slots come back when it has been silent."""
        dead = self.workers.pop(at)
        self.world.kill(at)
        self.open = [one for one in self.open if one[0] is not dead]
        self.begin()

    @invariant()
    def no_stretch_of_time_has_more_than_burst_and_rate(self) -> None:
        for terms in REQUESTS:
            leases = WORKERS * 2 * (terms.burst // 64)
            most = terms.burst + leases + terms.amount / 60 * _HELD_S
            units, last = 0.0, 0.0
            for at, model, count in self.served:
                if model.partition("/")[0] == terms.models.partition("/")[0]:
                    units, last = max(0.0, units - (at - last) * terms.amount / 60) + count, at
                    assert units <= most + 1e-6


LIVES = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def test_workers_together_never_let_through_more_than_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "perf_counter", lambda: Lives.clock.perf_counter())  # noqa: PLW0108 - each life has a clock of its own
    monkeypatch.setattr(module, "time", lambda: Lives.clock.time())  # noqa: PLW0108
    run_state_machine_as_test(Lives, settings=LIVES)

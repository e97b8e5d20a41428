"""Random lives of runs on both rate stores, against plain fractions; and what all runs together were given in any stretch of time."""

import shutil
import tempfile
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec import Struct

from gateway.base.storage.rates import SLOTS_MS, RateAsk, RateTold, SlotAsk, SlotTold
from tests.base.storage.bank import START_MS
from tests.base.storage.rate_bank import RateBank
from tests.base.storage.redis_server import RedisServer, needs_redis

RUNS = ("a", "b", "c")
TERMS = {  # (per_minute, burst) before and after an edit
    "requests": ((7, 7), (60, 5)),
    "tokens": ((100_000_000, 100_000_000), (1, 3)),
    "input": ((999_983, 1_000), (50_000, 50_000)),
}
LIMITS = {"open": (5, 3), "streams": (2, 4)}
PARTS = (0, 0, 1, 200, 500, 1_000, 1_700)
"""Amounts in thousandths of a burst: few different ones, so that they meet at the edge."""
PAUSES_MS = (0, 1, 3, 500, 8_571, 8_572, 30_000, 60_000)


class Plain:
    """What a rate store is: a moment per limiter, exact, and rows of slots."""

    def __init__(self) -> None:
        self.moments: dict[str, tuple[Fraction, int]] = {}
        """Limiter → when all has drained (ms), at which rate that was written down."""
        self.slots: dict[tuple[str, str], int] = {}
        self.heard_ms: dict[str, int] = {}

    def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        dead = {one for one, heard_ms in self.heard_ms.items() if heard_ms + SLOTS_MS < now_ms}
        self.slots = {key: granted for key, granted in self.slots.items() if key[1] not in dead}
        self.heard_ms[run] = now_ms
        used = [self.used(ask, now_ms) for ask in rates]
        free = [ask.limit - ask.keep - self.others(ask.limiter, run) for ask in slots]
        waits = [self.wait(ask, units) for ask, units in zip(rates, used, strict=True)]
        refused = [ask.need > 0 and free_one < ask.need for ask, free_one in zip(slots, free, strict=True)]
        is_met = not any(waits) and not any(refused)
        return (
            [self.give(ask, units, wait, is_met, now_ms) for ask, units, wait in zip(rates, used, waits, strict=True)],
            [self.grant(run, ask, *values, is_met) for ask, *values in zip(slots, free, refused, strict=True)],
        )

    def used(self, ask: RateAsk, now_ms: int) -> Fraction:
        """Units that are booked and have not drained."""
        moment, per_minute = self.moments.get(ask.limiter, (Fraction(0), ask.per_minute))
        if per_minute != ask.per_minute:  # the last millisecond is kept in parts of a unit, at most a whole one
            moment = floor(moment) + min(Fraction(1), (moment - floor(moment)) * per_minute / ask.per_minute)
        return max(Fraction(0), max(Fraction(0), moment - now_ms) * ask.per_minute / 60_000 + ask.booked)

    def wait(self, ask: RateAsk, used: Fraction) -> int:
        if not ask.need:
            return 0
        return ceil(max(Fraction(0), used - max(0, ask.burst - ask.need)) * 60_000 / ask.per_minute)

    def give(self, ask: RateAsk, used: Fraction, wait_ms: int, is_met: bool, now_ms: int) -> RateTold:
        given = 0
        if is_met:
            given = ask.need
            used += given
            extra = min(ask.extra, max(0, floor(ask.burst - used)))
            given, used = given + extra, used + extra
        needed_ms = used * 60_000 / ask.per_minute
        if ask.booked or given:
            self.moments[ask.limiter] = (now_ms + needed_ms, ask.per_minute)
        return RateTold(ask.limiter, given, floor(ask.burst - used), wait_ms, ceil(needed_ms))

    def others(self, limiter: str, run: str) -> int:
        return sum(granted for (where, who), granted in self.slots.items() if where == limiter and who != run)

    def grant(self, run: str, ask: SlotAsk, free: int, is_refused: bool, is_met: bool) -> SlotTold:
        given = ask.need + min(ask.extra, max(0, free - ask.need)) if is_met else 0
        self.slots[ask.limiter, run] = ask.keep + given
        return SlotTold(ask.limiter, ask.keep + given, free - given, is_refused)


class Event(Struct):
    """Units that were given at `at_ms`, less those that were given back."""

    at_ms: int
    units: int


class Lives(RuleBasedStateMachine):
    """`server` is set by the test."""

    server: RedisServer | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bank = RateBank(self.folder, self.server)
        self.plain = Plain()
        self.version = 0
        self.has: dict[tuple[str, str], int] = dict.fromkeys(((run, name) for run in RUNS for name in TERMS), 0)
        self.kept: dict[tuple[str, str], int] = dict.fromkeys(((run, name) for run in RUNS for name in LIMITS), 0)
        self.forget()

    def forget(self) -> None:
        self.events: dict[str, list[Event]] = {name: [] for name in TERMS}
        self.oversized: dict[str, int] = dict.fromkeys(TERMS, 0)

    def teardown(self) -> None:
        self.bank.close()
        shutil.rmtree(self.folder)

    @rule(pause_ms=st.sampled_from(PAUSES_MS))
    def time_passes(self, pause_ms: int) -> None:
        self.bank.now_ms += pause_ms

    @rule()
    def edit(self) -> None:
        """Of all amounts at once. What the old ones allowed is another stretch of time."""
        self.version = 1 - self.version
        self.forget()

    @rule()
    def lose_memory(self) -> None:
        self.bank.lose_memory()
        self.plain = Plain()
        self.forget()

    @rule(run=st.sampled_from(RUNS), data=st.data())
    def take(self, run: str, data: st.DataObject) -> None:
        rates = [self.rate(run, name, data) for name in data.draw(st.sets(st.sampled_from(sorted(TERMS))))]
        slots = [self.slot(run, name, data) for name in data.draw(st.sets(st.sampled_from(sorted(LIMITS))))]
        wanted = self.plain.take(run, rates, slots, self.bank.now_ms)
        told = self.bank.take(run, *rates, *slots)
        assert told == wanted
        for ask, answer in zip(rates, told[0], strict=True):
            returned = max(0, -ask.booked)
            self.has[run, ask.limiter] += answer.given - returned
            self.events[ask.limiter].append(Event(self.bank.now_ms, answer.given - returned))
            if answer.given > ask.burst:
                self.oversized[ask.limiter] = max(self.oversized[ask.limiter], answer.given)
        for granted in told[1]:
            self.kept[run, granted.limiter] = granted.granted

    def rate(self, run: str, name: str, data: st.DataObject) -> RateAsk:
        per_minute, burst = TERMS[name][self.version]
        amount = st.sampled_from([-(-burst * part // 1_000) for part in PARTS])
        back = data.draw(st.integers(0, self.has[run, name]))
        booked = data.draw(st.sampled_from((0, 0, -back, -back, data.draw(amount))))
        return RateAsk(name, per_minute, burst, booked, data.draw(amount), data.draw(amount))

    def slot(self, run: str, name: str, data: st.DataObject) -> SlotAsk:
        amount = st.integers(0, 3)
        keep = data.draw(st.integers(0, self.kept[run, name]))
        return SlotAsk(name, LIMITS[name][self.version], keep, data.draw(amount), data.draw(amount))

    @invariant()
    def no_stretch_of_time_has_more_than_burst_and_rate(self) -> None:
        """For each two moments; one need above the burst may take the burst's place."""
        for name, events in self.events.items():
            per_minute, burst = TERMS[name][self.version]
            most = max(burst, self.oversized[name])
            units, last_ms = 0, START_MS
            for event in events:  # the largest sum of any stretch that ends here, less what drained in it (Kadane)
                drained = Fraction(per_minute * (event.at_ms - last_ms), 60_000)
                units, last_ms = max(Fraction(0), units - drained) + event.units, event.at_ms
                assert units <= most


LIVES = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("redis", marks=needs_redis)])
def test_answers_are_those_of_the_model_and_no_stretch_of_time_has_too_much(
    store: str, request: pytest.FixtureRequest
) -> None:
    Lives.server = request.getfixturevalue("redis_server") if store == "redis" else None
    run_state_machine_as_test(Lives, settings=LIVES)

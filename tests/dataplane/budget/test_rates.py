"""Rate limits of one worker and of several, on a store in memory and a clock of the test's."""

import asyncio
import gc
from typing import Any

import pytest

from gateway._native import Taken
from gateway.base.core.accounts import Accounts
from gateway.base.core.errors import RateLimited
from tests.dataplane.budget.rate_store import ALICE, BOB, World, limits_of, rate, took

REQUESTS, TOKENS, SLOTS = "requests|team:platform|", "tokens|team:platform|", "concurrency|team:platform|"


async def outcomes(*works: Any) -> list[Any]:
    """Taken or RateLimited of each."""
    got = await asyncio.gather(*works, return_exceptions=True)
    unexpected = [one for one in got if not isinstance(one, Taken | RateLimited)]
    assert not unexpected
    return got


def served(got: list[Any]) -> int:
    return sum(isinstance(one, Taken) for one in got)


# === taking ===


def test_no_more_than_the_burst_at_once_and_then_as_it_flows_in(world: World) -> None:
    worker = world.worker(rate("requests", 60, 5))
    got = world.do(outcomes(*(took(worker) for _ in range(20))))
    assert served(got) == 5
    refused = next(one for one in got if isinstance(one, RateLimited))
    assert "60 requests a minute; try again in 1 s" in refused.message
    world.wait(3.0)
    assert served(world.do(outcomes(*(took(worker) for _ in range(20))))) == 3


def test_workers_share_a_limit(world: World) -> None:
    workers = [world.worker(rate("requests", 6000, 6000), run=f"run-{i}") for i in range(3)]
    got = world.do(outcomes(*(took(workers[i % 3]) for i in range(7000))))
    assert 6000 - 3 * 93 <= served(got) <= 6000  # what others lease is idle for a moment


def test_a_refusal_takes_nothing_of_the_other_limits(world: World) -> None:
    worker = world.worker(rate("requests", 600), rate("tokens", 100))
    world.do(took(worker, 100))
    with pytest.raises(RateLimited) as refused:
        world.do(took(worker, 50))
    assert refused.value.details["kind"] == "tokens"
    world.wait(0.5)
    assert world.store.booked(REQUESTS, 600) == 0


def test_callers_of_one_account_share_its_limiter(world: World) -> None:
    worker = world.worker(rate("concurrency", 2))
    taken = [world.do(took(worker, grant=grant)) for grant in (ALICE, BOB)]
    for grant in (ALICE, BOB):
        with pytest.raises(RateLimited):
            world.do(took(worker, grant=grant))
    taken[0].settle(0, 0)
    world.do(took(worker, grant=BOB)).settle(0, 0)


def test_a_need_above_the_burst_waits_until_all_of_it_is_saved(world: World) -> None:
    worker = world.worker(rate("tokens", 600, 100))
    world.do(took(worker, 50))
    with pytest.raises(RateLimited):
        world.do(took(worker, 500))
    world.wait(5.0)
    world.do(took(worker, 500))
    with pytest.raises(RateLimited) as refused:
        world.do(took(worker, 1))
    assert refused.value.details["retry_after_s"] in range(40, 42)


def test_who_comes_while_the_store_is_asked_costs_nobody_his_turn(world: World) -> None:
    """The lease has a part of what is needed; it goes to another while the rest is asked for."""
    worker = world.worker(rate("tokens", 100_000))
    world.do(took(worker, 1)).cancel()
    lease = limits_of(worker).flows[0][0].have
    assert lease > 1000
    world.store.delay_s = 0.01

    async def both() -> list[Any]:
        large = asyncio.ensure_future(took(worker, lease + 500))
        await asyncio.sleep(0.005)
        small = await took(worker, lease)
        return [small, *await outcomes(large)]

    assert served(world.do(both())) == 2


def test_tokens_are_corrected_both_ways(world: World) -> None:
    worker = world.worker(rate("tokens", 6000))
    world.do(took(worker, 1000)).settle(3000, 0)
    world.wait(1.0)
    assert world.store.booked(TOKENS, 6000) in range(2895, 2901)
    world.do(took(worker, 2000)).settle(500, 0)
    world.wait(1.0)
    assert world.store.booked(TOKENS, 6000) in range(3290, 3301)


def test_what_one_worker_guessed_too_much_is_the_others_within_a_moment(world: World) -> None:
    one, other = world.worker(rate("tokens", 6000)), world.worker(rate("tokens", 6000), run="run-2")
    world.do(took(one, 6000)).settle(100, 0)
    world.do(took(one, 10)).settle(10, 0)  # it goes on using it
    world.wait(0.03)
    world.do(took(one, 10)).settle(10, 0)
    world.do(took(other, 5000))


def test_a_failure_says_nothing_of_the_usual_output(world: World) -> None:
    worker = world.worker(rate("tokens", 100_000_000))
    limits = limits_of(worker)
    for _ in range(100):
        world.do(took(worker, 10)).settle(0, 0)
    assert limits.needs(101, 0, is_retry=False) == (1, 601, 101, 500)
    assert limits.needs(101, 7, is_retry=True) == (0, 108, 101, 7)
    world.do(took(worker, 10)).settle(0, 2100)
    assert limits.output_tokens == 600


# === slots ===


def test_slots_are_never_more_than_the_limit_and_all_come_back(world: World) -> None:
    workers = [world.worker(rate("concurrency", 3), run=f"run-{i}") for i in range(2)]
    got = world.do(outcomes(*(took(workers[i % 2]) for i in range(10))))
    assert served(got) == world.store.slots_of(SLOTS) == 3
    for one in got:
        if isinstance(one, Taken):
            one.settle(0, 0)
    world.wait(0.06)
    assert world.store.slots_of(SLOTS) == 0


def test_an_idle_slot_of_another_worker_is_waited_for(world: World) -> None:
    one, other = world.worker(rate("concurrency", 1)), world.worker(rate("concurrency", 1), run="run-2")
    world.do(took(one)).settle(0, 0)
    world.do(took(other)).settle(0, 0)


def test_a_slot_that_another_worker_has_just_freed_is_found_though_it_was_refused_a_moment_ago(world: World) -> None:
    one, other = world.worker(rate("concurrency", 1)), world.worker(rate("concurrency", 1), run="run-2")
    first = world.do(took(one))
    with pytest.raises(RateLimited):
        world.do(took(other))
    first.settle(0, 0)
    world.do(took(other))


def test_slots_of_a_dead_worker_come_back(world: World) -> None:
    one, other = world.worker(rate("concurrency", 1)), world.worker(rate("concurrency", 1), run="run-2")
    world.do(took(one))
    world.kill(0)
    world.wait(9.0)
    with pytest.raises(RateLimited):
        world.do(took(other))
    world.wait(3.1)
    world.do(took(other))


def test_a_run_that_the_store_took_for_dead_tells_its_slots_anew(world: World) -> None:
    worker = world.worker(rate("concurrency", 5))
    for _ in range(4):
        world.do(took(worker))
    world.store.slots.clear()
    world.wait(2.1)
    assert world.store.slots_of(SLOTS) == 4


def test_a_lowered_limit_lets_nobody_in_and_asks_no_more_often(world: World) -> None:
    worker, other = world.worker(rate("concurrency", 5)), world.worker(rate("concurrency", 5), run="run-2")
    taken = [world.do(took(one)) for one in (worker, worker, worker, other)]
    for one in (worker, other):
        one.use(Accounts([rate("concurrency", 1)]))
    with pytest.raises(RateLimited):
        world.do(took(worker))
    before = world.store.takes
    world.wait(1.0)
    assert world.store.takes - before <= 2
    for one in taken:
        one.settle(0, 0)
    world.wait(0.1)
    assert world.store.slots_of(SLOTS) == 0
    assert world.do(took(worker))


# === the queue ===


def test_who_waits_is_served_in_the_order_of_coming(world: World) -> None:
    worker = world.worker(rate("requests", 60, 1))
    order: list[int] = []

    async def one(number: int) -> Taken:
        found = await took(worker, queue_ms=60_000)
        order.append(number)
        return found

    began = world.clock.perf_counter()
    assert served(world.do(outcomes(*(one(i) for i in range(10))))) == 10
    assert order == list(range(10))
    assert world.clock.perf_counter() - began == pytest.approx(9.0, abs=0.1)


def test_the_queue_has_a_length_and_who_is_too_many_passes_nobody(world: World) -> None:
    worker = world.worker(rate("concurrency", 1))
    first = world.do(took(worker))

    async def crowd() -> list[Any]:
        waiting = [asyncio.ensure_future(took(worker, queue_ms=5000, queue_requests=2)) for _ in range(2)]
        await asyncio.sleep(0.01)
        first.settle(0, 0)  # before a poll: the slot is free, and it is theirs
        late = await outcomes(*(took(worker, queue_ms=5000, queue_requests=2) for _ in range(3)))
        (await waiting[0]).settle(0, 0)
        (await waiting[1]).settle(0, 0)
        return late

    assert served(world.do(crowd())) == 0


def test_the_queue_has_a_deadline(world: World) -> None:
    worker = world.worker(rate("concurrency", 1), rate("tokens", 1000))
    world.do(took(worker, 10))
    began = world.clock.perf_counter()
    with pytest.raises(RateLimited) as refused:
        world.do(took(worker, 10, queue_ms=300))
    assert world.clock.perf_counter() - began == pytest.approx(0.3, abs=0.05)
    assert refused.value.details["kind"] == "concurrency"
    world.wait(1.0)
    assert world.store.slots_of(SLOTS) == 1


def test_who_would_wait_longer_than_the_deadline_does_not_wait(world: World) -> None:
    worker = world.worker(rate("requests", 1))
    world.do(took(worker))
    began = world.clock.perf_counter()
    assert served(world.do(outcomes(*(took(worker, queue_ms=3000) for _ in range(50))))) == 0
    assert world.clock.perf_counter() - began < 0.1
    assert world.store.takes < 5


def test_who_is_too_many_is_told_when_to_come_again_though_nobody_was_refused_yet(world: World) -> None:
    """On a busy machine: the first in line still waits for the store's word."""
    worker = world.worker(rate("requests", 1))
    world.do(took(worker))
    world.store.delay_s = 0.05
    refused = world.do(outcomes(*(took(worker, queue_ms=300, queue_requests=2) for _ in range(6))))
    assert [one.details["retry_after_s"] for one in refused] == [60] * 6


# === who leaves ===


@pytest.mark.parametrize("after_s", [0.0, 0.004, 0.012, 0.02, 0.03, 0.045, 0.06])
def test_who_leaves_while_waiting_leaves_nothing_behind(world: World, after_s: float) -> None:
    worker = world.worker(rate("concurrency", 1), rate("requests", 600), rate("tokens", 6000))
    world.store.delay_s = 0.01

    async def leaving() -> None:
        first = await took(worker, 10)
        leavers = [asyncio.ensure_future(took(worker, 10, queue_ms=5000)) for _ in range(3)]
        await asyncio.sleep(after_s)
        first.cancel()
        await asyncio.sleep(after_s)
        for one in leavers:
            one.cancel()
        for one in await asyncio.gather(*leavers, return_exceptions=True):
            if isinstance(one, Taken):
                one.cancel()

    world.do(leaving())
    world.wait(1.0)
    assert world.store.slots_of(SLOTS) == 0
    assert (world.store.booked(REQUESTS, 600), world.store.booked(TOKENS, 6000)) == (0, 0)
    assert limits_of(worker).slots[0].in_use == limits_of(worker).slots[0].granted == 0


def test_the_store_is_asked_one_thing_at_a_time_even_when_who_asked_has_left(world: World) -> None:
    """Two asks under way would both keep what was granted before, and the worker would count a slot too many."""
    worker = world.worker(rate("concurrency", 5))
    world.store.delay_s = 0.05

    async def leaving() -> list[Any]:
        works = [asyncio.ensure_future(took(worker)) for _ in range(3)]
        await asyncio.sleep(0.01)
        works[0].cancel()
        return [await one for one in works[1:]]

    world.do(leaving())
    assert world.store.most_open == 1
    slots = limits_of(worker).slots[0]
    assert slots.in_use <= slots.granted <= world.store.slots_of(SLOTS)


# === reloads ===


def test_what_is_open_over_a_reload_is_still_counted(world: World) -> None:
    terms = [rate("concurrency", 2), rate("tokens", 6000)]
    worker = world.worker(*terms)
    open_ones = [world.do(took(worker, 100)) for _ in range(2)]
    for _ in range(3):
        worker.use(Accounts(terms))
        world.wait(3.0)
    with pytest.raises(RateLimited):
        world.do(took(worker, 100))
    for one in open_ones:
        one.settle(2000, 0)
    world.wait(0.1)
    assert world.store.booked(TOKENS, 6000) in range(2900, 3801)
    assert world.store.slots_of(SLOTS) == 0


def test_a_debt_of_an_exchange_that_outlives_its_policy_is_booked(world: World) -> None:
    worker = world.worker(rate("tokens", 6000))
    long_one = world.do(took(worker, 100))
    worker.use(Accounts([rate("tokens", 6000), rate("requests", 60)]))
    world.wait(10.0)  # nobody else comes: the old limiter is in use by this one only
    long_one.settle(5000, 0)
    world.wait(0.1)
    assert world.store.booked(TOKENS, 6000) in range(4880, 5001)


def test_who_waits_over_a_reload_leaves_no_slot_behind(world: World) -> None:
    terms = [rate("concurrency", 1)]
    worker, other = world.worker(*terms), world.worker(*terms, run="run-2")
    held = world.do(took(other))

    async def waiting() -> None:
        one = asyncio.ensure_future(took(worker, queue_ms=20_000))
        await asyncio.sleep(0.5)
        worker.use(Accounts(terms))
        await asyncio.sleep(6.0)
        held.settle(0, 0)
        (await one).settle(0, 0)

    world.do(waiting())
    world.wait(3.0)
    assert world.store.slots_of(SLOTS) == 0


def test_limiters_that_nobody_can_use_any_more_are_forgotten(world: World) -> None:
    worker = world.worker(rate("concurrency", 1), rate("requests", 600))
    world.do(took(worker)).settle(0, 0)
    worker.use(Accounts([rate("requests", 600, models="lab/*")]))
    gc.collect()
    world.wait(5.0)
    assert (worker._flows, worker._slots) == ({}, {})
    assert worker.limits_of(ALICE, "openai/gpt-5") is None


# === a store that is not there ===


def test_a_store_that_is_down_limits_nobody_and_is_asked_seldom(world: World) -> None:
    worker = world.worker(rate("concurrency", 1), rate("requests", 1))
    world.store.is_down, world.store.delay_s = True, 1.0
    began = world.clock.perf_counter()
    assert served(world.do(outcomes(*(took(worker) for _ in range(50))))) == 50
    assert world.clock.perf_counter() - began < 1.1  # one timeout, and nobody waits for another
    before, began = world.store.takes, world.clock.perf_counter()

    async def many() -> float:
        longest = 0.0
        for _ in range(100):
            asked_at = world.clock.perf_counter()
            await took(worker)
            longest = max(longest, world.clock.perf_counter() - asked_at)
            await asyncio.sleep(0.1)
        return longest

    assert world.do(many()) < 0.001
    assert world.store.takes - before <= (world.clock.perf_counter() - began) / 2 + 1


def test_a_store_that_is_back_hears_what_is_open_and_limits_again(world: World) -> None:
    worker, other = world.worker(rate("concurrency", 4)), world.worker(rate("concurrency", 4), run="run-2")
    world.store.is_down = True
    open_ones = [world.do(took(worker)) for _ in range(6)]
    world.store.is_down = False
    world.wait(2.2)
    assert world.store.slots_of(SLOTS) == 6
    with pytest.raises(RateLimited):
        world.do(took(other))
    for one in open_ones:
        one.settle(0, 0)
    world.wait(0.1)
    assert world.store.slots_of(SLOTS) == 0
    world.do(took(other))


def test_a_long_outage_leaves_no_long_debt(world: World) -> None:
    worker = world.worker(rate("requests", 60))
    world.store.is_down = True

    async def busy() -> None:
        for _ in range(600):
            await took(worker)
            await asyncio.sleep(0.1)

    world.do(busy())
    world.store.is_down = False
    world.wait(4.5)
    assert world.store.booked(REQUESTS, 60) <= 45


def test_a_slot_whose_answer_was_lost_comes_back(world: World) -> None:
    worker = world.worker(rate("concurrency", 1))
    world.store.is_mute, world.store.delay_s = True, 0.01

    async def leaving() -> None:
        one = asyncio.ensure_future(took(worker))
        await asyncio.sleep(0.005)
        assert world.store.slots_of(SLOTS) == 1
        one.cancel()
        await asyncio.sleep(0.02)

    world.do(leaving())
    world.store.is_mute = False
    world.wait(3.0)
    assert world.store.slots_of(SLOTS) == 0


def test_close_gives_everything_back(world: World) -> None:
    worker = world.worker(rate("concurrency", 640), rate("requests", 60_000), rate("tokens", 6_000_000))
    for _ in range(5):
        world.do(took(worker, 100)).cancel()
    assert world.store.slots_of(SLOTS) > 0
    world.kill()
    world.do(worker.close())
    assert world.store.slots_of(SLOTS) == 0
    assert (world.store.booked(REQUESTS, 60_000), world.store.booked(TOKENS, 6_000_000)) == (0, 0)


def test_what_an_answer_says_is_left(world: World) -> None:
    worker = world.worker(rate("requests", 60), rate("input_tokens", 6000), rate("concurrency", 3), rate("requests", 10, models="openai/*"))  # fmt: skip
    world.do(took(worker, 100))
    headers = [("x-ratelimit-limit-tokens", "the provider's own")]
    limits_of(worker).stamp(headers, world.clock.perf_counter())
    assert dict(headers) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-input-tokens": "6000",
        "x-ratelimit-remaining-input-tokens": "5900",
        "x-ratelimit-reset-input-tokens": "1s",
        "x-ratelimit-limit-concurrency": "3",
        "x-ratelimit-remaining-concurrency": "2",
    }

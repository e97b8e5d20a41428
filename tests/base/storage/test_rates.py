"""What both rate stores promise (base/storage/rates.py)."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.base.storage.rates import SLOTS_MS, RateAsk, RateStore, SlotAsk
from gateway.base.storage.sqlite.migrations import LEASES, migrate
from tests.base.storage.bank import START_MS
from tests.base.storage.rate_bank import RateBank
from tests.base.storage.redis_server import needs_redis

REQUESTS, TOKENS, OPEN, OTHER = "requests|team:a|", "tokens|user:x|", "concurrency|team:a|", "concurrency|user:x|"


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def rate_bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RateBank]:
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None
    bank = RateBank(tmp_path / "data", server)
    yield bank
    bank.close()


def requests(need: int = 0, extra: int = 0, booked: int = 0, per_minute: int = 60, burst: int = 10) -> RateAsk:
    """60 a minute (one a second), 10 at once."""
    return RateAsk(REQUESTS, per_minute, burst, booked, need, extra)


def tokens(need: int = 0, extra: int = 0, booked: int = 0, per_minute: int = 6_000, burst: int = 1_000) -> RateAsk:
    """100 a second, 1,000 at once."""
    return RateAsk(TOKENS, per_minute, burst, booked, need, extra)


# === units ===


def test_a_limiter_that_nobody_knows_is_full(rate_bank: RateBank) -> None:
    told = rate_bank.rate(requests())
    assert (told.limiter, told.given, told.left, told.wait_ms, told.full_ms) == (REQUESTS, 0, 10, 0, 0)


def test_units_come_back_at_the_rate(rate_bank: RateBank) -> None:
    """One a second, and never more than the burst."""
    assert rate_bank.rate(requests(need=10)).given == 10
    rate_bank.now_ms += 2_500
    assert (rate_bank.rate(requests()).left, rate_bank.rate(requests()).full_ms) == (2, 7_500)
    rate_bank.now_ms += 3_600_000
    assert rate_bank.rate(requests()).left == 10


def test_a_need_that_is_not_there_says_how_long_to_wait(rate_bank: RateBank) -> None:
    """To the millisecond: one less and it is refused again."""
    rate_bank.rate(requests(need=8))
    rate_bank.now_ms += 250
    told = rate_bank.rate(requests(need=5))
    assert (told.given, told.left, told.wait_ms, told.full_ms) == (0, 2, 2_750, 7_750)
    rate_bank.now_ms += 2_749
    assert rate_bank.rate(requests(need=5)).wait_ms == 1
    rate_bank.now_ms += 1
    told = rate_bank.rate(requests(need=5))
    assert (told.given, told.left, told.wait_ms, told.full_ms) == (5, 0, 0, 10_000)


@pytest.mark.parametrize(("per_minute", "wait_ms"), [(7, 8_572), (1, 60_000), (100_000_000, 1)])
def test_times_are_rounded_up(rate_bank: RateBank, per_minute: int, wait_ms: int) -> None:
    """Who comes then is served."""
    rate_bank.rate(requests(need=1, per_minute=per_minute, burst=1))
    told = rate_bank.rate(requests(need=1, per_minute=per_minute, burst=1))
    assert (told.given, told.left, told.wait_ms, told.full_ms) == (0, 0, wait_ms, wait_ms)
    rate_bank.now_ms += wait_ms
    assert rate_bank.rate(requests(need=1, per_minute=per_minute, burst=1)).given == 1


def test_extra_is_what_there_is(rate_bank: RateBank) -> None:
    """On top of the need, never into debt."""
    assert rate_bank.rate(requests(need=2, extra=3)).given == 5
    told = rate_bank.rate(requests(extra=100))
    assert (told.given, told.left) == (5, 0)
    rate_bank.rate(requests(booked=3))
    told = rate_bank.rate(requests(extra=100))
    assert (told.given, told.left, told.wait_ms) == (0, -3, 0)


def test_booked_units_may_lead_into_debt_and_count_before_the_need(rate_bank: RateBank) -> None:
    """An answer was longer than anybody thought."""
    told = rate_bank.rate(tokens(booked=1_500, need=100))
    assert (told.given, told.left, told.wait_ms, told.full_ms) == (0, -500, 6_000, 15_000)
    assert rate_bank.rate(tokens()).left == -500


def test_units_that_were_not_used_go_back_but_not_beyond_full(rate_bank: RateBank) -> None:
    rate_bank.rate(requests(need=10))
    told = rate_bank.rate(requests(booked=-4, need=4))
    assert (told.given, told.left) == (4, 0)
    assert rate_bank.rate(requests(booked=-50)).left == 10
    assert rate_bank.rate(requests(need=10)).given == 10


def test_a_need_above_the_burst_is_met_by_a_full_limiter_only(rate_bank: RateBank) -> None:
    """Else a prompt that is larger than the burst would never pass; it leaves a debt."""
    told = rate_bank.rate(tokens(need=2_500, extra=9))
    assert (told.given, told.left, told.wait_ms, told.full_ms) == (2_500, -1_500, 0, 25_000)
    told = rate_bank.rate(tokens(need=1_001))
    assert (told.given, told.wait_ms) == (0, 25_000)
    rate_bank.now_ms += 24_999
    assert rate_bank.rate(tokens(need=1_001)).given == 0
    rate_bank.now_ms += 1
    assert rate_bank.rate(tokens(need=1_001)).given == 1_001


def test_all_needs_or_none(rate_bank: RateBank) -> None:
    """Who had the need waits for nothing itself; what is booked is booked in any case."""
    (first, second), (slot,) = rate_bank.take(
        "a", requests(need=3, extra=2, booked=1), tokens(need=900, booked=200), SlotAsk(OPEN, 5, 0, need=1, extra=1)
    )
    assert (first.given, first.left, first.wait_ms) == (0, 9, 0)
    assert (second.given, second.left, second.wait_ms) == (0, 800, 1_000)
    assert (slot.granted, slot.left, slot.is_refused) == (0, 5, False)


def test_a_slot_that_is_missing_holds_the_units_back(rate_bank: RateBank) -> None:
    rate_bank.slot(SlotAsk(OPEN, 1, 0, need=1), run="b")
    (rate,), (slot,) = rate_bank.take("a", requests(need=3, extra=2), SlotAsk(OPEN, 1, 0, need=1))
    assert (rate.given, rate.left, rate.wait_ms) == (0, 10, 0)
    assert (slot.granted, slot.left, slot.is_refused) == (0, 0, True)


def test_answers_come_in_the_order_of_the_asks(rate_bank: RateBank) -> None:
    rates, slots = rate_bank.take("a", tokens(), requests(), SlotAsk(OTHER, 2, 1), SlotAsk(OPEN, 1, 0))
    assert [told.limiter for told in rates] == [TOKENS, REQUESTS]
    assert [told.limiter for told in slots] == [OTHER, OPEN]


def test_large_bursts_are_exact(rate_bank: RateBank) -> None:
    """An hour's worth of a thousand million tokens a minute: Lua's numbers carry it to the unit."""
    large = {"per_minute": 10**9, "burst": 60 * 10**9}
    assert rate_bank.rate(tokens(need=60 * 10**9 - 1, **large)).left == 1
    assert rate_bank.rate(tokens(need=2, **large)).wait_ms == 1
    assert rate_bank.rate(tokens(extra=2, **large)).given == 1
    assert rate_bank.rate(tokens(**large)).full_ms == 3_600_000


def test_an_edit_is_felt_as_speed(rate_bank: RateBank) -> None:
    """What is kept is a time: half empty stays half empty, and is full at the same moment."""
    rate_bank.rate(requests(need=30, per_minute=60, burst=60))
    told = rate_bank.rate(requests(per_minute=600, burst=600))
    assert (told.left, told.full_ms) == (300, 30_000)
    told = rate_bank.rate(requests(per_minute=2, burst=2))
    assert (told.left, told.full_ms) == (1, 30_000)
    told = rate_bank.rate(requests(need=1, per_minute=60, burst=10))
    assert (told.given, told.left, told.wait_ms) == (0, -20, 21_000)


def test_after_an_edit_the_last_millisecond_is_no_more_than_one(rate_bank: RateBank) -> None:
    """It is kept in parts, of which the old rate had more."""
    assert rate_bank.rate(tokens(need=1, per_minute=100_000_000, burst=2)).full_ms == 1
    assert rate_bank.rate(tokens(per_minute=1, burst=2)).full_ms == 1


def test_a_store_that_lost_its_memory_has_full_limiters(rate_bank: RateBank) -> None:
    """Nobody waits, and nothing is an error."""
    rate_bank.take("a", requests(need=10), SlotAsk(OPEN, 1, 0, need=1))
    rate_bank.lose_memory()
    (rate,), (slot,) = rate_bank.take("b", requests(need=10), SlotAsk(OPEN, 1, 0, need=1))
    assert (rate.given, slot.granted) == (10, 1)


def test_workers_that_take_at_once_get_no_more_than_there_is(rate_bank: RateBank) -> None:
    """Each by a connection of its own."""

    async def worker(store: RateStore, run: str) -> int:
        sum_given = 0
        for _ in range(40):
            (told,), _slots = await store.take(run, [requests(need=1, extra=2, burst=100)], [], START_MS)
            sum_given += told.given
        await store.close()
        return sum_given

    async def main() -> list[int]:
        return await asyncio.gather(*(worker(rate_bank.another_store(), run) for run in ("a", "b", "c", "d")))

    assert sum(rate_bank.do(main())) == 100


# === slots ===


def test_slots_are_shared_by_runs(rate_bank: RateBank) -> None:
    assert rate_bank.slot(SlotAsk(OPEN, 10, 0, need=2, extra=4)).granted == 6
    told = rate_bank.slot(SlotAsk(OPEN, 10, 0, need=1, extra=9), run="b")
    assert (told.granted, told.left, told.is_refused) == (4, 0, False)
    assert rate_bank.slot(SlotAsk(OPEN, 10, 4, need=1), run="b").is_refused
    assert rate_bank.slot(SlotAsk(OPEN, 10, 3)).left == 3
    assert rate_bank.slot(SlotAsk(OPEN, 10, 4, need=1), run="b").granted == 5


def test_what_a_run_keeps_counts_whatever_the_store_thought(rate_bank: RateBank) -> None:
    """Those streams are open, also after the store lost its memory and gave the slots to others, or the limit was lowered."""
    assert rate_bank.slot(SlotAsk(OPEN, 2, 0, need=2), run="b").granted == 2
    told = rate_bank.slot(SlotAsk(OPEN, 2, 3, need=1))
    assert (told.granted, told.left, told.is_refused) == (3, -3, True)
    told = rate_bank.slot(SlotAsk(OPEN, 2, 3, extra=1))
    assert (told.granted, told.left, told.is_refused) == (3, -3, False)


def test_slots_of_a_silent_run_are_free(rate_bank: RateBank) -> None:
    """It is dead, or says anew what it has."""
    rate_bank.slot(SlotAsk(OPEN, 3, 0, need=2), run="b")
    rate_bank.now_ms += SLOTS_MS
    assert rate_bank.slot(SlotAsk(OPEN, 3, 0)).left == 1
    rate_bank.now_ms += 1
    assert rate_bank.slot(SlotAsk(OPEN, 3, 0)).left == 3
    rate_bank.take("b")
    assert rate_bank.slot(SlotAsk(OPEN, 3, 0)).left == 3
    assert rate_bank.slot(SlotAsk(OPEN, 3, 2), run="b").left == 1


def test_a_run_that_was_silent_has_lost_its_slots_before_its_own_sign_of_life(rate_bank: RateBank) -> None:
    """Whether or not anybody else came in between."""
    rate_bank.slot(SlotAsk(OPEN, 3, 0, need=2), run="b")
    rate_bank.now_ms += SLOTS_MS + 1
    rate_bank.take("b")
    assert rate_bank.slot(SlotAsk(OPEN, 3, 0)).left == 3


def test_any_take_is_a_sign_of_life_for_all_slots_of_the_run(rate_bank: RateBank) -> None:
    """A run with long streams may have nothing to ask for."""
    rate_bank.take("b", SlotAsk(OPEN, 3, 0, need=2), SlotAsk(OTHER, 3, 0, need=1))
    for asks in ((), (requests(need=1),), (SlotAsk(OTHER, 3, 1),)):
        rate_bank.now_ms += SLOTS_MS
        rate_bank.take("b", *asks)
    rate_bank.now_ms += SLOTS_MS
    assert [told.left for told in rate_bank.take("a", SlotAsk(OPEN, 3, 0), SlotAsk(OTHER, 3, 0))[1]] == [1, 2]


# === the file ===


def test_a_file_from_before_rate_limits_keeps_its_money(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "leases.sqlite3", isolation_level=None)) as db:
        migrate(db, LEASES[:1], "leases.sqlite3")
        db.execute("INSERT INTO totals VALUES ('bucket', 'n1', 5)")
    bank = RateBank(tmp_path, None)
    assert bank.rate(requests(need=10)).given == 10
    bank.close()
    with closing(sqlite3.connect(tmp_path / "leases.sqlite3")) as db:
        assert db.execute("SELECT total_nusd FROM totals").fetchall() == [(5,)]


def test_limiters_in_the_past_leave_the_file(tmp_path: Path) -> None:
    """Each account that ever came would have one."""
    bank = RateBank(tmp_path, None)
    bank.take("a", requests(need=1), tokens(need=1))
    bank.now_ms += 60_000
    bank.rate(requests(need=1))
    bank.close()
    with closing(sqlite3.connect(tmp_path / "leases.sqlite3")) as db:
        assert db.execute("SELECT limiter FROM rates").fetchall() == [(REQUESTS,)]

"""Leases of one limiter: arithmetic only."""

from gateway.base.storage.rates import RateTold, SlotTold
from gateway.dataplane.budget.limiter import Flow, Slots
from tests.dataplane.budget.rate_store import rate


def flow(amount: int, *, have: int = 0, left: int | None = None, used_at: float = 100.0) -> Flow:
    made = Flow(rate("tokens", amount), "platform")
    made.have, made.used_at = have, used_at
    made.left = amount if left is None else left
    return made


def slots(limit: int, *, granted: int = 0, in_use: int = 0, left: int | None = None, used_at: float = 100.0) -> Slots:
    made = Slots(rate("concurrency", limit), "platform")
    made.granted, made.in_use, made.used_at = granted, in_use, used_at
    made.left = limit if left is None else left
    return made


def told(given: int, left: int) -> RateTold:
    return RateTold("", given, left, 0, 0)


# === flows ===


def test_a_small_limit_is_asked_for_exactly_what_is_needed() -> None:
    one = flow(60)
    ask = one.ask(1, 100.0)
    assert (ask.booked, ask.need, ask.extra) == (0, 1, 0)
    assert (ask.per_minute, ask.burst, ask.limiter) == (60, 60, "tokens|team:platform|")


def test_a_large_limit_is_asked_for_a_lease_beside_the_need() -> None:
    one = flow(64_000)
    ask = one.ask(100, 100.0)
    assert (ask.need, ask.extra) == (100, 1000)
    one.told(told(1100, 62_900), 100.0)
    assert one.have == 1100
    assert not one.is_due(100.0)


def test_what_is_there_is_not_asked_for_again() -> None:
    ask = flow(60, have=7).ask(10, 100.0)
    assert (ask.booked, ask.need) == (0, 3)


def test_debts_are_booked_once_and_what_is_used_meanwhile_counts_too() -> None:
    one = flow(600, have=-30)
    assert one.is_due(100.0)
    assert one.ask(0, 100.0).booked == 30
    assert one.have == 0
    one.have -= 5  # while the store is asked
    one.told(told(0, 570), 100.1)
    assert one.have == -5
    assert one.ask(2, 100.1).booked == 5


def test_idle_units_go_back_but_not_to_who_is_about_to_use_them() -> None:
    one = flow(600, have=40)
    assert one.is_due(101.0)
    assert one.ask(50, 101.0).booked == 0
    one.have = 40
    ask = one.ask(0, 101.0)
    assert (ask.booked, ask.need, ask.extra) == (-40, 0, 0)
    assert one.have == 0
    assert not one.is_due(101.0)


def test_what_corrections_gave_back_beyond_a_lease_goes_back_while_the_limiter_is_in_use() -> None:
    one = flow(600, have=400, left=0)
    assert one.is_due(100.0)
    assert one.ask(0, 100.0).booked == -400
    large = flow(64_000, have=1500)
    assert not large.is_due(100.0)
    large.have = 5000
    assert large.is_due(100.0)
    ask = large.ask(0, 100.0)
    assert (ask.booked, ask.extra, large.have) == (-4000, 0, 1000)


def test_a_lease_is_filled_up_before_it_is_empty() -> None:
    one = flow(64_000, have=499)
    assert one.is_due(100.0)
    assert one.ask(0, 100.0).extra == 501


def test_a_need_above_the_burst_is_asked_for_whole() -> None:
    assert flow(60).ask(500, 100.0).need == 500


def test_remaining_flows_in_up_to_the_burst() -> None:
    one = flow(60, have=2)
    one.told(told(0, 10), 100.0)
    assert one.remaining(105.0) == 17
    assert one.remaining(1000.0) == 60
    one.have = -100
    assert one.remaining(100.0) == 0


def test_a_debt_of_the_store_is_no_reason_for_a_lease() -> None:
    one = flow(64_000, left=-50_000)
    assert not one.is_due(100.0)
    assert one.ask(10, 100.0).extra == 0


# === slots ===


def test_slots_are_asked_for_one_by_one_where_few_are_left() -> None:
    one = slots(4)
    ask = one.ask(1, 100.0)
    assert (ask.limit, ask.keep, ask.need, ask.extra) == (4, 0, 1, 0)
    one.told(ask, SlotTold("", 1, 3, False))
    assert (one.granted, one.remaining()) == (1, 4)


def test_an_idle_slot_goes_back_at_once_where_few_are_left() -> None:
    one = slots(4, granted=3, in_use=1)
    assert one.is_due(100.0)
    ask = one.ask(0, 100.0)
    assert (ask.keep, ask.need, one.granted) == (1, 0, 1)


def test_many_left_some_stay() -> None:
    one = slots(640, granted=11, in_use=1)
    assert not one.is_due(100.0)
    assert one.is_due(101.0)
    assert one.ask(0, 101.0).keep == 1


def test_a_slot_that_is_freed_while_the_store_is_asked_is_idle_afterwards() -> None:
    one = slots(4, granted=2, in_use=2)
    ask = one.ask(1, 100.0)
    one.in_use -= 1
    one.told(ask, SlotTold("", 3, 1, False))
    assert (one.granted, one.in_use) == (3, 1)
    assert one.is_due(100.0)


def test_a_lowered_limit_that_is_passed_already_is_not_told_again_and_again() -> None:
    one = slots(2, granted=3, in_use=3, left=-4)
    assert not one.is_due(100.0)
    assert one.remaining() == 0


def test_an_ask_without_an_answer_is_asked_again() -> None:
    one = slots(4)
    one.ask(1, 100.0)
    assert one.is_due(100.0)
    ask = one.ask(0, 100.1)
    assert ask.keep == 0
    one.told(ask, SlotTold("", 0, 4, False))
    assert not one.is_due(100.1)

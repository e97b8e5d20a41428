"""The arithmetic of rate limiters: nothing is rounded, whatever the rate."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.storage.gcra import UNIT, Drained, drained, level, told
from gateway.base.storage.rates import RateAsk
from tests.base.storage.bank import START_MS

PER_MINUTE = st.sampled_from((1, 7, 60, 999_983, 100_000_000))


def ask(per_minute: int, burst: int, booked: int = 0) -> RateAsk:
    return RateAsk("requests|org:|", per_minute, burst, booked)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 999_983, 100_000_000])
def test_as_many_as_the_burst_and_no_more(per_minute: int) -> None:
    """One by one within a millisecond: 7 a minute are 7, although a seventh of a minute is no whole number."""
    burst = min(per_minute, 1000)
    state = None
    for count in range(burst):
        answer = told(RateAsk("x", per_minute, burst, need=1), level(ask(per_minute, burst), state, START_MS), True)
        assert (answer.given, answer.left, answer.wait_ms) == (1, burst - count - 1, 0)
        state = drained(ask(per_minute, burst), level(ask(per_minute, burst), state, START_MS), 1, START_MS)
    assert state is not None
    parts = level(ask(per_minute, burst), state, START_MS)
    assert told(ask(per_minute, burst), parts, True).left == 0
    assert told(RateAsk("x", per_minute, burst, need=1), parts, False).wait_ms == -(-UNIT // per_minute)


@given(per_minute=PER_MINUTE, steps=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 10**6)), max_size=30))
def test_what_is_kept_is_exact(per_minute: int, steps: list[tuple[int, int]]) -> None:
    """However often it is written down as a time and read again: the level is that of a fraction."""
    exact, now_ms, state = Fraction(0), START_MS, Drained(0, 0)
    for pause_ms, units in steps:
        now_ms += pause_ms
        exact = max(Fraction(0), exact - Fraction(per_minute * pause_ms, UNIT)) + units
        parts = level(ask(per_minute, 1, booked=units), state, now_ms)
        assert parts == exact * UNIT
        state = drained(ask(per_minute, 1), parts, 0, now_ms)
        assert 0 <= state.rest < per_minute


@given(old=PER_MINUTE, new=PER_MINUTE, units=st.integers(0, 10**6), pause_ms=st.integers(0, 10**5))
def test_an_edit_keeps_how_long_the_limiter_needs(old: int, new: int, units: int, pause_ms: int) -> None:
    """To a millisecond: what is kept is a time."""
    before = level(ask(old, 1, booked=units), None, START_MS)
    state = drained(ask(old, 1), before, 0, START_MS)
    now_ms = START_MS + pause_ms
    needed = [told(ask(rate, 1), level(ask(rate, 1), state, now_ms), True).full_ms for rate in (old, new)]
    assert needed[0] == max(0, -(-before // old) - pause_ms)
    assert abs(needed[1] - needed[0]) <= 1

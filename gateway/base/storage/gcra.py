"""How much a take is given: the arithmetic of rate limiters (GCRA), without I/O. redis/rates.lua says the same in Lua; one suite runs against both.

Source: ITU-T I.371, annex A, virtual scheduling: a limiter is its theoretical arrival time, here the time at which all that is booked has
drained. Nothing is rounded: a unit is 60,000 parts, so that `per_minute` units a minute are `per_minute` parts a millisecond, and what drains
within the last millisecond is kept as a rest in parts. Seven requests a minute are seven, and 100,000,000 tokens a minute lose none.

Because a time is kept, and not what is booked, an edit keeps how long the limiter needs: a higher `per_minute` or `burst` is felt at once
as speed, a lower one makes nobody wait for hours for what was booked under the old one. Within its last millisecond it may be out by one.

Lua's numbers are exact to 2^53: a burst, and what is booked on top of it, may be 150 thousand million units.
"""

from gateway.base.core.struct import Record
from gateway.base.storage.rates import RateAsk, RateTold

UNIT = 60_000
"""A unit in parts: the milliseconds of a minute."""


class Drained(Record, frozen=True):
    """When all that is booked has drained: `rest` parts (less than a millisecond's) after `at_ms`. In the past: the limiter is full."""

    at_ms: int
    rest: int


def level(ask: RateAsk, drained: Drained | None, now_ms: int) -> int:
    """What is booked and has not drained, in parts, once the ask's `booked` is; `drained` None for a limiter that nobody knows."""
    before = (drained.at_ms - now_ms) * ask.per_minute + min(drained.rest, ask.per_minute) if drained else 0
    return max(0, max(0, before) + ask.booked * UNIT)


def drained(ask: RateAsk, parts: int, given: int, now_ms: int) -> Drained:
    """What to keep of a limiter that gave at this level."""
    whole_ms, rest = divmod(parts + given * UNIT, ask.per_minute)
    return Drained(now_ms + whole_ms, rest)


def can_give(ask: RateAsk, parts: int) -> bool:
    """Whether there is `need` at this level."""
    return ask.need == 0 or parts <= _highest(ask)


def told(ask: RateAsk, parts: int, is_given: bool) -> RateTold:
    """The answer at this level. `is_given`: all needs of the call are met."""
    left = (ask.burst * UNIT - parts) // UNIT
    given = ask.need + max(0, min(ask.extra, left - ask.need)) if is_given else 0
    wait_ms = 0 if can_give(ask, parts) else _ceil(parts - _highest(ask), ask.per_minute)
    return RateTold(ask.limiter, given, left - given, wait_ms, _ceil(parts + given * UNIT, ask.per_minute))


def _highest(ask: RateAsk) -> int:
    """The highest level at which there is `need`; that of a full limiter for a need above `burst`."""
    return max(0, (ask.burst - ask.need) * UNIT)


def _ceil(parts: int, per_minute: int) -> int:
    return -(-parts // per_minute)

"""What the data plane asks of a rate store. One algorithm, two stores: sqlite/rates.py (which asks gcra.py) and redis/ (Lua).

Units that flow (requests, tokens) are limited by GCRA (ITU-T I.371: the generic cell rate algorithm): a limiter is one number, the time at
which all units booked so far have drained at `per_minute`. It is in the past when the limiter is full. Workers take leases: units are booked when they
are given, and given back when they are not used, so that what all workers together let through never passes
`burst` + `per_minute` x elapsed. Slots (concurrency) are rows, one per run: what a run has granted counts until it gives it back, or was
silent for SLOTS_MS.

Rates are no money: after a store lost its memory every limiter is full, and nobody waits. A store that cannot be reached limits nobody (the
budgets say no where money is at stake): docs/decisions/0012-rate-limits.md.
"""

from typing import Protocol

from gateway.base.core.struct import Record

SLOTS_MS = 10_000
"""A run that was silent for longer has no slots any more: it is dead, or reports them anew."""


class RateAsk(Record, frozen=True):
    """One limiter of a `take`.

    First `booked` units are booked whatever is left (negative: units that were given and not used; never beyond full). Then `need` is wanted: all needs of
    the call or none, slots included; a need above `burst` is met when the limiter is full, and leaves it in debt. Then `extra` on top, as much as is left.
    """

    limiter: str
    per_minute: int
    burst: int
    booked: int = 0
    need: int = 0
    extra: int = 0


class RateTold(Record, frozen=True):
    """`given` is `need` and what there was of `extra`, 0 when the call's needs were not met.

    `left` units are left after it (negative: debt). `wait_ms` is 0, or how long until this limiter could give its own `need`;
    `full_ms` how long until it is full again. Both are rounded up.
    """

    limiter: str
    given: int
    left: int
    wait_ms: int
    full_ms: int


class SlotAsk(Record, frozen=True):
    """One limiter of slots: the run keeps `keep` of those that it has, needs `need` more (all needs of the call or none), and
    would like `extra`. `limit` is what all runs together may have."""

    limiter: str
    limit: int
    keep: int
    need: int = 0
    extra: int = 0


class SlotTold(Record, frozen=True):
    """`granted` is what the run has now; `left` what nobody has (negative when the limit was lowered). `is_refused`: this one had not `need`."""

    limiter: str
    granted: int
    left: int
    is_refused: bool


class RateStore(Protocol):
    """Every method raises StorageError when the store cannot be reached."""

    async def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        """Book, give back, take: one transaction; answers in the order of the asks. Where a store has a clock of its own it counts
        instead of `now_ms`. A limiter may come only once in a call."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...

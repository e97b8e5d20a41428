"""A rate limit of one account as one worker knows it: what it leased of the store's, and what the store last said is left.

What each exchange changes is native (`_native.Meter`, `_native.Gauge`). Leases change by differences only, so that whatever happens while the store is asked counts too. Times are `perf_counter()` seconds.
"""

from gateway import _native
from gateway.base.core.rate import Rate, limiter_name
from gateway.base.storage.rates import RateAsk, RateTold, SlotAsk, SlotTold

_AHEAD = 64
"""A lease takes at most this part of what is left beyond what is needed: small limits are exact, large ones rarely ask."""
_IDLE_S = 0.25
"""What nobody used for so long goes back."""


class Flow(_native.Meter):
    """Requests or tokens. `have` may be given out; below zero it is what was used beyond the lease."""

    __slots__ = ("account_id", "name", "rate")

    def __init__(self, rate: Rate, account_id: str) -> None:
        self.name, self.account_id = limiter_name(rate, account_id), account_id
        self.left = rate.burst
        self.use(rate)

    def use(self, rate: Rate) -> None:
        """Take the amounts of a policy, at the start and from each new one; what it counts stays."""
        self.rate, self.amount, self.burst = rate, rate.amount, rate.burst

    def is_quiet(self, now: float) -> bool:
        """Whether it will not be due before it is used again."""
        return not self.have and now - self.used_at > _IDLE_S

    def is_due(self, now: float) -> bool:
        """Whether the store should hear of it: a debt, more than a lease (corrected guesses), or a lease that runs low."""
        ahead = self._ahead(now)
        return self.have < 0 or self.have > 2 * ahead or self.have < ahead // 2

    def ask(self, need: int, now: float) -> RateAsk:
        """Book the debt or give back what is no lease, and ask for what `need` lacks. What is asked counts as given back at once."""
        ahead = self._ahead(now if not need else self.used_at)
        kept = ahead if not need and self.have > 2 * ahead else max(0, self.have)
        booked, self.have = kept - self.have, kept
        return RateAsk(self.name, self.rate.amount, self.rate.burst, booked, max(0, need - kept), max(0, ahead - kept))

    def told(self, told: RateTold, now: float) -> None:
        """Take what the store gave."""
        self.have += told.given
        self.left, self.told_at = told.left, now

    def _ahead(self, now: float) -> int:
        return 0 if now - self.used_at > _IDLE_S else max(0, self.left // _AHEAD)


class Slots(_native.Gauge):
    """What may be open at one moment."""

    __slots__ = ("account_id", "is_told", "name", "rate")

    def __init__(self, rate: Rate, account_id: str) -> None:
        self.name, self.account_id = limiter_name(rate, account_id), account_id
        self.left = rate.amount
        self.is_told = True
        """Whether the last ask was answered: else the store may have given what nobody here knows of."""
        self.use(rate)

    def use(self, rate: Rate) -> None:
        """Take the amount of a policy, at the start and from each new one; what it counts stays."""
        self.rate, self.amount = rate, rate.amount

    def is_quiet(self, now: float) -> bool:
        """Whether it will not be due before it is used again."""
        return self.is_told and self.granted == self.in_use and now - self.used_at > _IDLE_S

    def is_due(self, now: float) -> bool:
        """Whether there are idle slots to give back: at once, but for a few where many are left."""
        idle = self.granted - self.in_use
        return not self.is_told or idle > (0 if now - self.used_at > _IDLE_S else max(0, self.left // _AHEAD))

    def ask(self, need: int, now: float) -> SlotAsk:
        """Give idle slots back, and ask for `need` more than are idle."""
        extra = 0 if not need and now - self.used_at > _IDLE_S else max(0, self.left // _AHEAD)
        keep = min(self.granted, self.in_use + need + extra)
        self.granted, self.is_told = keep, False
        lacking = max(0, self.in_use + need - keep)
        return SlotAsk(self.name, self.rate.amount, keep, lacking, max(0, self.in_use + need + extra - keep - lacking))

    def told(self, asked: SlotAsk, told: SlotTold) -> None:
        """Take what the store gave."""
        self.granted += told.granted - asked.keep
        self.left, self.is_told = told.left, True

"""A rate limit of one account as one worker knows it: what it leased of the store's, and what the store last said is left.

Leases change by differences only, so that whatever happens while the store is asked counts too. Times are `perf_counter()` seconds.
"""

from gateway.base.core.rate import Rate, limiter_name
from gateway.base.storage.rates import RateAsk, RateTold, SlotAsk, SlotTold

_AHEAD = 64
"""A lease takes at most this part of what is left beyond what is needed: small limits are exact, large ones rarely ask."""
_IDLE_S = 0.25
"""What nobody used for so long goes back."""


class Flow:
    """Requests or tokens. `have` may be given out; below zero it is what was used beyond the lease."""

    __slots__ = ("account_id", "have", "left", "name", "rate", "told_at", "used_at")

    def __init__(self, rate: Rate, account_id: str) -> None:
        self.name, self.rate, self.account_id = limiter_name(rate, account_id), rate, account_id
        self.have = 0
        self.left = rate.burst
        self.told_at = self.used_at = 0.0

    def remaining(self, now: float) -> int:
        """What may still come at once, as far as this worker knows."""
        refilled = int((now - self.told_at) * self.rate.amount / 60) if self.told_at else 0
        return max(0, min(self.rate.burst, self.left + refilled + self.have))

    def is_due(self, now: float) -> bool:
        """Whether the store should hear of it: a debt, idle units, or a lease that runs low while it is in use."""
        if self.have < 0:
            return True
        is_idle = now - self.used_at > _IDLE_S
        return self.have > 0 if is_idle else self.have < self.left // _AHEAD // 2

    def ask(self, need: int, now: float) -> RateAsk:
        """Book the debt or give idle units back, and ask for what `need` lacks. What is asked counts as given back at once."""
        is_idle = not need and now - self.used_at > _IDLE_S
        booked = -self.have if is_idle or self.have < 0 else 0
        self.have += booked
        extra = 0 if is_idle else max(0, self.left // _AHEAD - self.have)
        return RateAsk(self.name, self.rate.amount, self.rate.burst, booked, max(0, need - self.have), extra)

    def told(self, told: RateTold, now: float) -> None:
        """Take what the store gave."""
        self.have += told.given
        self.left, self.told_at = told.left, now


class Slots:
    """What may be open at one moment."""

    __slots__ = ("account_id", "granted", "in_use", "left", "name", "rate", "used_at")

    def __init__(self, rate: Rate, account_id: str) -> None:
        self.name, self.rate, self.account_id = limiter_name(rate, account_id), rate, account_id
        self.granted = self.in_use = 0
        self.left = rate.amount
        self.used_at = 0.0

    def remaining(self) -> int:
        """What may still be opened, as far as this worker knows."""
        return max(0, self.left + self.granted - self.in_use)

    def is_due(self, now: float) -> bool:
        """Whether there are idle slots to give back: at once, but for a few where many are left."""
        idle = self.granted - self.in_use
        return idle > (0 if now - self.used_at > _IDLE_S else self.left // _AHEAD)

    def ask(self, need: int, now: float) -> SlotAsk:
        """Give idle slots back, and ask for `need` more than are idle."""
        extra = 0 if not need and now - self.used_at > _IDLE_S else max(0, self.left // _AHEAD)
        keep = min(self.granted, self.in_use + need + extra)
        self.granted = keep
        lacking = max(0, self.in_use + need - keep)
        return SlotAsk(self.name, self.rate.amount, keep, lacking, max(0, self.in_use + need + extra - keep - lacking))

    def told(self, asked: SlotAsk, told: SlotTold) -> None:
        """Take what the store gave."""
        self.granted += told.granted - asked.keep
        self.left = told.left

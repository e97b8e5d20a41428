"""The buckets that one caller's exchanges with one deployment are counted in, and what an exchange holds of them."""

from typing import Self

from gateway import _native
from gateway.dataplane.budget.bucket import Bucket, Stage


class Charge(_native.LeaseGroup):
    """Made once per (grant, deployment), period and policy. `hard` buckets pay from leases; `soft` ones refuse by what is spent, and know
    what is held only to tell it. Made once asked: `admission`, what takes from it and from the rate limits in one step; `text`,
    what text to the deployment can come to."""

    __slots__ = ("admission", "buckets", "hard", "soft", "text", "until_ms")

    def __new__(cls, buckets: tuple[Bucket, ...], until_ms: int, tally: _native.Tally) -> Self:
        """Of the policy in force."""
        hard = tuple(bucket for bucket in buckets if bucket.window.is_hard)
        soft = tuple(bucket for bucket in buckets if not bucket.window.is_hard)
        charge = super().__new__(cls, hard, soft, tally)
        charge.buckets, charge.hard, charge.soft, charge.until_ms = buckets, hard, soft, until_ms
        charge.is_known = all(bucket.synced_at for bucket in buckets)
        charge.admission = charge.text = None
        return charge

    buckets: tuple[Bucket, ...]
    hard: tuple[Bucket, ...]
    soft: tuple[Bucket, ...]
    until_ms: int
    admission: _native.Admission | None
    text: _native.TextReach | None

    def stage_at(self, now_ms: int) -> Stage:
        """The worst stage of its buckets."""
        return max((bucket.stage_at(now_ms) for bucket in self.buckets), default=Stage.OK)

    def worst(self, now_ms: int) -> Bucket:
        """The bucket that is spent furthest."""
        return max(self.buckets, key=lambda b: (b.stage_at(now_ms), b.spent_by_all / max(1, b.limit(now_ms))))

"""The buckets that one caller's exchanges with one deployment are counted in, and what an exchange holds of them."""

from collections.abc import Callable

from gateway import _native
from gateway.dataplane.budget.bucket import Bucket, Stage

_WEIGHT = 16
"""An exchange moves the learned mean by a sixteenth."""
_DEVIATIONS = 4


class Charge:
    """Made once per (grant, deployment) and period. `hard` buckets pay from leases; `soft` ones refuse by what is spent, and know
    what is held only to tell it. `is_known`: the store has been asked about each."""

    __slots__ = (
        "buckets",
        "deviation",
        "generation",
        "hard",
        "is_known",
        "is_touched",
        "mean",
        "seen_turn",
        "settle",
        "soft",
        "stage",
        "take",
        "until_ms",
    )

    def __init__(self, buckets: tuple[Bucket, ...], until_ms: int, generation: int) -> None:
        self.buckets = buckets
        self.hard = tuple(b for b in buckets if b.window.is_hard)
        self.soft = tuple(b for b in buckets if not b.window.is_hard)
        group = _native.LeaseGroup(self.hard, self.soft)
        self.take: Callable[[int, int], bool] = group.take
        """Hold so much (hard, soft) of each hard bucket's lease and of each soft bucket, or of none."""
        self.settle: Callable[[int, int, int], None] = group.settle
        """Give so much (hard, soft) back, and count a cost in all."""
        self.is_known = all(bucket.synced_at for bucket in buckets)
        self.until_ms = until_ms
        self.generation = generation
        self.stage = Stage.OK
        self.seen_turn = -1
        self.is_touched = False
        self.mean = self.deviation = 0

    def expected_nusd(self, first_guess: int) -> int:
        """What an exchange of this caller with this model is likely to cost at most: learned from those before it."""
        return self.mean + _DEVIATIONS * self.deviation if self.mean else first_guess

    def learn(self, cost_nusd: int) -> None:
        """Take the cost of one exchange into the mean and its deviation."""
        if not self.mean:
            self.mean, self.deviation = cost_nusd, cost_nusd // 2
            return
        off = cost_nusd - self.mean
        self.mean += off // _WEIGHT
        self.deviation += (abs(off) - self.deviation) // _WEIGHT

    def stage_at(self, turn: int, now_ms: int) -> Stage:
        """The worst stage of its buckets; looked up again only when something has changed since (`turn`)."""
        if turn != self.seen_turn:
            self.seen_turn = turn
            self.stage = max((bucket.stage(now_ms) for bucket in self.buckets), default=Stage.OK)
        return self.stage

    def worst(self, now_ms: int) -> Bucket:
        """The bucket that is spent furthest."""
        return max(self.buckets, key=lambda b: (b.stage(now_ms), b.spent_by_all / max(1, b.limit(now_ms))))

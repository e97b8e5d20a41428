"""One bucket as a worker holds it: its lease, what was spent and is held of it, and what the store last said of the others.

Amounts are cumulative over the worker's run, in nano-USD, as in base/storage/leases.py. Those that each exchange changes are native
(`_native.Lease`: granted, spent, held, free), so that five levels cost no more than one.
"""

from enum import IntEnum

from gateway import _native
from gateway.base.core.budget import Span, Window, bucket_name
from gateway.base.core.period import last_span

SYNC_S = 0.25
_TIGHT_SYNC_S = 0.05
"""How often the store hears of a bucket in which something happened: near the ceiling sooner, for others may wait for what is idle."""


class Stage(IntEnum):
    """How far a budget is spent; what follows is decided in flow/admit.py."""

    OK = 0
    WARN = 1
    DOWNGRADE = 2
    OVER = 3
    """Past the limit of a soft budget: every turn is downgraded."""
    SPENT = 4
    """Nothing more: past `pause`, or past the limit of a hard budget."""


_LEAST, _MOST = -(1 << 62), 1 << 62
_STAGE = {"warn": Stage.WARN, "downgrade": Stage.DOWNGRADE, "limit": Stage.OVER, "pause": Stage.SPENT}


class Bucket(_native.Lease):
    """`free` is what may be held at once. `first_frames` and `is_fresh` are told with the first sync only;
    `is_untold`: the store has not heard of something, or has to be asked again."""

    __slots__ = (
        "account_id", "dry_need_nusd", "first_frames", "is_fresh", "is_ready", "is_tight", "is_untold", "name", "peak_held",
        "rollover", "rolls_from", "span", "spent_told", "synced_at", "window",
    )  # fmt: skip

    def __init__(self, window: Window, account_id: str, span: Span, first_frames: int) -> None:
        self.span = span
        self.account_id = account_id
        self.name = bucket_name(window, account_id, span)
        self.peak_held = 0
        self.is_ready = self.is_tight = False
        self.dry_need_nusd = self.dry_until = 0.0
        self.begin(window, first_frames)

    def begin(self, window: Window, first_frames: int) -> None:
        """Count from now on, at the start and when its window comes again. What is held stays: those exchanges are still open."""
        self.granted = self.spent = self.spent_told = self.others_spent = self.rollover = 0
        self.first_frames = first_frames
        self.is_fresh = self.is_untold = first_frames > 0
        self.synced_at = 0.0
        self.use(window)

    def use(self, window: Window) -> None:
        """Take its terms, at the start and from each new policy; the state stays."""
        self.window = window
        is_rolling = window.rollover_nusd > 0 and window.period != "total"
        last = last_span(window.period, window.zone, self.span.start_ms) if is_rolling else None
        self.rolls_from = bucket_name(window, self.account_id, last) if last else ""
        self.stage_until_ms = 0

    @property
    def sync_every_s(self) -> float:
        """How long the store may not have heard of it."""
        return _TIGHT_SYNC_S if self.is_tight and self.window.is_hard else SYNC_S

    def roll_over(self, nusd: int) -> None:
        """The last period left so much to this one."""
        if nusd != self.rollover:
            self.rollover, self.stage_until_ms = nusd, 0

    def limit(self, now_ms: int) -> int:
        """The limit in force: raises and rollover included."""
        return self.window.limit_at(now_ms) + min(self.rollover, self.window.rollover_nusd)

    def stage_at(self, now_ms: int) -> Stage:
        """Where the bucket stands. Noted with how long it stays so, for `LeaseGroup.is_below`: amounts spent, and the next raise."""
        window, spent = self.window, self.spent_by_all
        stage, start, end = Stage.OK, _LEAST, _MOST
        for name, nusd in window.thresholds(self.limit(now_ms)):
            if spent < nusd:
                end = min(end, nusd)
            else:
                stage, start = max(stage, _STAGE[name]), max(start, nusd)
        if window.is_hard and stage is Stage.OVER:
            stage = Stage.SPENT
        moments_ms = (at_ms for one in window.raises for at_ms in (one.from_ms, one.until_ms) if at_ms > now_ms)
        self.stage, self.stage_from, self.stage_to = stage, start, end
        self.stage_until_ms = min(moments_ms, default=_MOST)
        return stage

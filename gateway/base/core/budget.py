"""Budgets as nouns: a window is one cap of one account, a bucket is one period of a window. Pure; docs/concepts/budgets.md.

State belongs to (account, models, period kind, zone, period start) and to nothing else: a cap that is edited, removed and
written again, or reached by a wildcard instead of by name finds the same bucket. Money is integer nano-USD.
"""

from collections.abc import Iterator
from typing import Literal

from gateway.base.core.struct import Record

Level = Literal["org", "team", "user", "key", "tag"]
PeriodKind = Literal["daily", "weekly", "monthly", "total"]
Threshold = Literal["warn", "downgrade", "limit", "pause"]

UNLIMITED = -1
"""As a threshold: never reached. As a ceiling: leases are not bounded."""


class Raise(Record, frozen=True):
    """A temporary raise of a limit: it counts from `from_ms` until before `until_ms` (epoch milliseconds)."""

    amount_nusd: int
    from_ms: int
    until_ms: int


class Downgrade(Record, frozen=True):
    """What happens past the downgrade threshold: turns under `max_input_tokens` go to the first of `cascade` that may serve."""

    max_input_tokens: int
    cascade: tuple[str, ...]


class Window(Record, frozen=True):
    """One cap: what it counts, over which period, and what it does.

    `id` `*` stands for each account of the level that has no windows of its own (each has a bucket of its own); for tags the
    id is `name=value`, and `name=*` is the wildcard of one tag. `models` is a pattern of `provider/model`, empty for all.
    Thresholds are fractions of the limit in force; `pause` UNLIMITED never refuses. A hard window refuses at 1.0.
    `rollover_nusd` is the most that the last period's unused rest adds to this one.
    """

    level: Level
    id: str
    models: str
    period: PeriodKind
    zone: str
    limit_nusd: int
    is_hard: bool
    warn: float
    downgrade: float
    pause: float
    cascade: Downgrade
    rollover_nusd: int = 0
    raises: tuple[Raise, ...] = ()
    alert_to: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What makes it the same cap across edits: `team:platform||monthly|UTC`."""
        return f"{self.level}:{self.id}|{self.models}|{self.period}|{self.zone}"

    def limit_at(self, now_ms: int) -> int:
        """The limit with the raises that are in force; without rollover, which only the store knows."""
        return self.limit_nusd + sum(one.amount_nusd for one in self.raises if one.from_ms <= now_ms < one.until_ms)

    def thresholds(self, limit_nusd: int) -> Iterator[tuple[Threshold, int]]:
        """(threshold, amount) of those that it has under the limit in force, as they are passed."""
        if self.warn != UNLIMITED:
            yield "warn", int(limit_nusd * self.warn)
        if self.downgrade != UNLIMITED:
            yield "downgrade", int(limit_nusd * self.downgrade)
        yield "limit", limit_nusd
        if not self.is_hard and self.pause != UNLIMITED:
            yield "pause", int(limit_nusd * self.pause)


class Span(Record, frozen=True):
    """One period of a window: [start_ms, end_ms) in epoch milliseconds; `total` has start 0 and no end (1 << 62).

    `label` is its local start date (`2026-11-01`, `total` for total): part of the bucket's name.
    """

    start_ms: int
    end_ms: int
    label: str


def rolled_over_nusd(limit_nusd: int, committed_nusd: int, cap_nusd: int) -> int:
    """What a period leaves to the next: the rest of its limit, at most `cap_nusd`."""
    return max(0, min(limit_nusd - committed_nusd, cap_nusd))


def bucket_name(window: Window, account_id: str, span: Span) -> str:
    """`team:platform||monthly|UTC|2026-11-01`: the key of a bucket in every store, for ever."""
    return f"{window.level}:{account_id}|{window.models}|{window.period}|{window.zone}|{span.label}"

"""The names of windows and buckets, read back: what they count is in the name. Pure.

`team:platform||monthly|UTC` is a window, `team:platform||monthly|UTC|2026-11-01` a bucket of it (base/core/budget.py).
Only an account's id may itself hold `|` or `:`.
"""

from datetime import datetime, time
from functools import lru_cache
from typing import NamedTuple, cast

from gateway.base.core.budget import UNLIMITED, Downgrade, Level, PeriodKind, Span, Window
from gateway.base.core.period import clock_of, span_at

_NOON = time(12)


class BucketName(NamedTuple):
    """The parts of a bucket's name."""

    level: Level
    account_id: str
    models: str
    period: PeriodKind
    zone: str
    label: str

    def of_all(self) -> "BucketName":
        """The same for every account of the level."""
        return self._replace(account_id="" if self.level == "org" else "*")

    def window(self) -> Window:
        """A window that counts what the bucket's counts. It has no terms."""
        return Window(
            level=self.level, id=self.account_id, models=self.models, period=self.period, zone=self.zone, limit_nusd=0,
            is_hard=False, warn=UNLIMITED, downgrade=UNLIMITED, pause=UNLIMITED, cascade=Downgrade(0, ()),
        )  # fmt: skip

    def span(self) -> Span:
        """Its period. Raises ValueError where the label is none (KeyError for no such zone)."""
        if self.period == "total":
            return span_at(self.period, self.zone, 0)
        # Where a clock skips midnight the day still has its noon.
        noon = datetime.combine(datetime.fromisoformat(self.label), _NOON, clock_of(self.zone))
        return span_at(self.period, self.zone, round(noon.timestamp() * 1000))


@lru_cache(maxsize=1 << 16)
def parse_bucket(name: str) -> BucketName:
    """Raises ValueError for what is no bucket's name. A window's name and a period's label make one, with `*` for an account."""
    account, models, period, zone, label = name.rsplit("|", 4)
    level, colon, account_id = account.partition(":")
    if not colon:
        raise ValueError(f"`{name}` names no account")
    return BucketName(cast(Level, level), account_id, models, cast(PeriodKind, period), zone, label)

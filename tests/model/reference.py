"""What budgets mean, said as plainly as possible: a list of what was spent, and sums over it. Shares no rule with the product."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from gateway.base.core.budget import Window
from gateway.base.core.principal import Principal


@dataclass(frozen=True)
class Bucket:
    """One account's spend on some models in one period."""

    level: str
    account: str
    models: str
    period: str
    zone: str
    label: str

    def __str__(self) -> str:
        return f"{self.level}:{self.account}|{self.models}|{self.period}|{self.zone}|{self.label}"


@dataclass(frozen=True)
class Spent:
    """One exchange that has ended."""

    at_ms: int
    who: Principal
    model: str
    nusd: int


@dataclass
class Ledger:
    """`given` are corrections by bucket."""

    spent: list[Spent] = field(default_factory=list)
    given: dict[Bucket, int] = field(default_factory=dict)

    def of(self, bucket: Bucket) -> int:
        """What a bucket has spent, corrections included."""
        own = sum(one.nusd for one in self.spent if counts(bucket, one.at_ms, one.who, one.model))
        return own + self.given.get(bucket, 0)


def counts(bucket: Bucket, at_ms: int, who: Principal, model: str) -> bool:
    """Whether an exchange belongs to a bucket."""
    return (
        bucket.account in accounts_of(bucket.level, who)
        and is_model(bucket.models, model)
        and label_at(bucket.period, bucket.zone, at_ms) == bucket.label
    )


def buckets_of(windows: tuple[Window, ...], at_ms: int, who: Principal, model: str) -> dict[Bucket, Window]:
    """The buckets that count an exchange under a policy, and whose terms they have."""
    return {
        Bucket(one.level, account, one.models, one.period, one.zone, label_at(one.period, one.zone, at_ms)): one
        for one in windows
        for account in accounts_of(one.level, who)
        if governs(windows, one, account) and is_model(one.models, model)
    }


def governs(windows: tuple[Window, ...], window: Window, account: str) -> bool:
    """Whether a window is one of an account's: the nearest name counts, with all of its windows and no others."""
    names = [account, account.split("=", maxsplit=1)[0] + "=*", "*"] if window.level == "tag" else [account, "*"]
    named = {one.id for one in windows if one.level == window.level}
    return window.id == next((name for name in names if name in named), None)


def accounts_of(level: str, who: Principal) -> list[str]:
    if level == "org":
        return [""]
    if level == "tag":
        return [f"{name}={value}" for name, value in who.tags.items()]
    found = {"team": who.team, "user": who.user, "key": who.key}[level]
    return [found] if found else []


def is_model(pattern: str, model: str) -> bool:
    """A pattern without a provider is about the model alone; a name means its snapshots too."""
    name = model if "/" in pattern else model.split("/")[1]
    return (
        not pattern or fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}-20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]")
    )


def label_at(period: str, zone: str, at_ms: int) -> str:
    """The first local day of the period."""
    if period == "total":
        return "total"
    day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
    if period == "weekly":
        day -= timedelta(days=day.weekday())
    return str(day.replace(day=1) if period == "monthly" else day)


def before(bucket: Bucket) -> Bucket:
    """The same account's last period."""
    last = datetime.fromisoformat(bucket.label).date() - timedelta(days=1)
    noon_ms = int(datetime(last.year, last.month, last.day, 12, tzinfo=ZoneInfo(bucket.zone)).timestamp() * 1000)
    label = label_at(bucket.period, bucket.zone, noon_ms)
    return Bucket(bucket.level, bucket.account, bucket.models, bucket.period, bucket.zone, label)

"""Calendar periods: the day, ISO week or month that an instant falls into, by the clock of a time zone. Pure: the caller says when.

A period begins at the first local midnight of its first day. Where the clock jumps over that midnight (Cairo, and São Paulo
until 2018) it begins at the jump; where the clock goes back over it, the time that is lived twice belongs to the new period.
So periods tile time, whatever a zone does; days of 23, 25 or 47 hours are days, and one that a zone skipped (Apia,
2011-12-30) is no period.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from gateway.base.core.budget import PeriodKind, Span

TOTAL = Span(0, 1 << 62, "total")

_DAY_MINUTES = 1440
_current: dict[tuple[PeriodKind, str], Span] = {}


def moment_ms(text: str) -> int:
    """RFC 3339 → epoch milliseconds. Raises ValueError for what is no time, or has no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return round(moment.timestamp() * 1000)


def span_at(kind: PeriodKind, zone: str, at_ms: int) -> Span:
    """The period that contains `at_ms`. Found by two comparisons while the same period is asked for."""
    span = _current.get((kind, zone))
    if span is None or not span.start_ms <= at_ms < span.end_ms:
        span = _current[kind, zone] = _find(kind, zone, at_ms)
    return span


def next_span(kind: PeriodKind, zone: str, at_ms: int) -> Span:
    """The period after the one that contains `at_ms`. Raises ValueError for `total`, which has none."""
    return _find(kind, zone, _bounded(kind, zone, at_ms).end_ms)


def last_span(kind: PeriodKind, zone: str, at_ms: int) -> Span:
    """The period before the one that contains `at_ms`. Raises ValueError for `total`, which has none."""
    return _find(kind, zone, _bounded(kind, zone, at_ms).start_ms - 1)


def clock_of(zone: str) -> tzinfo:
    """The clock of a zone. UTC needs no time zone database."""
    return UTC if zone == "UTC" else ZoneInfo(zone)


def _bounded(kind: PeriodKind, zone: str, at_ms: int) -> Span:
    if kind == "total":
        raise ValueError("`total` is the only period of its kind")
    return span_at(kind, zone, at_ms)


def minute_of_week(at_s: float, zone: str) -> int:
    """Minutes since Monday 00:00 by the clock of a zone."""
    local = datetime.fromtimestamp(at_s, clock_of(zone))
    return local.weekday() * _DAY_MINUTES + local.hour * 60 + local.minute


def _find(kind: PeriodKind, zone: str, at_ms: int) -> Span:
    if kind == "total":
        return TOTAL
    clock = clock_of(zone)
    first = _first_day(kind, datetime.fromtimestamp(at_ms // 1000, clock).date())
    while (
        True
    ):  # nearly always once: only where a clock goes back over midnight is the date not yet, or no longer, the period's
        after = _first_day_after(kind, first)
        start_ms, end_ms = _midnight_ms(first, clock), _midnight_ms(after, clock)
        if at_ms < start_ms:
            first = _first_day(kind, first - timedelta(days=1))
        elif at_ms >= end_ms:
            first = after
        else:
            return Span(start_ms, end_ms, first.isoformat())


def _first_day(kind: PeriodKind, day: date) -> date:
    if kind == "monthly":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if kind == "weekly" else day


def _first_day_after(kind: PeriodKind, first: date) -> date:
    if kind == "monthly":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if kind == "weekly" else 1)


def _midnight_ms(day: date, clock: tzinfo) -> int:
    """A midnight that is there twice is the first; one that a jump leaves out is the jump: both by PEP 495's fold=0."""
    return int(datetime(day.year, day.month, day.day, tzinfo=clock).timestamp()) * 1000

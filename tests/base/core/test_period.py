"""Periods tile time by a zone's own calendar, whatever its clock does at midnight."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.core.budget import PeriodKind
from gateway.base.core.period import TOTAL, last_span, next_span, span_at

HOUR_MS = 3_600_000
ODD = ["Africa/Cairo", "America/Havana", "America/Sao_Paulo", "America/St_Johns", "Pacific/Apia", "Pacific/Kwajalein"]
KINDS: list[PeriodKind] = ["daily", "weekly", "monthly"]
kinds = st.sampled_from(KINDS)
zones = st.sampled_from(ODD) | st.sampled_from(sorted(available_timezones()))
instants = st.integers(2 * 24 * HOUR_MS, 130 * 365 * 24 * HOUR_MS)  # 1970 to 2099


def ms(text: str) -> int:
    """Epoch milliseconds of an RFC 3339 time."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


CASES: list[tuple[PeriodKind, str, str, str, float]] = [
    ("daily", "UTC", "2026-11-21T23:59:59.999+00:00", "2026-11-21", 24),
    ("daily", "UTC", "2026-11-22T00:00:00+00:00", "2026-11-22", 24),
    ("daily", "Europe/Berlin", "2026-11-21T23:00:00+00:00", "2026-11-22", 24),
    ("daily", "Europe/Berlin", "2026-03-29T12:00:00+00:00", "2026-03-29", 23),
    ("daily", "Europe/Berlin", "2026-10-25T12:00:00+00:00", "2026-10-25", 25),
    ("daily", "Asia/Kathmandu", "2026-11-21T18:15:00+00:00", "2026-11-22", 24),
    ("daily", "Australia/Lord_Howe", "2026-10-04T00:00:00+00:00", "2026-10-04", 23.5),
    ("daily", "Africa/Cairo", "2026-04-24T01:00:00+03:00", "2026-04-24", 23),  # 00:00 was not there: its first instant
    ("daily", "Africa/Cairo", "2026-04-23T23:59:59+02:00", "2026-04-23", 24),
    ("daily", "America/Sao_Paulo", "2018-11-04T01:00:00-02:00", "2018-11-04", 23),
    ("daily", "America/Sao_Paulo", "2018-02-17T23:30:00-03:00", "2018-02-17", 25),  # 23:00 to 24:00 twice
    ("daily", "America/Havana", "2026-11-01T00:30:00-05:00", "2026-11-01", 25),  # the second of two midnights
    (
        "daily",
        "America/St_Johns",
        "2010-11-06T23:30:00-03:30",
        "2010-11-07",
        25,
    ),  # at 00:01 the clock went back to 23:01
    ("daily", "Pacific/Apia", "2011-12-31T00:00:00+14:00", "2011-12-31", 24),  # there was no 30th
    ("daily", "Pacific/Apia", "2011-12-29T23:59:00-10:00", "2011-12-29", 24),
    ("weekly", "UTC", "2026-11-22T12:00:00+00:00", "2026-11-16", 168),  # a Sunday: the week began on Monday
    ("weekly", "UTC", "2026-11-23T00:00:00+00:00", "2026-11-23", 168),
    ("weekly", "Europe/Berlin", "2026-10-25T23:30:00+01:00", "2026-10-19", 169),
    ("weekly", "UTC", "2027-01-01T00:00:00+00:00", "2026-12-28", 168),
    ("monthly", "UTC", "2028-02-29T12:00:00+00:00", "2028-02-01", 29 * 24),
    ("monthly", "UTC", "2026-12-31T23:59:59+00:00", "2026-12-01", 31 * 24),
    ("monthly", "Asia/Tokyo", "2026-12-31T15:00:00+00:00", "2027-01-01", 31 * 24),
    ("monthly", "America/New_York", "2026-03-15T00:00:00+00:00", "2026-03-01", 31 * 24 - 1),
]


@pytest.mark.parametrize(("kind", "zone", "at", "label", "hours"), CASES, ids=[f"{c[0]}-{c[1]}-{c[3]}" for c in CASES])
def test_an_instant_lies_in_its_calendar_period(kind: PeriodKind, zone: str, at: str, label: str, hours: float) -> None:
    """The period is named by its first local day and is as long as the clock made it."""
    span = span_at(kind, zone, ms(at))
    assert span.label == label
    assert span.start_ms <= ms(at) < span.end_ms
    assert span.end_ms - span.start_ms == hours * HOUR_MS


@given(kinds, zones, instants)
def test_periods_tile_time(kind: PeriodKind, zone: str, at_ms: int) -> None:
    """Each contains its instant, is followed by the next without gap or overlap, and has a label of its own."""
    spans = [span_at(kind, zone, at_ms)]
    assert spans[0].start_ms <= at_ms < spans[0].end_ms
    for _ in range(3):
        spans.append(next_span(kind, zone, spans[-1].start_ms))
    for before, after in pairwise(spans):
        assert before.start_ms < before.end_ms == after.start_ms
        assert before.label < after.label
        assert last_span(kind, zone, after.end_ms - 1) == before
        assert span_at(kind, zone, before.end_ms - 1) == before


@given(kinds, zones, instants)
def test_a_period_begins_with_the_first_instant_of_its_day(kind: PeriodKind, zone: str, at_ms: int) -> None:
    """A Monday for weeks, the first for months; a millisecond earlier it was another day."""
    span = span_at(kind, zone, at_ms)
    first, before = local_day(span.start_ms, zone), local_day(span.start_ms - 1, zone)
    assert before < first
    if first - before == timedelta(days=1):  # else the zone skipped days
        assert span.label == first.isoformat()
        assert kind != "weekly" or first.weekday() == 0
        assert kind != "monthly" or first.day == 1


def local_day(at_ms: int, zone: str) -> date:
    """What a calendar in `zone` shows."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone)).date()


def test_total_is_one_period_for_ever() -> None:
    """It has no neighbours."""
    assert span_at("total", "Asia/Tokyo", ms("2026-11-21T00:00:00+00:00")) == TOTAL
    assert (TOTAL.start_ms, TOTAL.end_ms, TOTAL.label) == (0, 1 << 62, "total")
    for neighbour in (next_span, last_span):
        with pytest.raises(ValueError, match="only period"):
            neighbour("total", "UTC", 0)


def test_the_same_period_is_found_again_without_the_calendar() -> None:
    """The hot path compares two numbers: the very same object comes back."""
    at_ms = ms("2026-11-21T10:00:00+00:00")
    span = span_at("weekly", "Europe/Paris", at_ms)
    assert span_at("weekly", "Europe/Paris", at_ms + 10 * HOUR_MS) is span

"""Which windows a node adopts for which periods. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from gateway.base.core.budget import PeriodKind, Span, Window
from gateway.base.core.period import last_span, next_span, span_at
from gateway.controlplane.budgets.names import parse_bucket

Pair = tuple[str, str]
"""A window's name and a period's label."""

_AHEAD_MS = 25 * 3_600_000
_KEPT_DAYS = {"daily": 3, "weekly": 15, "monthly": 62}
"""So that the last period is always there, in every time zone."""


def wanted_pairs(windows: Iterable[Window], now_ms: int) -> set[Pair]:
    """Each window's current period; the next when it begins within 25 hours; the last one where its rest rolls over."""
    near: dict[tuple[PeriodKind, str], tuple[Span, ...]] = {}
    pairs = set()
    for window in windows:
        key = window.period, window.zone
        spans = near.get(key) or near.setdefault(key, _near(*key, now_ms))
        pairs.add((window.name, spans[0].label))
        if len(spans) > 1 and spans[0].end_ms - now_ms <= _AHEAD_MS:
            pairs.add((window.name, spans[1].label))
        if len(spans) > 1 and window.rollover_nusd:
            pairs.add((window.name, spans[2].label))
    return pairs


def near_pairs(adopted: Iterable[Pair], now_ms: int) -> set[Pair]:
    """Those of the last, the current and the next period: their sums are kept up, whether the policy has the window now or not."""
    near: dict[tuple[PeriodKind, str], set[str]] = {}
    pairs = set()
    for window, label in adopted:
        name = parse_bucket(f"{window}|{label}")
        key = name.period, name.zone
        if key not in near:
            near[key] = {span.label for span in _near(*key, now_ms)}
        if label in near[key]:
            pairs.add((window, label))
    return pairs


def first_labels(now_ms: int) -> dict[str, str]:
    """Period kind → the first label of which buckets are kept."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return {kind: (today - timedelta(days=days)).isoformat() for kind, days in _KEPT_DAYS.items()}


def _near(kind: PeriodKind, zone: str, now_ms: int) -> tuple[Span, ...]:
    """The current period, and the next and the last where there are."""
    current = span_at(kind, zone, now_ms)
    return (current,) if kind == "total" else (current, next_span(kind, zone, now_ms), last_span(kind, zone, now_ms))

"""What a developer reads when a budget is spent: level, id, limit, spent, when it begins anew, and who knows already."""

from datetime import UTC, datetime

from gateway.base.core.errors import BudgetExceeded
from gateway.base.core.money import dollars, usd
from gateway.base.core.period import clock_of
from gateway.dataplane.budget.bucket import Bucket


def spent_out(bucket: Bucket, now_ms: int, needed_nusd: int = 0) -> BudgetExceeded:
    """The refusal of an exchange that `bucket` cannot pay for; `needed_nusd` is the least that it could have been held for."""
    window, limit = bucket.window, bucket.limit(now_ms)
    resets = "" if window.period == "total" else _local(bucket.span.end_ms, window.zone)
    account = f"{window.level} {bucket.account_id}".strip()
    models = f" for {window.models}" if window.models else ""
    period = "" if window.period == "total" else f" {window.period}"
    words = (
        f"The{period} budget of {account}{models} is used up: {dollars(bucket.spent_by_all)} of {dollars(limit)} spent"
        + (f", {dollars(bucket.held)} held by running requests" if bucket.held else "")
        + (f"; it begins anew {resets}" if resets else "")
        + (f". Alerted: {', '.join(window.alert_to)}" if window.alert_to else "")
    )
    return BudgetExceeded(
        words,
        level=window.level,
        id=bucket.account_id,
        models=window.models,
        period=window.period,
        limit_usd=usd(limit),
        spent_usd=usd(bucket.spent_by_all),
        needed_usd=usd(needed_nusd),
        resets_at=None if window.period == "total" else _utc(bucket.span.end_ms),
        resets_at_s=0 if window.period == "total" else bucket.span.end_ms // 1000,
        alerted=list(window.alert_to),
        rule=window.name,
    )


def _local(at_ms: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, clock_of(zone)):%Y-%m-%d %H:%M} {zone}"


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

"""What a developer reads when a budget is spent: level, id, limit, spent, when it begins anew, and who knows already."""

from datetime import UTC, datetime
from math import ceil

from gateway.base.core.errors import BudgetExceeded, RateLimited
from gateway.base.core.money import dollars, usd
from gateway.base.core.period import clock_of
from gateway.base.core.rate import Rate
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
        resets_at=None if window.period == "total" else utc_text(bucket.span.end_ms),
        resets_at_s=0 if window.period == "total" else bucket.span.end_ms // 1000,
        alerted=list(window.alert_to),
        rule=window.name,
    )


def too_fast(rate: Rate, account_id: str, wait_s: float) -> RateLimited:
    """The refusal of an exchange that a rate limit has no room for, for about `wait_s` seconds."""
    account = f"{rate.level} {account_id}".strip()
    models = f" for {rate.models}" if rate.models else ""
    after_s = max(1, ceil(wait_s))
    if rate.kind == "concurrency":
        words = (
            f"The {account}{models} has {rate.amount} requests open, which is its limit; try again when one has ended"
        )
    else:
        words = f"The {account}{models} is over its limit of {rate.amount:,} {rate.kind.replace('_', ' ')} a minute; try again in {after_s} s"
    return RateLimited(
        words,
        level=rate.level,
        id=account_id,
        models=rate.models,
        kind=rate.kind,
        limit=rate.amount,
        retry_after_s=after_s,
        rule=f"{rate.kind}|{rate.level}:{rate.id}|{rate.models}",
    )


def _local(at_ms: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, clock_of(zone)):%Y-%m-%d %H:%M} {zone}"


def utc_text(at_ms: int) -> str:
    """Epoch milliseconds → RFC 3339 in whole seconds."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"

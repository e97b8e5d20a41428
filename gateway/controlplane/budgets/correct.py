"""Corrections: what somebody may write to change a bucket's spend, and which bucket is meant. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from gateway.base.core.model_pattern import normal
from gateway.base.core.money import NANO
from gateway.base.storage.leases import Correction
from gateway.controlplane.budgets.report import Report

_MAX_NUSD = 10**18
_MAX_REASON = 1000


class BadCorrectionError(Exception):
    """What is wrong with a correction, and what to write instead."""


def amount_nusd(text: str) -> int:
    """US dollars with a sign, exactly. Raises BadCorrectionError."""
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise BadCorrectionError(f"`{text[:40]}` is no amount; write US dollars, such as -12.50 to give back")
    nano = amount * NANO
    if not amount or nano != nano.to_integral_value() or abs(nano) > _MAX_NUSD:
        raise BadCorrectionError(f"`{text[:40]}`: write an amount other than 0, with at most 9 decimals")
    return int(nano)


def bucket_of(
    found: Sequence[Report],
    others: Iterable[str],
    *,
    bucket: str = "",
    account: str = "",
    period: str = "",
    models: str = "",
) -> str:
    """The bucket that is meant: by its name, or by account (`team:platform`), and period where the account has several.

    `others` are known buckets beside those of the current periods. Raises BadCorrectionError when it is none or more than one.
    """
    if bucket:
        if bucket not in {report.bucket for report in found}.union(others):
            raise BadCorrectionError(f"there is no bucket `{bucket[:200]}`; the list of budgets has their names")
        return bucket
    models = normal(models)
    meant = [
        report
        for report in found
        if report.account == account and report.window.models == models and period in ("", report.window.period)
    ]
    if len(meant) == 1:
        return meant[0].bucket
    if meant:
        names = ", ".join(report.bucket for report in meant)
        raise BadCorrectionError(f"`{account[:200]}` has several budgets: say the period or the bucket: {names}")
    raise BadCorrectionError(
        f"there is no budget of account `{account[:200]}`"
        + (f" for models `{models[:200]}`" if models else "")
        + (f" with period `{period[:40]}`" if period else "")
        + "; write the account as level:id, such as team:platform, or org"
    )


def correction(bucket: str, amount: str, reason: str, by: str, now_ms: int) -> Correction:
    """The entry. Raises BadCorrectionError."""
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise BadCorrectionError("a correction needs a reason of at most 1,000 characters: it is kept for the audit")
    return Correction(bucket, amount_nusd(amount), reason.strip(), by, now_ms)

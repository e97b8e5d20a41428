"""How the budgets stand now, for people and machines: the policy's windows and the store's rows → one report per bucket. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import UNLIMITED, Span, Threshold, Window, bucket_name, rolled_over_nusd
from gateway.base.core.money import usd
from gateway.base.core.period import last_span, span_at
from gateway.base.core.struct import Record
from gateway.base.journal import rfc3339
from gateway.base.storage.leases import Correction, Row
from gateway.controlplane.budgets.names import parse_bucket

Stage = Literal["ok", "warn", "downgrade", "paused", "refused"]


class Report(Record, frozen=True):
    """One bucket of the current period. `limit_nusd` is the limit in force: with raises and with what rolled over.

    `leased_nusd` is what workers may still spend without asking, `held_nusd` the part of it that open exchanges hold.
    `passed` are the thresholds that the spend has reached, lowest first, each with its amount.
    """

    bucket: str
    account_id: str
    window: Window
    span: Span
    limit_nusd: int
    spent_nusd: int
    held_nusd: int
    leased_nusd: int
    stage: Stage
    passed: tuple[tuple[Threshold, int], ...]

    @property
    def account(self) -> str:
        """`team:platform`; `org` for all traffic."""
        return f"{self.window.level}:{self.account_id}" if self.account_id else self.window.level

    @property
    def resets_at(self) -> str | None:
        """RFC 3339; None for `total`, which never begins anew."""
        return None if self.window.period == "total" else rfc3339(self.span.end_ms / 1000)


class _Amounts:
    """What the rows of one bucket come to."""

    __slots__ = ("granted", "held", "settled", "spent")

    def __init__(self) -> None:
        self.settled = self.spent = self.granted = self.held = 0

    def add(self, row: Row) -> None:
        if row.run:
            self.settled += max(0, row.base_nusd)
            self.spent += row.spent_nusd
            self.granted += max(row.granted_nusd, row.spent_nusd)
            self.held += row.held_nusd
        else:
            self.settled += row.spent_nusd


def reports(
    windows: tuple[Window, ...], rows: Iterable[Row], corrections: Iterable[Correction], now_ms: int
) -> list[Report]:
    """Every bucket of the current periods: of accounts that are listed, and of those under a wildcard that have spent.

    In the order org, team, user, key, tag; of one account total, monthly, weekly, daily.
    """
    amounts: defaultdict[str, _Amounts] = defaultdict(_Amounts)
    for row in rows:
        amounts[row.bucket].add(row)
    for correction in corrections:
        amounts[correction.bucket].settled += correction.amount_nusd
    ids = _ids(amounts)
    accounts = Accounts(windows)
    return [
        _report(window, account_id, span, amounts, now_ms)
        for window in accounts.rules
        for span in [span_at(window.period, window.zone, now_ms)]
        for account_id in _accounts_of(window, span, ids)
        if window in accounts.rules_of(window.level, account_id)
    ]


def as_json(report: Report) -> dict[str, object]:
    """A report for machines: exact decimal texts in USD beside nano-USD."""
    window = report.window
    shares = {"warn": window.warn, "downgrade": window.downgrade, "pause": window.pause}
    return {
        "bucket": report.bucket, "level": window.level, "id": report.account_id, "models": window.models,
        "period": window.period, "time_zone": window.zone, "starts_at": rfc3339(report.span.start_ms / 1000),
        "resets_at": report.resets_at, "hard": window.is_hard, "stage": report.stage,
        **_money(
            limit=report.limit_nusd, spent=report.spent_nusd, held=report.held_nusd, leased=report.leased_nusd
        ),
        "thresholds": {name: None if share == UNLIMITED else share for name, share in shares.items()},
        "alert_to": window.alert_to,
    }  # fmt: skip


def correction_as_json(correction: Correction) -> dict[str, object]:
    """An entry for machines."""
    return {
        "bucket": correction.bucket, **_money(amount=correction.amount_nusd), "reason": correction.reason,
        "by": correction.by, "at": rfc3339(correction.at_ms / 1000),
    }  # fmt: skip


def _money(**amounts: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, nusd in amounts.items():
        found |= {f"{name}_usd": usd(nusd), f"{name}_nusd": nusd}
    return found


def _ids(buckets: Iterable[str]) -> Mapping[tuple[str, ...], set[str]]:
    """Level, models, period, zone, label → the accounts that have such a bucket."""
    ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for name in map(parse_bucket, buckets):
        ids[name.level, name.models, name.period, name.zone, name.label].add(name.account_id)
    return ids


def _accounts_of(window: Window, span: Span, ids: Mapping[tuple[str, ...], set[str]]) -> list[str]:
    if "*" not in window.id:
        return [window.id]
    return sorted(ids.get((window.level, window.models, window.period, window.zone, span.label), ()))


def _report(window: Window, account_id: str, span: Span, amounts: Mapping[str, _Amounts], now_ms: int) -> Report:
    bucket = bucket_name(window, account_id, span)
    sums = amounts.get(bucket) or _Amounts()
    limit = window.limit_at(now_ms)
    if window.rollover_nusd and window.period != "total":
        last = amounts.get(bucket_name(window, account_id, last_span(window.period, window.zone, now_ms))) or _Amounts()
        limit += rolled_over_nusd(window.limit_nusd, last.settled + last.granted, window.rollover_nusd)
    spent = sums.settled + sums.spent
    passed = tuple((name, amount) for name, amount in window.thresholds(limit) if spent >= amount)
    return Report(
        bucket=bucket, account_id=account_id, window=window, span=span, limit_nusd=limit, spent_nusd=spent,
        held_nusd=sums.held, leased_nusd=sums.granted - sums.spent, stage=_stage(window, passed), passed=passed,
    )  # fmt: skip


def _stage(window: Window, passed: tuple[tuple[Threshold, int], ...]) -> Stage:
    reached = {name for name, _ in passed}
    if "limit" in reached and window.is_hard:
        return "refused"
    if "pause" in reached:
        return "paused"
    if reached & {"limit", "downgrade"}:
        return "downgrade"
    return "warn" if "warn" in reached else "ok"

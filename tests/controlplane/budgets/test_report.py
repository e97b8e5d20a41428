"""What people see of the budgets, from the policy's windows and the store's rows."""

import json
from typing import Any

import msgspec
import pytest

from gateway.base.core.budget import UNLIMITED, Raise, Window
from gateway.base.storage.leases import UNKNOWN_BASE, Correction, Row
from gateway.controlplane.budgets.correct import BadCorrectionError, amount_nusd, bucket_of, correction
from gateway.controlplane.budgets.report import as_json, reports
from tests.controlplane.budgets.conftest import NOW_MS, window

PLATFORM = "team:platform||monthly|UTC|2026-11-01"
USD = 10**9


def run_row(bucket: str, granted: int, spent: int, held: int = 0, base: int = 0) -> Row:
    return Row(bucket, "n1", "a" * 12, base, granted, spent, held, 0, 0)


def node_row(bucket: str, total: int, node: str = "n1") -> Row:
    return Row(bucket, node, "", 0, total, total, 0, 0, 0)


def test_a_bucket_is_the_sum_of_its_rows() -> None:
    """Runs of all nodes with their bases, what finished runs spent, corrections."""
    rows = [
        run_row(PLATFORM, granted=3 * USD, spent=2 * USD, held=USD // 2, base=USD),
        run_row(PLATFORM, granted=USD, spent=0, base=UNKNOWN_BASE),
        node_row(PLATFORM, 4 * USD),
        node_row(PLATFORM, USD, "n2"),
        node_row("team:other||monthly|UTC|2026-11-01", 99),
        node_row("team:platform||monthly|UTC|2026-10-01", 99),
    ]
    (one,) = reports((window("team", "platform"),), rows, [Correction(PLATFORM, -USD // 4, "", "", 0)], NOW_MS)
    assert one.spent_nusd == 8 * USD - USD // 4
    assert (one.leased_nusd, one.held_nusd, one.limit_nusd) == (2 * USD, USD // 2, 10 * USD)
    assert one.resets_at == "2026-12-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("spent", "terms", "stage"),
    [
        (7_999_999_999, {}, "ok"),
        (8_000_000_000, {}, "warn"),
        (9_500_000_000, {}, "downgrade"),
        (9_999_999_999, {}, "downgrade"),
        (10_000_000_000, {}, "refused"),
        (10_000_000_000, {"is_hard": False, "pause": 1.1}, "downgrade"),
        (11_000_000_000, {"is_hard": False, "pause": 1.1}, "paused"),
        (99_000_000_000, {"is_hard": False, "pause": UNLIMITED}, "downgrade"),
        (9_999_999_999, {"warn": UNLIMITED, "downgrade": UNLIMITED}, "ok"),
    ],
)
def test_the_stage_follows_the_thresholds(spent: int, terms: dict[str, Any], stage: str) -> None:
    """Those that are off are never reached."""
    (one,) = reports((window("team", "platform", **terms),), [node_row(PLATFORM, spent)], [], NOW_MS)
    assert one.stage == stage


def test_the_limit_in_force_has_raises_and_what_rolled_over() -> None:
    """What the last period left of its own limit, at most so much; money that is leased there still is not left."""
    last = "team:platform||monthly|UTC|2026-10-01"
    cap = window(
        "team",
        "platform",
        rollover_nusd=4 * USD,
        raises=(Raise(USD, 0, NOW_MS + 1), Raise(7 * USD, NOW_MS + 1, 1 << 60)),
    )
    for rows, rolled in (
        ([], 4 * USD),
        ([node_row(last, 7 * USD), run_row(last, granted=USD, spent=0)], 2 * USD),
        ([node_row(last, 12 * USD)], 0),
    ):
        (one,) = reports((cap,), rows, [], NOW_MS)
        assert one.limit_nusd == 11 * USD + rolled


def test_wildcards_list_who_has_spent_and_named_accounts_are_always_there() -> None:
    """An account that is listed has only its own windows; a tag's nearer wildcard comes first."""
    windows: tuple[Window, ...] = (
        window("team", "*"), window("team", "platform", period="daily"), window("tag", "*"), window("tag", "repo=*"),
        window("tag", "repo=pay", period="weekly"), window("org", ""),
    )  # fmt: skip
    rows = [
        node_row(f"{account}||monthly|UTC|2026-11-01", USD)
        for account in ("team:a|b", "team:platform", "tag:repo=pay", "tag:repo=web", "tag:env=ci")
    ]
    assert [(one.account, one.window.id, one.window.period) for one in reports(windows, rows, [], NOW_MS)] == [
        ("org", "", "monthly"),
        ("team:a|b", "*", "monthly"),
        ("team:platform", "platform", "daily"),
        ("tag:env=ci", "*", "monthly"),
        ("tag:repo=web", "repo=*", "monthly"),
        ("tag:repo=pay", "repo=pay", "weekly"),
    ]


def test_machines_get_exact_texts_beside_integers() -> None:
    """No float carries money."""
    (one,) = reports(
        (window("team", "platform", period="total", alert_to=("em",), warn=UNLIMITED),),
        [node_row("team:platform||total|UTC|total", 1_234_567_891)], [], NOW_MS,
    )  # fmt: skip
    found = json.loads(msgspec.json.encode(as_json(one)))
    assert found["spent_usd"] == "1.234567891"
    assert found["spent_nusd"] == 1_234_567_891
    assert (found["limit_usd"], found["resets_at"], found["alert_to"]) == ("10.000000", None, ["em"])
    assert found["thresholds"] == {"warn": None, "downgrade": 0.95, "pause": 1.0}


@pytest.mark.parametrize(("text", "nusd"), [("-12.50", -12_500_000_000), ("0.000000001", 1), (" 3 ", 3 * USD)])
def test_amounts_of_corrections_are_exact(text: str, nusd: int) -> None:
    """With a sign: negative gives back."""
    assert amount_nusd(text) == nusd


@pytest.mark.parametrize("text", ["", "0", "1.0000000001", "NaN", "inf", "ten", "1e20", "1,50"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Zero would say nothing."""
    with pytest.raises(BadCorrectionError):
        amount_nusd(text)


def test_a_correction_finds_its_bucket() -> None:
    """By name, or by account where that is enough."""
    windows = (window("team", "platform"), window("team", "platform", period="daily"), window("org", ""))
    found = reports(windows, [], [], NOW_MS)
    assert bucket_of(found, [], account="org") == "org:||monthly|UTC|2026-11-01"
    assert bucket_of(found, [], account="team:platform", period="monthly") == PLATFORM
    assert bucket_of(found, ["old"], bucket="old") == "old"
    for asked in ({"account": "team:platform"}, {"account": "team:nobody"}, {"account": ""}, {"bucket": "old"}):
        with pytest.raises(BadCorrectionError):
            bucket_of(found, [], **asked)
    with pytest.raises(BadCorrectionError):
        correction(PLATFORM, "1", "  ", "me", NOW_MS)

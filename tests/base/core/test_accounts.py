"""An exchange is counted in every window whose account and models it has: by name, else by the wildcard."""

import pytest

from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import Downgrade, Level, PeriodKind, Window
from gateway.base.core.principal import Principal
from gateway.base.core.rate import Rate

ALICE = Principal(
    key="alice-laptop", org="acme", team="platform", user="alice@acme.dev", tags={"repo": "payments", "env": "dev"}
)
GPT = "openai/gpt-5.1-2026-04-15"


def window(level: Level, id: str, models: str = "", period: PeriodKind = "monthly") -> Window:
    """A window of which only what it counts matters."""
    return Window(level, id, models, period, "UTC", 10**9, False, 0.8, 0.95, 1.1, Downgrade(10_000, ()))


def counted(principal: Principal, deployment: str, *windows: Window) -> list[str]:
    """`level:account id|models|period` of each bucket, in order."""
    found = Accounts(windows).matching(principal, deployment)
    return [f"{w.level}:{account_id}|{w.models}|{w.period}" for w, account_id in found]


def test_every_level_that_applies_is_met_in_order() -> None:
    """A user's cap counts although the key has a team (complaint 32); org first, tags last."""
    windows = [window("tag", "env=dev"), window("tag", "repo=payments"), window("key", "alice-laptop"),
               window("user", "alice@acme.dev"), window("team", "platform"), window("org", "")]  # fmt: skip
    assert counted(ALICE, GPT, *windows) == [
        "org:||monthly",
        "team:platform||monthly",
        "user:alice@acme.dev||monthly",
        "key:alice-laptop||monthly",
        "tag:repo=payments||monthly",
        "tag:env=dev||monthly",
    ]


def test_stacked_windows_come_from_the_longest_to_the_shortest() -> None:
    """Total, monthly, weekly, daily, within one account."""
    kinds: tuple[PeriodKind, ...] = ("daily", "total", "monthly", "weekly")
    windows = [window("team", "platform", period=kind) for kind in kinds] + [window("org", "", period="daily")]
    assert [name.rsplit("|")[-1] for name in counted(ALICE, GPT, *windows)] == [
        "daily",
        "total",
        "monthly",
        "weekly",
        "daily",
    ]


def test_the_org_is_one_account_for_all_traffic() -> None:
    """Whatever organisation a key names, or none."""
    for principal in (ALICE, Principal(key="x"), Principal(key="y", org="other")):
        assert counted(principal, GPT, window("org", "")) == ["org:||monthly"]


def test_nobody_has_no_account() -> None:
    """A key without team, user and tags is in no such bucket, wildcards included."""
    levels: tuple[Level, ...] = ("team", "user", "tag")
    assert counted(Principal(key="bare"), GPT, *(window(level, "*") for level in levels)) == []
    assert counted(Principal(key=""), GPT, window("key", "*")) == []


def test_a_wildcard_stands_for_each_account_that_is_not_listed() -> None:
    """Each in a bucket of its own; a listed account has its own windows only."""
    windows = [window("team", "*"), window("team", "*", period="daily"), window("team", "platform", models="gpt-*")]
    assert counted(ALICE, GPT, *windows) == ["team:platform|gpt-*|monthly"]
    assert counted(ALICE, "anthropic/claude-opus-4-7", *windows) == []
    assert counted(Principal(key="k", team="data"), GPT, *windows) == ["team:data||monthly", "team:data||daily"]


def test_a_tag_is_found_by_value_then_by_name_then_at_all() -> None:
    """`name=value` before `name=*` before `*`."""
    windows = [window("tag", "repo=payments", "a*"), window("tag", "repo=*", "b*"), window("tag", "*", "c*")]
    of = lambda **tags: [w.models for w, _ in Accounts(tuple(windows)).matching(Principal("k", tags=tags), "x/abc")]  # noqa: E731
    assert of(repo="payments") == ["a*"]
    assert of(repo="web") == []
    windows = [window("tag", "repo=payments"), window("tag", "repo=*"), window("tag", "*")]
    principal = Principal("k", tags={"repo": "web", "env": "dev", "a": ""})
    assert [(w.id, account_id) for w, account_id in Accounts(tuple(windows)).matching(principal, GPT)] == [
        ("repo=*", "repo=web"),
        ("*", "env=dev"),
        ("*", "a="),
    ]


def test_two_tags_that_read_the_same_are_one_account() -> None:
    """Never counted twice in one bucket."""
    assert counted(Principal("k", tags={"a": "b=c", "a=b": "c"}), GPT, window("tag", "*")) == ["tag:a=b=c||monthly"]


@pytest.mark.parametrize(
    ("pattern", "deployment", "is_counted"),
    [
        ("openai/*", GPT, True),
        ("openai/gpt-5-1*", GPT, True),
        ("openai/gpt-5.1*", "openai/gpt-5-1", True),
        ("gpt-5.1*", GPT, True),
        ("gpt-5.1", GPT, True),
        ("openai/gpt-5.1", GPT, True),
        ("gpt-5.1-2026-04-15", "openai/gpt-5.1", False),
        ("gpt-5.1", "openai/gpt-5.1-mini", False),
        ("gpt-5.1", "openai/gpt-5.1-mini-2026-04-15", False),
        ("*", GPT, True),
        ("*mini*", "openai/gpt-5.1-mini", True),
        ("GPT-*", GPT, False),
        ("openai", GPT, False),
        ("openai*", GPT, False),
        ("*/gpt-5.1*", "openrouter/openai/gpt-5.1", True),
        ("openai/*", "openrouter/openai/gpt-5.1", False),
        ("openai/gpt-5.1", "openrouter/openai/gpt-5.1", False),
        ("claude-*", "openrouter/anthropic/claude-x", False),
        ("*claude-*", "openrouter/anthropic/claude-x", True),
        ("google/gemini-*", "gemini/gemini-2.5-pro", True),
        ("gemini/gemini-*", "google/gemini-2.5-pro", True),
    ],
)
def test_a_pattern_of_models_counts_what_it_names(pattern: str, deployment: str, is_counted: bool) -> None:
    """With a provider the whole name, without the model's part; `*` matches `/`; a name its dated snapshots too."""
    assert bool(counted(ALICE, deployment, window("org", "", pattern))) is is_counted


def test_rates_match_as_windows_do() -> None:
    """By account and models, in the order of levels; those of one account as they are written."""
    rates = (
        Rate("key", "*", "", "requests", 60, 60), Rate("team", "platform", "gpt-*", "tokens", 9, 9), Rate("org", "", "", "tokens", 8, 8),
        Rate("org", "", "", "concurrency", 2, 0), Rate("team", "platform", "claude-*", "tokens", 9, 9),
    )  # fmt: skip
    assert [(rate.level, account_id, rate.kind) for rate, account_id in Accounts(rates).matching(ALICE, GPT)] == [
        ("org", "", "tokens"),
        ("org", "", "concurrency"),
        ("team", "platform", "tokens"),
        ("key", "alice-laptop", "requests"),
    ]
    assert [rate.amount for rate in Accounts(rates).rules_of("key", "ci")] == [60]


def test_no_windows_count_nothing() -> None:
    """Where no budget is written."""
    assert Accounts(()).matching(ALICE, GPT) == ()
    assert Accounts(()).rules == ()

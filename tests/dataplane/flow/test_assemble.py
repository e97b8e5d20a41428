"""What a policy says of an answer's cost, and what it takes from `budgets`."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.base.config import parse
from gateway.base.core.principal import Principal
from gateway.base.core.session import SessionRules
from gateway.base.core.usage import Usage
from gateway.base.storage import open_keys
from gateway.dataplane.flow import Policy, assemble
from gateway.dataplane.identity import Identity
from gateway.dataplane.wire.usage import USAGE

SONNET = "claude-sonnet-5"
CONFIG = b"""
providers: { anthropic: { api_key: x }, lab: { api_key: none, base_url: "http://lab", dialect: anthropic.messages } }
models:
  prices:
    anthropic/claude-sonnet-5: { input_per_mtok: 2, output_per_mtok: 10 }
    anthropic/claude-fable-5: { input_per_mtok: 10, output_per_mtok: 50 }
  unpriced: { allow: ["lab/*"] }
"""


@pytest.fixture
def policy(tmp_path: Path) -> Iterator[Policy]:
    with closing(open_keys(tmp_path)) as keys:
        yield assemble(parse(CONFIG), Identity(keys, {}))


def advised(advisor: dict[str, Any]) -> Usage:
    """The counts of the recorded answer anthropic.messages/95ac1627e1 (an advisor tool)."""
    rows = [
        {"type": "message", "input_tokens": 1128, "output_tokens": 155},
        {"type": "advisor_message", "input_tokens": 2564, "output_tokens": 99, **advisor},
        {"type": "message", "input_tokens": 1354, "output_tokens": 11},
    ]
    raw = {"input_tokens": 2482, "output_tokens": 166, "service_tier": "standard", "iterations": rows}
    found = USAGE["anthropic.messages"](json.dumps(raw).encode(), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("advisor", "nusd"),
    [
        ({"model": "claude-fable-5"}, 2482 * 2000 + 166 * 10_000 + 2564 * 10_000 + 99 * 50_000),
        ({"model": "claude-of-no-known-price"}, (2482 + 2564) * 2000 + (166 + 99) * 10_000),
        ({}, (2482 + 2564) * 2000 + (166 + 99) * 10_000),
    ],
    ids=["its own price", "no price is known", "no name"],
)
def test_an_advisor_costs_what_its_own_model_costs(policy: Policy, advisor: dict[str, Any], nusd: int) -> None:
    """The main model's tokens at the main model's rates, the advisor's at its own; at the main ones where none is known."""
    usage = advised(advisor)
    assert (usage.input_tokens, usage.output_tokens) == (2482 + 2564, 166 + 99)
    deployment = policy.resolver.resolve(f"anthropic/{SONNET}", "anthropic.messages")
    assert policy.cost_of_answer(deployment, SONNET, usage) == nusd


def test_an_unpriced_model_costs_nothing(policy: Policy) -> None:
    """An advisor of no known price has none either."""
    deployment = policy.resolver.resolve("lab/x", "anthropic.messages")
    assert policy.cost_of_answer(deployment, "x", advised({"model": "y"})) == 0


def test_the_policy_has_the_rates_and_rules_of_its_file(tmp_path: Path) -> None:
    """Rates by name take the place of the wildcard's rates only, limits of its limits only: a rate never lifts a cap."""
    text = b"""
budgets:
  queue_ms: 5000
  retries_per_session: 5
  teams: { "*": { limit: 5, rpm: 60 }, slow: { rpm: 6 }, rich: { limit: 500 } }
"""
    with closing(open_keys(tmp_path)) as keys:
        policy = assemble(parse(text), Identity(keys, {}))
    found = {team: Principal("k", team=team) for team in ("slow", "rich", "other")}
    rates = {team: [r.amount for r, _ in policy.rates.matching(one, "a/b")] for team, one in found.items()}
    limits = {team: [w.limit_nusd for w, _ in policy.accounts.matching(one, "a/b")] for team, one in found.items()}
    assert rates == {"slow": [6], "rich": [60], "other": [60]}
    assert limits == {"slow": [5 * 10**9], "rich": [500 * 10**9], "other": [5 * 10**9]}
    assert (policy.queue_ms, policy.queue_requests) == (5000, 100)
    assert policy.sessions == SessionRules(5, "same_call")

"""Facts and rules for tests of routing."""

from typing import Any

from gateway.base.core.route import Block, Candidate, Facts, Rule
from gateway.dataplane.routing.rules import Rules

_FACTS: dict[str, Any] = {
    "model": "openai/gpt-5.5", "dialect": "openai.responses", "client": "codex", "step": "turn", "key": "alice", "org": "acme",
    "team": "platform", "user": "alice@acme.dev", "tags": {"repo": "payments"}, "is_stream": True, "has_tools": True,
    "has_images": False, "input_tokens": 12_000, "max_output_tokens": 0, "budget_used": 0.5, "minute": 10 * 60,
}  # fmt: skip


def facts(**changed: object) -> Facts:
    return Facts(**{**_FACTS, **changed})


def block(*whens: str) -> Block:
    """A block with a rule for each expression, named by its place."""
    rules = tuple(Rule(f"r{i}", when, (Candidate(f"openai/m{i}"),)) for i, when in enumerate(whens))
    return Block("default", "failover", (), True, False, 0, 3, rules)


def rules(*whens: str) -> Rules:
    return Rules(block(*whens), "gateway.yaml")


def chosen(*whens: str, **changed: object) -> str:
    """The name of the rule that holds; '' for none."""
    rule = rules(*whens).choose(facts(**changed))
    return rule.name if rule else ""

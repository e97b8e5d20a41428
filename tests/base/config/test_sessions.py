"""The YAML of sessions becomes their rules."""

import re
from pathlib import Path

import pytest

from gateway.base.config import ConfigError, parse, session_rules_of
from gateway.base.core.session import RETRIES_OFF, SessionRules


def rules(text: str) -> SessionRules:
    """Of a file with this text."""
    return session_rules_of(parse(text.encode(), environ={}).config.budgets, "gateway.yaml")


def test_retries_are_limited_without_a_word() -> None:
    """Three, with or without a `budgets` section."""
    assert rules("") == rules("budgets: { org: { limit: 5 } }") == SessionRules(3, "same_call")


@pytest.mark.parametrize(("written", "retries"), [("0", 0), ("7", 7), *((off, RETRIES_OFF) for off in ("off", "'off'", "no"))])  # fmt: skip
def test_retries_are_a_number_or_off(written: str, retries: int) -> None:
    """YAML reads a bare `off` as false."""
    assert rules(f"budgets: {{ retries_per_session: {written} }}").retries_per_session == retries


@pytest.mark.parametrize(
    ("written", "failures"),
    [("same_call", "same_call"), ("same_tool", "same_tool"), *((off, "off") for off in ("off", "'off'", "no"))],
)
def test_failures_of_tools_count_by_call_by_tool_or_not_at_all(written: str, failures: str) -> None:
    """As it is written."""
    assert rules(f"budgets: {{ tool_failures: {written} }}").tool_failures == failures


def test_a_section_that_is_off_counts_nothing() -> None:
    """Whatever it says; it is checked all the same."""
    assert rules("budgets: { enabled: false, retries_per_session: 2, tool_failures: same_tool }") == SessionRules(
        RETRIES_OFF, "off"
    )
    with pytest.raises(ConfigError):
        rules("budgets: { enabled: false, retries_per_session: true }")


WRONG = [
    ("retries_per_session: -1", "retries_per_session", "is -1: Expected `int` >= 0", "`off`"),
    ("retries_per_session: 1.5", "retries_per_session", "is 1.5", "`off`"),
    ("retries_per_session: true", "retries_per_session", "is true, which is no number", "`off`"),
    ("retries_per_session: of", "retries_per_session", "is 'of'", "`off`"),
    ("tool_failures: true", "tool_failures", "is true", "`same_call`, `same_tool` or `off`"),
    ("tool_failures: same_cal", "tool_failures", "is 'same_cal'", "did you mean `same_call`?"),
    ("tool_failures: 3", "tool_failures", "is 3", ""),
    ("retries_per_sesion: 3", "retries_per_sesion", "is not a known field", "did you mean `retries_per_session`?"),
]


@pytest.mark.parametrize(("text", "path", "problem", "hint"), WRONG, ids=[w[0] for w in WRONG])
def test_what_is_wrong_is_told_by_place_value_and_way_out(text: str, path: str, problem: str, hint: str) -> None:
    """One error, when the file is read."""
    with pytest.raises(ConfigError) as caught:
        rules(f"budgets: {{ {text} }}")
    assert caught.value.path == f"$.budgets.{path}"
    assert problem in str(caught.value)
    assert hint in caught.value.hint


PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "sessions.md"


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_examples_of_the_page_can_be_used(example: str) -> None:
    """As they stand in docs/concepts/sessions.md."""
    parse(example.encode())

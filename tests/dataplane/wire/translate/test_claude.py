"""What each Claude takes, by any form of its name: the table that Messages and Converse share."""

import pytest

from gateway.dataplane.wire.translate.claude import NEWEST, Claude, claude_of
from gateway.dataplane.wire.translate.effort import Thinks


@pytest.mark.parametrize(
    ("model", "efforts", "budget", "is_adaptive", "off"),
    [
        ("claude-3-5-haiku-20241022", 0, 0, False, "disabled"),
        ("anthropic.claude-v2:1", 0, 0, False, "disabled"),
        ("claude-3-7-sonnet-20250219", 0, 1024, False, "disabled"),
        ("claude-sonnet-4-20250514", 0, 1024, False, "disabled"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 0, 1024, False, "disabled"),
        ("claude-opus-4-5@20251101", 3, 1024, False, "disabled"),
        ("anthropic/claude-opus-4.6", 4, 1024, True, "disabled"),
        ("claude-opus-4-8", 5, 0, True, "disabled"),
        ("claude-sonnet-5", 5, 0, True, "disabled"),
        ("claude-sonnet-5-5", 5, 0, True, "between_tools"),
        ("claude-opus-5-5", 5, 0, True, ""),
        ("claude-fable-5-1", 5, 0, True, ""),
        ("claude-latest", 5, 0, True, ""),
    ],
)
def test_claude_by_version(model, efforts, budget, is_adaptive, off) -> None:
    """Budgets up to 4.6, adaptive from 4.6, only adaptive after it."""
    claude = claude_of(model)
    assert claude is not None
    thinks = claude.thinks
    assert (len(thinks.efforts), thinks.budget[0], thinks.is_adaptive, claude.off) == (
        efforts, budget, is_adaptive, off,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("anthropic/claude-opus-4.8", "claude-opus-4-8"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-opus-4-1@20250805", "claude-opus-4-1"),
        ("claude-opus-4-20250514", "claude-opus-4-0"),
        ("claude-4.5-sonnet-20250929", "claude-sonnet-4-5"),
        ("claude-5.5-opus-20260921", "claude-opus-5-5"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet-20250219"),
        ("CLAUDE-FABLE-5-1", "claude-fable-5-1"),
    ],
)
def test_a_model_is_known_by_any_form_of_its_name(name: str, same_as: str) -> None:
    """Trap 62."""
    assert claude_of(name) == claude_of(same_as) != NEWEST


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("glm-4.6", None),
        ("claude-latest", NEWEST),
        ("claude-mythos-preview", NEWEST),
        (
            "claude-3-opus-20240229",
            Claude(
                version=(3, 0),
                thinks=Thinks(),
                takes_both_samplers=True,
                has_formats=False,
                has_window_check=True,
                most_output_tokens=4096,
            ),
        ),
    ],
)
def test_facts_of_models(name: str, facts: Claude | None) -> None:
    """The table behind all this."""
    assert claude_of(name) == facts

"""Efforts and budgets become each other by a table, within what each vendor's models take (trap 25)."""

import pytest

from gateway.dataplane.wire.canon import Thinking
from gateway.dataplane.wire.translate import effort
from gateway.dataplane.wire.translate.effort import EFFORTS, budget_of, effort_of, legal_budget, nearest, wanted


@pytest.mark.parametrize(
    ("word", "most", "budget"),
    [
        ("", 0, -1),
        ("none", 32_000, 0),
        ("minimal", 0, 1024),
        ("low", 0, 1024),
        ("medium", 0, 8192),
        ("high", 0, 24_576),
        ("xhigh", 0, 32_768),
        ("max", 0, 65_536),
        ("high", 32_000, 24_576),
        ("xhigh", 32_000, 25_600),
        ("max", 8192, 6553),
        ("medium", 1100, 1024),
        ("medium", 1024, 0),
    ],
)
def test_trap_25_an_effort_becomes_a_budget_that_leaves_room_for_the_answer(word, most, budget) -> None:
    """At least 1024, less than `max_tokens`, and 0 when thinking has no room."""
    assert budget_of(word, most) == budget
    assert not most or budget < most


@pytest.mark.parametrize(
    ("budget", "word"),
    [(-1, ""), (0, "none"), (512, "minimal"), (1024, "low"), (4000, "low"), (8192, "medium"), (10_000, "medium"),
     (24_576, "high"), (31_999, "high"), (32_768, "xhigh"), (65_536, "max"), (128_000, "max")],
)  # fmt: skip
def test_trap_25_a_budget_becomes_an_effort(budget, word) -> None:
    """Claude Code's three budgets (4000, 10000, 31999) are three efforts."""
    assert effort_of(budget) == word


def test_efforts_that_have_a_budget_of_their_own_survive_the_way_there_and_back() -> None:
    """`minimal` does not: Google's table gives it and `low` one budget."""
    for word in EFFORTS:
        assert effort_of(budget_of(word)) == ("low" if word == "minimal" else word)


@pytest.mark.parametrize(
    ("given", "most", "legal"),
    [(100, 0, 1024), (5000, 4096, 4095), (5000, 1024, 0), (0, 10, 0), (-1, 10, -1), (2000, 9000, 2000)],
)
def test_a_clients_own_budget_is_only_made_legal(given, most, legal) -> None:
    """Nothing is taken from it but what the provider would refuse."""
    assert legal_budget(given, most) == legal


@pytest.mark.parametrize(
    ("word", "allowed", "chosen"),
    [
        ("medium", ("low", "high"), "high"),
        ("minimal", ("low", "medium", "high"), "low"),
        ("max", ("low", "medium", "high"), "high"),
        ("xhigh", ("low", "medium", "high", "max"), "max"),
        ("none", ("minimal", "low"), "minimal"),
        ("none", ("none", "low"), "none"),
        ("low", ("none", "high"), "high"),
        ("low", (), ""),
        ("", ("low",), ""),
    ],
)
def test_the_nearest_effort_that_a_model_takes(word, allowed, chosen) -> None:
    """`none` is never chosen for anything else: that would switch thinking off."""
    assert nearest(word, allowed) == chosen


def test_what_a_client_wants_is_one_word_whatever_way_it_said_it() -> None:
    """Effort first, then the budget; adaptive says nothing."""
    assert wanted(None) == ""
    assert wanted(Thinking(effort="high", budget_tokens=1024)) == "high"
    assert wanted(Thinking(budget_tokens=9000)) == "medium"
    assert wanted(Thinking(is_adaptive=True)) == ""


@pytest.mark.parametrize(
    ("model", "efforts", "budget", "can_stop"),
    [
        ("gemini-2.0-flash", (), (0, 0), True),
        ("gemini-2.5-pro", (), (128, 32_768), False),
        ("models/gemini-2.5-flash-preview-09-2025", (), (1, 24_576), True),
        ("gemini-2.5-flash-lite", (), (512, 24_576), True),
        ("gemini-3-pro-preview", ("low", "high"), (0, 0), False),
        ("gemini-3.1-pro-preview", ("low", "medium", "high"), (0, 0), False),
        ("gemini-3-flash-preview", ("minimal", "low", "medium", "high"), (0, 0), False),
        ("gemini-3.1-flash-lite", ("minimal", "low", "medium", "high"), (0, 0), False),
        ("gemini-3.7-flash", ("low", "medium", "high"), (0, 0), False),
        ("google/gemini-3.8-flash", ("low", "medium", "high"), (0, 0), False),
        ("gemini-flash-latest", ("low", "medium", "high"), (0, 0), False),
        ("gemini-3.1-flash-image", ("minimal", "high"), (0, 0), False),
        ("gemini-3.1-flash-lite-image", ("minimal", "high"), (0, 0), False),
        ("gemini-3-pro-image-preview", ("high",), (0, 0), False),
        ("gemma-3-27b", (), (0, 0), True),
    ],
)
def test_gemini_by_version(model, efforts, budget, can_stop) -> None:
    """Budgets in 2.5, levels from 3 on, nothing before."""
    thinks = effort.gemini(model)
    assert (thinks.efforts, thinks.budget, thinks.can_stop) == (efforts, budget, can_stop)


@pytest.mark.parametrize(
    ("model", "least", "most", "can_stop"),
    [
        ("gpt-4o", "", "", True),
        ("o3-mini", "low", "high", False),
        ("openai/o4-mini", "low", "high", False),
        ("gpt-5-mini", "minimal", "high", False),
        ("gpt-5-pro", "high", "high", False),
        ("gpt-5.1", "low", "high", True),
        ("gpt-5.1-codex-max", "low", "xhigh", True),
        ("gpt-5.5", "low", "xhigh", True),
        ("gpt-5.6-sol", "low", "max", True),
        ("gpt-6.1-sol", "low", "max", True),
        ("gpt-oss-120b", "low", "high", False),
        ("llama-4", "minimal", "xhigh", True),
    ],
)
def test_openai_by_version(model, least, most, can_stop) -> None:
    """minimal was gpt-5's alone, xhigh came after gpt-5.1-codex-max, max with gpt-5.6."""
    efforts = effort.openai(model).efforts or ("",)
    assert (efforts[0], efforts[-1], effort.openai(model).can_stop) == (least, most, can_stop)

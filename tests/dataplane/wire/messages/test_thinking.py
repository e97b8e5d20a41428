"""How much a model shall think, model by model, and what cannot stand beside thinking. Traps 14, 17, 18, 25, 26."""

from typing import Any

import pytest

from gateway.dataplane.wire.canon import Effort, Reasoning, Thinking, Tool, ToolCall, ToolChoice, ToolResult
from tests.dataplane.wire.messages.turns import said, target, text, turn, unmarked, written

FUNCTION = Tool(kind="function", name="f", schema={"type": "object"})
ADAPTIVE = {"type": "adaptive"}
SHOWN = {"type": "adaptive", "display": "summarized"}


def asked(thinking: Thinking | None, model: str, vendor: str = "anthropic", **more: Any) -> tuple[Any, Any, list[Any]]:
    """`thinking`, the effort, and the drops."""
    body, drops = written(turn(said("user", "Hi"), thinking=thinking, **more), target(model, vendor))
    return body.get("thinking"), body.get("output_config", {}).get("effort"), drops


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


EFFORTS: list[tuple[str, Effort, dict[str, Any] | None, str | None]] = [
    # only budgets, no effort
    ("claude-sonnet-4-5", "low", budget(1024), None),
    ("claude-sonnet-4-5", "medium", budget(8192), None),
    ("claude-sonnet-4-5", "high", budget(24_576), None),
    ("claude-sonnet-4-5", "max", budget(51_200), None),
    ("claude-sonnet-4-5", "none", None, None),
    ("claude-haiku-4-5-20251001", "minimal", budget(1024), None),
    ("claude-3-7-sonnet-20250219", "high", budget(24_576), None),
    # budgets and efforts
    ("claude-opus-4-5", "medium", budget(8192), "medium"),
    ("claude-opus-4-5", "xhigh", budget(32_768), "high"),
    # adaptive, with or without xhigh
    ("claude-opus-4-6", "minimal", ADAPTIVE, "low"),
    ("claude-sonnet-4-6", "xhigh", ADAPTIVE, "max"),
    ("claude-opus-4-7", "xhigh", ADAPTIVE, "xhigh"),
    ("claude-opus-4-8", "max", ADAPTIVE, "max"),
    ("claude-opus-4-8", "none", None, None),
    # thinking unless told not to
    ("claude-sonnet-5", "none", {"type": "disabled"}, None),
    ("claude-opus-5", "none", {"type": "disabled"}, None),
    ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
    ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
    ("claude-sonnet-5-5", "high", ADAPTIVE, "high"),
]


@pytest.mark.parametrize(("model", "effort", "thinking", "said_effort"), EFFORTS)
def test_an_effort_is_said_in_the_words_of_the_model(
    model: str, effort: Effort, thinking: Any, said_effort: str | None
) -> None:
    """Trap 25, with none, xhigh and max."""
    drops = [("thinking", "nearest_is_" + str(said_effort))] if (effort, said_effort) == ("xhigh", "max") else []
    assert asked(Thinking(effort=effort), model) == (thinking, said_effort, drops)


@pytest.mark.parametrize("model", ["claude-fable-5", "claude-mythos-5-1", "claude-opus-5-5"])
def test_a_model_that_cannot_stop_thinking_thinks_little(model: str) -> None:
    """And that is reported."""
    assert asked(Thinking(effort="none"), model) == (None, "low", [("thinking", "always_on")])


def test_a_model_that_cannot_think_is_reported() -> None:
    """Before 3.7."""
    assert asked(Thinking(effort="high"), "claude-3-5-haiku-latest") == (
        None,
        None,
        [("thinking", "not_by_this_model")],
    )


@pytest.mark.parametrize(("effort", "thinking"), [("high", budget(6553)), ("none", {"type": "disabled"}), ("", None)])
def test_imitations_get_budgets(effort: Effort, thinking: Any) -> None:
    """The older form; and off is said, for they may think unasked."""
    assert asked(Thinking(effort=effort), "glm-4.6", "zai") == (thinking, None, [])


@pytest.mark.parametrize(
    ("thinking", "limit", "found", "max_tokens"),
    [
        (Thinking(budget_tokens=2048), 4096, budget(2048), 4096),
        (Thinking(budget_tokens=100), 4096, budget(1024), 4096),
        (Thinking(budget_tokens=4096), 4096, budget(4096), 8192),
        (Thinking(budget_tokens=100_000), 4096, budget(63_999), 64_000),
        (Thinking(effort="high"), 4096, budget(3276), 4096),
        (Thinking(is_adaptive=True), None, budget(8192), 64_000),
    ],
)
def test_a_budget_fits_under_max_tokens(thinking: Thinking, limit: int | None, found: Any, max_tokens: int) -> None:
    """A client's own budget raises the limit as far as the model goes; one of ours shrinks to fit."""
    to = target("claude-sonnet-4-5", max_output_tokens=64_000)
    body, drops = written(turn(said("user", "Hi"), thinking=thinking, max_output_tokens=limit), to)
    assert (body["thinking"], body["max_tokens"], drops) == (found, max_tokens, [])


def test_a_limit_without_room_for_thinking_is_reported() -> None:
    """1024 is the least."""
    assert asked(Thinking(effort="high"), "claude-sonnet-4-5", max_output_tokens=500) == (
        None,
        None,
        [("thinking", "no_room_in_max_tokens")],
    )


@pytest.mark.parametrize(
    ("thinking", "model", "found", "effort"),
    [
        (Thinking(effort="high", summary="auto"), "claude-opus-4-8", SHOWN, "high"),
        (Thinking(effort="high", summary="none"), "claude-opus-4-8", ADAPTIVE, "high"),
        (Thinking(effort="high", summary="none"), "claude-opus-4-6", {**ADAPTIVE, "display": "omitted"}, "high"),
        (Thinking(effort="high", summary="auto"), "claude-opus-4-6", ADAPTIVE, "high"),
        (Thinking(budget_tokens=20_000), "claude-opus-4-8", ADAPTIVE, "high"),
        (Thinking(is_adaptive=True), "claude-opus-4-8", ADAPTIVE, None),
        # Codex, for a model that it does not know: the model keeps its default
        (Thinking(summary="auto"), "claude-opus-4-8", None, None),
        (Thinking(summary="auto"), "claude-opus-5", SHOWN, None),
        (Thinking(summary="auto"), "claude-sonnet-4-5", None, None),
        (None, "claude-opus-5", None, None),
    ],
)
def test_what_is_shown_of_thinking(thinking: Thinking | None, model: str, found: Any, effort: str | None) -> None:
    """From 4.7 on it is hidden unless asked for."""
    assert asked(thinking, model) == (found, effort, [])


# === beside thinking ===


@pytest.mark.parametrize(
    ("model", "thinking", "given", "kept", "drops"),
    [
        ("claude-sonnet-4-5", None, {"temperature": 0.5}, {"temperature": 0.5}, []),
        ("claude-sonnet-4-5", None, {"temperature": 1.8}, {"temperature": 1}, [("temperature", "above_1")]),
        (
            "claude-sonnet-4-5",
            None,
            {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
            {"temperature": 0.5, "top_k": 5},
            [("top_p", "beside_temperature")],
        ),
        ("claude-3-5-haiku-latest", None, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, []),
        (
            "claude-sonnet-4-5",
            "high",
            {"temperature": 0.5, "top_k": 5},
            {},
            [("temperature", "beside_thinking"), ("top_k", "beside_thinking")],
        ),
        ("claude-sonnet-4-5", "high", {"temperature": 1}, {}, []),
        ("claude-sonnet-4-5", "high", {"top_p": 0.97}, {"top_p": 0.97}, []),
        ("claude-opus-4-8", None, {"temperature": 0.5}, {}, [("temperature", "not_by_this_model")]),
        ("claude-opus-4-8", None, {"temperature": 1, "top_p": 1}, {}, []),
    ],
)
def test_sampling_beside_thinking(model: str, thinking: Any, given: Any, kept: Any, drops: Any) -> None:
    """Trap 26."""
    asked_for = None if thinking is None else Thinking(effort=thinking)
    body, found = written(turn(said("user", "Hi"), thinking=asked_for, **given), target(model))
    assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == kept
    assert found == drops


@pytest.mark.parametrize(
    ("vendor", "kept", "drops"),
    [
        ("zai", {"temperature": 0.5}, []),
        ("", {}, [("temperature", "beside_thinking")]),
    ],
)
def test_sampling_of_imitations(vendor: str, kept: Any, drops: Any) -> None:
    """A known one takes it beside thinking; behind an unknown name there may be a Claude."""
    asked_for = turn(said("user", "Hi"), thinking=Thinking(effort="high"), temperature=0.5)
    body, found = written(asked_for, target("some-model", vendor))
    assert {name: body[name] for name in ("temperature",) if name in body} == kept
    assert found == drops


@pytest.mark.parametrize(
    ("model", "thinking", "choice", "drops"),
    [
        ("claude-sonnet-4-5", None, {"type": "any"}, [("thinking", "forced_tool_choice")]),
        ("claude-opus-4-8", None, {"type": "any"}, [("thinking", "forced_tool_choice")]),
        ("claude-sonnet-5", {"type": "disabled"}, {"type": "any"}, [("thinking", "forced_tool_choice")]),
        ("claude-fable-5", ADAPTIVE, {"type": "any"}, []),
        ("claude-opus-5-5", ADAPTIVE, {"type": "auto"}, [("tool_choice", "not_forced")]),
        ("claude-sonnet-5-5", ADAPTIVE, {"type": "auto"}, [("tool_choice", "not_forced")]),
    ],
)
def test_a_forced_tool_beside_thinking(model: str, thinking: Any, choice: Any, drops: Any) -> None:
    """Trap 14: what is forced counts more, where the model takes it."""
    body, found = written(
        turn(
            said("user", "Hi"),
            thinking=Thinking(effort="high"),
            tools=[FUNCTION],
            tool_choice=ToolChoice(mode="required"),
            parallel_tools=False,
        ),
        target(model),
    )
    choice = {**choice, "disable_parallel_tool_use": True}
    assert (body.get("thinking"), body["tool_choice"], found) == (thinking, choice, drops)


def test_a_prefill_beside_thinking() -> None:
    """Trap 26: the client wrote it, so thinking gives way; a model that takes none loses it; space at the end is refused."""
    prefilled = turn(said("user", "Hi"), said("assistant", "{ "), thinking=Thinking(effort="high"))
    body, drops = written(prefilled, target("claude-sonnet-4-5"))
    assert "thinking" not in body
    assert body["messages"][1]["content"] == [{"type": "text", "text": "{"}]
    assert drops == [("thinking", "prefill")]
    body, drops = written(prefilled, target("claude-opus-4-8"))
    assert [one["role"] for one in body["messages"]] == ["user"]
    assert drops == [("messages[1]", "prefill")]


# === thinking in the history ===

CALL = ToolCall(id="c1", name="f", arguments="{}")
RESULT = ToolResult(call_id="c1", parts=[text("x")], is_plain=True)
SIGNED = Reasoning(text="hm\u2026 “ü”\n\t", signature="EqQB+/==", origin="anthropic")


def loop(*answer: Any, model: str = "claude-sonnet-4-5", vendor: str = "anthropic") -> tuple[Any, Any, list[Any]]:
    """A tool loop under a budget whose answer had these parts: (content of the answer, thinking, drops)."""
    body, drops = written(
        turn(
            said("user", "Hi"),
            said("assistant", *answer),
            said("tool", RESULT),
            tools=[FUNCTION],
            thinking=Thinking(effort="high"),
        ),
        target(model, vendor, max_output_tokens=64_000),
    )
    return unmarked(body["messages"][1]["content"]), body.get("thinking"), drops


USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}


def test_signed_thinking_goes_back_byte_by_byte() -> None:
    """Trap 17."""
    content, thinking, drops = loop(SIGNED, CALL)
    assert content == [{"type": "thinking", "thinking": SIGNED.text, "signature": SIGNED.signature}, USE]
    assert (thinking, drops) == (budget(24_576), [])


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Reasoning(signature="s", origin="anthropic"), {"type": "thinking", "thinking": "", "signature": "s"}),
        (
            Reasoning(signature="d", is_redacted=True, origin="anthropic"),
            {"type": "redacted_thinking", "data": "d"},
        ),
        (
            Reasoning(signature="s", origin="anthropic/acct"),
            {"type": "thinking", "thinking": "", "signature": "s"},
        ),
    ],
)
def test_thinking_without_text_is_kept(part: Reasoning, block: dict[str, Any]) -> None:
    """Traps 18 and 20, complaint 15."""
    assert loop(part, CALL)[0] == [block, USE]


@pytest.mark.parametrize(
    "part",
    [
        Reasoning(text="hm"),
        Reasoning(summary=["hm"]),
        Reasoning(text="hm", signature="s", origin="google"),
        Reasoning(text="hm", signature="s"),
    ],
)
def test_thinking_of_others_stops_the_budget(part: Reasoning) -> None:
    """Trap 17, complaint 16: never shown as text, and never a 400."""
    content, thinking, drops = loop(part, CALL)
    assert content == [USE]
    assert thinking is None
    assert drops == [
        ("messages.reasoning", "other_vendor" if part.origin else "unsigned"),
        ("thinking", "no_signed_thinking_in_history"),
    ]


def test_adaptive_thinking_needs_none_in_the_history() -> None:
    """`Previous assistant turns don't need to start with thinking blocks.`"""
    assert loop(CALL, model="claude-opus-4-8") == ([USE], ADAPTIVE, [])


def test_an_imitation_gets_its_thinking_back_unsigned() -> None:
    """Trap 23: DeepSeek and its like refuse a call whose thinking is missing."""
    content, thinking, drops = loop(Reasoning(text="hm"), CALL, model="deepseek-chat", vendor="deepseek")
    assert content == [{"type": "thinking", "thinking": "hm", "signature": ""}, USE]
    assert (thinking["type"], drops) == ("enabled", [])

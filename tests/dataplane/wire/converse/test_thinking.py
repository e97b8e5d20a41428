"""How much to think, for each family of models behind Converse. Traps 14, 17, 25, 26."""

from typing import Any

import pytest

from gateway.dataplane.wire.canon import Message, Reasoning, Thinking, ToolChoice
from tests.dataplane.wire.converse.cases import (
    LLAMA,
    NOVA,
    OPUS,
    SONNET,
    call,
    function,
    message,
    result,
    said,
    turn,
    user,
    written,
)

S46 = "us.anthropic.claude-sonnet-4-6"
O55 = "anthropic.claude-opus-5-5"
OLD = "anthropic.claude-3-sonnet-20240229-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
BUDGET = {"type": "enabled", "budget_tokens": 8192}


@pytest.mark.parametrize(
    ("thinking", "model", "fields", "drops"),
    [
        # budgets up to 4.5
        (Thinking(effort="medium"), SONNET, {"thinking": BUDGET}, []),
        (Thinking(budget_tokens=100), SONNET, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, []),
        (Thinking(is_adaptive=True), SONNET, {"thinking": BUDGET}, []),
        (Thinking(effort="none"), SONNET, None, []),
        (Thinking(summary="auto"), SONNET, None, []),
        # both in 4.6
        (
            Thinking(budget_tokens=5000),
            S46,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            [],
        ),
        (Thinking(effort="low"), S46, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, []),
        (
            Thinking(effort="xhigh"),
            S46,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            ["thinking;nearest_is_max"],
        ),
        # adaptive from 4.7 on, hidden unless asked for
        (
            Thinking(budget_tokens=10_000),
            OPUS,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
            [],
        ),
        (
            Thinking(effort="high", summary="auto"),
            OPUS,
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
            [],
        ),
        (
            Thinking(is_adaptive=True, summary="none"),
            OPUS,
            {"thinking": {"type": "adaptive"}},
            [],
        ),
        (Thinking(summary="auto"), OPUS, None, []),
        (Thinking(effort="none"), OPUS, None, []),
        (Thinking(effort="none"), "anthropic.claude-sonnet-5-0", {"thinking": {"type": "disabled"}}, []),
        (Thinking(effort="none"), O55, {"output_config": {"effort": "low"}}, ["thinking;always_on"]),
        # others
        (Thinking(effort="high"), OLD, None, ["thinking;not_by_this_model"]),
        (Thinking(effort="none"), OLD, None, []),
        (
            Thinking(effort="minimal"),
            NOVA,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            ["thinking;nearest_is_low"],
        ),
        (
            Thinking(is_adaptive=True),
            NOVA,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
            [],
        ),
        (Thinking(effort="none"), NOVA, None, []),
        (Thinking(effort="high"), "amazon.nova-pro-v1:0", None, ["thinking;not_by_this_model"]),
        (Thinking(budget_tokens=30_000), OSS, {"reasoning_effort": "high"}, []),
        (Thinking(effort="none"), OSS, {"reasoning_effort": "low"}, ["thinking;nearest_is_low"]),
        (Thinking(effort="high"), LLAMA, None, ["thinking;not_by_this_model"]),
        (Thinking(effort="none"), LLAMA, None, []),
        (None, OPUS, None, []),
    ],
)
def test_efforts_and_budgets_25(thinking: Thinking | None, model: str, fields: Any, drops: list[str]) -> None:
    body, found = written(turn(user("a"), thinking=thinking), model)
    assert body.get("additionalModelRequestFields") == fields
    assert found == drops


def test_a_budget_leaves_room_for_the_answer_25() -> None:
    effort, own = Thinking(effort="high"), Thinking(budget_tokens=8000)
    body, _ = written(turn(user("a"), thinking=effort, max_output_tokens=4000))
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 3200
    assert body["inferenceConfig"] == {"maxTokens": 4000}
    body, _ = written(turn(user("a"), thinking=own, max_output_tokens=4000))  # Gemini counts it beside its limit
    assert body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 8000
    assert body["inferenceConfig"] == {"maxTokens": 12_000}
    body, drops = written(turn(user("a"), thinking=effort, max_output_tokens=1000))
    assert "additionalModelRequestFields" not in body
    assert drops == ["thinking;no_room_in_max_tokens"]


def test_samplers_go_when_claude_thinks_26() -> None:
    asked = turn(user("a"), thinking=Thinking(effort="medium"), temperature=0.3, top_p=0.5, top_k=3)
    body, drops = written(asked)
    assert "inferenceConfig" not in body
    assert body["additionalModelRequestFields"] == {"thinking": BUDGET}
    assert drops == [f"{name};beside_thinking" for name in ("temperature", "top_p", "top_k")]
    asked.temperature, asked.top_p, asked.top_k = 1, 0.97, None
    body, drops = written(asked)
    assert body["inferenceConfig"] == {"topP": 0.97}
    assert drops == []


def test_nova_takes_no_limits_beside_high_effort() -> None:
    asked = turn(user("a"), thinking=Thinking(effort="high"), temperature=0.3, top_p=0.5, max_output_tokens=9)
    body, drops = written(asked, NOVA)
    assert "inferenceConfig" not in body
    assert drops == [f"{name};refused_beside_high_effort" for name in ("max_output_tokens", "temperature", "top_p")]


def test_a_forced_tool_stops_a_budget_14() -> None:
    asked = turn(
        user("a"), thinking=Thinking(effort="medium"), tools=[function()], tool_choice=ToolChoice(mode="required")
    )
    body, drops = written(asked)
    assert "additionalModelRequestFields" not in body
    assert body["toolConfig"]["toolChoice"] == {"any": {}}
    assert drops == ["thinking;forced_tool_choice"]


THOUGHT = Reasoning(text="t", signature="s", origin="anthropic")


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ([said(THOUGHT, call()), message("tool", result())], True),
        ([said(call()), message("tool", result())], False),
        ([said(Reasoning(text="t"), call()), message("tool", result())], False),
        ([said(Reasoning(text="t", signature="s", origin="openai"), call()), message("tool", result())], False),
        # without interleaved thinking Claude thinks once, before the first of its calls
        ([said(THOUGHT, call()), user(result()), said(call("c2")), user(result("c2"))], True),
        ([said(call()), user(result()), said(call("c2")), user(result("c2"))], False),
        ([said(call()), user(result()), said("done"), user("more")], True),
        ([said("x")], False),
    ],
)
def test_a_budget_needs_the_thought_before_the_calls_17(messages: list[Message], thinks: bool) -> None:
    asked = turn(user("a"), *messages, thinking=Thinking(effort="medium"), tools=[function()])
    body, drops = written(asked)
    assert ("additionalModelRequestFields" in body) is thinks
    assert any(drop.startswith("thinking;") for drop in drops) is not thinks
    asked.thinking = Thinking(effort="low")
    if messages[-1].role != "assistant":
        assert written(asked, OPUS)[0]["additionalModelRequestFields"]["thinking"] == {"type": "adaptive"}

"""A client's Converse request: what is understood, what is kept, what is refused."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Citation,
    Format,
    Media,
    Message,
    Opaque,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.report import Report
from tests.dataplane.wire.converse.cases import read, target

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
PNG = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
PDF = {"document": {"format": "pdf", "name": "a b", "source": {"bytes": "AAAA"}}}


def _one(block: dict[str, Any]) -> Any:
    return read({"messages": [{"role": "user", "content": [block]}]}).messages[0].parts[0]


BLOCKS: list[tuple[dict[str, Any], Any]] = [
    ({"text": "hi"}, Text(text="hi")),
    (PNG, Media(kind="image", mime="image/png", data="AAAA")),
    (PDF, Media(kind="document", mime="application/pdf", data="AAAA", name="a b")),
    (
        {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://bucket/v"}}}},
        Media(kind="video", mime="video/3gpp", url="s3://bucket/v"),
    ),
    ({"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}}, Media(kind="audio", mime="audio/mp3", data="AAAA")),
    ({"toolUse": {"toolUseId": "i", "name": "f", "input": {"a": 1}}}, ToolCall(id="i", name="f", arguments='{"a":1}')),
    (
        {"toolResult": {"toolUseId": "i", "content": [{"text": "x"}], "status": "error"}},
        ToolResult(call_id="i", parts=[Text(text="x")], is_error=True),
    ),
    (
        {"toolResult": {"toolUseId": "i", "content": [{"json": {"a": 1}}]}},
        ToolResult(call_id="i", parts=[], value={"a": 1}),
    ),
    (
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        Reasoning(text="t", signature="s"),
    ),
    ({"reasoningContent": {"redactedContent": "AAAA"}}, Reasoning(signature="AAAA", is_redacted=True)),
    (
        {"citationsContent": {"content": [{"text": "t"}], "citations": [{"title": "x"}]}},
        Text(text="t", citations=[Citation(raw={"title": "x"}, title="x")]),
    ),
    ({"toolAddition": {"tool": {}}}, Opaque(kind="toolAddition", value={"toolAddition": {"tool": {}}})),
    (
        {"toolUse": {"toolUseId": "i", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
        Opaque(
            kind="server_tool_use",
            value={"toolUse": {"toolUseId": "i", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
        ),
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=lambda one: next(iter(one)) if isinstance(one, dict) else "")
def test_a_block_is_a_part(block: dict[str, Any], part: Any) -> None:
    assert _one(block) == part


WORDS: list[tuple[dict[str, Any], str]] = [
    (
        {"searchResult": {"source": "https://a", "title": "T", "content": [{"text": "x"}, {"text": "y"}]}},
        "T\nhttps://a\nx\ny",
    ),
    ({"guardContent": {"text": {"text": "look", "qualifiers": ["query"]}}}, "look"),
    ({"toolResult": {"toolUseId": "i", "content": [{"json": [1]}, {"text": "x"}]}}, ""),
    ({"document": {"format": "txt", "name": "n", "source": {"text": "body"}, "citations": {"enabled": True}}}, "body"),
    ({"document": {"name": "n", "source": {"content": [{"text": "a"}, {"text": "b"}]}}}, "a\nb"),
    ({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}}, "ab"),
    ({"guardContent": {"image": {"format": "png", "source": {"bytes": "AAAA"}}}}, ""),
    ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/i", "bucketOwner": "1"}}}}, ""),
    ({"toolUse": {"toolUseId": "i", "name": "f", "input": {}, "type": "tool_use"}}, ""),
    ({"text": "a", "newer": 1}, "a"),
]


@pytest.mark.parametrize(("block", "words"), WORDS, ids=lambda one: next(iter(one)) if isinstance(one, dict) else "")
def test_what_others_have_no_block_for_is_words_to_them_and_comes_back_as_it_was(
    block: dict[str, Any], words: str
) -> None:
    body = {"messages": [{"role": "user", "content": [block, POINT]}]}
    part = _one(block)
    assert not words or part.text == words
    assert json.loads(CODEC.write_turn(read(body), target(), Report())) == body


def test_the_whole_request_is_understood_and_comes_back_equal() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = {
        "system": [{"text": "be good"}, HOUR, {"guardContent": {"text": {"text": "g"}}}],
        "messages": [
            {
                "role": "user",
                "content": [{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "5m"}}, PNG, POINT, POINT],
            },
            {"role": "assistant", "content": []},
        ],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 1, "stopSequences": ["x"], "newer": 1},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": schema}, "strict": True}},
                POINT,
                {"toolSpec": {"name": "g", "inputSchema": {"json": {}}, "newer": 1}},
                {"systemTool": {"name": "nova_grounding"}},
                HOUR,
            ],
            "toolChoice": {"tool": {"name": "f"}},
        },
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}, "top_k": 5, "x": None},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"schema": '{"type": "object"}', "name": "n"}},
            },
            "effort": "high",
        },
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "performanceConfig": {"latency": "optimized"},
        "promptVariables": {"a": {"text": "b"}},
        "requestMetadata": {"user": "u"},
        "serviceTier": {"type": "flex"},
    }
    turn = read(body, "anthropic.claude", is_stream=True)
    assert json.loads(CODEC.write_turn(turn, target(), Report())) == body
    assert (turn.model, turn.is_stream, turn.dialect) == ("anthropic.claude", True, "bedrock.converse")
    assert (turn.max_output_tokens, turn.temperature, turn.top_p, turn.top_k, turn.stop) == (9, 0.5, 1, 5, ["x"])
    assert turn.thinking == Thinking(budget_tokens=2000, effort="high")
    assert turn.tool_choice == ToolChoice(mode="named", tools=[("", "f")])
    assert turn.service_tier == "flex"
    assert turn.instructions is not None
    assert [part.cache for part in turn.instructions.parts] == ["1h", ""]
    assert [part.cache for part in turn.messages[0].parts] == ["5m", "5m", ""]
    assert turn.tools is not None
    assert turn.tools[0] == Tool(kind="function", name="f", description="d", schema=schema, strict=True, cache="5m")
    assert (turn.tools[2].kind, turn.tools[2].name, turn.tools[2].cache) == ("server", "web_search", "1h")
    assert isinstance(turn.format, Format)
    assert (turn.format.schema, turn.format.name) == ({"type": "object"}, "n")


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Thinking(is_adaptive=True, effort="max"),
        ),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, Thinking(is_adaptive=True, summary="auto")),
        ({"thinking": {"type": "disabled"}}, Thinking(effort="none")),
        ({"reasoning_config": {"type": "enabled", "budget_tokens": 1024}}, Thinking(budget_tokens=1024)),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, Thinking(effort="low")),
        ({"reasoning_effort": "medium"}, Thinking(effort="medium")),
        ({"thinking": "odd", "reasoning_effort": 7}, None),
        ({"reasoning_effort": {"odd": 1}}, None),
        ({}, None),
    ],
)
def test_each_vendors_thinking_is_understood(fields: dict[str, Any], thinking: Thinking | None) -> None:
    body = {"messages": [], "additionalModelRequestFields": fields}
    assert read(body).thinking == thinking


def test_novas_top_k_is_understood() -> None:
    assert read({"messages": [], "additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}}).top_k == 3


def test_a_prompt_needs_no_messages() -> None:
    assert read({}, "arn:aws:bedrock:us-east-1:1:prompt/ABC").messages == []


def test_nulls_count_as_absent() -> None:
    turn = read(
        {"messages": [{"role": "user", "content": [{"text": "a", "image": None}]}], "system": None, "toolConfig": None}
    )
    assert turn.messages == [
        Message(role="user", parts=[Text(text="a", extra={"block": {"text": "a", "image": None}})])
    ]
    assert turn.instructions is None
    assert turn.tools is None


def _said(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], ""),
        ({}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (_said("hi"), "messages[0].content"),
        (_said([{"text": "a"}, {}]), "messages[0].content[1]"),
        (_said([{"text": 1}]), "messages[0].content[0].text"),
        (_said([{"image": {"format": "png"}}]), "messages[0].content[0].image.source"),
        (_said([{"image": {"format": "png", "source": {"bytes": 1}}}]), "messages[0].content[0].image.source.bytes"),
        (
            _said([{"video": {"format": "mp4", "source": {"s3Location": {"bucketOwner": "1"}}}}]),
            "messages[0].content[0].video.source.s3Location.uri",
        ),
        (_said([{"toolUse": {"name": "f", "input": {}}}]), "messages[0].content[0].toolUse.toolUseId"),
        (_said([{"toolUse": {"toolUseId": "i", "name": "f", "input": "x"}}]), "messages[0].content[0].toolUse.input"),
        (_said([{"toolResult": {"toolUseId": "i", "content": "x"}}]), "messages[0].content[0].toolResult.content"),
        (
            _said([{"toolResult": {"toolUseId": "i", "content": [{"text": 1}]}}]),
            "messages[0].content[0].toolResult.content[0].text",
        ),
        (
            _said([{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "2h"}}]),
            "messages[0].content[1].cachePoint.ttl",
        ),
        ({"messages": [], "system": [{"text": None}, {}]}, "system[1]"),
        ({"messages": [], "inferenceConfig": {"maxTokens": "9"}}, "inferenceConfig.maxTokens"),
        ({"messages": [], "inferenceConfig": {"stopSequences": [1]}}, "inferenceConfig.stopSequences[0]"),
        ({"messages": [], "toolConfig": {"tools": [{}]}}, "toolConfig.tools[0]"),
        ({"messages": [], "toolConfig": {"tools": [{"toolSpec": {}}]}}, "toolConfig.tools[0].toolSpec.name"),
        ({"messages": [], "toolConfig": {"tools": [], "toolChoice": {"none": {}}}}, "toolConfig.toolChoice"),
        (
            {
                "messages": [],
                "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}},
            },
            "outputConfig.textFormat.structure.jsonSchema.schema",
        ),
    ],
)
def test_what_breaks_the_dialect_is_refused_with_its_path(body: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(body)
    assert refused.value.details["param"] == param
    assert f"`{param or 'the body'}`" in refused.value.message

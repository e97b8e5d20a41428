"""What each dialect's answers look like on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulator.asking import DIALECTS, ask, events, payload, play

TOOLS: dict[str, Any] = {
    "responses": [
        {
            "type": "function",
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }
    ],
    "chat": [
        {
            "type": "function",
            "function": {"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}},
        }
    ],
    "messages": [
        {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ],
    "gemini": [
        {
            "functionDeclarations": [
                {"name": "get_weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
            ]
        }
    ],
}


def text_of(dialect: str, body: dict[str, Any]) -> str:
    if dialect == "responses":
        return "".join(p["text"] for i in body["output"] if i["type"] == "message" for p in i["content"])
    if dialect == "chat":
        return str(body["choices"][0]["message"]["content"])
    if dialect == "messages":
        return "".join(b["text"] for b in body["content"] if b["type"] == "text")
    return "".join(p["text"] for p in body["candidates"][0]["content"]["parts"] if not p.get("thought"))


def streamed_text(dialect: str, got: list[dict[str, Any]]) -> str:
    if dialect == "responses":
        return "".join(e["delta"] for e in got if e["type"] == "response.output_text.delta")
    if dialect == "chat":
        return "".join(c["delta"].get("content") or "" for e in got if "done" not in e for c in e["choices"])
    if dialect == "messages":
        return "".join(
            e["delta"]["text"] for e in got if e["type"] == "content_block_delta" and e["delta"]["type"] == "text_delta"
        )
    return "".join(text_of("gemini", e) for e in got)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_and_json_say_the_same(dialect: str) -> None:
    """The text of a stream is the text of the JSON answer."""
    whole = text_of(dialect, json.loads(payload(play(*ask(dialect, "hi [[sim:text]]")))))
    got = events(payload(play(*ask(dialect, "hi [[sim:text]]", stream=True))))
    assert whole.startswith("This is the agentcc provider simulator")
    assert streamed_text(dialect, got) == whole


def test_responses_stream_has_every_event_in_order() -> None:
    """Responses: created to completed, numbered without a gap, with the item's own events between."""
    got = events(payload(play(*ask("responses", "[[sim:long n=2]]", stream=True))))
    assert [e["type"] for e in got] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [e["sequence_number"] for e in got] == list(range(len(got)))
    usage = got[-1]["response"]["usage"]
    assert usage["output_tokens"] == 2
    assert usage["input_tokens_details"] == {"cached_tokens": 0}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}


def test_responses_stream_names_each_event() -> None:
    """Responses: the `event:` line repeats the type."""
    for block in payload(play(*ask("responses", "[[sim:reasoning n=3]]", stream=True))).decode().split("\n\n")[:-1]:
        first, second = block.split("\n")
        assert first == "event: " + json.loads(second[6:])["type"]


def test_anthropic_stream_has_every_event_in_order() -> None:
    """Messages: message_start to message_stop, thinking signed, then text."""
    got = events(payload(play(*ask("messages", "[[sim:reasoning n=2;text=hi]]", stream=True))))
    assert [(e["type"], (e.get("delta") or {}).get("type")) for e in got] == [
        ("message_start", None), ("content_block_start", None), ("ping", None), ("content_block_delta", "thinking_delta"),
        ("content_block_delta", "thinking_delta"), ("content_block_delta", "signature_delta"), ("content_block_stop", None),
        ("content_block_start", None), ("content_block_delta", "text_delta"), ("content_block_stop", None), ("message_delta", None),
        ("message_stop", None),
    ]  # fmt: skip
    assert got[-2]["delta"]["stop_reason"] == "end_turn"
    assert got[-2]["usage"]["output_tokens"] == 5  # four of reasoning, one of text


@pytest.mark.parametrize("asked", [True, False])
def test_chat_usage_chunk_only_when_asked(asked: bool) -> None:
    """Chat: the usage chunk comes with `include_usage` and not without; `[DONE]` ends both."""
    options = {"stream_options": {"include_usage": True}} if asked else {}
    got = events(payload(play(*ask("chat", "[[sim:text]]", stream=True, **options))))
    assert got[-1] == {"done": True}
    assert [e["choices"] for e in got if e.get("usage")] == ([[]] if asked else [])
    assert [e["choices"][0]["finish_reason"] for e in got if e.get("choices")][-1] == "stop"


def test_gemini_chunks_carry_usage_and_end_with_a_reason() -> None:
    """Gemini: CRLF blocks, usage in each, the finish reason only in the last."""
    data = payload(play(*ask("gemini", "[[sim:long n=3]]", stream=True)))
    assert data.count(b"\r\n\r\n") == 3
    got = events(data)
    assert [e["candidates"][0].get("finishReason") for e in got] == [None, None, "STOP"]
    assert [e["usageMetadata"]["candidatesTokenCount"] for e in got] == [1, 2, 3]


def test_gemini_stream_without_sse_is_one_json_array() -> None:
    """Gemini without `alt=sse` streams a JSON array."""
    path, body = ask("gemini", "[[sim:long n=3]]", stream=True)
    made = play(path.removesuffix("?alt=sse"), body)
    assert len(json.loads(payload(made))) == 3
    assert dict(made.headers)["content-type"].startswith("application/json")


def test_gemini_signs_thoughts() -> None:
    """Gemini: a thought part, then a text with a thoughtSignature; thoughts are counted apart."""
    body = json.loads(payload(play(*ask("gemini", "[[sim:reasoning n=4;reasoning_tokens=9;text=hi]]"))))
    first, second = body["candidates"][0]["content"]["parts"]
    assert first["thought"] is True
    assert second["text"] == "hi"
    assert second["thoughtSignature"]
    assert body["usageMetadata"]["thoughtsTokenCount"] == 9
    assert body["usageMetadata"]["candidatesTokenCount"] == 1


def test_responses_encrypts_reasoning_only_when_asked() -> None:
    """Responses: encrypted content comes with `include`."""
    plain = json.loads(payload(play(*ask("responses", "[[sim:reasoning]]"))))
    path, body = ask("responses", "[[sim:reasoning]]", include=["reasoning.encrypted_content"])
    sealed = json.loads(payload(play(path, body)))
    assert "encrypted_content" not in plain["output"][0]
    assert sealed["output"][0]["encrypted_content"].startswith("gAAAA")
    assert sealed["usage"]["output_tokens_details"]["reasoning_tokens"] == 240


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_forced_tool_is_called(dialect: str, stream: bool) -> None:
    """A tool whose name the prompt asks for is called with arguments that fit its schema."""
    made = payload(play(*ask(dialect, "what is the weather?", stream=stream, tools=TOOLS[dialect])))
    text = made.decode().replace('\\"', '"')
    assert "get_weather" in text
    got = events(made) if stream else [json.loads(made)]
    finish = {"responses": "completed", "chat": "tool_calls", "messages": "tool_use", "gemini": "STOP"}[dialect]
    assert finish in json.dumps(got[-3:])


@pytest.mark.parametrize(
    ("dialect", "more", "mark"),
    [
        ("responses", {"max_output_tokens": 5}, '"incomplete_details":{"reason":"max_output_tokens"}'),
        ("chat", {"max_tokens": 5}, '"finish_reason":"length"'),
        ("messages", {"max_tokens": 5}, '"stop_reason":"max_tokens"'),
        ("gemini", {"generationConfig": {"maxOutputTokens": 5}}, '"finishReason":"MAX_TOKENS"'),
    ],
)
def test_output_limit_cuts_the_text(dialect: str, more: dict[str, Any], mark: str) -> None:
    """The client's limit ends the text, and the answer says so."""
    for stream in (False, True):
        assert mark in payload(play(*ask(dialect, "[[sim:text]]", stream=stream, **more))).decode()


def test_same_request_same_answer() -> None:
    """Equal requests get equal bytes; another seed gets other ids."""
    path, body = ask("responses", "hi", stream=True)
    first, second, other = play(path, body), play(path, body), play(path, body, x_sim_seed="7")
    assert payload(first) == payload(second)
    assert payload(first) != payload(other)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_usage_leaves_usage_out(dialect: str) -> None:
    """`no_usage`: no token counts anywhere (Anthropic's clients need the object, so its counts are zero)."""
    body = json.loads(payload(play(*ask(dialect, "[[sim:no_usage]]"))))
    usage = body.get("usage") or body.get("usageMetadata")
    assert usage in (None, {"input_tokens": 0, "output_tokens": 0})


def test_json_schema_is_answered_with_a_fitting_value() -> None:
    """Structured output: the text is JSON of the asked shape, within its limits."""
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string", "maxLength": 8}, "n": {"type": "integer", "minimum": 3}},
    }
    path, body = ask("responses", "name this thread", text={"format": {"type": "json_schema", "schema": schema}})
    text = text_of("responses", json.loads(payload(play(path, body))))
    assert json.loads(text) == {"title": "name thi", "n": 3}

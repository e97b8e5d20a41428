"""Whole answers: read from all who speak Chat, written for a client as the stream would tell them."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Citation,
    Fault,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Turn,
)
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.codec import Asked, PathSays

_ASKED = Asked(Turn(dialect="openai.chat", model="asked", messages=[]), "rid", 99)


def _read(message: dict[str, Any], finish: Any = "stop", **more: Any) -> Answer:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return CODEC.read_answer(json.dumps({"id": "i", "created": 1, "model": "m", "choices": [choice], **more}).encode())


def _written(*parts: Part, stop: Any = "end", **more: Any) -> dict[str, Any]:
    answer = Answer(id="i", model="m", parts=list(parts), stop=Stop(reason=stop, raw="RAW"), created_s=1, **more)
    found: dict[str, Any] = json.loads(CODEC.write_answer(answer, _ASKED))
    return found


@pytest.mark.parametrize(
    ("message", "want"),
    [
        ({"content": "hi"}, [Text(text="hi")]),
        ({"content": "", "reasoning": "hm"}, [Reasoning(text="hm")]),
        ({"content": None, "refusal": "no"}, [Refusal(text="no")]),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}, {"type": "text", "text": "x"}]},
            [Reasoning(text="hm"), Text(text="x")],
        ),
        ({"content": None, "audio": {"data": "", "id": ""}, "function_call": {"name": "", "arguments": ""}}, []),
        ({"content": None, "audio": {"data": "AA"}}, [Opaque(kind="audio", value={"data": "AA"})]),
        (
            {"content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}}]},
            [ToolCall(id="a", name="f")],
        ),
        (
            {"content": None, "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
            [ToolCall(id="a", name="g", arguments="x", kind="custom")],
        ),
        (
            {
                "content": "",
                "tool_calls": [
                    {"id": "a", "type": "function", "custom": {"name": "", "input": ""}, "function": {"name": "f", "arguments": {"x": 1}}}
                ],
            },
            [ToolCall(id="a", name="f", arguments='{"x":1}')],
        ),
        ({"content": "x", "annotations": [{"type": "url_citation"}]}, [Text(text="x", citations=[Citation(raw={"type": "url_citation"})])]),
    ],
)  # fmt: skip
def test_messages_of_each_kind(message: dict[str, Any], want: list[Part]) -> None:
    """Mistral's lists, Snowflake's empty objects, OpenRouter's missing arguments, arguments as objects."""
    assert _read(message).parts == want


def test_a_call_without_an_id_gets_one_of_its_answer() -> None:
    """The same for the same answer, another for another."""
    message = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    first, again, other = _read(message), _read(message), _read(message, created=2)
    assert first.parts == again.parts
    assert first.parts != other.parts


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end"),
        ("", "end"),
        (None, "end"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("odd", "unknown"),
    ],
)
def test_stop_reasons(finish: Any, reason: str) -> None:
    """Without a word (Snowflake) a whole answer has ended."""
    assert _read({"content": "x"}, finish).stop == Stop(reason=reason, raw=finish or "")  # type: ignore[arg-type]


def test_usage_and_tier() -> None:
    """Cached tokens are taken out of the prompt."""
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    assert _read({"content": "x"}, usage=usage, service_tier="flex").usage == Usage(5, 4, 0, 0, 2, service_tier="flex")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"choices":[]}', "no choices"),
        (b'{"choices":1}', "no choices"),
    ],
)
def test_what_is_no_answer_is_the_providers_fault(body: bytes, words: str) -> None:
    """Neither an answer nor an error."""
    with pytest.raises(UpstreamProtocolError, match=words):
        CODEC.read_answer(body)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"error":{"message":"down","code":429}}', "rate_limit", "down"),
        (b'{"detail":"down","status":503}', "overloaded", "down"),
        (b'{"choices":[{"error":{"message":"inside","code":"server_error"},"message":{}}]}', "server", "inside"),
        (
            b'{"choices":[{"message":{"content":"x"},"finish_reason":"insufficient_system_resource"}]}',
            "overloaded",
            "the provider failed inside its answer: finish reason `insufficient_system_resource`",
        ),
    ],
)
def test_an_error_in_place_of_an_answer_keeps_its_kind_and_words(body: bytes, kind: str, words: str) -> None:
    """With status 200."""
    fault = CODEC.read_answer(body)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.message) == (kind, words)


def test_an_answer_with_everything() -> None:
    """Text joined, thoughts and proofs, calls with arguments that parse, annotations in Chat's form."""
    body = _written(
        Reasoning(text="hm", signature="s"),
        Text(text="a", citations=[Citation(url="u", title="t"), Citation(raw={"type": "char_location"})]),
        Text(text="bc", citations=[Citation(url="v", start=0, end=1)]),
        ToolCall(id="c", name="f"),
        stop="tool_calls",
        usage=Usage(3, 2, 4, 0, 5, service_tier="priority"),
    )
    assert body["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "abc",
                "refusal": None,
                "reasoning_content": "hm",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "s", "index": 0}],
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1},
                    },
                    {
                        "type": "url_citation",
                        "url_citation": {"url": "v", "title": "", "start_index": 1, "end_index": 2},
                    },
                ],
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ]
    assert (body["id"], body["object"], body["created"], body["model"]) == ("i", "chat.completion", 1, "m")
    assert body["usage"]["prompt_tokens"] == 9
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 2, "audio_tokens": 0, "cache_write_tokens": 4}
    assert body["service_tier"] == "priority"


def test_a_client_of_the_old_functions_gets_a_function_call() -> None:
    """It knows no `tool_calls`."""
    request = json.dumps({"messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}]}).encode()
    asked = Asked(CODEC.read_turn(request, PathSays()), "rid", 99)
    answer = Answer(id="i", model="m", parts=[ToolCall(id="c", name="f")], stop=Stop(reason="tool_calls"))
    choice = json.loads(CODEC.write_answer(answer, asked))["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize("stop", ["malformed_call", "unknown", "cancelled"])
def test_trap_54_what_has_no_word_is_an_error(stop: Any) -> None:
    """Never passed off as `stop`."""
    with pytest.raises(UpstreamProtocolError):
        _written(Text(text="x"), stop=stop)


@pytest.mark.parametrize(("stop", "word"), [("refusal", "stop"), ("end", "stop"), ("length", "length")])
def test_a_refusal_stands_in_its_own_member(stop: Any, word: str) -> None:
    """As OpenAI does it."""
    choice = _written(Refusal(text="no"), stop=stop)["choices"][0]
    assert (choice["message"]["refusal"], choice["message"]["content"], choice["finish_reason"]) == ("no", None, word)

"""Whole answers and errors, both ways."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Citation,
    ErrorKind,
    Fault,
    Opaque,
    Part,
    Reasoning,
    Stop,
    StopReason,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.messages import CODEC
from tests.dataplane.wire.messages.turns import said, turn

ASKED = Asked(turn(said("user", "Hello")), "req_1", 0)
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
SEARCH = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}

PARTS: list[tuple[dict[str, Any], Part]] = [
    ({"type": "text", "text": "Hi"}, Text(text="Hi")),
    (
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location"}]},
        Text(text="Hi", citations=[Citation(raw={"type": "char_location"})]),
    ),
    ({"type": "thinking", "thinking": "hm", "signature": "s"}, Reasoning(text="hm", signature="s")),
    ({"type": "redacted_thinking", "data": "d"}, Reasoning(signature="d", is_redacted=True)),
    (
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        ToolCall(id="t", name="f", arguments='{"a":1}'),
    ),
    (SEARCH, Opaque(kind="web_search_tool_result", value=SEARCH)),
]


@pytest.mark.parametrize(("block", "part"), PARTS)
def test_a_block_is_read_and_written(block: dict[str, Any], part: Part) -> None:
    """Each kind."""
    answer = CODEC.read_answer(json.dumps({**MESSAGE, "content": [block]}).encode())
    assert answer.parts == [part]
    assert json.loads(CODEC.write_answer(answer, ASKED))["content"] == [block]


def test_members_beside_the_content_are_read_and_written() -> None:
    """Ids, stop, usage, and what only this dialect knows."""
    details = {"type": "refusal", "category": "bio"}
    body = {**MESSAGE, "stop_reason": "refusal", "stop_details": details, "container": {"id": "c"}, "odd": 1}
    answer = CODEC.read_answer(json.dumps(body).encode())
    assert answer == Answer(
        id="msg_1",
        model="claude-x",
        parts=[],
        stop=Stop(reason="refusal", raw="refusal", extra={"stop_details": details, "container": {"id": "c"}}),
        usage=Usage(input_tokens=5, output_tokens=2),
        extra={"odd": 1},
    )
    written = json.loads(CODEC.write_answer(answer, ASKED))
    assert (written["stop_reason"], written["stop_details"], written["container"]) == ("refusal", details, {"id": "c"})
    assert "odd" not in written


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("Hi", [Text(text="Hi")]),
        (None, []),
        ([None, {"no": "type"}, {"type": "text"}], [Text(text="")]),
        (
            [{"type": "tool_use", "id": "t", "name": "f", "input": '{"a":1}'}],
            [ToolCall(id="t", name="f", arguments='{"a":1}')],
        ),
        ([{"type": "tool_use", "id": "t", "name": "f"}], [ToolCall(id="t", name="f", arguments="{}")]),
    ],
)
def test_what_imitations_make_of_it_is_read(content: Any, parts: list[Part]) -> None:
    """Content as a string, arguments as text, members left out."""
    assert CODEC.read_answer(json.dumps({**MESSAGE, "content": content}).encode()).parts == parts


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"input_tokens":5}', "no `content`"),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes, words: str) -> None:
    """Whose fault it is stands in the error's class."""
    with pytest.raises(UpstreamProtocolError, match=words):
        CODEC.read_answer(body)


def test_a_call_without_a_name_is_no_call() -> None:
    """Nobody could run it."""
    content = [{"type": "tool_use", "id": "t", "name": "", "input": {}}]
    answer = CODEC.read_answer(json.dumps({"content": content, "stop_reason": "tool_use"}).encode())
    assert isinstance(answer, Answer)
    assert (answer.parts, answer.stop.reason) == ([], "malformed_call")


def test_an_error_in_place_of_an_answer_keeps_its_kind() -> None:
    """With status 200, as some imitations have it."""
    fault = CODEC.read_answer(b'{"type":"error","error":{"type":"overloaded_error","message":"oops"}}')
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.message) == ("overloaded", "oops")


def test_an_answer_of_another_dialect_is_written_whole() -> None:
    """Complete usage with the cache beside the input (trap 55), signatures, no empty text, calls that stop."""
    answer = Answer(
        id="",
        model="",
        parts=[
            Reasoning(summary=["one", "two"]),
            Reasoning(signature="only"),
            Reasoning(),
            Text(text=""),
            Text(text="Hi", citations=[Citation(raw={"type": "url_citation"})]),
            ToolCall(id="t", name="apply_patch", arguments="*** raw", kind="custom"),
            ToolCall(id="u", name="f", arguments='{"cut'),
            Opaque(kind="web_search_call", value={"type": "web_search_call"}),
        ],
        stop=Stop(reason="end", raw="stop"),
        usage=Usage(
            input_tokens=10,
            cache_read_tokens=60,
            cache_write_5m_tokens=20,
            cache_write_1h_tokens=10,
            output_tokens=5,
            reasoning_tokens=2,
            web_searches=1,
            service_tier="flex",
        ),
        extra={"object": "chat.completion"},
    )
    assert json.loads(CODEC.write_answer(answer, ASKED)) == {
        "id": "msg_req_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "one\n\ntwo", "signature": ""},
            {"type": "thinking", "thinking": "", "signature": "only"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "t", "name": "apply_patch", "input": {"input": "*** raw"}},
            {"type": "tool_use", "id": "u", "name": "f", "input": {"input": '{"cut'}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 30,
            "cache_read_input_tokens": 60,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 2},
            "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            "service_tier": None,
        },
    }


def test_usage_that_was_not_told_is_estimated() -> None:
    """The SDKs need the numbers."""
    answer = Answer(id="a", model="b", parts=[Text(text="x" * 80)], stop=Stop(reason="end"))
    usage = json.loads(CODEC.write_answer(answer, ASKED))["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 20


@pytest.mark.parametrize("reason", ["malformed_call", "unknown", "cancelled"])
def test_an_end_without_an_honest_word_is_no_answer(reason: StopReason) -> None:
    """Trap 54: a retryable error, never `end_turn`."""
    answer = Answer(id="a", model="b", parts=[], stop=Stop(reason=reason, raw="MALFORMED_FUNCTION_CALL"))
    with pytest.raises(UpstreamProtocolError):
        CODEC.write_answer(answer, ASKED)


def error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


FULL = "prompt is too long: 215042 tokens > 200000 maximum"
SUM = "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000, decrease input length"

ERRORS: list[tuple[int, bytes, ErrorKind]] = [
    (400, error("invalid_request_error", "max_tokens: Field required"), "bad_request"),
    (400, error("invalid_request_error", FULL), "context_window"),
    (400, error("invalid_request_error", SUM), "context_window"),
    (413, error("request_too_large", "Request exceeds the maximum size"), "too_large"),
    (413, error("request_too_large", FULL), "context_window"),
    (401, error("authentication_error", "invalid x-api-key"), "authentication"),
    (402, error("billing_error", "no money"), "permission"),
    (403, error("permission_error", "not you"), "permission"),
    (404, error("not_found_error", "model: x"), "not_found"),
    (429, error("rate_limit_error", "slow down"), "rate_limit"),
    (500, error("api_error", "Internal server error"), "server"),
    (504, error("timeout_error", "late"), "timeout"),
    (529, error("overloaded_error", "Overloaded"), "overloaded"),
    # imitations
    (400, b'{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}', "context_window"),
    (429, error("invalid_request_error", "quota"), "rate_limit"),
    (401, b'{"error":"bad key"}', "authentication"),
    (503, b'{"message":"down"}', "overloaded"),
    (422, b'{"detail":"what?"}', "bad_request"),
    (418, b"teapot", "bad_request"),
    (502, b"<html>Bad Gateway</html>", "server"),
    (500, b"", "server"),
]


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_errors_are_told_apart(status: int, body: bytes, kind: ErrorKind) -> None:
    """Trap 59; the words are kept whatever the shape."""
    fault = CODEC.read_error(status, {}, body)
    assert (fault.kind, fault.status) == (kind, status)
    assert fault.message in body.decode()
    assert fault.message or not body


def test_an_error_tells_its_place_and_when_to_come_back() -> None:
    """The field in the provider's words, its code, and `retry-after`."""
    body = {
        "error": {
            "type": "invalid_request_error",
            "message": "messages.0.content.1.text: bad",
            "details": {"error_code": "c"},
        }
    }
    assert CODEC.read_error(400, {"retry-after": "3"}, json.dumps(body).encode()) == Fault(
        kind="bad_request",
        message="messages.0.content.1.text: bad",
        status=400,
        code="c",
        type="invalid_request_error",
        param="messages.0.content.1.text",
        retry_after_s=3.0,
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, -1.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "500", "retry-after": "7"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, -1.0),
        ({"retry-after": "-1"}, -1.0),
        ({"retry-after": "nan"}, -1.0),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float) -> None:
    """In seconds, or milliseconds as the SDKs also know."""
    assert CODEC.read_error(429, headers, b"{}").retry_after_s == seconds

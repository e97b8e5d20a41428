"""Whole answers, stop reasons, usage, errors."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Citation,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Stop,
    StopReason,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.converse.errors import exception_name, read_exception
from tests.dataplane.wire.converse.cases import asked
from tests.dataplane.wire.converse.shapes import FILE, problems


def _answer(*parts: Part, stop: StopReason = "end", **more: Any) -> Answer:
    return Answer(id="x", model="m", parts=list(parts), stop=Stop(reason=stop), **more)


def _written(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CODEC.write_answer(answer, asked()))
    if FILE.exists():
        assert list(problems(body, "ConverseResponse")) == []
    return body


def _read(content: list[Any], stop: str = "end_turn", **more: Any) -> Answer:
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop, **more}
    return CODEC.read_answer(json.dumps(body).encode())


# === reading ===


def test_an_answer_is_read() -> None:
    answer = _read(
        [
            {"text": ""},
            {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
            {"text": "hi"},
            {"toolUse": {"toolUseId": "i", "name": "f", "input": {"a": [1.0]}}},
        ],
        "tool_use",
        usage={
            "inputTokens": 1,
            "outputTokens": 2,
            "totalTokens": 9,
            "cacheReadInputTokens": 4,
            "cacheWriteInputTokens": 2,
        },
        serviceTier={"type": "flex"},
        trace={"promptRouter": {"invokedModelId": "arn:x"}},
        metrics={"latencyMs": 5},
    )
    assert answer.parts == [
        Reasoning(text="t", signature="s"),
        Text(text="hi"),
        ToolCall(id="i", name="f", arguments='{"a":[1.0]}'),
    ]
    assert answer.stop == Stop(reason="tool_calls", raw="tool_use")
    assert answer.usage == Usage(
        input_tokens=1, cache_read_tokens=4, cache_write_5m_tokens=2, output_tokens=2, service_tier="flex"
    )
    assert answer.model == "arn:x"
    assert answer.extra is not None
    assert answer.extra["metrics"] == {"latencyMs": 5}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_model_output", "unknown"),
        ("malformed_tool_use", "malformed_call"),
        ("model_context_window_exceeded", "context_window"),
        ("refusal", "refusal"),
        ("something_new", "unknown"),
        ("", "unknown"),
    ],
)
def test_every_stop_reason_54(raw: str, reason: str) -> None:
    stop = _read([{"text": "a"}], raw).stop
    assert (stop.reason, stop.raw) == (reason, raw)
    if raw in ("", "something_new", "refusal"):
        return
    assert json.loads(CODEC.write_answer(_read([{"text": "a"}], raw), asked()))["stopReason"] == raw


def test_a_call_without_a_name_is_no_call_54() -> None:
    named = {"toolUse": {"toolUseId": "i", "name": "f", "input": {}}}
    nameless = {"toolUse": {"toolUseId": "i", "name": "", "input": {}}}
    assert _read([named, nameless], "tool_use").stop.reason == "tool_calls"
    answer = _read([nameless], "tool_use")
    assert (answer.parts, answer.stop.reason) == ([], "malformed_call")


def test_the_table_of_stop_reasons_is_complete_54() -> None:
    if not FILE.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {FILE}")
    enum = json.loads(FILE.read_bytes())["shapes"]["StopReason"]["enum"]
    for word in enum:
        assert _read([], word).stop.reason != "unknown" or word == "malformed_model_output"


def test_calls_are_why_it_ended_whatever_it_says_53() -> None:
    call = {"toolUse": {"toolUseId": "i", "name": "f", "input": {}}}
    assert _read([call], "end_turn").stop.reason == "tool_calls"
    server = {"toolUse": {**call["toolUse"], "type": "server_tool_use"}}
    assert _read([server], "end_turn").stop.reason == "end"


def test_the_sequence_that_was_met_is_told_39() -> None:
    stop = _read([], "stop_sequence", additionalModelResponseFields={"stop_sequence": "END"}).stop
    assert stop == Stop(reason="stop_sequence", raw="stop_sequence", sequence="END")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"output":{"message":{"content":"x"}}}',
        b'{"output":{"message":{"content":[{}]}}}',
        b'{"output":{"message":{"content":[{"toolUse":{"name":1}}]}}}',
    ],
)
def test_what_is_no_answer_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        CODEC.read_answer(body)


# === writing ===


def test_an_answer_is_written() -> None:
    parts: list[Part] = [
        Reasoning(text="t", signature="s"),
        Reasoning(signature="AAAA", is_redacted=True),
        Reasoning(summary=["a", "b"]),
        Reasoning(),
        Text(text=""),
        Text(text="hi", citations=[Citation(url="https://a", title="A", quote="q")]),
        Text(text="yo", citations=[Citation(raw={"type": "file_citation", "file_id": "f"})]),
        Refusal(text="no"),
        Media(kind="image", mime="image/png", data="AAAA"),
        Opaque(kind="web_search_call", value={"type": "web_search_call", "id": "ws_1"}),
        ToolCall(id="i", name="f", arguments=""),
    ]
    usage = Usage(
        input_tokens=1, cache_read_tokens=2, cache_write_5m_tokens=3, cache_write_1h_tokens=4, output_tokens=5
    )
    body = _written(_answer(*parts, stop="tool_calls", usage=usage))
    assert body["output"]["message"]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "AAAA"}},
        {"reasoningContent": {"reasoningText": {"text": "a\n\nb"}}},
        {
            "citationsContent": {
                "content": [{"text": "hi"}],
                "citations": [{"title": "A", "location": {"web": {"url": "https://a"}}}],
            }
        },
        {"text": "yo"},
        {"text": "no"},
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        {"toolUse": {"toolUseId": "i", "name": "f", "input": {}}},
    ]
    assert body["stopReason"] == "tool_use"
    assert body["usage"] == {
        "inputTokens": 1,
        "outputTokens": 5,
        "totalTokens": 15,
        "cacheReadInputTokens": 2,
        "cacheWriteInputTokens": 7,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 3}, {"ttl": "1h", "inputTokens": 4}],
    }


def test_usage_comes_back_equal_55() -> None:
    usage = Usage(
        input_tokens=1, cache_read_tokens=2, cache_write_5m_tokens=3, cache_write_1h_tokens=4, output_tokens=5
    )
    assert CODEC.read_answer(CODEC.write_answer(_answer(usage=usage), asked())).usage == usage


@pytest.mark.parametrize("reason", StopReason.__args__)  # type: ignore[attr-defined]
def test_every_reason_has_a_word_54(reason: StopReason) -> None:
    word = _written(_answer(Text(text="a"), stop=reason))["stopReason"]
    assert (word == "end_turn") == (reason in ("end", "pause"))


# === errors ===

ERRORS: list[tuple[int, dict[str, str], Any, str, str]] = [
    (
        400,
        {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/x/"},
        {"message": "bad"},
        "bad_request",
        "ValidationException",
    ),
    (
        400,
        {},
        {"__type": "com.amazon.coral.validate#ValidationException", "message": "bad"},
        "bad_request",
        "ValidationException",
    ),
    (403, {}, {"__type": "AccessDeniedException", "Message": "bad"}, "permission", "AccessDeniedException"),
    (403, {"x-amzn-errortype": "ExpiredTokenException"}, {"message": "bad"}, "authentication", "ExpiredTokenException"),
    (
        403,
        {"x-amzn-errortype": "InvalidSignatureException"},
        {"message": "bad"},
        "authentication",
        "InvalidSignatureException",
    ),
    (
        404,
        {"x-amzn-errortype": "ResourceNotFoundException"},
        {"message": "bad"},
        "not_found",
        "ResourceNotFoundException",
    ),
    (408, {"x-amzn-errortype": "ModelTimeoutException"}, {"message": "bad"}, "timeout", "ModelTimeoutException"),
    (424, {"x-amzn-errortype": "ModelErrorException"}, {"message": "bad"}, "server", "ModelErrorException"),
    (
        429,
        {"x-amzn-errortype": "ThrottlingException"},
        {"message": "Too many tokens, please wait"},
        "rate_limit",
        "ThrottlingException",
    ),
    (429, {"x-amzn-errortype": "ModelNotReadyException"}, {"message": "bad"}, "overloaded", "ModelNotReadyException"),
    (
        400,
        {"x-amzn-errortype": "ServiceQuotaExceededException"},
        {"message": "bad"},
        "rate_limit",
        "ServiceQuotaExceededException",
    ),
    (500, {"x-amzn-errortype": "InternalServerException"}, {"message": "bad"}, "server", "InternalServerException"),
    (
        503,
        {"x-amzn-errortype": "ServiceUnavailableException"},
        {"message": "bad"},
        "overloaded",
        "ServiceUnavailableException",
    ),
    (429, {}, {"message": "bad"}, "rate_limit", ""),
    (418, {}, {"message": "bad"}, "bad_request", ""),
    (599, {}, {"message": "bad"}, "server", ""),
    (400, {}, {"message": "The provided model identifier is invalid."}, "not_found", ""),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind", "name"), ERRORS)
def test_errors_by_name_and_status_59(status: int, headers: dict[str, str], body: Any, kind: str, name: str) -> None:
    fault = CODEC.read_error(status, headers, json.dumps(body).encode())
    assert (fault.kind, fault.type, fault.status) == (kind, name, status)
    assert fault.message == body.get("message", body.get("Message"))


@pytest.mark.parametrize(
    "words",
    [
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 215042 tokens > 200000 maximum",
        "The model returned the following errors: input length and `max_tokens` exceed context limit: 197202 + 21333 > 200000",
        "Too many input tokens. Max input tokens: 300000, request input token count: 444011",
        "This model's maximum context length is 131072 tokens. Please reduce the length of the prompt",
    ],
)
def test_a_full_context_is_known_by_its_words_59(words: str) -> None:
    fault = CODEC.read_error(400, {"x-amzn-errortype": "ValidationException"}, json.dumps({"message": words}).encode())
    assert (fault.kind, fault.message) == ("context_window", words)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"<html>no</html>", "<html>no</html>"),
        (b"[1]", "[1]"),
        (b"\xff", "\ufffd"),
        (b'{"message":1}', '{"message":1}'),
    ],
)
def test_an_error_of_any_form_is_read(body: bytes, message: str) -> None:
    fault = CODEC.read_error(502, {}, body)
    assert (fault.kind, fault.message) == ("server", message)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("1.5", 1.5), ("soon", -1.0), ("-1", -1.0), ("inf", -1.0)])
def test_how_long_to_wait_59(value: str, seconds: float) -> None:
    assert CODEC.read_error(429, {"retry-after": value}, b"{}").retry_after_s == seconds


@pytest.mark.parametrize(
    ("name", "payload", "kind", "message"),
    [
        ("throttlingException", {"message": "slow"}, "rate_limit", "slow"),
        (
            "validationException",
            {"message": "Input is too long for requested model."},
            "context_window",
            "Input is too long for requested model.",
        ),
        ("serviceUnavailableException", {"message": "x"}, "overloaded", "x"),
        ("internalServerException", {"message": "x"}, "server", "x"),
        (
            "modelStreamErrorException",
            {"message": "x", "originalStatusCode": 529, "originalMessage": "full"},
            "overloaded",
            "x (full)",
        ),
        ("modelStreamErrorException", {"message": "x", "originalStatusCode": 400}, "server", "x"),
        ("newException", {}, "server", "the provider reported an error without a word"),
    ],
)
def test_exceptions_of_a_stream_50(name: str, payload: Any, kind: str, message: str) -> None:
    fault = read_exception(name, json.dumps(payload).encode())
    assert (fault.kind, fault.message, fault.type, fault.status) == (kind, message, name, 0)
    if kind != "context_window" and name in ("throttlingException", "serviceUnavailableException"):
        assert exception_name(fault) == name

"""What a stream's first events are: frames that say nothing, content, or an error in band."""

import json

import pytest

from gateway import _native
from gateway.dataplane.wire.opening import opening_of, opening_of_body
from tests.e2e import wires


def chat(delta: object, finish: object = None) -> bytes:
    return wires.event({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


@pytest.mark.parametrize(
    ("dialect", "data", "found"),
    [
        ("openai.responses", wires.RESPONSES[0], "frames"),
        ("openai.responses", wires.event({"type": "response.in_progress"}), "frames"),
        ("openai.responses", b": keep-alive\n\n", "frames"),
        ("openai.responses", wires.RESPONSES[0] + wires.RESPONSES[1], "content"),
        ("openai.responses", wires.event({"type": "response.something.new"}), "content"),
        ("openai.responses", wires.event({"type": "response.failed", "response": {"error": {"code": "x"}}}), "error"),
        ("openai.responses", wires.event({"type": "error", "message": "x"}, "error"), "error"),
        ("openai.responses", wires.event({"type": "response.completed", "response": {}}), "content"),
        ("openai.chat", chat({"role": "assistant"}), "frames"),
        ("openai.chat", chat({"role": "assistant", "content": ""}), "frames"),
        ("openai.chat", chat({"role": "assistant", "content": None, "tool_calls": []}), "frames"),
        ("openai.chat", wires.event({"choices": []}), "frames"),
        ("openai.chat", chat({"content": "x"}), "content"),
        ("openai.chat", chat({"reasoning_content": "x"}), "content"),
        ("openai.chat", chat({"tool_calls": [{"index": 0}]}), "content"),
        ("openai.chat", chat({}, "stop"), "content"),
        ("openai.chat", b"data: [DONE]\n\n", "content"),
        ("openai.chat", wires.event({"error": {"message": "overloaded"}}), "error"),
        ("anthropic.messages", wires.MESSAGES[0], "frames"),
        ("anthropic.messages", wires.event({"type": "ping"}, "ping"), "frames"),
        ("anthropic.messages", wires.MESSAGES[0] + wires.MESSAGES[1], "content"),
        ("anthropic.messages", wires.event({"type": "error", "error": {"type": "overloaded_error"}}, "error"), "error"),
        ("gemini.generate", wires.event({"usageMetadata": {}, "modelVersion": "m"}), "frames"),
        ("gemini.generate", wires.event({"candidates": [{"content": {"parts": [{"text": "x"}]}}]}), "content"),
        ("gemini.generate", wires.event({"error": {"code": 503}}), "error"),
        ("gemini.generate", b'{"error":{"code":503}}', "error"),
        ("openai.chat", b"data: {broken\n\n", "unreadable"),
        ("openai.chat", b'data: {"x":"\xff"}\n\n', "unreadable"),
        ("openai.chat", chat({"role": "assistant"}) + b"data: {broken\n\n", "unreadable"),
        ("openai.chat", chat({"content": "x"}) + b"data: {broken\n\n", "content"),
        ("something.else", b"data: {}\n\n", "content"),
    ],
)  # fmt: skip
def test_the_first_events(dialect: str, data: bytes, found: str) -> None:
    assert opening_of(dialect, data) == found


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("event", "messageStart", "frames"),
        ("event", "contentBlockDelta", "content"),
        ("exception", "throttlingException", "error"),
    ],
)
def test_the_first_messages_of_an_aws_stream(kind: str, name: str, found: str) -> None:
    headers = [(":message-type", kind), (f":{kind}-type", name)]
    message = _native.eventstream_message(headers, json.dumps({"role": "assistant"}).encode())
    assert opening_of("bedrock.converse", message) == found


@pytest.mark.parametrize(
    ("dialect", "body", "found"),
    [
        ("openai.responses", b'{"output":[],"error":null}', "content"),
        ("openai.responses", b'{"output":[],"status":"failed","error":{"code":"server_error"}}', "error"),
        ("openai.chat", b'{"choices":[]}', "content"),
        ("openai.chat", b'{"error":{"message":"overloaded"}}', "error"),
        ("anthropic.messages", b'{"type":"message","content":[]}', "content"),
        ("anthropic.messages", b'{"type":"error","error":{"type":"overloaded_error"}}', "error"),
        ("gemini.generate", b'{"candidates":[]}', "content"),
        ("gemini.generate", b'{"promptFeedback":{"blockReason":"SAFETY"}}', "content"),
        ("gemini.generate", b'{"error":{"code":503}}', "error"),
        ("bedrock.converse", b'{"output":{}}', "content"),
        ("bedrock.converse", b'{"message":"The system encountered an unexpected error"}', "error"),
        ("openai.chat", b"", "unreadable"),
        ("openai.chat", b"<html></html>", "unreadable"),
        ("openai.chat", b'{"choices":[', "unreadable"),
        ("openai.chat", b'{"choices":["\xff"]}', "unreadable"),
        ("openai.chat", b"[]", "unreadable"),
    ],
)
def test_a_whole_answer(dialect: str, body: bytes, found: str) -> None:
    assert opening_of_body(dialect, body) == found


@pytest.mark.parametrize("payload", [b'{"broken":', b'{"role":"\xff"}'])
def test_an_aws_message_that_cannot_be_read(payload: bytes) -> None:
    headers = [(":message-type", "event"), (":event-type", "messageStart"), (":content-type", "application/json")]
    assert opening_of("bedrock.converse", _native.eventstream_message(headers, payload)) == "unreadable"

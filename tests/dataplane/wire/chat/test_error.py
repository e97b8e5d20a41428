"""Provider errors of all who speak Chat: kind, words, and when to try again."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire.canon import Fault
from gateway.dataplane.wire.chat import CODEC
from tests.dataplane.providers.shared import json_lines


def _error(status: int, body: Any, **headers: str) -> Fault:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CODEC.read_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            400,
            {"error": {"message": "bad", "type": "invalid_request_error", "param": "p", "code": None}},
            "bad_request",
            "bad",
        ),
        (401, {"detail": "Invalid API Key"}, "authentication", "Invalid API Key"),
        (402, {"error": {"message": "Insufficient Balance"}}, "permission", "Insufficient Balance"),
        (404, {"error": {"message": "no model", "code": "model_not_found"}}, "not_found", "no model"),
        (413, {"error": {"message": "Request Entity Too Large"}}, "too_large", "Request Entity Too Large"),
        (
            422,
            {"detail": [{"loc": ["body", "store"], "msg": "Extra inputs are not permitted"}]},
            "bad_request",
            "body.store: Extra",
        ),
        (429, {"error": {"code": "RateLimitReached", "message": "slow down"}}, "rate_limit", "slow down"),
        (498, {"error": {"message": "flex capacity"}}, "overloaded", "flex capacity"),
        (500, {"error": {"message": "oops"}}, "server", "oops"),
        (503, {"error": {"message": "busy"}}, "overloaded", "busy"),
        (504, b"gateway timeout", "timeout", "gateway timeout"),
        (520, b"<html>", "server", "<html>"),
        (400, {"code": "invalid-argument", "error": "words of xAI"}, "bad_request", "words of xAI"),
        (400, {"message": "words of Cerebras", "code": "wrong_api_format"}, "bad_request", "words of Cerebras"),
        (400, [{"error": {"code": 400, "message": "words of Google"}}], "bad_request", "words of Google"),
        (
            400,
            {"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": '{"why":"tool id"}'}}},
            "bad_request",
            'Provider returned error: {"why":"tool id"}',
        ),
        (400, {"error": {"code": "content_filter", "message": "filtered"}}, "content_filter", "filtered"),
        (400, {"error": {"code": "data_inspection_failed", "message": "inspected"}}, "content_filter", "inspected"),
        (422, {"detail": [{"loc": 7, "msg": "odd"}]}, "bad_request", "odd"),
        (400, {"error": {"message": {"detail": "odd"}}}, "bad_request", '{"detail":"odd"}'),
        (400, b"", "bad_request", ""),
        (400, {"error": None}, "bad_request", '{"error":null}'),
    ],
)
def test_trap_59_kinds_and_words(status: int, body: Any, kind: str, message: str) -> None:
    """Every shape that was seen, and shapes that nobody promised."""
    fault = _error(status, body)
    assert (fault.kind, fault.status) == (kind, status)
    assert fault.message.startswith(message)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            400,
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 250011 tokens.",
        ),
        (400, "This endpoint's maximum context length is 200000 tokens. However, you requested about 2500021 tokens"),
        (400, "prompt too long; exceeded max context length by 1119046 tokens"),
        (400, "This model's maximum prompt length is 131072 but the request contains 200000 tokens."),
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "Range of input length should be [1, 129024]"),
        (400, "Invalid request: Your request exceeded model token limit: 262144"),
        (400, "Input length (300000) exceeds model's maximum context length (131072)."),
        (422, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
        (400, "Please reduce the length of the messages or completion. context_length_exceeded"),
    ],
)
def test_complaint_23_a_full_context_is_known_by_its_words(status: int, words: str) -> None:
    """So that the agent compacts."""
    assert _error(status, {"error": {"message": words}}).kind == "context_window"


@pytest.mark.parametrize(
    "words",
    [
        "Rate limit reached: Limit 30000 tokens per min",
        "max_tokens is too large",
        "Invalid value for 'content': expected a string",
    ],
)
def test_other_words_are_no_full_context(words: str) -> None:
    """A compaction would not help."""
    assert _error(400, {"error": {"message": words}}).kind != "context_window"


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry_after": "7"}, "", 7.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, "", 1.5),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", -1.0),
        ({}, "Please try again in 174ms. Visit", 0.174),
        ({}, "Please try again in 1m2.5s.", 62.5),
        ({}, "Please try again in 20s.", 20.0),
        ({}, "again tomorrow", -1.0),
        ({"retry_after": "-3"}, "", -1.0),
        ({"retry_after": "9" * 400}, "", -1.0),
        ({}, f"Please try again in {'9' * 5000}m1s.", -1.0),
    ],
)
def test_complaint_47_when_to_try_again(headers: dict[str, str], message: str, seconds: float) -> None:
    """From the headers, else from OpenAI's words."""
    assert _error(429, {"error": {"message": message}}, **headers).retry_after_s == seconds


def test_reported_errors_are_read() -> None:
    """Bodies quoted in public threads."""
    found = [one for one in json_lines("wire/reported_errors/reported_errors.jsonl") if "chat" in one["api"]]
    assert found
    for one in found:
        response = one["response"]
        fault = _error(response["status"], response["body"])
        assert fault.kind in ("rate_limit", "server", "overloaded", "context_window", "bad_request"), one["id"]
        assert fault.message

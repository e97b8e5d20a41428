"""Error answers of those who speak Responses: kind, words, and how long to wait."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire.canon import ErrorKind
from gateway.dataplane.wire.responses import CODEC

_OVERFLOW = "Your input exceeds the context window of this model. Please adjust your input and try again."
ERRORS: list[tuple[int, Any, ErrorKind]] = [
    (400, {"error": {"message": "no", "type": "invalid_request_error", "param": "input", "code": None}}, "bad_request"),
    (400, {"error": {"message": _OVERFLOW, "code": "context_length_exceeded", "param": "input"}}, "context_window"),
    (400, {"error": {"message": _OVERFLOW}}, "context_window"),
    (400, {"error": "This model's maximum prompt length is 131072 but the request contains 200000 tokens."}, "context_window"),
    (400, {"error": {"message": "This model's maximum context length is 8192 tokens.", "type": "BadRequestError"}}, "context_window"),
    (400, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, "not_found"),
    (400, {"code": "invalid-argument", "error": "Incorrect API key provided."}, "authentication"),
    (400, {"error": {"message": "flagged", "code": "content_policy_violation"}}, "content_filter"),
    (400, {"error": {"message": "flagged", "code": "content_filter", "innererror": {}}}, "content_filter"),
    (401, {"error": {"message": "no", "code": "invalid_api_key"}}, "authentication"),
    (403, {"error": {"message": "not your model", "code": None}}, "permission"),
    (404, {"detail": "Not Found"}, "not_found"),
    (408, {"error": {"message": "slow"}}, "timeout"),
    (413, {"error": {"message": "too big"}}, "too_large"),
    (422, {"detail": "unprocessable"}, "bad_request"),
    (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "rate_limit"),
    (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, "rate_limit"),
    (500, {"error": {"message": "oops", "type": "server_error"}}, "server"),
    (502, "<html>Bad gateway</html>", "server"),
    (503, {"error": {"message": "at capacity", "code": "server_is_overloaded"}}, "overloaded"),
    (503, {"error": {"message": "slow down", "code": "slow_down"}}, "overloaded"),
    (529, [{"error": {"message": "Overloaded"}}], "overloaded"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_kind_and_words(status: int, body: Any, kind: ErrorKind) -> None:
    """Trap 59, complaint 23: status first, but the code and the words know better."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    fault = CODEC.read_error(status, {}, raw)
    assert (fault.kind, fault.status) == (kind, status)
    assert fault.message
    assert fault.message in raw.decode()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"error":null}', b"\xff\xfe", b"[" * 9999, b'{"error":{"message":5}}']
)
def test_it_never_raises(body: bytes) -> None:
    """Whatever a proxy in between answers."""
    assert CODEC.read_error(500, {}, body).kind == "server"


WAITS: list[tuple[dict[str, str], str, float]] = [
    ({"retry-after": "20"}, "no", 20),
    ({"retry-after-ms": "1500", "retry-after": "2"}, "no", 1.5),
    ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, "no", -1),
    ({"retry-after": "-1"}, "no", -1),
    ({"retry-after": "9" * 400}, f"Please try again in {'9' * 400}h1s", -1),
    ({}, "Rate limit reached. Please try again in 174ms.", 0.174),
    ({}, "Please try again in 4.77s. Need more?", 4.77),
    ({}, "Please try again in 6m0s.", 360),
    ({}, "try again in 20 seconds", 20),
    ({}, "try again in 1h2m3s", 3723),
    ({}, "try again in 200 milliseconds", 0.2),
    ({}, "try again later", -1),
]


@pytest.mark.parametrize(("headers", "message", "seconds"), WAITS)
def test_how_long_to_wait(headers: dict[str, str], message: str, seconds: float) -> None:
    """From the headers, else from the words."""
    fault = CODEC.read_error(429, headers, json.dumps({"error": {"message": message}}).encode())
    assert fault.retry_after_s == pytest.approx(seconds)

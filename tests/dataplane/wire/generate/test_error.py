"""Google's errors. Trap 59."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire.canon import Fault
from gateway.dataplane.wire.generate import CODEC

_INFO = "type.googleapis.com/google.rpc."


def _error(code: int, message: str, status: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, _error(400, "bad", "INVALID_ARGUMENT"), "bad_request"),
        (400, _error(400, "no", "FAILED_PRECONDITION"), "bad_request"),
        (401, _error(401, "who", "UNAUTHENTICATED"), "authentication"),
        (400, _error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), "authentication"),
        (
            400,
            _error(400, "x", "INVALID_ARGUMENT", {"@type": _INFO + "ErrorInfo", "reason": "API_KEY_INVALID"}),
            "authentication",
        ),
        (403, _error(403, "no", "PERMISSION_DENIED"), "permission"),
        (404, _error(404, "no", "NOT_FOUND"), "not_found"),
        (413, _error(413, "big", "INVALID_ARGUMENT"), "too_large"),
        (400, _error(400, "Request payload size exceeds the limit: 20971520 bytes.", "INVALID_ARGUMENT"), "too_large"),
        (429, _error(429, "slow", "RESOURCE_EXHAUSTED"), "rate_limit"),
        (499, _error(499, "gone", "CANCELLED"), "bad_request"),
        (500, _error(500, "oops", "INTERNAL"), "server"),
        (503, _error(503, "busy", "UNAVAILABLE"), "overloaded"),
        (504, _error(504, "late", "DEADLINE_EXCEEDED"), "timeout"),
        (
            400,
            _error(400, "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).", "INVALID_ARGUMENT"),
            "context_window",
        ),
        (
            400,
            _error(
                400,
                "Unable to submit request because the input token count is 1250074 but model only supports up to 1048576.",
                "INVALID_ARGUMENT",
            ),
            "context_window",
        ),
    ],
)  # fmt: skip
def test_kinds(status: int, body: dict[str, Any], kind: str) -> None:
    """By status, words and reason; the words are kept. Inside a stream the error's own code tells."""
    fault = CODEC.read_error(status, {}, json.dumps(body).encode())
    assert (fault.kind, fault.status, fault.message) == (kind, status, body["error"]["message"])
    assert CODEC.read_error(status, {}, json.dumps([body]).encode()) == fault
    told = CODEC.reader().feed("", json.dumps(body).encode())
    assert isinstance(told[0], Fault)
    assert (told[0].kind, told[0].status, told[0].message) == (kind, 0, fault.message)


@pytest.mark.parametrize(
    ("details", "headers", "message", "seconds"),
    [
        ([{"@type": _INFO + "RetryInfo", "retryDelay": "3s"}], {}, "m", 3.0),
        ([{"@type": _INFO + "RetryInfo", "retryDelay": "0.5s"}], {}, "m", 0.5),
        ([], {"retry-after": "7"}, "m", 7.0),
        ([{"@type": _INFO + "RetryInfo", "retryDelay": "9" * 400 + "s"}], {}, f"Please retry in {'9' * 400}s.", -1.0),
        ([], {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "m", -1.0),
        ([], {}, "Please retry in 48.939935699s.", 48.939935699),
        ([{"@type": _INFO + "RetryInfo", "retryDelay": "48s"}], {}, "Please retry in 48.9s.", 48.9),
        ([], {}, "m", -1.0),
        (["x", {"@type": 3, "retryDelay": 3}], {}, "m", -1.0),
    ],
)
def test_how_long_to_wait(details: list[Any], headers: dict[str, str], message: str, seconds: float) -> None:
    """The longest of what is told."""
    body = json.dumps(_error(429, message, "RESOURCE_EXHAUSTED", *details)).encode()
    assert CODEC.read_error(429, headers, body).retry_after_s == seconds


def test_the_field_that_google_blames() -> None:
    """In its own words."""
    violation = {"@type": _INFO + "BadRequest", "fieldViolations": [{"field": "contents[0]", "description": "d"}]}
    body = json.dumps(_error(400, "m", "INVALID_ARGUMENT", violation)).encode()
    fault = CODEC.read_error(400, {}, body)
    assert (fault.param, fault.code, fault.type) == ("contents[0]", "INVALID_ARGUMENT", "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (b'{"error":"words"}', "words"),
        (b'{"error":{"message":3,"code":"x","details":"y","status":4}}', ""),
        (b"[]", "[]"),
        (b"[1]", "[1]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_is_no_error_object_is_told_as_it_is(body: bytes, message: str) -> None:
    """It never raises."""
    fault = CODEC.read_error(502, {}, body)
    assert (fault.kind, fault.status, fault.message) == ("server", 502, message)

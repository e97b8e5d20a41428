"""Anthropic Messages: what Claude Code speaks. Facts about the client: docs/guides/claude-code.md."""

from typing import Any

from gateway.dataplane.wire.dialect import Dialect
from gateway.dataplane.wire.openai import encode
from gateway.dataplane.wire.peek import peek_with_limit
from gateway.dataplane.wire.refusal import Form

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`{"type": "error", "error": {type, message, agentcc}, "request_id"}`."""
    error = {"type": _TYPES.get(form.status, "api_error"), "message": message, "agentcc": details}
    return encode({"type": "error", "error": error, "request_id": details.get("request_id")})


def error_event(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`event: error`; Claude Code asks again without `stream`."""
    return b"event: error\ndata: " + error_body(form, message, details) + b"\n\n"


ANTHROPIC_MESSAGES = Dialect(
    name="anthropic.messages",
    tap="anthropic.messages",
    keep_alive=b'event: ping\ndata: {"type": "ping"}\n\n',
    has_terminal=True,
    takes_comments=True,
    answer_keys=(b"usage", b"model", b"-", b"-"),
    peek=peek_with_limit(b"max_tokens"),
    error_body=error_body,
    error_event=error_event,
)

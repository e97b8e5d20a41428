"""Gemini generateContent: what Gemini CLI speaks. The model is in the path, never in the body."""

from typing import Any

from gateway import _native
from gateway.dataplane.wire.dialect import Dialect
from gateway.dataplane.wire.openai import encode
from gateway.dataplane.wire.peek import Peek, int_at, spans
from gateway.dataplane.wire.refusal import Form

_KEYS = (b"generationConfig",)

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def peek(body: bytes, max_depth: int) -> Peek:
    """Check the body and find the output limit; model and stream come from the path. Raises BadRequest."""
    start, end = spans(body, _KEYS, max_depth)
    limit = 0
    if start >= 0:
        config = body[start:end]
        limit = int_at(config, *_native.find_path(config, (b"maxOutputTokens",)))
    return Peek(body, "", (-1, -1), is_stream=False, max_output_tokens=limit)


def error_body(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """`{"error": {code, message, status, details}}`, as Google's APIs write it."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": str(details.get("code", "")).upper(),
        "domain": "agentcc",
        "metadata": {k: str(v) for k, v in details.items() if k != "code"},
    }
    said: list[dict[str, Any]] = [info]
    if after_s := dict(form.headers).get("retry-after"):  # Gemini CLI obeys no header
        said.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{after_s}s"})
    error = {
        "code": form.status,
        "message": message,
        "status": _STATUSES.get(form.status, "INTERNAL"),
        "details": said,
    }
    return encode({"error": error})


def error_event(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """An error without `data: `, which Google's SDKs read as one.

    The JS SDK takes `data: {"error": …}` for a chunk without candidates; Gemini CLI then asks again and never shows the words.
    It knows an error only when all that it reads at once is this JSON, so it is sent alone (`Dialect.bare_error`).
    """
    return error_body(form, message, details) + b"\r\n\r\n"


GEMINI_GENERATE = Dialect(
    name="gemini.generate",
    tap="gemini.generate",
    keep_alive=b"\n",
    has_terminal=False,
    takes_comments=False,
    bare_error=b'{"error":',
    answer_keys=(b"usageMetadata", b"modelVersion", b"-", b"candidates"),
    peek=peek,
    error_body=error_body,
    error_event=error_event,
)

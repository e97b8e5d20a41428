"""Provider errors of all who speak Chat → Fault, and Fault → the error object that OpenAI's SDKs raise on.

Shapes seen: `{"error": {message, type, code, param}}` (OpenAI), with a number as `code` and the words of the provider behind in
`metadata.raw` (OpenRouter), `{"error": "words", "code": …}` (xAI, Ollama), `{message, type, param, code}` (Cerebras, Mistral),
`{"detail": "words" or [{loc, msg}]}` (Mistral, vLLM: FastAPI's), arrays around one of them (Google), plain text.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from gateway.dataplane.wire.canon import ErrorKind, Fault
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.lenient import decoded, kind_of_status, retry_after_s, seconds
from gateway.dataplane.wire.overflow import is_overflow

_SHOWN_CHARS = 2000

_WORDS: Final[tuple[tuple[re.Pattern[str], ErrorKind], ...]] = (
    (
        re.compile(r"content_filter|content_policy|contentfilter|data_inspection|sensitive|moderation", re.IGNORECASE),
        "content_filter",
    ),
    (
        re.compile(r"insufficient_quota|rate_limit|ratelimit|tokens_exceeded|too_many_requests|throttl", re.IGNORECASE),
        "rate_limit",
    ),
    (re.compile(r"invalid_api_key|invalid_authentication|authentication", re.IGNORECASE), "authentication"),
    (re.compile(r"permission|insufficient_balance|forbidden|access_denied", re.IGNORECASE), "permission"),
    (re.compile(r"model_not_found|not_found|unknown_model", re.IGNORECASE), "not_found"),
    (re.compile(r"overloaded|engine_overloaded|server_busy|capacity", re.IGNORECASE), "overloaded"),
    (re.compile(r"timeout", re.IGNORECASE), "timeout"),
    (re.compile(r"server_error|internal|service_unavailable|api_error", re.IGNORECASE), "server"),
    (
        re.compile(r"invalid|bad_request|badrequest|unsupported|unprocessable|tool_use_failed", re.IGNORECASE),
        "bad_request",
    ),
)
"""`code` and `type`, where the status does not tell."""

_TYPE: Final[dict[ErrorKind, tuple[str, str | None]]] = {
    "bad_request": ("invalid_request_error", None),
    "context_window": ("invalid_request_error", "context_length_exceeded"),
    "authentication": ("authentication_error", "invalid_api_key"),
    "permission": ("permission_error", None),
    "not_found": ("invalid_request_error", "model_not_found"),
    "too_large": ("invalid_request_error", "request_too_large"),
    "rate_limit": ("rate_limit_error", "rate_limit_exceeded"),
    "overloaded": ("server_error", "server_is_overloaded"),
    "timeout": ("server_error", "timeout"),
    "content_filter": ("invalid_request_error", "content_policy_violation"),
    "server": ("server_error", "server_error"),
}
_AGAIN = re.compile(r"try again in (?:(\d+)m)?(?:(\d+(?:\.\d+)?)s|(\d+)ms)", re.IGNORECASE)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """A provider's error answer. Never raises."""
    fault = fault_of(decoded(body), status, body)
    return replace(fault, status=status, retry_after_s=_wait_s(headers, fault.message))


def fault_of(value: Any, status: int = 0, raw: bytes = b"") -> Fault:
    """The error of a decoded body or event, whatever its shape; `Fault.status` stays 0."""
    if isinstance(value, list) and value:
        value = value[0]
    outer = value if isinstance(value, dict) else {}
    error = outer.get("error")
    inner = error if isinstance(error, dict) else outer
    message = _message(inner, error) or (encode(value).decode() if outer else raw.decode("utf-8", "replace"))
    code, kind = _word(inner.get("code")), _word(inner.get("type"))
    if not status:
        status = _number(inner.get("status_code")) or _number(inner.get("code")) or _number(inner.get("status"))
    return Fault(
        _kind(status, code, kind, message),
        message[:_SHOWN_CHARS],
        code=code,
        type=kind,
        param=_word(inner.get("param")),
    )


def _message(inner: dict[str, Any], error: Any) -> str:
    """The provider's words, with those of the provider behind it."""
    if isinstance(error, str):
        return error
    said = inner.get("message")
    if not isinstance(said, str):
        said = encode(said).decode() if isinstance(said, dict | list) else ""
    if not said:
        said = _detail(inner.get("detail"))
    metadata = inner.get("metadata")
    behind = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(behind, str) and behind and behind not in said:
        said = f"{said}: {behind}"
    return said


def _detail(detail: Any) -> str:
    if isinstance(detail, str):
        return detail
    if not isinstance(detail, list):
        return ""
    said = []
    for one in detail:
        if isinstance(one, dict):
            steps = one.get("loc")
            place = ".".join(map(str, steps)) if isinstance(steps, list) else ""
            said.append(f"{place}: {one.get('msg')}" if place else str(one.get("msg")))
    return "; ".join(said)


def _kind(status: int, code: str, kind: str, message: str) -> ErrorKind:
    if is_overflow(kind_of_status(status), message, code):
        return "context_window"
    if status in (0, 400, 403, 422, 500) and _WORDS[0][0].search(f"{code} {kind}"):
        return "content_filter"
    if status:
        return kind_of_status(status)
    for words, found in _WORDS:
        if words.search(f"{code} {kind}"):
            return found
    return "server"


def _wait_s(headers: Mapping[str, str], message: str) -> float:
    """What the provider asks for, in its headers or (OpenAI) in its words; -1 for nothing."""
    asked, found = retry_after_s(headers), _AGAIN.search(message)
    if asked >= 0 or found is None:
        return asked
    minutes, rest, millis = (float(one or 0) for one in found.groups())
    return seconds(minutes * 60 + rest + millis / 1000)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value[:200]
    return str(value) if isinstance(value, int) else ""


def _number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else 0


def error_object(fault: Fault) -> dict[str, Any]:
    """The `error` member of a body or a stream's event."""
    kind, code = _TYPE[fault.kind]
    return {
        "message": fault.message or "the provider failed without a word",
        "type": kind,
        "param": fault.param or None,
        "code": code or fault.code or None,
    }

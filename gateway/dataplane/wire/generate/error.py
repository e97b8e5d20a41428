"""Google's error object ⇄ Fault: `{"error": {"code": 429, "message": …, "status": "RESOURCE_EXHAUSTED", "details": [...]}}`.

Sources: google.rpc.Status and its details (ErrorInfo, RetryInfo, BadRequest), ai.google.dev "Troubleshooting", and the recorded
errors of the corpus. Traps 50, 59.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dataplane.wire.canon import ErrorKind, Fault
from gateway.dataplane.wire.lenient import decoded, kind_of_status, retry_after_s, seconds, string
from gateway.dataplane.wire.overflow import is_overflow

_MESSAGE_CHARS = 4000

_STATUSES: Final[dict[ErrorKind, tuple[int, str]]] = {
    "bad_request": (400, "INVALID_ARGUMENT"),
    "context_window": (400, "INVALID_ARGUMENT"),
    "content_filter": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "server": (500, "INTERNAL"),
}
_LARGE = re.compile(r"request payload size exceeds|request (?:entity )?too large", re.I)
_KEY = re.compile(r"api key (?:not valid|expired|not found)|pass a valid api key", re.I)
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")
_RETRY_IN = re.compile(r"retry in (\d+(?:\.\d+)?)s", re.I)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """A provider's error answer. What is no error object is told as it is."""
    found = decoded(body)
    if isinstance(found, list) and found:  # without `alt=sse` the stream's endpoint answers an array
        found = found[0]
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, dict):
        return fault_of(error, status, headers)
    words = error if isinstance(error, str) else body[:_MESSAGE_CHARS].decode("utf-8", "replace")
    return fault_of({"message": words}, status, headers)


def fault_of(error: dict[str, Any], status: int = 0, headers: Mapping[str, str] | None = None) -> Fault:
    """The Fault of an error object. `status` 0: it came inside a stream, and its own `code` says the kind."""
    message, word, code = string(error, "message"), string(error, "status"), error.get("code")
    details = [row for row in error.get("details") or () if isinstance(row, dict)] if _has_list(error) else []
    reason = _member(details, "ErrorInfo", "reason")
    number = status or (code if isinstance(code, int) and not isinstance(code, bool) else 0)
    return Fault(
        _kind(number, word, reason, message),
        message,
        status=status,
        code=reason or word or (str(code) if code is not None else ""),
        type=word,
        param=_field(details),
        retry_after_s=_wait_s(details, headers or {}, message),
    )


def error_object(fault: Fault) -> dict[str, Any]:
    """The error object for a Gemini client; a wait is told as RetryInfo, which Gemini CLI obeys."""
    code, status = _STATUSES[fault.kind]
    error: dict[str, Any] = {
        "code": code,
        "message": fault.message or "the provider failed without a word",
        "status": status,
    }
    if fault.retry_after_s >= 0:
        delay = f"{fault.retry_after_s:.3f}".rstrip("0").rstrip(".") + "s"
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    return error


def _kind(number: int, word: str, reason: str, message: str) -> ErrorKind:
    if reason.startswith("API_KEY_") or (number == 400 and _KEY.search(message)):
        return "authentication"
    if not number:
        number = next((code for code, status in _STATUSES.values() if status == word), 500)
    kind = "too_large" if number == 400 and _LARGE.search(message) else kind_of_status(number)
    return "context_window" if is_overflow(kind, message) else kind


def _has_list(error: dict[str, Any]) -> bool:
    return isinstance(error.get("details"), list)


def _member(details: list[dict[str, Any]], kind: str, name: str) -> str:
    for row in details:
        if str(row.get("@type", "")).endswith(kind) and isinstance(row.get(name), str):
            return str(row[name])
    return ""


def _field(details: list[dict[str, Any]]) -> str:
    for row in details:
        violations = row.get("fieldViolations")
        if isinstance(violations, list) and violations and isinstance(violations[0], dict):
            field = violations[0].get("field")
            return field if isinstance(field, str) else ""
    return ""


def _wait_s(details: list[dict[str, Any]], headers: Mapping[str, str], message: str) -> float:
    """The longest wait of those told: RetryInfo rounds down what the message says to the nanosecond."""
    told = [-1.0]
    delay = _DELAY.fullmatch(_member(details, "RetryInfo", "retryDelay"))
    if delay is not None:
        told.append(seconds(float(delay[1])))
    words = _RETRY_IN.search(message)
    if words is not None:
        told.append(seconds(float(words[1])))
    return max(*told, retry_after_s(headers))

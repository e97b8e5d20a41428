"""Failures: what a provider of this dialect says, as a Fault; and a Fault as the error of `response.failed`. Traps 50, 59.

Which code makes Codex do what: docs/guides/codex.md (measured).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dataplane.wire.canon import ErrorKind, Fault
from gateway.dataplane.wire.fault import CODES
from gateway.dataplane.wire.lenient import decoded, kind_of_status, retry_after_s, seconds
from gateway.dataplane.wire.overflow import is_overflow

_SHOWN_CHARS: Final = 2000

_KIND_OF_CODE: Final[dict[str, ErrorKind]] = {
    "string_above_max_length": "bad_request",
    "invalid_api_key": "authentication",
    "authentication_error": "authentication",
    "model_not_found": "not_found",
    "not_found_error": "not_found",
    "permission_error": "permission",
    "insufficient_quota": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "requests": "rate_limit",
    "tokens": "rate_limit",
    "usage_limit_reached": "rate_limit",
    "server_is_overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "slow_down": "overloaded",
    "request_too_large": "too_large",
    "timeout": "timeout",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "cyber_policy": "content_filter",
    "bio_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "image_content_policy_violation": "content_filter",
    "server_error": "server",
    "internal_error": "server",
    "api_error": "server",
    "invalid_prompt": "bad_request",
    "invalid_request_error": "bad_request",
}
_TRY_AGAIN: Final = re.compile(r"try again in ((?:\d+(?:\.\d+)?\s*(?:ms|m|s|h)[a-z]*\s*)+)", re.IGNORECASE)
_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|m|s|h)", re.IGNORECASE)
_SECONDS: Final = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """A provider's error answer. Its words are kept whatever the shape; never raises."""
    found = decoded(body)
    obj = found[0] if isinstance(found, list) and found else found
    if not isinstance(obj, dict):
        obj = {"message": body[:_SHOWN_CHARS].decode("utf-8", "replace").strip()}
    return fault_of(obj, status, retry_after_s(headers))


def fault_of(obj: dict[str, Any], status: int = 0, wait_s: float = -1.0) -> Fault:
    """The Fault of an error object: `{"error": {…}}`, `{"error": "…"}` (xAI), or the members at the top (in streams)."""
    inner = obj.get("error")
    error: dict[str, Any] = inner if isinstance(inner, dict) else obj
    message = _text(error, "message") or (inner if isinstance(inner, str) else "") or _text(obj, "detail")
    code, kind = _text(error, "code") or _text(obj, "code"), _text(error, "type")
    if kind == "error":  # the type of the event, not of the error
        kind = ""
    if wait_s < 0 and (told := _TRY_AGAIN.search(message)):
        wait_s = seconds(sum(float(count) * _SECONDS[unit.lower()] for count, unit in _PIECE.findall(told[1])))
    return Fault(
        kind=_kind(status, code, kind, message),
        message=message or code or kind,
        status=status,
        code=code,
        type=kind,
        param=_text(error, "param"),
        retry_after_s=wait_s,
    )


def _kind(status: int, code: str, kind: str, message: str) -> ErrorKind:
    by_code, by_status = _KIND_OF_CODE.get(code), kind_of_status(status)
    if is_overflow(by_status, message, code):
        return "context_window"
    if "api key" in message.lower() and status in (400, 401, 403):  # xAI answers a wrong key with 400
        return "authentication"
    if by_code is not None and by_code not in ("bad_request", "server"):
        return by_code
    if by_status not in ("bad_request", "server"):
        return by_status
    return by_code or _KIND_OF_CODE.get(kind) or by_status


def _text(obj: dict[str, Any], name: str) -> str:
    value = obj.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


# === for clients ===

_KEPT: Final = frozenset({
    "insufficient_quota",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "budget_reached",
    "slow_down",
    "cyber_policy",
    "bio_policy",
    "inference_hook_denied",
})  # fmt: skip
"""Codes that say more than the kind, and that clients know."""


def failed_error(fault: Fault) -> dict[str, str]:
    """The `error` of a failed response."""
    code = fault.code if fault.code in _KEPT else CODES[fault.kind]
    message = fault.message or "the provider failed without a word"
    if code == "rate_limit_exceeded" and fault.retry_after_s >= 0 and not _TRY_AGAIN.search(message):
        message = f"{message.rstrip('.')}. Please try again in {fault.retry_after_s:g}s."
    return {"code": code, "message": message}

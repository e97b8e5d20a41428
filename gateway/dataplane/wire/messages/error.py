"""Errors of Messages: a provider's answer as a Fault, and a Fault as the client's `error` object. Trap 59.

Source of types and statuses: platform.claude.com, "Errors".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dataplane.wire.canon import ErrorKind, Fault
from gateway.dataplane.wire.fault import told
from gateway.dataplane.wire.lenient import decoded, kind_of_status, retry_after_s, string
from gateway.dataplane.wire.messages.names import NAME
from gateway.dataplane.wire.overflow import is_overflow

_KIND_BY_TYPE: Final[dict[str, ErrorKind]] = {
    "invalid_request_error": "bad_request",
    "authentication_error": "authentication",
    "billing_error": "permission",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
    "gateway_timeout_error": "timeout",
    "overloaded_error": "overloaded",
    "api_error": "server",
}
_TYPE: Final[dict[ErrorKind, str]] = {
    "bad_request": "invalid_request_error",
    "context_window": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "content_filter": "invalid_request_error",
    "server": "api_error",
}
_BLAMED: Final = re.compile(r"^([a-z_]+(?:\.[A-Za-z0-9_]+)*): ")
_SHOWN_BYTES: Final = 2000


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """A provider's error answer. The words stay; where there are none in a known place, the start of the body is shown."""
    error = _error_in(body)
    message = string(error, "message") or body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
    word = string(error, "type")
    details = error.get("details")
    blamed = _BLAMED.match(message)
    return Fault(
        kind=kind_of(word, message, status),
        message=message,
        status=status,
        code=string(error, "code") or (string(details, "error_code") if isinstance(details, dict) else ""),
        type=word,
        param=blamed[1] if blamed else "",
        retry_after_s=retry_after_s(headers),
    )


def fault_of(error: Any) -> Fault:
    """The `error` object of an `error` event, or of an answer that is none, with status 200."""
    if not isinstance(error, dict):
        error = {"message": error if isinstance(error, str) else ""}
    word = string(error, "type")
    message = string(error, "message") or "the provider reported an error without a word"
    return Fault(kind=kind_of(word, message, 0), message=message, code=string(error, "code"), type=word)


def kind_of(word: str, message: str, status: int) -> ErrorKind:
    """What kind of failure it is; `word` is its type. The message says more than the type when the context is full, and the type more than the status."""
    by_status = kind_of_status(status)
    kind = _KIND_BY_TYPE.get(word) or by_status
    if kind == "bad_request" and by_status not in ("bad_request", "server"):
        kind = by_status  # imitations give every error the same type
    return "context_window" if is_overflow(kind, message) else kind


def error_object(fault: Fault) -> dict[str, Any]:
    """The `error` member for a client: the type that makes it do the right thing, and the provider's words."""
    return {"type": _TYPE[fault.kind], "message": told(fault, NAME).message or "the provider failed without a word"}


def _error_in(body: bytes) -> dict[str, Any]:
    """`{"type":"error","error":{…}}`, the same without its type, or what imitations make of it."""
    found = decoded(body)
    if not isinstance(found, dict):
        return {}
    error = found.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    message = found.get("message") or found.get("detail") or found.get("msg")
    return {"message": message, "code": found.get("code"), "type": ""} if isinstance(message, str) else {}

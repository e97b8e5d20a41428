"""Errors of Bedrock: a provider's error answer or exception as a Fault, and a Fault as the exception of a stream. Trap 59.

Sources: the service model's exceptions with their statuses; the API reference's "Common errors"; recorded and reported answers for
the words. The name of an error stands in the header `x-amzn-errortype` (with an address behind a colon), or in `__type` (with a
name space before a hash).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dataplane.wire.canon import ErrorKind, Fault
from gateway.dataplane.wire.lenient import decoded, kind_of_status, retry_after_s, string
from gateway.dataplane.wire.overflow import is_overflow

_KIND: Final[dict[str, ErrorKind]] = {
    "validationexception": "bad_request",
    "serializationexception": "bad_request",
    "conflictexception": "bad_request",
    "accessdeniedexception": "permission",
    "accessdenied": "permission",
    "optinrequired": "permission",
    "notauthorized": "permission",
    "unrecognizedclientexception": "authentication",
    "expiredtokenexception": "authentication",
    "expiredtoken": "authentication",
    "requestexpired": "authentication",
    "invalidsignatureexception": "authentication",
    "incompletesignatureexception": "authentication",
    "incompletesignature": "authentication",
    "invalidclienttokenid": "authentication",
    "missingauthenticationtokenexception": "authentication",
    "missingauthenticationtoken": "authentication",
    "resourcenotfoundexception": "not_found",
    "unknownoperationexception": "not_found",
    "requestentitytoolargeexception": "too_large",
    "throttlingexception": "rate_limit",
    "throttling": "rate_limit",
    "toomanyrequestsexception": "rate_limit",
    "servicequotaexceededexception": "rate_limit",
    "serviceunavailableexception": "overloaded",
    "serviceunavailable": "overloaded",
    "modelnotreadyexception": "overloaded",
    "modeltimeoutexception": "timeout",
    "modelerrorexception": "server",
    "modelstreamerrorexception": "server",
    "internalserverexception": "server",
    "internalfailure": "server",
    "internalservererror": "server",
}
_EXCEPTION: Final[dict[ErrorKind, str]] = {
    "bad_request": "validationException",
    "context_window": "validationException",
    "authentication": "validationException",
    "permission": "validationException",
    "not_found": "validationException",
    "too_large": "validationException",
    "content_filter": "validationException",
    "rate_limit": "throttlingException",
    "overloaded": "serviceUnavailableException",
    "timeout": "modelStreamErrorException",
    "server": "internalServerException",
}
"""The five exceptions that a stream may hold (ConverseStreamOutput)."""
_NO_MODEL: Final = re.compile(
    r"provided model identifier is invalid|model (?:id|identifier) .{0,200}(?:not found|does not exist)"
)
_SHOWN_BYTES: Final = 2000


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """A provider's error answer. The words stay; where there are none in a known place, the start of the body is shown."""
    said = _object(body)
    name = _name(headers.get("x-amzn-errortype", "")) or _name(string(said, "__type")) or _name(string(said, "code"))
    message = (
        string(said, "message") or string(said, "Message") or body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
    )
    return Fault(
        kind=_kind(name, message, status),
        message=message,
        status=status,
        type=name,
        retry_after_s=retry_after_s(headers),
    )


def read_exception(name: str, payload: bytes) -> Fault:
    """An exception of a stream, `throttlingException` and the like, or an error message of its framing."""
    said = _object(payload)
    message = string(said, "message") or string(said, "Message") or "the provider reported an error without a word"
    original = string(said, "originalMessage")
    if original and original not in message:
        message = f"{message} ({original})"
    status = said.get("originalStatusCode")
    kind = _kind(
        name, message, status if isinstance(status, int) and name.lower() == "modelstreamerrorexception" else 0
    )
    return Fault(kind=kind, message=message, type=name)


def exception_name(fault: Fault) -> str:
    """The exception that tells a client of this dialect of `fault` inside a stream."""
    return _EXCEPTION[fault.kind]


def _kind(name: str, message: str, status: int) -> ErrorKind:
    """The words say more than the name when the context is full, and the name more than the status."""
    kind = _KIND.get(name.lower())
    by_status = kind_of_status(status)
    if kind is None or (kind == "server" and by_status in ("rate_limit", "overloaded", "timeout")):
        kind = by_status
    if is_overflow(kind, message):
        return "context_window"
    return "not_found" if kind == "bad_request" and _NO_MODEL.search(message) else kind


def _name(raw: str) -> str:
    return raw.partition(":")[0].rpartition("#")[2].strip()


def _object(body: bytes) -> dict[str, Any]:
    found = decoded(body)
    return found if isinstance(found, dict) else {}

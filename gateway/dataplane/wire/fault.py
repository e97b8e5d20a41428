"""A provider's failure as an error for the client: its words, in the status and code that make that client do the right thing.

Sources: the wire notes of each client (which status it retries, which code makes it compact) and the vendors' error tables.
"""

from gateway.base.core.errors import ProviderError
from gateway.dataplane.wire.canon import ErrorKind, Fault, Stop, StopReason

_STATUS: dict[ErrorKind, int] = {
    "bad_request": 400,
    "context_window": 400,
    "authentication": 403,  # it is our key that the provider refuses: a 401 would blame the developer's
    "permission": 403,
    "not_found": 404,
    "too_large": 413,
    "rate_limit": 429,
    "overloaded": 503,
    "timeout": 504,
    "content_filter": 400,
    "server": 502,
}
_TYPE: dict[ErrorKind, str] = {
    "authentication": "permission_error",
    "permission": "permission_error",
    "rate_limit": "rate_limit_error",
    "overloaded": "server_error",
    "timeout": "server_error",
    "server": "server_error",
}
CODES: dict[ErrorKind, str] = {
    "bad_request": "invalid_prompt",  # Codex shows our words for it, and stops
    "context_window": "context_length_exceeded",
    "authentication": "inference_hook_denied",
    "permission": "inference_hook_denied",
    "not_found": "model_not_found",
    "too_large": "invalid_prompt",
    "rate_limit": "rate_limit_exceeded",  # Codex waits as long as the message says, and tries again
    "overloaded": "server_is_overloaded",
    "timeout": "server_error",
    "content_filter": "content_policy_violation",
    "server": "server_error",
}
"""Codes of OpenAI's that make Codex do the right thing (docs/guides/codex.md)."""
_KEEPS_STATUS: dict[ErrorKind, range] = {
    "bad_request": range(400, 500),
    "not_found": range(400, 500),
    "content_filter": range(400, 500),
    "server": range(500, 600),
}
"""Kinds of which the provider's own status says more than ours."""
_FULL: dict[str, tuple[tuple[str, ...], str]] = {
    "anthropic.messages": (("prompt is too long",), "prompt is too long: "),
    "gemini.generate": (
        ("token count", "too long", "context"),
        "The input token count exceeds the maximum number of tokens allowed: ",
    ),
    "bedrock.converse": (
        ("input is too long", "too many input tokens", "prompt is too long"),
        "Input is too long for requested model. ",
    ),
}
"""Dialects whose clients know a full context by its words: what they look for, and what goes in front when it is missing."""


def provider_error(fault: Fault, client_dialect: str, provider: str) -> ProviderError:
    """The error that answers the client when its provider failed before anything was sent."""
    status = _STATUS[fault.kind]
    if fault.status in _KEEPS_STATUS.get(fault.kind, ()):
        status = fault.status
    if fault.kind == "overloaded" and client_dialect == "anthropic.messages":
        status = 529  # Claude Code waits and tries again
    headers = (("retry-after", str(max(1, round(fault.retry_after_s)))),) if fault.retry_after_s >= 0 else ()
    return ProviderError(
        told(fault, client_dialect).message or f"provider `{provider}` answered {fault.status} without a word",
        (status, _TYPE.get(fault.kind, "invalid_request_error"), CODES[fault.kind], headers),
        kind=fault.kind,
        upstream_status=fault.status,
        upstream_code=fault.code or fault.type,
    )


_UNSAID: dict[StopReason, str] = {
    "malformed_call": "the model wrote a tool call that cannot be read; ask again",
    "cancelled": "the provider cancelled the answer before it was complete; ask again",
}


def unsaid(stop: Stop) -> Fault:
    """For a client whose dialect has no honest word for the end of its answer."""
    words = _UNSAID.get(stop.reason, "the provider ended the answer for a reason that is not known here")
    return Fault("server", f"{words} (`{stop.raw}`)" if stop.raw else words)


def told(fault: Fault, client_dialect: str) -> Fault:
    """`fault` with the words by which this client knows it."""
    words, prefix = _FULL.get(client_dialect, ((), ""))
    if fault.kind != "context_window" or any(word in fault.message.lower() for word in words) or not prefix:
        return fault
    return Fault(
        fault.kind, prefix + fault.message, fault.status, fault.code, fault.type, fault.param, fault.retry_after_s
    )

"""What the native client's failures are to the client: the error's class, and its words."""

import traceback

from gateway import _native
from gateway.base.core.errors import (
    BudgetExceeded,
    ConnectFailed,
    GatewayError,
    ModelForbidden,
    RateLimited,
    ResponseTooLarge,
    TimedOut,
    Unsupported,
    UpstreamFault,
    UpstreamProtocolError,
)
from gateway.base.telemetry.log import log


def log_bug(request_id: str, exc: Exception) -> None:
    """Our own code raised: where is in the log, the client reads only that it did. What the fault says may quote a body, so its kind is told."""
    log(
        "error",
        "bug",
        request_id=request_id,
        error=type(exc).__name__,
        trace=traceback.format_tb(exc.__traceback__)[-3:],
    )


NEVER_SENT = frozenset({"connect", "dns", "tls", "timeout_connect"})
"""Failures before the request left: they cost nothing."""

_MOVING = frozenset({401, 402, 403, 404, 408, 409, 425, 429})
"""Refusals that are about the provider, our key there or its load: another one may serve. Other 4xx are about the request."""
_STAYING = frozenset({"cancelled", "too_large", "event_too_large"})
_CLIENTS_FAULT = _native.Needles(
    [
        b"context_length",
        b"invalid_request",
        b"invalid_prompt",
        b"content_policy",
        b"content_filter",
        b"prompt is too long",
    ]
)


def may_move(status: int, fault: str, said: bytes = b"") -> bool:
    """Whether another deployment may be asked after such a failure: an answer's status, or a code of the native client.

    `said` is the error of a failure in band (`in_band`): what is the request's own fault fails everywhere.
    """
    if fault:
        return fault not in _STAYING and not (said and _CLIENTS_FAULT.any_in(said))
    return status >= 500 or status in _MOVING


_PASSING = frozenset({429, 500, 502, 503, 504, 529})
_PASSING_FAULTS = frozenset({"connect", "reset", "in_band", "timeout_connect", "timeout_first_byte", "timeout_idle"})


def may_retry(status: int, fault: str) -> bool:
    """Whether the same deployment may serve a moment later, after a failure that `may_move`."""
    return fault in _PASSING_FAULTS if fault else status in _PASSING


def may_serve_elsewhere(error: GatewayError) -> bool:
    """Whether another deployment may take what one refuses: it has no translation for it, or cannot be reached with such a login, or a budget or
    a limit of this model is used up. What is said of the whole account is said of every model.
    """
    if isinstance(error, BudgetExceeded | RateLimited):
        return bool(error.details.get("models"))
    return isinstance(error, Unsupported | ModelForbidden)


_FAULTS: dict[str, type[UpstreamFault]] = {
    "connect": ConnectFailed,
    "dns": ConnectFailed,
    "tls": ConnectFailed,
    "timeout_connect": TimedOut,
    "timeout_first_byte": TimedOut,
    "timeout_idle": TimedOut,
    "timeout_total": TimedOut,
    "too_large": ResponseTooLarge,
    "event_too_large": ResponseTooLarge,
}
_WORDS = {
    "connect": "the gateway could not connect to provider `{provider}`: {message}",
    "dns": "the gateway could not find the address of provider `{provider}`: {message}",
    "tls": "the gateway could not make a TLS connection to provider `{provider}`: {message}",
    "timeout_connect": "provider `{provider}` did not accept a connection in time",
    "timeout_first_byte": "provider `{provider}` did not begin to answer in time",
    "timeout_idle": "provider `{provider}` fell silent in the middle of its answer",
    "timeout_total": "provider `{provider}` did not finish its answer in time",
    "too_large": "the answer of provider `{provider}` is larger than the gateway allows (max_response_bytes)",
    "event_too_large": "provider `{provider}` sent an event larger than the gateway allows",
    "protocol": "provider `{provider}` broke the HTTP protocol: {message}",
    "reset": "provider `{provider}` closed the connection before its answer was complete",
}


def fault_of(code: str, message: str, provider: str) -> UpstreamFault:
    """The error for a failure of this code (`_native.pyi` lists them) and message."""
    words = _WORDS.get(code, "the request to provider `{provider}` failed: {message}")
    return _FAULTS.get(code, UpstreamProtocolError)(words.format(provider=provider, message=message), upstream=code)

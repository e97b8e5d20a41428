"""What a dialect is: pure functions over bytes, one instance per wire format (DESIGN, idea 2)."""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from gateway.base.core.errors import GatewayError
from gateway.dataplane.wire.peek import Peek
from gateway.dataplane.wire.refusal import Form

Tap = Literal["none", "openai.responses", "openai.chat", "anthropic.messages", "gemini.generate", "bedrock.converse"]
"""The native readers of event streams."""


class Dialect(Struct, frozen=True, kw_only=True):
    """One wire format.

    `tap` names the native reader that finds usage and the terminal event in a stream. `keep_alive` is what may be sent
    while the provider is silent. `has_terminal`: a stream ends by an event, not by EOF;
    without `needs_terminal` an answer with a finish reason is whole at EOF too. `takes_comments`: a client
    accepts SSE comments (Gemini's SDKs break on them). `bare_error`: what an error in a stream begins with, at the start of a line,
    where clients know it only when it comes alone; else empty. `event_mark` stands once in each event of a stream that brings output. `answer_keys` are a whole answer's
    members that tell its cost: usage, model, service tier, and what may hold billed searches (`-` where there is none).
    """

    name: str
    tap: Tap
    keep_alive: bytes
    has_terminal: bool
    needs_terminal: bool = True
    takes_comments: bool
    bare_error: bytes = b""
    stream_type: str = "text/event-stream"
    event_mark: bytes = b"data:"
    answer_keys: tuple[bytes, bytes, bytes, bytes]
    peek: Callable[[bytes, int], Peek]
    error_body: Callable[[Form, str, dict[str, Any]], bytes]
    error_event: Callable[[Form, str, dict[str, Any]], bytes]


def details_of(error: GatewayError, policy_version: str, request_id: str) -> dict[str, Any]:
    """The machine-readable fields that ride along as `error.agentcc`."""
    return {"code": error.code, "request_id": request_id, "policy_version": policy_version, **error.details}

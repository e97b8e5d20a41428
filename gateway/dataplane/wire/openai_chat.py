"""OpenAI Chat Completions, and embeddings, which share its envelope and never stream."""

from typing import Any

import msgspec

from gateway.dataplane.wire.dialect import Dialect
from gateway.dataplane.wire.openai import error_body
from gateway.dataplane.wire.peek import Edit, Peek, bool_at, int_at, member_edit, spans, string_at
from gateway.dataplane.wire.refusal import Form

_KEYS = (b"model", b"stream", b"max_completion_tokens", b"max_tokens", b"stream_options")
_EMBEDDING_KEYS = (b"model",)


def peek(body: bytes, max_depth: int) -> Peek:
    """Find model, stream, output limit and stream options. Raises BadRequest."""
    m0, m1, s0, s1, c0, c1, t0, t1, o0, o1 = spans(body, _KEYS, max_depth)
    return Peek(
        body,
        string_at(body, m0, m1, "model"),
        (m0, m1),
        bool_at(body, s0, s1, "stream"),
        int_at(body, c0, c1) or int_at(body, t0, t1),
        (o0, o1),
    )


def peek_embeddings(body: bytes, max_depth: int) -> Peek:
    """Find the model. Raises BadRequest."""
    m0, m1 = spans(body, _EMBEDDING_KEYS, max_depth)
    return Peek(body, string_at(body, m0, m1, "model"), (m0, m1), is_stream=False, max_output_tokens=0)


def asks_for_usage(peeked: Peek) -> bool:
    """Whether the client itself set `stream_options.include_usage`."""
    start, end = peeked.stream_options_span
    return start >= 0 and _options(peeked.body[start:end]).get("include_usage") is True


def usage_edit(peeked: Peek) -> Edit:
    """The edit that asks for the usage chunk: without it a stream's cost is a guess."""
    start, end = peeked.stream_options_span
    if start < 0:
        return member_edit(peeked.body, "stream_options", {"include_usage": True})
    return start, end, {**_options(peeked.body[start:end]), "include_usage": True}


def _options(raw: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):  # a lone surrogate: legal JSON that msgspec does not read
        return {}
    return found if isinstance(found, dict) else {}


def error_event(form: Form, message: str, details: dict[str, Any]) -> bytes:
    """A data event with the error envelope, which the SDKs raise as an API error."""
    return b"data: " + error_body(form, message, details) + b"\n\n"


OPENAI_CHAT = Dialect(
    name="openai.chat",
    tap="openai.chat",
    keep_alive=b": keep-alive\n\n",
    has_terminal=True,
    needs_terminal=False,  # some compatible servers (GPUStack) leave `[DONE]` out
    takes_comments=True,
    answer_keys=(b"usage", b"model", b"service_tier", b"tool_usage"),
    peek=peek,
    error_body=error_body,
    error_event=error_event,
)

OPENAI_EMBEDDINGS = Dialect(
    name="openai.embeddings",
    tap="none",
    keep_alive=b": keep-alive\n\n",
    has_terminal=False,
    takes_comments=False,
    answer_keys=(b"usage", b"model", b"service_tier", b"tool_usage"),
    peek=peek_embeddings,
    error_body=error_body,
    error_event=error_event,
)

"""Anthropic Messages: steps to one JSON object or to the event stream. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from . import usage as count
from .context import UNTIMED, Context, Event, dumps, slices
from .steps import Call, Failure, Reasoning, Step, Text

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error",
    504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
_PING = (b'event: ping\ndata: {"type": "ping"}\n\n', UNTIMED)


def failure(failed: Failure, request_id: str) -> bytes:
    """The body of an HTTP error, in the words Anthropic uses."""
    error = {"type": failed.type or _TYPES.get(failed.status, "api_error"), "message": failed.message}
    return dumps({"type": "error", "error": error, "request_id": request_id})


def whole(ctx: Context) -> bytes:
    """The answer as one JSON object."""
    blocks = [_block(ctx, step) for step in ctx.steps]
    return dumps(_message(ctx) | {"content": blocks, "stop_reason": _stop(ctx), "usage": _usage(ctx, ctx.usage.output)})


def stream(ctx: Context) -> list[Event]:
    """The answer as events, `message_start` to `message_stop`."""
    start = _message(ctx) | {"content": [], "stop_reason": None, "usage": _usage(ctx, 1)}
    events = [_event("message_start", {"message": start})]
    for index, step in enumerate(ctx.steps):
        block = _block(ctx, step)
        empty, key, kind, pieces = _opening(step, block)
        events.append(_event("content_block_start", {"index": index, "content_block": empty}))
        if index == 0:
            events.append(_PING)
        head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
            % (index, kind, key)
        )
        tokens = count.shares(step, len(pieces))
        events += [(b"%b%b}}\n\n" % (head, orjson.dumps(p)), t) for p, t in zip(pieces, tokens, strict=True)]
        if isinstance(step, Reasoning):
            events.append(
                _event(
                    "content_block_delta",
                    {"index": index, "delta": {"type": "signature_delta", "signature": block["signature"]}},
                )
            )
        events.append(_event("content_block_stop", {"index": index}))
    usage = _usage(ctx, ctx.usage.output)
    for unsaid in ("cache_creation", "service_tier"):
        usage.pop(unsaid, None)
    events.append(
        _event("message_delta", {"delta": {"stop_reason": _stop(ctx), "stop_sequence": None}, "usage": usage})
    )
    events.append(_event("message_stop", {}))
    return events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The event of a provider that fails inside a stream."""
    kind = failed.type or ("overloaded_error" if failed.status == 529 else _TYPES.get(failed.status, "api_error"))
    return _event("error", {"error": {"type": kind, "message": failed.message}})[0]


def _event(kind: str, fields: dict[str, Any]) -> Event:
    return b"event: " + kind.encode() + b"\ndata: " + dumps({"type": kind, **fields}) + b"\n\n", UNTIMED


def _opening(step: Step, block: dict[str, Any]) -> tuple[dict[str, Any], bytes, bytes, list[str]]:
    """The block as it starts, and the key, type and pieces of its deltas."""
    if isinstance(step, Reasoning):
        return block | {"thinking": "", "signature": ""}, b"thinking", b"thinking_delta", list(step.pieces)
    if isinstance(step, Call):
        return (
            block | {"input": {}},
            b"partial_json",
            b"input_json_delta",
            ["", *slices(dumps(block["input"]).decode())],
        )
    return block | {"text": ""}, b"text", b"text_delta", list(step.pieces) if isinstance(step, Text) else []


def _block(ctx: Context, step: Step) -> dict[str, Any]:
    if isinstance(step, Reasoning):
        return {"type": "thinking", "thinking": step.text, "signature": ctx.ids.opaque(300, b"\x12")}
    if isinstance(step, Call):
        value = {"input": step.text} if step.custom else step.args
        return {"type": "tool_use", "id": "toolu_01" + ctx.ids.make("", 22), "name": step.name, "input": value}
    return {"type": "text", "text": step.text if isinstance(step, Text) else ""}


def _message(ctx: Context) -> dict[str, Any]:
    return {
        "model": ctx.view.model, "id": ctx.response_id, "type": "message", "role": "assistant",
        "content": [], "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _usage(ctx: Context, output: int) -> dict[str, Any]:
    # Anthropic's clients need the object; without a usage report its counts are zero.
    return count.anthropic(ctx.usage, output) if ctx.reply.usage else {"input_tokens": 0, "output_tokens": 0}


def _stop(ctx: Context) -> str:
    if any(isinstance(s, Call) for s in ctx.steps):
        return "tool_use"
    return "max_tokens" if ctx.reply.finish == "length" else "end_turn"

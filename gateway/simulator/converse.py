"""Bedrock Converse: steps to one JSON object or to the AWS event stream. Pure."""

from __future__ import annotations

from typing import Any

from gateway._native import eventstream_message

from . import usage as count
from .context import UNTIMED, Context, Event, dumps, slices
from .steps import Call, Failure, Reasoning, Step, Text

_TYPES = {
    400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException", 408: "ModelTimeoutException",
    424: "ModelErrorException", 429: "ThrottlingException", 503: "ServiceUnavailableException",
}  # fmt: skip
_FAULT = "InternalServerException"


def failure(failed: Failure, request_id: str) -> bytes:
    """The body of an HTTP error; the AWS SDKs read its kind from `__type`."""
    del request_id
    return dumps({"__type": failed.type or _TYPES.get(failed.status, _FAULT), "message": failed.message})


def whole(ctx: Context) -> bytes:
    """The answer as one JSON object."""
    message = {"role": "assistant", "content": [_block(ctx, step) for step in ctx.steps]}
    return dumps({"output": {"message": message}, "stopReason": _stop(ctx), **_metadata(ctx)})


def stream(ctx: Context) -> list[Event]:
    """The answer as messages, `messageStart` to `metadata`."""
    events = [_event("messageStart", {"role": "assistant"})]
    for index, step in enumerate(ctx.steps):
        block = _block(ctx, step)
        if isinstance(step, Call):
            use = {"toolUseId": block["toolUse"]["toolUseId"], "name": step.name}
            events.append(_event("contentBlockStart", {"start": {"toolUse": use}, "contentBlockIndex": index}))
        deltas = _deltas(step, block)
        events += [
            _event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index}, tokens)
            for delta, tokens in zip(deltas, count.shares(step, len(deltas)), strict=True)
        ]
        if isinstance(step, Reasoning):
            signed = {"reasoningContent": {"signature": block["reasoningContent"]["reasoningText"]["signature"]}}
            events.append(_event("contentBlockDelta", {"delta": signed, "contentBlockIndex": index}))
        events.append(_event("contentBlockStop", {"contentBlockIndex": index}))
    events.append(_event("messageStop", {"stopReason": _stop(ctx)}))
    events.append(_event("metadata", _metadata(ctx)))
    return events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The exception of a provider that fails inside a stream."""
    del ctx, number
    kind = failed.type or (
        "serviceUnavailableException" if failed.status in (503, 529) else "modelStreamErrorException"
    )
    return _message("exception", kind, {"message": failed.message})


def _message(message_type: str, kind: str, fields: dict[str, Any]) -> bytes:
    headers = [
        (f":{message_type}-type", kind),
        (":content-type", "application/json"),
        (":message-type", message_type),
    ]
    return eventstream_message(headers, dumps(fields))


def _event(kind: str, fields: dict[str, Any], tokens: int = UNTIMED) -> Event:
    return _message("event", kind, fields | {"p": "abcdefgh"}), tokens  # `p` is padding of random length


def _deltas(step: Step, block: dict[str, Any]) -> list[dict[str, Any]]:
    if isinstance(step, Reasoning):
        return [{"reasoningContent": {"text": piece}} for piece in step.pieces]
    if isinstance(step, Call):
        return [{"toolUse": {"input": piece}} for piece in slices(dumps(block["toolUse"]["input"]).decode())]
    return [{"text": piece} for piece in step.pieces] if isinstance(step, Text) else []


def _block(ctx: Context, step: Step) -> dict[str, Any]:
    if isinstance(step, Reasoning):
        signed = {"text": step.text, "signature": ctx.ids.opaque(300, b"\x12")}
        return {"reasoningContent": {"reasoningText": signed}}
    if isinstance(step, Call):
        value = {"input": step.text} if step.custom else step.args
        return {"toolUse": {"toolUseId": "tooluse_" + ctx.ids.make("", 22), "name": step.name, "input": value}}
    return {"text": step.text if isinstance(step, Text) else ""}


def _metadata(ctx: Context) -> dict[str, Any]:
    usage = {"usage": count.bedrock(ctx.usage)} if ctx.reply.usage else {}
    return usage | {"metrics": {"latencyMs": 1}}


def _stop(ctx: Context) -> str:
    if any(isinstance(step, Call) for step in ctx.steps):
        return "tool_use"
    return "max_tokens" if ctx.reply.finish == "length" else "end_turn"

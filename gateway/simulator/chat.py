"""OpenAI Chat Completions: steps to one JSON object or to chunks. Chat shows no reasoning, it only bills it. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from . import usage as count
from .context import UNTIMED, Context, Event, dumps, slices
from .responses import failure
from .steps import Call, Failure, Reasoning, Text

__all__ = ["failure", "failure_event", "stream", "whole"]


def whole(ctx: Context) -> bytes:
    """The answer as one JSON object."""
    text = "".join(s.text for s in ctx.steps if isinstance(s, Text))
    calls = [_call(ctx, s) for s in ctx.steps if isinstance(s, Call)]
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None, "annotations": []}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(ctx)}
    made = {**_head(ctx, "chat.completion"), "choices": [choice]}
    if ctx.reply.usage:
        made["usage"] = count.openai(ctx.usage, False)
    return dumps(made | {"service_tier": "default", "system_fingerprint": "fp_agentccsim"})


def stream(ctx: Context) -> list[Event]:
    """The answer as chunks; the usage chunk only when the client asked for it; `[DONE]` last."""
    head = {**_head(ctx, "chat.completion.chunk"), "service_tier": "default", "system_fingerprint": "fp_agentccsim"}
    asked = ctx.view.include_usage and ctx.reply.usage
    tail = b',"usage":null}' if asked else b"}"
    start = b"data: " + dumps(head)[:-1] + b',"choices":[{"index":0,"delta":'

    def chunk(delta: bytes, finish: bytes = b"null") -> bytes:
        return b'%b%b,"logprobs":null,"finish_reason":%b}]%b\n\n' % (start, delta, finish, tail)

    events: list[Event] = [(chunk(b'{"role":"assistant","content":"","refusal":null}'), UNTIMED)]
    number = hidden = 0
    for step in ctx.steps:
        if isinstance(step, Text):
            shares = count.shares(step, len(step.pieces), hidden)
            events += [
                (chunk(b'{"content":%b}' % orjson.dumps(p)), t) for p, t in zip(step.pieces, shares, strict=True)
            ]
            hidden = 0
        elif isinstance(step, Reasoning):
            hidden += step.tokens
        elif isinstance(step, Call):
            call, kind = _call(ctx, step), "custom" if step.custom else "function"
            key = "input" if step.custom else "arguments"
            opened = {"index": number, **call, kind: {"name": step.name, key: ""}}
            events.append((chunk(dumps({"tool_calls": [opened]})), UNTIMED))
            pieces = slices(call[kind][key])
            for piece, tokens in zip(pieces, count.shares(step, len(pieces), hidden), strict=True):
                events.append((chunk(dumps({"tool_calls": [{"index": number, kind: {key: piece}}]})), tokens))
            number, hidden = number + 1, 0
    events.append((chunk(b"{}", dumps(_finish(ctx))), UNTIMED))
    if asked:
        data = dumps(head | {"choices": [], "usage": count.openai(ctx.usage, False)})
        events.append((b"data: " + data + b"\n\n", UNTIMED))
    events.append((b"data: [DONE]\n\n", UNTIMED))
    return events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The event of a provider that fails inside a stream."""
    return b"data: " + failure(failed, "") + b"\n\n"


def _head(ctx: Context, kind: str) -> dict[str, Any]:
    return {"id": ctx.response_id, "object": kind, "created": ctx.ids.created, "model": ctx.view.model}


def _finish(ctx: Context) -> str:
    if any(isinstance(s, Call) for s in ctx.steps):
        return "tool_calls"
    return ctx.reply.finish or "stop"


def _call(ctx: Context, step: Call) -> dict[str, Any]:
    made: dict[str, Any] = {"id": ctx.ids.make("call_", 24), "type": "custom" if step.custom else "function"}
    if step.custom:
        return made | {"custom": {"name": step.name, "input": step.text}}
    return made | {"function": {"name": step.name, "arguments": dumps(step.args).decode()}}

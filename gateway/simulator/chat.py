"""OpenAI Chat Completions: steps to one JSON object or to chunks. Chat shows no reasoning, it only bills it. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from . import usage as count
from .context import Context, Event, dumps, slices
from .responses import failure
from .steps import Call, Failure, Text

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

    events: list[Event] = [(chunk(b'{"role":"assistant","content":"","refusal":null}'), False)]
    number = 0
    for step in ctx.steps:
        if isinstance(step, Text):
            events += [(chunk(b'{"content":%b}' % orjson.dumps(piece)), True) for piece in step.pieces]
        elif isinstance(step, Call):
            call, kind = _call(ctx, step), "custom" if step.custom else "function"
            key = "input" if step.custom else "arguments"
            opened = {"index": number, **call, kind: {"name": step.name, key: ""}}
            events.append((chunk(dumps({"tool_calls": [opened]})), False))
            for piece in slices(call[kind][key]):
                events.append((chunk(dumps({"tool_calls": [{"index": number, kind: {key: piece}}]})), True))
            number += 1
    events.append((chunk(b"{}", dumps(_finish(ctx))), False))
    if asked:
        events.append(
            (b"data: " + dumps(head | {"choices": [], "usage": count.openai(ctx.usage, False)}) + b"\n\n", False)
        )
    events.append((b"data: [DONE]\n\n", False))
    return events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The event of a provider that fails inside a stream."""
    return b"data: " + failure(failed, "") + b"\n\n"


def _head(ctx: Context, kind: str) -> dict[str, Any]:
    return {"id": ctx.ids.make("chatcmpl-", 28), "object": kind, "created": ctx.ids.created, "model": ctx.view.model}


def _finish(ctx: Context) -> str:
    if any(isinstance(s, Call) for s in ctx.steps):
        return "tool_calls"
    return ctx.reply.finish or "stop"


def _call(ctx: Context, step: Call) -> dict[str, Any]:
    made: dict[str, Any] = {"id": ctx.ids.make("call_", 24), "type": "custom" if step.custom else "function"}
    if step.custom:
        return made | {"custom": {"name": step.name, "input": step.text}}
    return made | {"function": {"name": step.name, "arguments": dumps(step.args).decode()}}

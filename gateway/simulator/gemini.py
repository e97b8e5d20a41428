"""Gemini generateContent: steps to one JSON object, to SSE, or to a JSON array (a stream without `alt=sse`). Pure."""

from __future__ import annotations

from typing import Any

from . import usage as count
from .context import UNTIMED, Context, Event, dumps
from .steps import Call, Failure, Reasoning, Text

_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def failure(failed: Failure, request_id: str) -> bytes:
    """The body of an HTTP error, in the words Google uses; `retry-after` also as RetryInfo, which its clients read."""
    error: dict[str, Any] = {"code": failed.status, "message": failed.message}
    error["status"] = failed.type or failed.code or _STATUS.get(failed.status, "UNKNOWN")
    wait = dict(failed.headers).get("retry-after")
    if wait:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}]
    return dumps({"error": error})


def whole(ctx: Context) -> bytes:
    """The answer as one JSON object."""
    parts = [p for p, _, _ in _parts(ctx, together=True)]
    return dumps(_chunk(ctx, parts, _visible(ctx), True))


def stream(ctx: Context) -> list[Event]:
    """The answer as chunks; each carries the usage so far, the last one the finish reason."""
    events, sent = list[Event](), 0
    parts = _parts(ctx, together=False)
    for i, (part, visible, tokens) in enumerate(parts):
        last = i == len(parts) - 1
        sent = _visible(ctx) if last else sent + visible
        data = dumps(_chunk(ctx, [part], sent, last))
        if ctx.sse:
            events.append((b"data: " + data + b"\r\n\r\n", tokens))
        else:
            events.append(((b"[" if i == 0 else b",\r\n") + data + (b"]" if last else b""), tokens))
    return events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The chunk of a provider that fails inside a stream."""
    data = failure(failed, "")
    return b"data: " + data + b"\r\n\r\n" if ctx.sse else (b",\r\n" if number else b"[") + data + b"]"


def _parts(ctx: Context, together: bool) -> list[tuple[dict[str, Any], int, int]]:
    """(part, visible tokens, tokens as in Event) of each chunk; `together` makes one part of each step."""
    made: list[tuple[dict[str, Any], int, int]] = []
    hidden = 0
    reasoned = any(isinstance(s, Reasoning) for s in ctx.steps)
    signature = ctx.ids.opaque(240, b"\x12") if reasoned or ctx.view.thinks else ""
    for step in ctx.steps:
        if isinstance(step, Text):
            pieces = (step.text,) if together else step.pieces
            tokens = count.shares(step, len(pieces), hidden)
            made += [({"text": p}, 1, t) for p, t in zip(pieces, tokens, strict=True)]
            hidden = 0
        elif isinstance(step, Reasoning) and (ctx.view.shows_thinking or not ctx.view.thinks):
            pieces = (step.text,) if together else step.pieces
            tokens = count.shares(step, len(pieces))
            made += [({"text": p, "thought": True}, 0, t) for p, t in zip(pieces, tokens, strict=True)]
        elif isinstance(step, Reasoning):
            hidden += step.tokens
        elif isinstance(step, Call):
            part: dict[str, Any] = {
                "functionCall": {"name": step.name, "args": {"input": step.text} if step.custom else step.args}
            }
            if signature:  # Gemini 3 signs the first call of an answer
                part["thoughtSignature"], signature = signature, ""
            made.append((part, 8, sum(count.shares(step, 1, hidden))))
            hidden = 0
    if signature and made:
        made[-1] = (made[-1][0] | {"thoughtSignature": signature}, made[-1][1], made[-1][2])
    return made or [({"text": ""}, 0, UNTIMED)]


def _visible(ctx: Context) -> int:
    return ctx.usage.output - ctx.usage.reasoning


def _chunk(ctx: Context, parts: list[dict[str, Any]], output: int, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}}
    if last:
        candidate["finishReason"] = "MAX_TOKENS" if ctx.reply.finish == "length" else "STOP"
    candidate["index"] = 0
    made: dict[str, Any] = {"candidates": [candidate]}
    if ctx.reply.usage:
        made["usageMetadata"] = count.gemini(ctx.usage, output)
    return made | {"modelVersion": ctx.view.model, "responseId": ctx.response_id}

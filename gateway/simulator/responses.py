"""OpenAI Responses: steps to one JSON object or to the event stream a real provider sends. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from . import usage as count
from .context import UNTIMED, Context, Event, dumps, slices
from .steps import Call, Compaction, Failure, Reasoning, Step, Text

_ECHO: dict[str, Any] = {
    "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "parallel_tool_calls": True,
    "previous_response_id": None, "prompt_cache_key": None, "safety_identifier": None, "store": True,
    "temperature": 1.0, "text": {"format": {"type": "text"}, "verbosity": "medium"}, "tool_choice": "auto",
    "tools": [], "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "user": None, "metadata": {},
}  # fmt: skip
_STATUS = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def failure(failed: Failure, request_id: str) -> bytes:
    """The body of an HTTP error, in the words OpenAI uses."""
    kind = failed.type or (
        "invalid_request_error" if failed.status < 429 else "tokens" if failed.status == 429 else "server_error"
    )
    code = failed.code or _STATUS.get(failed.status)
    return dumps({"error": {"message": failed.message, "type": kind, "param": failed.param, "code": code}})


def whole(ctx: Context) -> bytes:
    """The answer as one JSON object."""
    items = [_item(ctx, step) for step in ctx.steps]
    return dumps(_response(ctx, items, True))


def stream(ctx: Context) -> list[Event]:
    """The answer as events, `response.created` to `response.completed` (or `response.incomplete`)."""
    out = _Stream()
    opening = orjson.Fragment(dumps(_response(ctx, [], False)))
    out.add("response.created", {"response": opening})
    out.add("response.in_progress", {"response": opening})
    items = []
    for index, step in enumerate(ctx.steps):
        item = _item(ctx, step)
        items.append(item)
        _ITEMS[type(step)](out, step, item, index)
        out.add("response.output_item.done", {"item": item, "output_index": index})
    kind = "response.incomplete" if ctx.reply.finish == "length" else "response.completed"
    out.add(kind, {"response": _response(ctx, items, True)})
    return out.events


def failure_event(ctx: Context, failed: Failure, number: int) -> bytes:
    """The event of a provider that fails inside a stream."""
    response = _response(ctx, [], False)
    response |= {"status": "failed", "error": {"code": failed.code or "server_error", "message": failed.message}}
    return _event(
        "response.failed", dumps({"type": "response.failed", "response": response, "sequence_number": number})
    )


class _Stream:
    """Numbers the events. `hidden` tokens were generated without a delta, and go with the next one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.hidden = 0

    def add(self, kind: str, fields: dict[str, Any]) -> None:
        data = dumps({"type": kind, **fields, "sequence_number": len(self.events)})
        self.events.append((_event(kind, data), UNTIMED))

    def deltas(self, kind: str, middle: dict[str, Any], step: Step, pieces: tuple[str, ...] | list[str]) -> None:
        """Many events that differ only in `delta` and number: the rest is encoded once."""
        head = b"event: %b\ndata: {" % kind.encode() + dumps({"type": kind, **middle})[1:-1] + b',"delta":'
        number = len(self.events)
        for piece, tokens in zip(pieces, count.shares(step, len(pieces), self.hidden), strict=True):
            self.events.append((b'%b%b,"sequence_number":%d}\n\n' % (head, orjson.dumps(piece), number), tokens))
            number += 1
        self.hidden = 0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _event(kind: str, data: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _text(out: _Stream, step: Step, item: dict[str, Any], index: int) -> None:
    assert isinstance(step, Text)
    place = {"content_index": 0, "item_id": item["id"], "output_index": index}
    part = item["content"][0]
    out.add(
        "response.output_item.added", {"item": item | {"status": "in_progress", "content": []}, "output_index": index}
    )
    out.add("response.content_part.added", {**place, "part": part | {"text": ""}})
    out.deltas("response.output_text.delta", {**place, "logprobs": []}, step, step.pieces)
    out.add("response.output_text.done", {**place, "logprobs": [], "text": part["text"]})
    out.add("response.content_part.done", {**place, "part": part})


def _reasoning(out: _Stream, step: Step, item: dict[str, Any], index: int) -> None:
    assert isinstance(step, Reasoning)
    out.add("response.output_item.added", {"item": item | {"summary": []}, "output_index": index})
    if not item["summary"]:
        out.hidden += step.tokens
        return
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    part = item["summary"][0]
    out.add("response.reasoning_summary_part.added", {**place, "part": part | {"text": ""}})
    out.deltas("response.reasoning_summary_text.delta", place, step, step.pieces)
    out.add("response.reasoning_summary_text.done", {**place, "text": part["text"]})
    out.add("response.reasoning_summary_part.done", {**place, "part": part})


def _call(out: _Stream, step: Step, item: dict[str, Any], index: int) -> None:
    assert isinstance(step, Call)
    key, kind = ("input", "custom_tool_call_input") if step.custom else ("arguments", "function_call_arguments")
    place = {"item_id": item["id"], "output_index": index}
    out.add("response.output_item.added", {"item": item | {"status": "in_progress", key: ""}, "output_index": index})
    out.deltas(f"response.{kind}.delta", place, step, slices(item[key]))
    out.add(f"response.{kind}.done", {**place, key: item[key]})


def _compaction(out: _Stream, step: Step, item: dict[str, Any], index: int) -> None:
    out.add("response.output_item.added", {"item": item, "output_index": index})


_ITEMS = {Text: _text, Reasoning: _reasoning, Call: _call, Compaction: _compaction}


def _item(ctx: Context, step: Step) -> dict[str, Any]:
    ids = ctx.ids
    if isinstance(step, Text):
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": step.text}
        return {
            "id": ids.make("msg_", 50),
            "type": "message",
            "status": "completed",
            "content": [part],
            "role": "assistant",
        }
    if isinstance(step, Reasoning):
        item: dict[str, Any] = {"id": ids.make("rs_", 50), "type": "reasoning"}
        if "reasoning.encrypted_content" in _list(ctx.body.get("include")):
            item["encrypted_content"] = ids.opaque(600, b"\x80\x00\x00\x00")
        shown = ctx.view.shows_thinking or not ctx.view.thinks
        return item | {"summary": [{"type": "summary_text", "text": step.text}] if shown else []}
    if isinstance(step, Call):
        kind, key, value = (
            ("custom_tool_call", "input", step.text)
            if step.custom
            else ("function_call", "arguments", dumps(step.args).decode())
        )
        call = {"id": ids.make("ctc_" if step.custom else "fc_", 50), "type": kind, "status": "completed", key: value,
                "call_id": ids.make("call_", 24), "name": step.name}  # fmt: skip
        return call | {"namespace": step.namespace} if step.namespace else call
    return {"id": ids.make("cmp_", 50), "type": "compaction", "encrypted_content": ids.opaque(900, b"\x80\x00\x00\x00")}


def _response(ctx: Context, output: list[dict[str, Any]], done: bool) -> dict[str, Any]:
    """The response object; it says again what the request asked for, as OpenAI's does."""
    body, created = ctx.body, ctx.ids.created
    short = done and ctx.reply.finish == "length"
    made: dict[str, Any] = {
        "id": ctx.response_id, "object": "response", "created_at": created,
        "status": "incomplete" if short else "completed" if done else "in_progress",
        "background": False, "completed_at": created + 1 if done and not short else None, "error": None,
        "frequency_penalty": 0.0, "presence_penalty": 0.0,
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "model": ctx.view.model, "output": output, "service_tier": "default" if done else "auto",
        "reasoning": {"effort": None, "summary": None} | _dict(body.get("reasoning")),
    }  # fmt: skip
    for key, default in _ECHO.items():
        value = body.get(key)
        made[key] = default if value is None else value
    made["usage"] = count.openai(ctx.usage, True) if done and ctx.reply.usage else None
    return made

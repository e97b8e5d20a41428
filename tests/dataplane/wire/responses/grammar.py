"""The grammar of a Responses stream, as a checker: what OpenAI's API reference and SDK types ask for, and what Codex relies on.

`violations(frames(stream))` is empty for a stream that a client may get from us. It looks at nothing of the product's code, so
that it can be wrong only by itself.
"""

import json
from collections.abc import Sequence
from typing import Any

from tests.dataplane.wire import sse

Frame = tuple[str, Any]

_ITEM = ("item_id", "output_index")
_PART = (*_ITEM, "content_index")
_SUMMARY = (*_ITEM, "summary_index")
_MEMBERS: dict[str, tuple[str, ...]] = {
    "response.created": ("response",),
    "response.queued": ("response",),
    "response.in_progress": ("response",),
    "response.completed": ("response",),
    "response.incomplete": ("response",),
    "response.failed": ("response",),
    "response.output_item.added": ("output_index", "item"),
    "response.output_item.done": ("output_index", "item"),
    "response.content_part.added": (*_PART, "part"),
    "response.content_part.done": (*_PART, "part"),
    "response.output_text.delta": (*_PART, "delta", "logprobs"),
    "response.output_text.done": (*_PART, "text", "logprobs"),
    "response.output_text.annotation.added": (*_PART, "annotation_index", "annotation"),
    "response.refusal.delta": (*_PART, "delta"),
    "response.refusal.done": (*_PART, "refusal"),
    "response.function_call_arguments.delta": (*_ITEM, "delta"),
    "response.function_call_arguments.done": (*_ITEM, "arguments"),
    "response.custom_tool_call_input.delta": (*_ITEM, "delta"),
    "response.custom_tool_call_input.done": (*_ITEM, "input"),
    "response.reasoning_summary_part.added": (*_SUMMARY, "part"),
    "response.reasoning_summary_part.done": (*_SUMMARY, "part"),
    "response.reasoning_summary_text.delta": (*_SUMMARY, "delta"),
    "response.reasoning_summary_text.done": (*_SUMMARY, "text"),
    "response.reasoning_text.delta": (*_PART, "delta"),
    "response.reasoning_text.done": (*_PART, "text"),
}
"""Every event type that is known, with the members it must have."""

_PROGRESS = (
    "response.web_search_call.",
    "response.file_search_call.",
    "response.code_interpreter_call",
    "response.mcp_",
)
_TYPES: dict[str, type | tuple[type, ...]] = {
    "output_index": int,
    "content_index": int,
    "summary_index": int,
    "annotation_index": int,
    "item_id": str,
    "delta": str,
    "text": str,
    "refusal": str,
    "arguments": str,
    "input": str,
    "item": dict,
    "part": dict,
    "annotation": dict,
    "response": dict,
    "logprobs": list,
}
_TERMINAL = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
_ITEMS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "message": {"id": str, "role": str, "status": str, "content": list},
    "function_call": {"id": str, "call_id": str, "name": str, "arguments": str, "status": str},
    "custom_tool_call": {"id": str, "call_id": str, "name": str, "input": str},
    "local_shell_call": {"id": str, "call_id": str, "action": dict, "status": str},
    "tool_search_call": {"id": str, "execution": str, "arguments": (dict, str), "status": str},
    "reasoning": {"id": str, "summary": list},
}
_RESPONSE: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "object": str,
    "created_at": (int, float),
    "model": str,
    "status": str,
    "output": list,
    "parallel_tool_calls": bool,
    "tool_choice": (str, dict),
    "tools": list,
    "metadata": dict,
}


def frames(stream: bytes) -> list[Frame]:
    """Server-sent events as (event name, data); data that is no JSON stays text. Comments are left out."""
    return [(name, _decoded(data.decode())) for name, data in sse.events(stream)]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def violations(events: Sequence[Frame]) -> list[str]:
    """What is wrong with a whole stream; [] when nothing is."""
    checker = _Checker()
    for name, event in events:
        checker.event(name, event)
    checker.end()
    return checker.found


class _Item:
    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        self.parts: dict[int, str] = {}
        self.texts: dict[int, str] = {}
        self.told: dict[int, str] = {}
        self.done_parts: dict[int, Any] = {}
        self.annotations: dict[int, list[Any]] = {}
        self.arguments = ""
        self.has_deltas = False
        self.arguments_done: str | None = None
        self.is_done = False


class _Checker:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.items: dict[int, _Item] = {}
        self.done: dict[int, Any] = {}
        self.sequence = -1
        self.response_id: Any = None
        self.terminal = ""
        self.count = 0

    def say(self, words: str) -> None:
        if words not in self.found:
            self.found.append(words)

    def event(self, name: str, event: Any) -> None:
        self.count += 1
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self.say(f"an event is no object with a type: {str(event)[:40]}")
            return
        kind = event["type"]
        if name != kind:
            self.say(f"event: {name!r} carries type {kind}")
        if self.terminal:
            self.say(f"{kind} after {self.terminal}")
        if (self.count == 1) != (kind == "response.created"):
            self.say("response.created is not the first event, or not the only one of its kind")
        self.numbered(event)
        members = _MEMBERS.get(kind)
        if members is None:
            if not kind.startswith(_PROGRESS):
                self.say(f"unknown event {kind}")
            return
        if not self.complete(kind, event, members):
            return
        if "response" in members:
            self.lifecycle(kind, event["response"])
        elif kind == "response.output_item.added":
            self.added(event["output_index"], event["item"])
        elif kind == "response.output_item.done":
            self.item_done(event["output_index"], event["item"])
        else:
            self.inside(kind, event)

    def numbered(self, event: dict[str, Any]) -> None:
        number = event.get("sequence_number")
        if not isinstance(number, int) or isinstance(number, bool):
            self.say(f"{event['type']} without sequence_number")
        elif number != self.sequence + 1:
            self.say(f"sequence_number {number} after {self.sequence}")
        if isinstance(number, int):
            self.sequence = number

    def complete(self, kind: str, event: dict[str, Any], members: tuple[str, ...]) -> bool:
        for member in members:
            if not isinstance(event.get(member), _TYPES[member]):
                self.say(f"{kind} without {member}")
                return False
        return True

    # === lifecycle ===

    def lifecycle(self, kind: str, response: dict[str, Any]) -> None:
        for member, types in _RESPONSE.items():
            if not isinstance(response.get(member), types):
                self.say(f"{kind}: response.{member} is {response.get(member)!r}")
        if response.get("object") != "response":
            self.say(f"{kind}: object is {response.get('object')!r}")
        self.response_id = self.response_id or response.get("id")
        if response.get("id") != self.response_id or not self.response_id:
            self.say(f"{kind}: the id of the response changes, or is empty")
        for member in ("error", "incomplete_details", "usage"):
            if member not in response:
                self.say(f"{kind}: no response.{member}")
        self.usage(kind, response.get("usage"))
        if kind not in _TERMINAL:
            if self.items:
                self.say(f"{kind} after the first item")
            if response.get("output"):
                self.say(f"{kind} with output")
            return
        self.terminal = kind
        if response.get("status") != _TERMINAL[kind]:
            self.say(f"{kind} with status {response.get('status')}")
        error, details = response.get("error"), response.get("incomplete_details")
        if (kind == "response.failed") != isinstance(error, dict):
            self.say(f"{kind}: error is {error!r}")
        if isinstance(error, dict) and not (error.get("code") and error.get("message")):
            self.say("response.failed without code or message")
        if (kind == "response.incomplete") != isinstance(details, dict):
            self.say(f"{kind}: incomplete_details is {details!r}")
        if response.get("output") != [self.done[place] for place in sorted(self.done)]:
            self.say(f"{kind}: response.output is not what was streamed")
        if kind != "response.failed":
            for place, item in self.items.items():
                if not item.is_done:
                    self.say(f"item {place} ({item.item.get('type')}) is never done")
            if sorted(self.items) != list(range(len(self.items))):
                self.say("output_index is not dense")

    def usage(self, kind: str, usage: Any) -> None:
        if usage is None:
            return
        for group, names in (
            (usage, ("input_tokens", "output_tokens", "total_tokens")),
            (usage.get("input_tokens_details"), ("cached_tokens", "cache_write_tokens")),
            (usage.get("output_tokens_details"), ("reasoning_tokens",)),
        ):
            for name in names:
                if not isinstance(group, dict) or not isinstance(group.get(name), int) or group[name] < 0:
                    self.say(f"{kind}: usage lacks {name}")
                    return
        if usage["total_tokens"] != usage["input_tokens"] + usage["output_tokens"]:
            self.say(f"{kind}: total_tokens is not the sum")
        if usage["input_tokens_details"]["cached_tokens"] > usage["input_tokens"]:
            self.say(f"{kind}: cached_tokens are not part of input_tokens")

    def end(self) -> None:
        if not self.terminal:
            self.say("no terminal event")

    # === items ===

    def added(self, place: int, item: dict[str, Any]) -> None:
        if place in self.items:
            self.say(f"output_index {place} added twice")
        self.items[place] = _Item(item)
        self.shape("added", item)
        if item.get("type") == "message" and item.get("content"):
            self.say("a message is added with content")
        if item.get("arguments") and item.get("type") == "function_call":
            self.say("a function_call is added with arguments")

    def shape(self, when: str, item: dict[str, Any]) -> None:
        kind = item.get("type")
        if not isinstance(kind, str) or not item.get("id"):
            self.say(f"an item is {when} without type or id")
            return
        for member, types in _ITEMS.get(kind, {}).items():
            if not isinstance(item.get(member), types) or (member in ("call_id", "name") and not item[member]):
                self.say(f"{kind} {when} with {member} {item.get(member)!r}")

    def item_done(self, place: int, item: dict[str, Any]) -> None:
        known = self.items.get(place)
        if known is None or known.is_done:
            self.say(f"item {place} is done without being open")
            return
        known.is_done = True
        self.done[place] = item
        self.shape("done", item)
        for member in ("id", "type", "call_id", "name"):
            if known.item.get(member) != item.get(member):
                self.say(f"{member} of an item changes between added and done")
        for at, state in known.parts.items():
            if state != "done":
                self.say(f"part {at} of item {place} is never done")
        match item.get("type"):
            case "message":
                if item.get("content") != [known.done_parts.get(at) for at in sorted(known.parts)]:
                    self.say("the content of a message is not what was streamed")
                if item.get("status") not in ("completed", "incomplete"):
                    self.say(f"a message is done with status {item.get('status')}")
            case "function_call" | "custom_tool_call" as kind:
                told = item.get("arguments" if kind == "function_call" else "input")
                if known.arguments_done is None:
                    self.say(f"{kind} without its .done event")
                elif known.arguments_done != told:
                    self.say(f"the arguments of a {kind} are not what was streamed")
            case "reasoning":
                summary = [{"type": "summary_text", "text": known.texts.get(at, "")} for at in sorted(known.parts)]
                if not known.item.get("content") and item.get("summary") != summary and not item.get("content"):
                    self.say("the summary of a reasoning item is not what was streamed")

    def inside(self, kind: str, event: dict[str, Any]) -> None:
        item = self.items.get(event["output_index"])
        if item is None or item.is_done:
            self.say(f"{kind} outside of an open item")
            return
        if event["item_id"] != item.item.get("id"):
            self.say(f"item_id of {kind} is not the item's")
        stem, _, verb = kind.removeprefix("response.").rpartition(".")
        if stem in ("function_call_arguments", "custom_tool_call_input"):
            self.arguments(kind, stem, verb, item, event)
            return
        at = event.get("summary_index", event.get("content_index"))
        if stem in ("content_part", "reasoning_summary_part"):
            self.part(kind, verb, item, at, event["part"])
        elif item.parts.get(at) != "open":
            self.say(f"{kind} outside of an open part")
        elif verb == "delta":
            if at in item.told:
                self.say(f"{kind} after its .done")
            item.texts[at] = item.texts.get(at, "") + event["delta"]
        elif stem == "output_text.annotation":
            if event["annotation_index"] != len(item.annotations.setdefault(at, [])):
                self.say("annotation_index is not dense")
            item.annotations[at].append(event["annotation"])
        else:
            told = event.get("text", event.get("refusal"))
            item.told[at] = told
            if told != item.texts.get(at, ""):
                self.say(f"{kind} differs from its deltas")

    def part(self, kind: str, verb: str, item: _Item, at: int, part: dict[str, Any]) -> None:
        if verb == "added":
            if at != len(item.parts):
                self.say(f"{kind}: part {at} is added twice, or out of order")
            if part.get("text") or part.get("refusal"):
                self.say(f"{kind} with text")
            item.parts[at] = "open"
            return
        if item.parts.get(at) != "open":
            self.say(f"{kind} outside of an open part")
            return
        item.parts[at], item.done_parts[at] = "done", part
        if at not in item.told:
            self.say(f"{kind} without the .done of its text")
        if part.get("text", part.get("refusal")) != item.texts.get(at, ""):
            self.say(f"{kind} differs from its deltas")
        if part.get("type") == "output_text" and part.get("annotations") != item.annotations.get(at, []):
            self.say(f"{kind}: annotations are not what was streamed")

    def arguments(self, kind: str, stem: str, verb: str, item: _Item, event: dict[str, Any]) -> None:
        if item.item.get("type") != ("function_call" if stem == "function_call_arguments" else "custom_tool_call"):
            self.say(f"{kind} in a {item.item.get('type')}")
        if item.arguments_done is not None:
            self.say(f"{kind} after its .done")
        if verb == "delta":
            item.arguments += event["delta"]
            return
        item.arguments_done = event.get("arguments", event.get("input"))
        if item.arguments_done != item.arguments:
            self.say(f"{kind} differs from its deltas")

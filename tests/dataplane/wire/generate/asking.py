"""Short ways to say what a test reads and writes."""

import json
from typing import Any

from gateway.dataplane.wire.canon import Event, Message, Text, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Asked, PathSays, Target
from gateway.dataplane.wire.generate import CODEC
from gateway.dataplane.wire.report import Report

USER = {"role": "user", "parts": [{"text": "hello"}]}


def read(body: dict[str, Any], model: str = "gemini-3-flash", *, is_stream: bool = False) -> Turn:
    """A request, read."""
    return CODEC.read_turn(json.dumps(body).encode(), PathSays(model, is_stream))


def read_parts(*parts: dict[str, Any], role: str = "model") -> list[Any]:
    """The canonical parts of one content after a user's."""
    return read({"contents": [USER, {"role": role, "parts": list(parts)}]}).messages[1].parts


def again(body: dict[str, Any]) -> dict[str, Any]:
    """A request, read and written to the same dialect."""
    target = Target("gemini.generate", "google", "gemini-3-flash", "google", "google")
    found: dict[str, Any] = json.loads(CODEC.write_turn(read(body), target, Report()))
    return found


def turn(*messages: Message, **more: Any) -> Turn:
    """A turn of another dialect."""
    return Turn(dialect="openai.chat", model="m", messages=list(messages), **more)


def said(role: Any, *parts: Any) -> Message:
    """A message; a string is a Text."""
    return Message(role=role, parts=[Text(text=part) if isinstance(part, str) else part for part in parts])


def call(id: str, name: str = "f", arguments: str = "{}", **more: Any) -> ToolCall:
    """A call."""
    return ToolCall(id=id, name=name, arguments=arguments, **more)


def result(id: str, text: str = "done", **more: Any) -> ToolResult:
    """Its result."""
    return ToolResult(call_id=id, parts=[Text(text=text)], **more)


def target(model: str = "gemini-3-flash", **more: Any) -> Target:
    """A Google model."""
    return Target("gemini.generate", "google", model, **{"vendor": "google", "origin": "google", **more})


def write(turn: Turn, to: str | Target = "gemini-3-flash") -> tuple[dict[str, Any], list[str]]:
    """The body for a model, and what was dropped."""
    report = Report()
    body = CODEC.write_turn(turn, target(to) if isinstance(to, str) else to, report)
    return json.loads(body), [f"{drop.what};{drop.why}" for drop in report.drops]


def feed(*chunks: Any) -> list[Event]:
    """The events of a stream of these chunks, to its EOF."""
    reader = CODEC.reader()
    events = [event for chunk in chunks for event in reader.feed("", json.dumps(chunk).encode())]
    return [*events, *reader.end()]


def asked(**more: Any) -> Asked:
    """What a writer is asked."""
    return Asked(Turn(dialect="gemini.generate", model="asked-model", messages=[], **more), "request-1", 0)

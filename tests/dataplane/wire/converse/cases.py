"""Short ways to say turns of other dialects, targets, and what is written for them."""

import json
from typing import Any

from gateway.dataplane.wire.canon import Message, Part, Role, Text, Tool, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Asked, PathSays, Target
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.report import Report

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "anthropic.claude-opus-4-8"
NOVA = "amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-1-70b-instruct-v1:0"


def target(model: str = SONNET, **more: Any) -> Target:
    return Target(CODEC.name, "bedrock", model, origin="anthropic" if "claude" in model else "bedrock", **more)


def message(role: Role, *parts: Part | str, **more: Any) -> Message:
    return Message(role=role, parts=[Text(text=part) if isinstance(part, str) else part for part in parts], **more)


def user(*parts: Part | str, **more: Any) -> Message:
    return message("user", *parts, **more)


def said(*parts: Part | str, **more: Any) -> Message:
    return message("assistant", *parts, **more)


def call(call_id: str = "c1", arguments: str = "{}", name: str = "f") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str = "c1", text: str = "ok", **more: Any) -> ToolResult:
    return ToolResult(call_id=call_id, parts=[Text(text=text)] if text else [], **more)


def function(name: str = "f", **more: Any) -> Tool:
    more.setdefault("schema", {"type": "object", "properties": {}})
    return Tool(kind="function", name=name, **more)


def turn(*messages: Message, dialect: str = "openai.responses", **more: Any) -> Turn:
    return Turn(dialect=dialect, model="m", messages=list(messages), **more)


def written(asked: Turn, model: str = SONNET, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """The body, and the drops as `what;why`."""
    report = Report()
    body = json.loads(CODEC.write_turn(asked, target(model, **more), report))
    return body, [f"{drop.what};{drop.why}" for drop in report.drops]


def without_points(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for block in blocks if "cachePoint" not in block]


def contents(body: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """(role, blocks) of the messages, without cache points."""
    return [(one["role"], without_points(one["content"])) for one in body["messages"]]


def read(body: dict[str, Any], model: str = "m", *, is_stream: bool = False) -> Turn:
    return CODEC.read_turn(json.dumps(body).encode(), PathSays(model, is_stream))


def asked(request: Turn | None = None) -> Asked:
    return Asked(request or turn(user("hi")), "req_1", 1_760_000_000)

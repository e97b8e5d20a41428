"""Tools that a conversation itself declares: Responses' `additional_tools` items, and what a client's tool search found."""

from collections.abc import Iterable

from gateway.dataplane.wire.canon import Message, Opaque, Tool, ToolResult
from gateway.dataplane.wire.responses.names import ADDITIONAL
from gateway.dataplane.wire.responses.read_tools import read_tools


def declared_within(messages: Iterable[Message]) -> list[Tool]:
    """What the conversation declares, in its order. Raises BadRequest."""
    found: list[Tool] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, Opaque) and part.kind == ADDITIONAL:
                found += _read(part.value, f"{ADDITIONAL}.tools")
            elif isinstance(part, ToolResult) and part.kind == "tool_search":
                found += found_by(part)
    return found


def found_by(result: ToolResult) -> list[Tool]:
    """What a tool search found. Raises BadRequest."""
    return _read(result.value, "tool_search_output.tools")


def _read(holder: object, path: str) -> list[Tool]:
    tools = holder.get("tools") if isinstance(holder, dict) else None
    return read_tools(tools, path) if isinstance(tools, list) else []

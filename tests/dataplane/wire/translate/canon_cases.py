"""Short ways to say canonical turns and events, for tables."""

from itertools import pairwise

from gateway.dataplane.wire.canon import (
    Close,
    Delta,
    Event,
    Message,
    Open,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.codec import NameRule

RULE = NameRule(64, 64)
FUNCTIONS = frozenset({"function"})
NO_SERVERS: frozenset[str] = frozenset()
ALL = frozenset({"function", "custom", "namespace", "shell", "tool_search"})


def turn(*messages: Message, **more) -> Turn:
    return Turn(dialect="openai.responses", model="m", messages=list(messages), **more)


def user(*parts: Part | str) -> Message:
    return Message(role="user", parts=[Text(text=p) if isinstance(p, str) else p for p in parts])


def said(*parts: Part | str) -> Message:
    return Message(role="assistant", parts=[Text(text=p) if isinstance(p, str) else p for p in parts])


def tool(*results: ToolResult) -> Message:
    return Message(role="tool", parts=list(results))


def call(call_id: str, name: str = "f", arguments: str = "{}", **more) -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments, **more)


def result(call_id: str, text: str = "ok", **more) -> ToolResult:
    return ToolResult(call_id=call_id, parts=[Text(text=text)], is_plain=True, **more)


def function(name: str, **more) -> Tool:
    return Tool(kind="function", name=name, schema={"type": "object", "properties": {}}, **more)


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    """`text` cut at these places."""
    edges = sorted({0, len(text), *(cut for cut in cuts if 0 < cut < len(text))})
    return [text[a:b] for a, b in pairwise(edges)] or [text]


def block(index: int, part: Part, pieces: list[str], kind: str = "arguments") -> list[Event]:
    return [Open(index, part), *(Delta(index, kind, piece) for piece in pieces), Close(index)]

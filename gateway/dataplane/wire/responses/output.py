"""What a model's answer holds: Responses output items, to parts of the canon. Lenient: providers say what they like.

A message's texts become Text and Refusal parts that keep the item's id and `phase` in `extra`, so that those of one message can
be told from those of the next. Calls that the client answers are ToolCalls; what the provider ran itself is Opaque, whole.
"""

from collections.abc import Mapping
from typing import Any

from gateway.dataplane.wire.canon import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.lenient import rows, string
from gateway.dataplane.wire.responses.citations import citation_of
from gateway.dataplane.wire.responses.names import CLIENT_SEARCH, LOCAL_SHELL

Json = Mapping[str, Any]
CALLS = frozenset({"function_call", "custom_tool_call"})
"""Calls whose arguments stream."""


def parts_of(item: Json) -> list[Part]:
    """The parts of a finished item; [] for a message without content, a call without a name and what is no item."""
    match item.get("type"):
        case "message":
            about = about_message(item)
            return [text_part(row, about) for row in rows(item, "content")]
        case "function_call" | "custom_tool_call":
            call = call_of(item)
            if not call.name:
                return []  # nobody could run it
            call.arguments = arguments_of(item)
            return [call]
        case "reasoning":
            return [reasoning_of(item)]
        case "local_shell_call":
            return [shell_call(item)]
        case "tool_search_call" if item.get("execution") == "client" and string(item, "call_id"):
            return [search_call(item)]
        case str() as kind:
            return [Opaque(kind=kind, value=item)]
    return []


def about_message(item: Json) -> dict[str, Any] | None:
    """What the texts of a message keep of it."""
    about = {"item_id": string(item, "id"), "phase": string(item, "phase")}
    return {name: value for name, value in about.items() if value} or None


def text_part(row: Json, about: dict[str, Any] | None) -> Text | Refusal:
    """One content part of a message."""
    if row.get("type") == "refusal":
        return Refusal(text=string(row, "refusal"), extra=about)
    return Text(
        text=string(row, "text"), citations=[citation_of(one) for one in rows(row, "annotations")] or None, extra=about
    )


def call_of(item: Json) -> ToolCall:
    """A function or custom call without its arguments."""
    return ToolCall(
        id=string(item, "call_id") or string(item, "id"),
        name=string(item, "name"),
        kind="custom" if item.get("type") == "custom_tool_call" else "function",
        namespace=string(item, "namespace"),
        item_id=string(item, "id"),
    )


def arguments_of(item: Json) -> str:
    """The arguments of a function call (an object, if an imitator sends one, as text), or the input of a custom call."""
    if item.get("type") == "custom_tool_call":
        return string(item, "input")
    value = item.get("arguments")
    return encode(value).decode() if isinstance(value, dict) else string(item, "arguments")


def shell_call(item: Json) -> ToolCall:
    """A local shell call, whole."""
    return ToolCall(
        id=string(item, "call_id") or string(item, "id"),
        name=LOCAL_SHELL,
        arguments=encode(item.get("action")).decode(),
        kind="shell",
        item_id=string(item, "id"),
    )


def search_call(item: Json) -> ToolCall:
    """A tool search that the client does, whole."""
    return ToolCall(
        id=string(item, "call_id"),
        name=CLIENT_SEARCH,
        arguments=encode(item.get("arguments")).decode(),
        kind="tool_search",
        item_id=string(item, "id"),
    )


def reasoning_of(item: Json) -> Reasoning:
    """A reasoning item, whole."""
    return Reasoning(
        text="".join(string(row, "text") for row in rows(item, "content")),
        summary=[string(row, "text") for row in rows(item, "summary")] or None,
        signature=string(item, "encrypted_content"),
        item_id=string(item, "id"),
    )

"""Items of a Responses conversation, to the canon: one message for each. Traps 1, 3, 10, 22.

What only Responses knows (calls of its own tools, compaction, `additional_tools`, what nobody knows yet) is Opaque, whole.
"""

from collections.abc import Callable
from typing import Any

from gateway.dataplane.wire.canon import (
    CallKind,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    bounded,
    encode,
    fail,
    join,
    needed_text,
    shown,
    text,
)
from gateway.dataplane.wire.responses.names import ADDITIONAL, CLIENT_SEARCH, LOCAL_SHELL, is_output_item, left
from gateway.dataplane.wire.responses.read_parts import read_parts
from gateway.dataplane.wire.responses.read_tools import read_tools

_MESSAGE = frozenset({"type", "role", "content", "id"})
_FUNCTION = frozenset({"type", "id", "call_id", "name", "namespace", "arguments"})
_CUSTOM = frozenset({"type", "id", "call_id", "name", "namespace", "input"})
_SHELL = frozenset({"type", "id", "call_id", "action"})
_SEARCH = frozenset({"type", "id", "call_id", "arguments", "execution"})
_OUTPUT = frozenset({"type", "id", "call_id", "output"})
_FOUND = frozenset({"type", "id", "call_id", "execution", "tools"})
_REASONING = frozenset({"type", "id", "summary", "content", "encrypted_content"})
_ROLES = ("system", "developer", "user", "assistant")


def read_items(items: list[Any], path: str) -> list[Message]:
    """The messages of an `input` array. Raises BadRequest."""
    return [_item(as_object(item, f"{path}[{at}]"), f"{path}[{at}]") for at, item in enumerate(items)]


def _item(obj: dict[str, Any], path: str) -> Message:
    kind = text(obj, "type", path)
    if not kind:
        if "role" in obj:
            return _message(obj, path)
        if "id" not in obj:
            fail(
                join(path, "type"), "is missing; an item is a `message`, a `function_call`, a `function_call_output`, …"
            )
        return Message(role="assistant", parts=[Opaque(kind="item_reference", value=obj)])
    reader = _READERS.get(kind)
    return reader(obj, path) if reader else _opaque(obj, kind)


def _message(obj: dict[str, Any], path: str) -> Message:
    role = _role(obj, path)
    content = obj.get("content")
    extra = left(obj, _MESSAGE)
    if "type" not in obj:
        extra = {**(extra or {}), "type": ""}
    item_id = text(obj, "id", path)
    if isinstance(content, str):
        return Message(role=role, parts=[Text(text=content)], is_plain=True, item_id=item_id, extra=extra)
    if content is None:
        fail(join(path, "content"), "is missing; it must be a string or an array of parts")
    where = join(path, "content")
    if not isinstance(content, list):
        fail(where, f"must be a string or an array of parts, not {shown(content)}")
    usual = "output_text" if role == "assistant" else "input_text"
    return Message(role=role, parts=read_parts(content, where, usual), item_id=item_id, extra=extra)


def _role(obj: dict[str, Any], path: str) -> Role:
    role: Any = obj.get("role")
    if role not in _ROLES:
        given = "is missing" if role is None else f"is {shown(role)}"
        fail(join(path, "role"), f"{given}; it must be `user`, `assistant`, `system` or `developer`")
    found: Role = role
    return found


# === calls ===


def _call(obj: dict[str, Any], path: str, kind: CallKind, arguments: str, known: frozenset[str]) -> Message:
    said = needed_text(obj, arguments, path)
    call = ToolCall(
        id=needed_text(obj, "call_id", path),
        name=needed_text(obj, "name", path),
        arguments=bounded(said, join(path, arguments)) if kind == "function" else said,
        kind=kind,
        namespace=text(obj, "namespace", path),
        item_id=text(obj, "id", path),
        extra=left(obj, known),
    )
    return Message(role="assistant", parts=[call])


def _function_call(obj: dict[str, Any], path: str) -> Message:
    return _call(obj, path, "function", "arguments", _FUNCTION)


def _custom_call(obj: dict[str, Any], path: str) -> Message:
    return _call(obj, path, "custom", "input", _CUSTOM)


def _shell_call(obj: dict[str, Any], path: str) -> Message:
    action = as_object(obj.get("action"), join(path, "action"))
    call = ToolCall(
        id=needed_text(obj, "call_id", path),
        name=LOCAL_SHELL,
        arguments=encode(action).decode(),
        kind="shell",
        item_id=text(obj, "id", path),
        extra=left(obj, _SHELL),
    )
    return Message(role="assistant", parts=[call])


def _search_call(obj: dict[str, Any], path: str) -> Message:
    """What OpenAI searched itself (`execution: server`) has no call for anybody to answer."""
    if obj.get("execution") != "client" or not obj.get("call_id"):
        return _opaque(obj, "tool_search_call")
    call = ToolCall(
        id=needed_text(obj, "call_id", path),
        name=CLIENT_SEARCH,
        arguments=encode(obj.get("arguments")).decode(),
        kind="tool_search",
        item_id=text(obj, "id", path),
        extra=left(obj, _SEARCH),
    )
    return Message(role="assistant", parts=[call])


# === their outputs ===


def _output(obj: dict[str, Any], path: str, kind: CallKind) -> Message:
    result = ToolResult(
        call_id=needed_text(obj, "call_id", path),
        parts=[],
        name=text(obj, "name", path),
        kind=kind,
        item_id=text(obj, "id", path),
        extra=left(obj, _OUTPUT),
    )
    return _with_content(result, obj, path)


def _with_content(result: ToolResult, obj: dict[str, Any], path: str) -> Message:
    output, where = obj.get("output"), join(path, "output")
    if isinstance(output, str):
        result.parts, result.is_plain = [Text(text=output)], True
    elif isinstance(output, list):
        found = read_parts(output, where, "input_text")
        result.parts = [part for part in found if isinstance(part, Text | Media | Opaque)]
        if len(result.parts) != len(found):
            fail(where, "may hold `input_text`, `input_image` and `input_file`")
    else:
        fail(where, f"must be a string or an array of parts, not {shown(output)}")
    return Message(role="tool", parts=[result])


def _function_output(obj: dict[str, Any], path: str) -> Message:
    return _output(obj, path, "function")


def _custom_output(obj: dict[str, Any], path: str) -> Message:
    return _output(obj, path, "custom")


def _shell_output(obj: dict[str, Any], path: str) -> Message:
    """The API reference has the call's id in `id`; Codex of 2025 sent `call_id`."""
    call_id = text(obj, "call_id", path)
    item_id = text(obj, "id", path)
    if not call_id and not item_id:
        fail(join(path, "id"), "is missing")
    extra = left(obj, _OUTPUT)
    if call_id:
        extra = {**(extra or {}), "call_id": call_id}
    result = ToolResult(call_id=call_id or item_id, parts=[], kind="shell", item_id=item_id, extra=extra)
    return _with_content(result, obj, path)


def _search_output(obj: dict[str, Any], path: str) -> Message:
    if obj.get("execution") != "client" or not obj.get("call_id"):
        return _opaque(obj, "tool_search_output")
    tools = as_array(obj.get("tools"), join(path, "tools"))
    read_tools(tools, join(path, "tools"))  # `translate.declared` does so again, and knows no path
    result = ToolResult(
        call_id=needed_text(obj, "call_id", path),
        parts=[],
        value={"tools": tools},
        kind="tool_search",
        item_id=text(obj, "id", path),
        extra=left(obj, _FOUND),
    )
    return Message(role="tool", parts=[result])


# === the rest ===


def _reasoning(obj: dict[str, Any], path: str) -> Message:
    """Parts of another form than {type, text} stay whole in `extra`, and so does content of several parts, or of none."""
    summary = _texts(array(obj, "summary", path), join(path, "summary"), "summary_text")
    content = _texts(array(obj, "content", path), join(path, "content"), "reasoning_text")
    extra = left(obj, _REASONING) or {}
    if summary is None:
        extra["summary"] = obj["summary"]
    if obj.get("content") is not None and (content is None or len(content) != 1 or not content[0]):
        extra["content"] = obj["content"]
    part = Reasoning(
        text="".join(content or ()),
        summary=(summary or []) if "summary" in obj else None,
        signature=text(obj, "encrypted_content", path),
        item_id=text(obj, "id", path),
        extra=extra or None,
    )
    return Message(role="assistant", parts=[part])


def _texts(parts: list[Any], path: str, kind: str) -> list[str] | None:
    """The texts of parts that are exactly {type, text}; None when one has another form."""
    found: list[str] = []
    for at, raw in enumerate(parts):
        part = as_object(raw, f"{path}[{at}]")
        if part.get("type") != kind or len(part) != 2 or not isinstance(part.get("text"), str):
            return None
        found.append(part["text"])
    return found


def _additional_tools(obj: dict[str, Any], path: str) -> Message:
    """Tools that are declared where they are first of use."""
    read_tools(array(obj, "tools", path), join(path, "tools"))
    return _opaque(obj, ADDITIONAL)


def _opaque(obj: dict[str, Any], kind: str) -> Message:
    role: Role = "assistant" if is_output_item(kind) else "user"
    parts: list[Part] = [Opaque(kind=kind, value=obj)]
    return Message(role=_role(obj, "") if obj.get("role") in _ROLES else role, parts=parts)


_READERS: dict[str, Callable[[dict[str, Any], str], Message]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_output,
    "local_shell_call": _shell_call,
    "local_shell_call_output": _shell_output,
    "tool_search_call": _search_call,
    "tool_search_output": _search_output,
    "reasoning": _reasoning,
    ADDITIONAL: _additional_tools,
}

"""Declared tools and `tool_choice`, from Responses to the canon. Traps 1, 3, 14."""

from typing import Any

from gateway.dataplane.wire.canon import Tool, ToolChoice
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    child,
    fail,
    flag,
    join,
    needed_text,
    shown,
    text,
)
from gateway.dataplane.wire.responses.names import left

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_GRAMMAR = frozenset({"type", "syntax", "definition"})
_NAMESPACE = frozenset({"type", "name", "description", "tools"})

_SHARED = {
    "code_interpreter": "code_execution",
    "file_search": "file_search",
    "image_generation": "image_generation",
    "mcp": "mcp",
    "tool_search": "tool_search",
    "local_shell": "shell",
    "shell": "shell",
}
_SHARED_STARTS = (("web_search", "web_search"), ("computer", "computer"))
"""What vendors share, by the beginning of a dated or preview type."""


def read_tools(tools: list[Any], path: str) -> list[Tool]:
    """The tools of a `tools` array. Raises BadRequest."""
    return [_tool(as_object(tool, f"{path}[{at}]"), f"{path}[{at}]") for at, tool in enumerate(tools)]


def _shared_name(kind: str) -> str:
    """The name that vendors share for a type of server tool; the type itself when there is none."""
    for start, name in _SHARED_STARTS:
        if kind.startswith(start):
            return name
    return _SHARED.get(kind, kind)


def _tool(obj: dict[str, Any], path: str) -> Tool:
    kind = needed_text(obj, "type", path)
    if kind == "function":
        parameters = child(obj, "parameters", path) if obj.get("parameters") is not None else None
        return Tool(
            kind="function",
            name=needed_text(obj, "name", path),
            description=text(obj, "description", path),
            schema=parameters,
            strict=flag(obj, "strict", path),
            extra=left(obj, _FUNCTION),
        )
    if kind == "custom":
        return _custom(obj, path)
    if kind == "namespace":
        return Tool(
            kind="namespace",
            name=needed_text(obj, "name", path),
            description=text(obj, "description", path),
            children=read_tools(array(obj, "tools", path), join(path, "tools")),
            extra=left(obj, _NAMESPACE),
        )
    if kind == "tool_search":  # executed by the client, it becomes a function elsewhere
        text(obj, "description", path)
        child(obj, "parameters", path)
    return Tool(kind="server", name=_shared_name(kind), value=obj)


def _custom(obj: dict[str, Any], path: str) -> Tool:
    form, where = child(obj, "format", path), join(path, "format")
    extra = left(obj, _CUSTOM)
    syntax = grammar = ""
    if form.get("type") == "grammar":
        syntax, grammar = needed_text(form, "syntax", where), needed_text(form, "definition", where)
    if form and (form.get("type") != "grammar" or not _GRAMMAR.issuperset(form)):
        extra = {**(extra or {}), "format": form}
    return Tool(
        kind="custom",
        name=needed_text(obj, "name", path),
        description=text(obj, "description", path),
        syntax=syntax,
        grammar=grammar,
        extra=extra,
    )


def read_choice(value: Any, path: str) -> ToolChoice | None:
    """`tool_choice` in all its forms; an object stays whole in `extra`. Raises BadRequest."""
    match value:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(mode=value)
        case str():
            fail(path, f"is {shown(value)}; it must be `auto`, `none`, `required`, or an object that names a tool")
    choice = as_object(value, path)
    if needed_text(choice, "type", path) != "allowed_tools":
        return ToolChoice(mode="named", tools=[_named(choice)], extra=choice)
    where = join(path, "tools")
    allowed = as_array(choice.get("tools"), where)
    names = [_named(as_object(one, f"{where}[{at}]")) for at, one in enumerate(allowed)]
    # `auto` among some of the tools: the restriction stays beside the mode, for those that have a word for it
    return ToolChoice(mode="auto" if choice.get("mode") == "auto" else "named", tools=names, extra=choice)


def _named(choice: dict[str, Any]) -> tuple[str, str]:
    namespace, name, kind = choice.get("namespace"), choice.get("name"), choice.get("type")
    if kind in ("function", "custom") and isinstance(name, str):
        return (namespace if isinstance(namespace, str) else ""), name
    return "", _shared_name(str(kind))

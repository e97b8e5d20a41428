"""Tools and tool_choice of a client's request → canon."""

from typing import Any, Final

from gateway.dataplane.wire import fields
from gateway.dataplane.wire.canon import Tool, ToolChoice
from gateway.dataplane.wire.messages.read_block import cache_of, extra_of

_FUNCTION: Final = frozenset({"name", "description", "input_schema", "strict"})
_SHARED: Final = (
    ("web_search_", "web_search"),
    ("web_fetch_", "web_fetch"),
    ("code_execution_", "code_execution"),
    ("tool_search_tool_", "tool_search"),
    ("computer_", "computer"),
    ("mcp_toolset", "mcp"),
)
"""How the types of tools that run at Anthropic begin, and what vendors commonly call such a tool."""
_CHOICES: Final = ("auto", "any", "tool", "none")


def tools_of(values: list[Any]) -> list[Tool]:
    """The declared tools. Raises BadRequest."""
    return [_tool(value, fields.join("tools", at)) for at, value in enumerate(values)]


def _tool(value: Any, path: str) -> Tool:
    tool = fields.as_object(value, path)
    form = fields.text(tool, "type", path, "custom")
    if form != "custom":
        name = _name_of(form, fields.text(tool, "name", path))
        return Tool(kind="server", name=name, value=tool, cache=cache_of(tool, path))
    schema = tool.get("input_schema")
    if schema is None:
        fields.fail(fields.join(path, "input_schema"), 'is missing; a tool without input has `{"type": "object"}`')
    extra = extra_of(tool, _FUNCTION)
    description = fields.text(tool, "description", path)
    if tool.get("description") == "":
        extra = {**(extra or {}), "description": ""}
    return Tool(
        kind="function",
        name=fields.needed_text(tool, "name", path),
        description=description,
        schema=fields.as_object(schema, fields.join(path, "input_schema")),
        strict=fields.flag(tool, "strict", path),
        cache=cache_of(tool, path),
        extra=extra,
    )


def _name_of(form: str, name: str) -> str:
    """The shared name of a tool that Anthropic runs. One that the client runs (bash, text editor, memory) keeps its own."""
    for start, shared in _SHARED:
        if form.startswith(start):
            return shared
    return name or form


def choice_of(body: dict[str, Any]) -> tuple[ToolChoice | None, bool | None]:
    """`tool_choice`, and whether parallel calls are allowed (None: not said). Raises BadRequest."""
    if body.get("tool_choice") is None:
        return None, None
    path = "tool_choice"
    choice = fields.child(body, path, "")
    mode = fields.needed_text(choice, "type", path)
    if mode not in _CHOICES:
        fields.fail("tool_choice.type", f"must be one of {', '.join(_CHOICES)}, not {fields.shown(mode)}")
    is_serial = fields.flag(choice, "disable_parallel_tool_use", path)
    extra = extra_of(choice, _CHOICE)
    parallel = None if is_serial is None else not is_serial
    if mode == "tool":
        return ToolChoice(mode="named", tools=[("", fields.needed_text(choice, "name", path))], extra=extra), parallel
    if mode == "any":
        return ToolChoice(mode="required", extra=extra), parallel
    return ToolChoice(mode="none" if mode == "none" else "auto", extra=extra), parallel


_CHOICE: Final = frozenset({"type", "name", "disable_parallel_tool_use"})

"""Tools and `tool_choice`, from the canon to Responses. Traps 1, 3, 14, 16.

`strict` is always said for functions of other dialects: Responses takes a missing one for true, the others for false.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Tool, ToolChoice, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses.names import put
from gateway.dataplane.wire.translate.schema import is_strict, openai_schema

SERVERS: Final = frozenset({
    "web_search",
    "code_execution",
    "file_search",
    "image_generation",
    "computer",
    "mcp",
    "tool_search",
    "shell",
})  # fmt: skip
"""Server tools that can be declared here; of other dialects' only those for which `_server` has words."""

_HAVE_SERVERS: Final = ("openai", "xai")
"""Vendors whose Responses API runs tools of its own."""


def own_tool(tool: Tool) -> dict[str, Any]:
    """A tool as Responses declared it."""
    if tool.kind == "server":
        found: dict[str, Any] = tool.value
        return found
    obj: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description:
        obj["description"] = tool.description
    if tool.kind == "function":
        if tool.schema is not None:
            obj["parameters"] = tool.schema
        if tool.strict is not None:
            obj["strict"] = tool.strict
    elif tool.kind == "custom":
        if tool.syntax:
            obj["format"] = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
    else:
        obj["tools"] = [own_tool(child) for child in tool.children or ()]
    return put(obj, tool.extra)


def foreign_tools(turn: Turn, target: Target, report: Report) -> tuple[list[Tool], list[dict[str, Any]]]:
    """The tools of a turn that another dialect wrote, and how they are declared; those that cannot be are reported."""
    found = [(tool, _foreign_tool(tool, target, report)) for tool in turn.tools or ()]
    return [tool for tool, declared in found if declared is not None], [one for _, one in found if one is not None]


def _foreign_tool(tool: Tool, target: Target, report: Report) -> dict[str, Any] | None:
    if tool.kind == "server":
        return _server(tool, target, report)
    if tool.kind == "namespace":
        children = [_foreign_tool(child, target, report) for child in tool.children or ()]
        return {
            "type": "namespace",
            "name": tool.name,
            "description": tool.description,
            "tools": [child for child in children if child is not None],
        }
    obj: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description:
        obj["description"] = tool.description
    if tool.kind == "custom":
        if tool.syntax:
            obj["format"] = {"type": "grammar", "syntax": tool.syntax, "definition": tool.grammar}
        return obj
    schema = obj["parameters"] = openai_schema(tool.schema, f"tools.{tool.name}.schema", report)
    obj["strict"] = bool(tool.strict) and is_strict(schema)
    if tool.strict and not obj["strict"]:
        report.drop(f"tools.{tool.name}.strict", "not_all_required")
    return obj


def _server(tool: Tool, target: Target, report: Report) -> dict[str, Any] | None:
    value: dict[str, Any] = tool.value if isinstance(tool.value, dict) else {}
    if target.vendor not in _HAVE_SERVERS:
        report.drop(f"tools.{tool.name}")
        return None
    match tool.name:
        case "web_search":
            return _web_search(value, report)
        case "code_execution":
            return {"type": "code_interpreter", "container": {"type": "auto"}}
        case "image_generation":
            return {"type": "image_generation"}
    report.drop(f"tools.{tool.name}")
    return None


def _web_search(value: dict[str, Any], report: Report) -> dict[str, Any]:
    """Anthropic's domains and place have their like here; how often it may search has not."""
    obj: dict[str, Any] = {"type": "web_search"}
    filters = {
        name: value[name] for name in ("allowed_domains", "blocked_domains") if isinstance(value.get(name), list)
    }
    if filters:
        obj["filters"] = filters
    place = value.get("user_location")
    if isinstance(place, dict):
        obj["user_location"] = {"type": "approximate", **place}
    if value.get("max_uses") is not None:
        report.drop("tools.web_search.max_uses")
    return obj


# === tool_choice ===


def own_choice(choice: ToolChoice) -> Any:
    """`tool_choice` as Responses wrote it."""
    return choice.extra or choice.mode


def foreign_choice(choice: ToolChoice | None, tools: list[Tool], report: Report) -> Any:
    """`tool_choice` among the declared `tools` for a turn that another dialect wrote; None to leave it out."""
    if choice is None or not tools:
        return None
    if not choice.tools or choice.mode in ("none", "required"):
        return choice.mode if choice.mode != "named" else None
    declared = {tool.name: tool for tool in tools}
    named = [_named(declared[name]) for _, name in choice.tools if name in declared]
    if not named:
        report.drop("tool_choice", "no_such_tool")
        return None
    if len(named) == 1 and choice.mode == "named":
        return named[0]
    return {"type": "allowed_tools", "mode": "auto" if choice.mode == "auto" else "required", "tools": named}


def _named(tool: Tool) -> dict[str, Any]:
    if tool.kind == "server":
        return {"type": "code_interpreter" if tool.name == "code_execution" else tool.name}
    return {"type": "custom" if tool.kind == "custom" else "function", "name": tool.name}

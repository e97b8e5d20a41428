"""Tools and the choice among them. Legacy `functions` and `function_call` are read as tools; only the answer tells them apart."""

from typing import Any, Literal

from gateway.dataplane.wire.canon import Tool, ToolChoice, Turn
from gateway.dataplane.wire.chat.habits import NAME, host_of
from gateway.dataplane.wire.chat.parts import read_cache
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    child,
    fail,
    flag,
    join,
    needed_text,
    rest,
    shown,
    text,
)
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.schema import is_strict, openai_schema

_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"name", "description", "format"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral
}
_SHARED_NAMES = {
    "openrouter:web_search": "web_search",
    "web_search": "web_search",
    "web_search_preview": "web_search",
    "browser_search": "web_search",  # Groq
    "code_interpreter": "code_execution",  # Groq
    "mcp": "mcp",
}


class LegacyFunction(Tool):
    """Declared in `functions`: this client knows calls as `message.function_call` only."""


# === reading ===


def read_tools(body: dict[str, Any]) -> list[Tool] | None:
    """`tools`, `functions` and `web_search_options`; None when there are none. Raises BadRequest."""
    tools = [_tool(one, join("tools", at)) for at, one in enumerate(array(body, "tools", ""))]
    for at, one in enumerate(array(body, "functions", "")):
        path = join("functions", at)
        tools.append(_function(LegacyFunction, as_object(one, path), {}, path))
    if body.get("web_search_options") is not None:
        options = child(body, "web_search_options", "")
        tools.append(Tool(kind="server", name="web_search", value={"web_search_options": options}))
    return tools or None


def _tool(value: Any, path: str) -> Tool:
    tool = as_object(value, path)
    kind = text(tool, "type", path)
    if kind == "function" or (not kind and "function" in tool):
        more = rest(tool, frozenset({"type", "function", "cache_control"})) or {}
        made = _function(Tool, as_object(tool.get("function"), join(path, "function")), more, join(path, "function"))
        made.cache = read_cache(tool, path)
        return made
    if kind == "custom":
        return _custom(tool, path)
    if not kind:
        fail(join(path, "type"), "is missing; `function` and `custom` are served")
    return Tool(kind="server", name=_SHARED_NAMES.get(kind, kind), value=tool)


def _function(made_as: type[Tool], function: dict[str, Any], more: dict[str, Any], path: str) -> Tool:
    inner = rest(function, _FUNCTION)
    if inner:
        more = {**more, "function": inner}
    schema = function.get("parameters")
    return made_as(
        kind="function",
        name=needed_text(function, "name", path),
        description=text(function, "description", path),
        schema=None if schema is None else as_object(schema, join(path, "parameters")),
        strict=flag(function, "strict", path),
        extra=more or None,
    )


def _custom(tool: dict[str, Any], path: str) -> Tool:
    path = join(path, "custom")
    custom = as_object(tool.get("custom"), path)
    form = child(custom, "format", path)
    grammar = child(form, "grammar", join(path, "format"))
    inner = rest(custom, _CUSTOM)
    return Tool(
        kind="custom",
        name=needed_text(custom, "name", path),
        description=text(custom, "description", path),
        syntax=text(grammar, "syntax", join(path, "format.grammar")),
        grammar=text(grammar, "definition", join(path, "format.grammar")),
        extra={"custom": inner} if inner else None,
    )


def read_choice(body: dict[str, Any]) -> ToolChoice | None:
    """`tool_choice`, or the legacy `function_call`. Raises BadRequest."""
    value, path = body.get("tool_choice"), "tool_choice"
    if value is None:
        value, path = body.get("function_call"), "function_call"
        if isinstance(value, dict):
            return ToolChoice(mode="named", tools=[("", needed_text(value, "name", path))])
    if value is None:
        return None
    if isinstance(value, str):
        mode = _MODES.get(value)
        if mode is None:
            fail(path, f"is {shown(value)}; `auto`, `none`, `required` or an object is served")
        return ToolChoice(mode=mode)
    return _choice_object(as_object(value, path), path)


def _choice_object(choice: dict[str, Any], path: str) -> ToolChoice:
    kind = text(choice, "type", path) or "function"
    if kind in ("function", "custom"):
        return ToolChoice(mode="named", tools=[("", needed_text(child(choice, kind, path), "name", join(path, kind)))])
    if kind != "allowed_tools":
        fail(join(path, "type"), f"is {shown(kind)}; `function`, `custom` or `allowed_tools` is served")
    path = join(path, "allowed_tools")
    allowed = as_object(choice.get("allowed_tools"), path)
    names = [
        ("", _allowed_name(as_object(one, join(join(path, "tools"), at)), join(join(path, "tools"), at)))
        for at, one in enumerate(as_array(allowed.get("tools"), join(path, "tools")))
    ]
    mode = text(allowed, "mode", path, "auto")
    if mode not in ("auto", "required"):
        fail(join(path, "mode"), f"is {shown(mode)}; `auto` or `required` is served")
    return ToolChoice(mode="auto" if mode == "auto" else "named", tools=names)


def _allowed_name(entry: dict[str, Any], path: str) -> str:
    kind = text(entry, "type", path) or "function"
    return needed_text(child(entry, kind, path), "name", join(path, kind))


# === writing ===


def written_tools(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    """`tools`, `tool_choice` and `parallel_tool_calls`; nothing where there are no tools, as the API wants it."""
    is_own = turn.dialect == NAME
    body: dict[str, Any] = {}
    tools: list[dict[str, Any]] = []
    for tool in turn.tools or ():
        if tool.kind == "server":
            _server(tool, tools, body, report, is_own=is_own)
        else:
            tools.append(_written(tool, target, report, is_own=is_own))
    if not tools:
        return body
    choice = turn.tool_choice
    if choice is not None and len(choice.tools or ()) > 1 and not host_of(target).has_allowed_tools:
        # Only OpenAI knows allow-lists: for the others the list is what they see of the tools.
        names = {name for _, name in choice.tools or ()}
        tools = [tool for tool in tools if tool.get("function", {}).get("name") in names] or tools
        choice = ToolChoice(mode="required" if choice.mode == "named" else choice.mode)
    body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = _written_choice(choice, turn.tools or [])
    if turn.parallel_tools is not None:
        body["parallel_tool_calls"] = turn.parallel_tools
    return body


def _server(tool: Tool, tools: list[dict[str, Any]], body: dict[str, Any], report: Report, *, is_own: bool) -> None:
    if not is_own or not isinstance(tool.value, dict):
        report.drop(f"tools.{tool.name}", "server_tool")
    elif "web_search_options" in tool.value:
        body.update(tool.value)
    else:
        tools.append(tool.value)


def _written(tool: Tool, target: Target, report: Report, *, is_own: bool) -> dict[str, Any]:
    extra = (tool.extra or {}) if is_own else {}
    inner: dict[str, Any] = {"name": tool.name}
    if tool.description:
        inner["description"] = tool.description
    if tool.kind == "custom":
        if tool.syntax:
            grammar = {"syntax": tool.syntax, "definition": tool.grammar}
            inner["format"] = {"type": "grammar", "grammar": grammar}
        inner.update(extra.get("custom", {}))
        return {"type": "custom", "custom": inner}
    strict = tool.strict
    if not is_own:
        inner["parameters"] = openai_schema(tool.schema, f"tools.{tool.name}.schema", report)
        if strict and not is_strict(inner["parameters"]):
            report.drop(f"tools.{tool.name}.strict", "not_all_required")
            strict = False
    elif tool.schema is not None:
        inner["parameters"] = tool.schema
    if strict is not None:
        inner["strict"] = strict
    inner.update(extra.get("function", {}))
    made: dict[str, Any] = {"type": "function", "function": inner}
    made.update({name: value for name, value in extra.items() if name != "function"})
    if tool.cache and host_of(target).has_cache_control:
        made["cache_control"] = written_cache(tool.cache)
    return made


def written_cache(ttl: str) -> dict[str, str]:
    """A `cache_control` object; five minutes are its default."""
    return {"type": "ephemeral", "ttl": "1h"} if ttl == "1h" else {"type": "ephemeral"}


def _written_choice(choice: ToolChoice, tools: list[Tool]) -> Any:
    names = [name for _, name in choice.tools or ()]
    if not names or choice.mode in ("none", "required"):
        return "required" if choice.mode == "named" else choice.mode
    custom = {tool.name for tool in tools if tool.kind == "custom"}
    entries = [
        {"type": "custom", "custom": {"name": name}}
        if name in custom
        else {"type": "function", "function": {"name": name}}
        for name in names
    ]
    if choice.mode == "named" and len(entries) == 1:
        return entries[0]
    mode = "required" if choice.mode == "named" else "auto"
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": entries}}

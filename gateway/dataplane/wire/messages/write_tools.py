"""Tools and tool_choice of a Turn → a request. They come lowered: functions, and the server tools that Anthropic has too."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Tool, ToolChoice, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.messages.cache import Marks
from gateway.dataplane.wire.messages.schema import input_schema
from gateway.dataplane.wire.report import Report

_Block = dict[str, Any]
SERVERS: Final[dict[str, str]] = {
    "web_search": "web_search_20250305",
    "web_fetch": "web_fetch_20250910",
    "code_execution": "code_execution_20250825",
}
"""Shared name → type. The versions that every model with the tool takes, without a beta header (anthropic-sdk-python 2.11, the
types of `messages.create`); later ones filter by code and are for newer models only."""
_PASSED: Final = ("max_uses", "allowed_domains", "blocked_domains", "user_location", "max_content_tokens")


def write_tools(turn: Turn, target: Target, marks: Marks, report: Report, *, is_own: bool) -> list[_Block]:
    """The declarations, with their breakpoints in `marks`."""
    written: list[_Block] = []
    for tool in turn.tools or ():
        raw = None
        if tool.kind == "server":
            if is_own:
                block = {name: value for name, value in tool.value.items() if name != "cache_control" or value is None}
                raw = tool.value.get("cache_control")
            else:
                found = _server(tool, target, report)
                if found is None:
                    continue
                block = found
        else:
            block = _own_function(tool) if is_own else _function(tool, report)
            raw = (tool.extra or {}).get("cache_control") if is_own else None
        written.append(block)
        if tool.cache:
            marks.add(block, tool.cache, raw)
    return written


def _own_function(tool: Tool) -> _Block:
    block: _Block = {"name": tool.name}
    if tool.description:
        block["description"] = tool.description
    block["input_schema"] = tool.schema
    if tool.strict is not None:
        block["strict"] = tool.strict
    for name, value in (tool.extra or {}).items():
        if name != "cache_control" or value is None:
            block[name] = value
    return block


def _function(tool: Tool, report: Report) -> _Block:
    block: _Block = {"name": tool.name}
    if tool.description:
        block["description"] = tool.description
    block["input_schema"] = input_schema(tool.schema, f"tools.{tool.name}.schema", report)
    if tool.strict:
        # Anthropic's strict schemas know less than OpenAI's and would be refused
        report.drop(f"tools.{tool.name}.strict", "not_enforced")
    return block


def _server(tool: Tool, target: Target, report: Report) -> _Block | None:
    """A tool that the provider runs. Only Anthropic has them, not those who imitate its dialect."""
    declared = SERVERS.get(tool.name)
    value = tool.value if isinstance(tool.value, dict) else {}
    if declared is None or target.vendor != "anthropic":
        report.drop(f"tools.{tool.name}")
        return None
    if value.get("external_web_access") is False:
        # Codex asks for a search in OpenAI's own copy of the web; Anthropic's would reach the live one
        report.drop(f"tools.{tool.name}", "no_offline_search")
        return None
    block: _Block = {"type": declared, "name": tool.name}
    filters = value.get("filters")
    given = {**value, **(filters if isinstance(filters, dict) else {})}
    for name in _PASSED:
        if given.get(name) and tool.name != "code_execution":
            block[name] = given[name]
    return block


def write_choice(turn: Turn, tools: list[_Block], report: Report, *, is_own: bool) -> _Block | None:
    """`tool_choice`; None when it is not to be said."""
    if not tools:
        return None
    choice = turn.tool_choice
    block = None if choice is None else _choice(choice, report)
    if turn.parallel_tools is False and (choice is None or choice.mode != "none"):
        block = block or {"type": "auto"}
        block["disable_parallel_tool_use"] = True
    elif is_own and turn.parallel_tools is not None and block is not None:
        block["disable_parallel_tool_use"] = not turn.parallel_tools
    if is_own and block is not None and choice is not None and choice.extra:
        block.update(choice.extra)
    return block


def _choice(choice: ToolChoice, report: Report) -> _Block:
    if choice.mode in ("auto", "none"):
        return {"type": choice.mode}
    named = choice.tools or []
    if choice.mode == "named" and len(named) == 1:
        return {"type": "tool", "name": named[0][1]}
    if choice.mode == "named":
        report.drop("tool_choice", "any_tool_instead_of_some")
    return {"type": "any"}

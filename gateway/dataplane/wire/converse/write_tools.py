"""Tools and the choice between them, for one target."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Tool, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.converse.history import Written
from gateway.dataplane.wire.converse.models import Model
from gateway.dataplane.wire.converse.read_turn import SYSTEM_TOOLS
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.schema import object_schema

_SYSTEM_NAMES: Final = {shared: name for name, shared in SYSTEM_TOOLS.items()}
_STUB: Final[dict[str, Any]] = {
    "toolSpec": {
        "name": "unavailable",
        "description": "No tool is available now. Never call this.",
        "inputSchema": {"json": {"type": "object", "properties": {}}},
    }
}


def written_tools(turn: Turn, model: Model, report: Report) -> list[Written]:
    """`toolConfig.tools`. A stub where the history has calls and no tool may be called: Bedrock wants tools declared then."""
    tools: list[Written] = []
    if turn.tool_choice is None or turn.tool_choice.mode != "none":
        for tool in turn.tools or ():
            block = _tool(tool, model, report)
            if block is not None:
                tools.append(Written(block, tool.cache))
    if not tools and _has_calls(turn):
        tools.append(Written(_STUB))
    return tools


def written_choice(turn: Turn, tools: list[Written], model: Model, report: Report) -> dict[str, Any] | None:
    """`toolConfig.toolChoice`; None when nothing is to be said."""
    choice = turn.tool_choice
    if choice is None or choice.mode in ("auto", "none") or not tools or tools[0].block is _STUB:
        return {"auto": {}} if choice is not None and choice.mode == "auto" and tools else None
    if model.claude is not None and not model.claude.takes_forced_tools:
        report.drop("tool_choice", "auto_with_this_model")
        return {"auto": {}}
    named = choice.tools or []
    if choice.mode == "named" and len(named) == 1:
        return {"tool": {"name": named[0][1]}}
    if choice.mode == "named":
        report.drop("tool_choice", "any_of_all_tools")
    return {"any": {}}


def parallel_switch(
    turn: Turn, tools: list[Written], choice: dict[str, Any] | None, model: Model, report: Report
) -> Any:
    """Claude's `tool_choice` that allows one call at most; None when it is not wanted or not possible."""
    if turn.parallel_tools is not False or not tools or tools[0].block is _STUB:
        return None
    if model.has_parallel_switch and (choice is None or "auto" in choice):
        return {"type": "auto", "disable_parallel_tool_use": True}
    if choice is None or "tool" not in choice:
        report.drop("parallel_tools")
    return None


def _tool(tool: Tool, model: Model, report: Report) -> dict[str, Any] | None:
    if tool.kind == "server":
        name = _SYSTEM_NAMES.get(tool.name)
        value = tool.value if isinstance(tool.value, dict) else {}
        if name and model.has_system_tools and value.get("external_web_access") is not False:
            return {"systemTool": {"name": name}}
        report.drop(f"tools.{tool.name}")
        return None
    spec: dict[str, Any] = {"name": tool.name}
    if tool.description.strip():
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": object_schema(tool.schema, f"tools.{tool.name}.schema", report)}
    if tool.strict:
        # the strict schemas of the models here know less than OpenAI's: a legal one would be refused
        report.drop(f"tools.{tool.name}.strict", "not_enforced")
    return {"toolSpec": spec}


def _has_calls(turn: Turn) -> bool:
    return any(isinstance(part, ToolCall | ToolResult) for message in turn.messages for part in message.parts)

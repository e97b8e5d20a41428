"""Tools and the choice among them ⇄ Gemini's `tools` and `toolConfig`. Traps 3, 14, 15, 16.

Reading keeps what the client wrote in `extra` where it differs from the canon's JSON Schema. How declarations are grouped into tool
objects means nothing and is not kept: all functions become one group.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Tool, ToolChoice, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    as_text,
    child,
    fail,
    join,
    needed_text,
    rest,
    shown,
    text,
)
from gateway.dataplane.wire.generate.names import camel, is_from_3, takes_json_schema, takes_validated
from gateway.dataplane.wire.generate.openapi import openapi_schema
from gateway.dataplane.wire.generate.schema import json_schema
from gateway.dataplane.wire.report import Report

_SHARED_NAMES: Final = {
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "codeExecution": "code_execution",
    "urlContext": "web_fetch",
    "fileSearch": "file_search",
    "computerUse": "computer",
    "mcpServers": "mcp",
}
SERVERS: Final[dict[str, dict[str, Any]]] = {
    "web_search": {"googleSearch": {}},
    "code_execution": {"codeExecution": {}},
    "web_fetch": {"urlContext": {}},
}
"""Server tools of other dialects that Gemini has too, and how they are declared here."""

_FUNCTION: Final = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
_CHOICE: Final = frozenset({"mode", "allowedFunctionNames"})
_MODE_NUMBERS: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE")

# === read ===


def read_tools(body: dict[str, Any], *, may_be_openapi: bool) -> list[Tool] | None:
    """The declared tools; None when the member is absent. Raises BadRequest."""
    if body.get("tools") is None:
        return None
    tools: list[Tool] = []
    for index, value in enumerate(as_array(body["tools"], "tools")):
        path = join("tools", index)
        for kind, declared in camel(as_object(value, path)).items():
            at = join(path, kind)
            if kind != "functionDeclarations":
                tools.append(Tool(kind="server", name=_SHARED_NAMES.get(kind, kind), value={kind: declared}))
                continue
            for place, function in enumerate(as_array(declared, at)):
                tools.append(_read_function(function, join(at, place), may_be_openapi=may_be_openapi))
    return tools


def _read_function(value: Any, path: str, *, may_be_openapi: bool) -> Tool:
    function = camel(as_object(value, path))
    extra = rest(function, _FUNCTION)
    schema = function.get("parametersJsonSchema")
    if function.get("parameters") is not None:
        if schema is not None:
            fail(join(path, "parameters"), "cannot stand beside `parametersJsonSchema`; give one of them")
        written = as_object(function["parameters"], join(path, "parameters"))
        schema = json_schema(written)
        extra = {**(extra or {}), "parameters": written}
    elif schema is not None:
        as_object(schema, join(path, "parametersJsonSchema"))
        if may_be_openapi and (read := json_schema(schema)) != schema:
            extra = {**(extra or {}), "parametersJsonSchema": schema}
            schema = read
    return Tool(
        kind="function",
        name=needed_text(function, "name", path),
        description=text(function, "description", path),
        schema=schema,
        extra=extra,
    )


def read_choice(config: dict[str, Any]) -> ToolChoice | None:
    """`functionCallingConfig` of the toolConfig. VALIDATED is `auto`, with its words in `extra`. Raises BadRequest."""
    if config.get("functionCallingConfig") is None:
        return None
    path = "toolConfig.functionCallingConfig"
    said = camel(child(config, "functionCallingConfig", "toolConfig"))
    extra = rest(said, _CHOICE)
    mode = said.get("mode")
    if isinstance(mode, int) and 0 <= mode < len(_MODE_NUMBERS):
        mode = _MODE_NUMBERS[mode]
    elif isinstance(mode, str):
        mode = mode.upper()  # Google takes enums in either case (recorded: "any")
    names = [
        as_text(name, join(join(path, "allowedFunctionNames"), at))
        for at, name in enumerate(array(said, "allowedFunctionNames", path))
    ]
    if mode == "ANY" and names:
        return ToolChoice(mode="named", tools=[("", name) for name in names], extra=extra)
    if mode == "ANY":
        return ToolChoice(mode="required", extra=extra)
    if mode == "NONE":
        return ToolChoice(mode="none", extra=extra)
    if mode not in (None, "AUTO", "VALIDATED", "MODE_UNSPECIFIED"):
        fail(join(path, "mode"), f"must be AUTO, ANY, NONE or VALIDATED, not {shown(mode)}")
    kept = {name: value for name, value in said.items() if name in _CHOICE and (name, value) != ("mode", "AUTO")}
    return ToolChoice(mode="auto", extra={**(extra or {}), **kept} or None)


# === write ===


def write_tools(turn: Turn, target: Target, report: Report) -> list[dict[str, Any]]:
    """`tools`: all functions in one group, at the place of the first; server tools beside functions only where that is taken."""
    tools: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    has_functions = any(tool.kind == "function" for tool in turn.tools or ())
    for tool in turn.tools or ():
        if tool.kind == "function":
            if not functions:
                tools.append({"functionDeclarations": functions})
            functions.append(_function(tool, target))
            if tool.strict and not takes_validated(target):
                report.drop(f"tools.{tool.name}.strict")
        elif tool.kind == "server" and tool.name in SERVERS:
            if has_functions:
                # AI Studio wants includeServerSideToolInvocations for both together, which Vertex refuses as unknown, and an
                # answer then has parts that other clients cannot bring back.
                report.drop(f"tools.{tool.name}", "not_beside_functions")
            else:
                tools.append(SERVERS[tool.name])
        else:
            report.drop(f"tools.{tool.name}")
    return tools


def _function(tool: Tool, target: Target) -> dict[str, Any]:
    """A tool without arguments has no schema: an object without properties is refused by the older models."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    schema = tool.schema
    if not schema:
        return function
    if takes_json_schema(target):
        function["parametersJsonSchema"] = schema if schema.get("type") == "object" else {**schema, "type": "object"}
    elif schema.get("properties") or "$ref" in schema or "allOf" in schema:
        function["parameters"] = {**openapi_schema(schema), "type": "OBJECT"}
    return function


def write_choice(turn: Turn, target: Target, report: Report) -> dict[str, Any]:
    """`toolConfig`; {} when there is nothing to say. Google refuses a choice where no function is declared.

    A strict tool is kept by VALIDATED; ANY, the mode for `required` and `named`, holds to the schemas by itself.
    """
    choice = turn.tool_choice
    functions = [tool for tool in turn.tools or () if tool.kind == "function"]
    if not functions:
        if choice is not None and choice.mode in ("required", "named"):
            report.drop("tool_choice", "no_functions")
        return {}
    if (choice is None or choice.mode == "auto") and any(tool.strict for tool in functions) and takes_validated(target):
        return {"functionCallingConfig": {"mode": "VALIDATED"}}
    return {} if choice is None else {"functionCallingConfig": choice_said(choice)}


def choice_said(choice: ToolChoice) -> dict[str, Any]:
    """`functionCallingConfig` for a choice."""
    said: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        said["allowedFunctionNames"] = [name for _, name in choice.tools or ()]
    return said


_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def mixes_format(turn: Turn, target: Target) -> bool:
    """Whether a JSON answer may be asked for beside the functions of this turn."""
    return is_from_3(target.model) or not any(tool.kind == "function" for tool in turn.tools or ())

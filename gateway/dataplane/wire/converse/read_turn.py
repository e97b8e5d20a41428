"""A client's Converse request → Turn. Model and stream are said by the path. Nulls count as absent, as in AWS's JSON protocol.

`extra` keeps the members that the canon has no word for, by their names; also `additionalModelRequestFields` as a whole, from
which thinking and top_k are understood, and what is left of `inferenceConfig`, `toolConfig` and `outputConfig`.
"""

from typing import Any, Final

from msgspec import DecodeError
from msgspec.json import Decoder

from gateway.dataplane.wire.canon import Format, Message, Role, Tool, ToolChoice, Turn
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.converse.names import BLOCK, CACHE_POINT, NAME
from gateway.dataplane.wire.converse.read_blocks import read_blocks, read_point
from gateway.dataplane.wire.converse.read_thinking import read_thinking, read_top_k
from gateway.dataplane.wire.fields import (
    array,
    as_array,
    as_object,
    as_text,
    bounded,
    child,
    encode,
    fail,
    flag,
    integer,
    join,
    loads,
    needed_text,
    number,
    rest,
    shown,
    text,
)

SYSTEM_TOOLS: Final = {"nova_grounding": "web_search", "nova_code_interpreter": "code_execution"}
"""Tools that run at AWS, by the names that vendors share (AWS, "Nova 2: using built-in tools")."""

_TOP: Final = frozenset({"messages", "system", "inferenceConfig", "toolConfig", "outputConfig", "serviceTier"})
_SAMPLING: Final = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})
_SPEC: Final = frozenset({"name", "description", "inputSchema", "strict"})
_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_decode: Final = Decoder().decode

HARMLESS: Final[dict[str, tuple[Any, ...]]] = dict.fromkeys(
    (
        "requestMetadata", "performanceConfig", "additionalModelResponseFieldPaths", "outputConfig.effort", "serviceTier",
        "guardrailConfig.guardrailVersion", "guardrailConfig.trace",  # `guardrailIdentifier` says it
        *(
            f"additionalModelRequestFields.{name}"
            for name in (
                "thinking", "reasoning_config", "output_config", "reasoningConfig", "reasoning_effort", "top_k", "inferenceConfig",
                "anthropic_version", "anthropic_beta",
            )
        ),
        "tools.inputSchema", "tools.cachePoint", "parts.block", "parts.cachePoint", "parts.status", "parts.type",
    ),
    (),
)  # fmt: skip
"""See `Codec.harmless`."""
PATHS: Final[dict[str, str]] = {
    "messages.reasoning": "messages.reasoningContent",
    "messages.tool_call": "messages.toolUse",
    "messages.tool_result": "messages.toolResult",
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "thinking": "additionalModelRequestFields.thinking",
    "format": "outputConfig.textFormat",
    "format.schema": "outputConfig.textFormat.structure.jsonSchema.schema",
    "max_output_tokens": "inferenceConfig.maxTokens",
    "temperature": "inferenceConfig.temperature",
    "top_p": "inferenceConfig.topP",
    "top_k": "additionalModelRequestFields.top_k",
    "stop": "inferenceConfig.stopSequences",
    "service_tier": "serviceTier.type",
    "cache_control": "messages.cachePoint",
}
"""See `Codec.paths`."""


def read_turn(body: bytes, path: PathSays) -> Turn:
    """The request as a turn. Raises BadRequest."""
    said = as_object(loads(body), "")
    if said.get("messages") is None and ":prompt/" not in path.model:
        fail("messages", "is missing")
    extra: dict[str, Any] = {name: value for name, value in said.items() if name not in _TOP and value is not None}
    config = child(said, "inferenceConfig", "")
    stop = array(config, "stopSequences", "inferenceConfig") if config.get("stopSequences") is not None else None
    turn = Turn(
        dialect=NAME,
        model=path.model,
        messages=_messages(array(said, "messages", "")),
        instructions=_instructions(said),
        thinking=read_thinking(said),
        max_output_tokens=integer(config, "maxTokens", "inferenceConfig"),
        temperature=number(config, "temperature", "inferenceConfig"),
        top_p=number(config, "topP", "inferenceConfig"),
        top_k=read_top_k(said),
        stop=None
        if stop is None
        else [as_text(one, join("inferenceConfig.stopSequences", at)) for at, one in enumerate(stop)],
        is_stream=path.is_stream,
    )
    if said.get("inferenceConfig") is not None and (not config or not config.keys() <= _SAMPLING):
        extra["inferenceConfig"] = rest(config, _SAMPLING) or {}
    _read_tools(turn, extra, said)
    _read_output(turn, extra, said)
    _read_tier(turn, extra, said)
    turn.extra = extra or None
    return turn


def _messages(messages: list[Any]) -> list[Message]:
    found = []
    for at, message in enumerate(messages):
        path = join("messages", at)
        said = as_object(message, path)
        role = _ROLES.get(needed_text(said, "role", path))
        if role is None:
            fail(join(path, "role"), f"is {shown(said['role'])}; it must be user or assistant")
        if said.get("content") is None:
            fail(join(path, "content"), "is missing")
        content = as_array(said["content"], join(path, "content"))
        more = rest(said, frozenset({"role", "content"}))
        found.append(Message(role=role, parts=read_blocks(content, join(path, "content")), extra=more))
    return found


def _instructions(said: dict[str, Any]) -> Message | None:
    if said.get("system") is None:
        return None
    return Message(role="system", parts=read_blocks(array(said, "system", ""), "system"))


# === tools ===


def _read_tools(turn: Turn, extra: dict[str, Any], said: dict[str, Any]) -> None:
    if said.get("toolConfig") is None:
        return
    config = child(said, "toolConfig", "")
    tools: list[Tool] = []
    for at, declared in enumerate(array(config, "tools", "toolConfig")):
        path = join("toolConfig.tools", at)
        declared = as_object(declared, path)
        if CACHE_POINT in declared and tools and not tools[-1].cache:
            read_point(tools[-1], declared, path)
            continue
        tools.append(_read_tool(declared, path))
    turn.tools = tools
    turn.tool_choice = _choice(config)
    more = rest(config, frozenset({"tools", "toolChoice"}))
    if more:
        extra["toolConfig"] = more


def _read_tool(declared: dict[str, Any], path: str) -> Tool:
    if declared.get("toolSpec") is None:
        system = child(declared, "systemTool", path)
        name = text(system, "name", join(path, "systemTool"))
        kind = next(iter(declared), "")
        if not kind:
            fail(path, "is empty; it must have one of the members toolSpec, systemTool, cachePoint")
        return Tool(kind="server", name=SYSTEM_TOOLS.get(name, name or kind), value=declared)
    spec, within = child(declared, "toolSpec", path), join(path, "toolSpec")
    inputs = child(spec, "inputSchema", within)
    schema = inputs.get("json")
    tool = Tool(
        kind="function",
        name=needed_text(spec, "name", within),
        description=text(spec, "description", within),
        schema=None if schema is None else as_object(schema, join(within, "inputSchema.json")),
        strict=flag(spec, "strict", within),
        extra=rest(spec, _SPEC),
    )
    if schema is None or len(inputs) > 1:
        tool.extra = {**(tool.extra or {}), "inputSchema": inputs}
    return tool


def _choice(config: dict[str, Any]) -> ToolChoice | None:
    if config.get("toolChoice") is None:
        return None
    choice, path = child(config, "toolChoice", "toolConfig"), "toolConfig.toolChoice"
    if choice.get("tool") is not None:
        name = needed_text(child(choice, "tool", path), "name", join(path, "tool"))
        return ToolChoice(mode="named", tools=[("", name)])
    if choice.get("any") is not None:
        return ToolChoice(mode="required")
    if choice.get("auto") is None:
        fail(path, f"is {shown(choice)}; it must have one of the members auto, any, tool")
    return ToolChoice(mode="auto")


# === the answer's form, and what is paid for it ===


def _read_output(turn: Turn, extra: dict[str, Any], said: dict[str, Any]) -> None:
    """`outputConfig`: a schema, as a JSON text, and an effort (see `read_thinking`)."""
    if said.get("outputConfig") is None:
        return
    config = child(said, "outputConfig", "")
    form, path = child(config, "textFormat", "outputConfig"), "outputConfig.textFormat"
    definition = child(child(form, "structure", path), "jsonSchema", join(path, "structure"))
    left = dict(config)
    if definition:
        within = join(path, "structure.jsonSchema")
        written = bounded(needed_text(definition, "schema", within), join(within, "schema"))
        try:
            schema = _decode(written)
        except DecodeError as problem:
            fail(join(within, "schema"), f"must be the JSON text of a schema: {problem}")
        turn.format = Format(
            kind="json_schema",
            name=text(definition, "name", within),
            description=text(definition, "description", within),
            schema=as_object(schema, join(within, "schema")),
        )
        if encode(schema).decode() != written or len(definition) > 1 + bool(turn.format.name) + bool(
            turn.format.description
        ):
            turn.format.extra = {BLOCK: form}
        del left["textFormat"]
    if left or not config:
        extra["outputConfig"] = left


def _read_tier(turn: Turn, extra: dict[str, Any], said: dict[str, Any]) -> None:
    if said.get("serviceTier") is None:
        return
    tier = child(said, "serviceTier", "")
    turn.service_tier = text(tier, "type", "serviceTier")
    if len(tier) != 1:
        extra["serviceTier"] = tier

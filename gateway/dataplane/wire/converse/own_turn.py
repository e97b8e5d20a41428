"""A request of this dialect, written back as it was read: equal JSON."""

from typing import Any

from gateway.dataplane.wire.canon import Message, Part, Tool, ToolChoice, Turn
from gateway.dataplane.wire.converse.names import BLOCK, CACHE_POINT, cache_point
from gateway.dataplane.wire.converse.write_blocks import Block, json_text, own_block

_TOP = frozenset({"inferenceConfig", "toolConfig", "outputConfig", "serviceTier"})


def own_turn(turn: Turn) -> dict[str, Any]:
    """The body."""
    extra = turn.extra or {}
    body: dict[str, Any] = {name: value for name, value in extra.items() if name not in _TOP}
    if turn.instructions is not None:
        body["system"] = _blocks(turn.instructions)
    config = {
        "maxTokens": turn.max_output_tokens,
        "temperature": turn.temperature,
        "topP": turn.top_p,
        "stopSequences": turn.stop,
    }
    said = {name: value for name, value in config.items() if value is not None}
    if said or "inferenceConfig" in extra:
        body["inferenceConfig"] = {**said, **extra.get("inferenceConfig", {})}
    if turn.tools is not None:
        body["toolConfig"] = _tools(turn.tools, turn.tool_choice, extra.get("toolConfig", {}))
    _output(body, turn, extra)
    if turn.service_tier:
        body["serviceTier"] = extra.get("serviceTier", {"type": turn.service_tier})
    body["messages"] = _messages(turn.messages)
    return body


def _messages(messages: list[Message]) -> list[dict[str, Any]]:
    """As they were. A turn that was arranged has results in messages of their own: these join the user's."""
    out: list[dict[str, Any]] = []
    is_open = False
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        if is_open and role == "user":
            out[-1]["content"] += _blocks(message)
        else:
            out.append({"role": role, "content": _blocks(message), **(message.extra or {})})
        is_open = role == "user" and (is_open or message.role == "tool")
    return out


def _blocks(message: Message) -> list[Block]:
    blocks: list[Block] = []
    for part in message.parts:
        blocks.append(own_block(part))
        if part.cache:
            blocks.append(_point(part))
    return blocks


def _point(node: Part | Tool) -> Block:
    kept = (node.extra or {}).get(CACHE_POINT)
    return cache_point(node.cache) if kept is None else {CACHE_POINT: kept}


def _tools(tools: list[Tool], choice: ToolChoice | None, more: dict[str, Any]) -> dict[str, Any]:
    blocks: list[Block] = []
    for tool in tools:
        blocks.append(_tool(tool))
        if tool.cache:
            blocks.append(_point(tool))
    config: dict[str, Any] = {"tools": blocks, **more}
    if choice is not None and choice.mode == "named":
        config["toolChoice"] = {"tool": {"name": (choice.tools or [("", "")])[0][1]}}
    elif choice is not None:
        config["toolChoice"] = {"any" if choice.mode == "required" else "auto": {}}
    return config


def _tool(tool: Tool) -> Block:
    if tool.kind == "server":
        declared: Block = tool.value
        return declared
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
    spec.update((name, value) for name, value in (tool.extra or {}).items() if name != CACHE_POINT)
    return {"toolSpec": spec}


def _output(body: dict[str, Any], turn: Turn, extra: dict[str, Any]) -> None:
    config = dict(extra.get("outputConfig", {}))
    form = turn.format
    if form is not None:
        definition = {"schema": json_text(form.schema)}
        if form.name:
            definition["name"] = form.name
        if form.description:
            definition["description"] = form.description
        plain = {"type": "json_schema", "structure": {"jsonSchema": definition}}
        config["textFormat"] = (form.extra or {}).get(BLOCK, plain)
    if config or "outputConfig" in extra:
        body["outputConfig"] = config

"""A Gemini client's turn → the request as it came: what reading kept in `extra` goes back to its place. Equal as JSON, but for what
means nothing (tests/dataplane/wire/generate/exceptions.json)."""

from typing import Any, Final

from gateway.dataplane.wire.canon import (
    Media,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.generate.config import plain_config
from gateway.dataplane.wire.generate.tools import choice_said
from gateway.dataplane.wire.generate.write_part import Json, arguments_json

_NESTED: Final = frozenset({"functionCall", "functionResponse", "inlineData", "fileData"})
"""Members of a part whose own rest stands in `extra` under their name."""


def own_request(turn: Turn) -> Json:
    """The request's body, the conversation last."""
    extra = dict(turn.extra or {})
    kept_choice, kept_config = extra.pop("toolConfig", None), extra.pop("generationConfig", None)
    body: Json = {}
    if turn.instructions is not None:
        body["systemInstruction"] = {"parts": _parts(turn.instructions), **(turn.instructions.extra or {})}
    if turn.tools is not None:
        body["tools"] = _tools(turn.tools)
    if turn.tool_choice is not None:
        said = choice_said(turn.tool_choice) | (turn.tool_choice.extra or {})
        body["toolConfig"] = {"functionCallingConfig": said, **(kept_choice or {})}
    elif kept_choice is not None:
        body["toolConfig"] = kept_choice
    config = plain_config(turn)
    if turn.format is not None:
        config.update(turn.format.extra or {})
    if turn.thinking is not None:
        config["thinkingConfig"] = turn.thinking.extra or {}
    if config or kept_config is not None:
        body["generationConfig"] = config | (kept_config or {})
    return {**body, **extra, "contents": [_content(message) for message in turn.messages]}


def _tools(tools: list[Tool]) -> list[Json]:
    """All functions in one group, at the place of the first."""
    written: list[Json] = []
    functions: list[Json] = []
    for tool in tools:
        if tool.kind != "function":
            written.append(tool.value)
            continue
        if not functions:
            written.append({"functionDeclarations": functions})
        extra = tool.extra or {}
        function: Json = {"name": tool.name}
        if tool.description:
            function["description"] = tool.description
        if tool.schema is not None and "parameters" not in extra:
            function["parametersJsonSchema"] = tool.schema
        functions.append({**function, **extra})
    return written


def _content(message: Message) -> Json:
    role = "model" if message.role == "assistant" else "user"
    return {"role": role, "parts": _parts(message), **(message.extra or {})}


def _parts(message: Message) -> list[Json]:
    parts: list[Json] = []
    signature = ""
    for part in message.parts:
        extra = part.extra or {}
        if isinstance(part, Reasoning):
            if part.is_bound and part.extra is None:
                signature = part.signature
            elif part.is_bound:
                parts.append({**extra, "thoughtSignature": part.signature})
            else:
                signed = {"thoughtSignature": part.signature} if part.signature else {}
                parts.append({"text": part.text, "thought": True, **signed, **extra})
            continue
        piece = _piece(part)
        piece |= {name: value for name, value in extra.items() if name not in piece and name not in _NESTED}
        if signature:
            piece["thoughtSignature"] = signature
            signature = ""
        parts.append(piece)
    return [*parts, {"text": "", "thoughtSignature": signature}] if signature else parts


def _piece(part: Any) -> Json:
    if isinstance(part, Text | Refusal):
        return {"text": part.text}
    if isinstance(part, Media):
        return _media(part)
    if isinstance(part, ToolCall):
        call: Json = {"id": part.id, "name": part.name, "args": arguments_json(part)}
        return {"functionCall": _without_absent(call | (part.extra or {}).get("functionCall", {}))}
    if isinstance(part, ToolResult):
        return {"functionResponse": _response(part)}
    return dict(part.value)


def _response(result: ToolResult) -> Json:
    value = result.value
    if value is None:
        words = "\n".join(part.text for part in result.parts if isinstance(part, Text))
        value = {"error" if result.is_error else "output": words}
    response: Json = {"id": result.call_id, "name": result.name, "response": value}
    media = [
        _media(part) | {name: kept for name, kept in (part.extra or {}).items() if name not in _NESTED}
        if isinstance(part, Media)
        else part.value
        for part in result.parts
        if isinstance(part, Media | Opaque)
    ]
    if media:
        response["parts"] = media
    return _without_absent(response | (result.extra or {}).get("functionResponse", {}))


def _media(media: Media) -> Json:
    """Without the `extra` of its part."""
    extra = media.extra or {}
    if media.url:
        blob = {"mimeType": media.mime, "fileUri": media.url, "displayName": media.name}
        return {"fileData": {name: value for name, value in blob.items() if value} | extra.get("fileData", {})}
    blob = {"mimeType": media.mime, "data": media.data, "displayName": media.name}
    blob = {name: value for name, value in blob.items() if value or name == "data"}
    return {"inlineData": blob | extra.get("inlineData", {})}


def _without_absent(obj: Json) -> Json:
    """`"id": None` says that the client gave none."""
    return {name: value for name, value in obj.items() if name != "id" or value is not None}

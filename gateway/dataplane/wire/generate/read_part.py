"""One part of a request's content → canonical parts. Strict: what Google would refuse is refused, by its path.

A `thoughtSignature` becomes a bound Reasoning right before what it stands on; alone, or on an empty text, it is a bound Reasoning
whose `extra` holds the rest of its part ({} or {"text": ""}). The word that skips Google's check is no reasoning: it stays in the
call's `extra`. Members of `functionCall` and `functionResponse` that only Gemini knows stand in `extra` under those names; there
`"id": None` says that the client gave none.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Extra, Media, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from gateway.dataplane.wire.fields import (
    array,
    as_object,
    as_text,
    child,
    encode,
    fail,
    join,
    needed_text,
    rest,
    text,
)
from gateway.dataplane.wire.generate.names import DUMMY_SIGNATURES, camel

_STANDARD_BASE64: Final = str.maketrans("-_", "+/")

_TEXT: Final = frozenset({"text", "thoughtSignature"})
_THOUGHT: Final = frozenset({"text", "thoughtSignature", "thought"})
_CALL: Final = frozenset({"functionCall", "thoughtSignature"})
_RESPONSE: Final = frozenset({"functionResponse", "thoughtSignature"})
_INLINE: Final = frozenset({"inlineData", "thoughtSignature"})
_FILE: Final = frozenset({"fileData", "thoughtSignature"})
_CALL_MEMBERS: Final = frozenset({"id", "name", "args"})
_RESPONSE_MEMBERS: Final = frozenset({"id", "name", "response", "parts"})
_BLOB_MEMBERS: Final = frozenset({"mimeType", "data", "displayName"})
_FILE_MEMBERS: Final = frozenset({"mimeType", "fileUri", "displayName"})
_BESIDE: Final = frozenset({"videoMetadata", "mediaResolution", "partMetadata", "thought", "thoughtSignature"})
"""Members that say something about a part but are none of what it can hold."""


def read_part(value: Any, path: str) -> list[Part]:
    """A part as one or two canonical ones. A call or result without id has the id ''. Raises BadRequest."""
    part = camel(as_object(value, path))
    if "text" in part:
        return _text(part, path)
    if "functionCall" in part:
        return _signed(part, _call(part, path), path)
    if "functionResponse" in part:
        return _signed(part, _response(part, path), path)
    if "inlineData" in part:
        return _signed(part, _blob(part["inlineData"], rest(part, _INLINE), join(path, "inlineData")), path)
    if "fileData" in part:
        return _signed(part, _file(part["fileData"], rest(part, _FILE), join(path, "fileData")), path)
    for kind in part:
        if kind not in _BESIDE:
            return [Opaque(kind=kind, value=part)]
    if not part:
        fail(path, "holds nothing; give it `text`, `functionCall`, `functionResponse`, `inlineData` or `fileData`")
    if "thoughtSignature" not in part:
        return [Opaque(kind=next(iter(part)), value=part)]
    signature = as_text(part["thoughtSignature"], join(path, "thoughtSignature"))
    return [Reasoning(signature=signature, is_bound=True, extra=rest(part, _TEXT) or {})]


def _text(part: dict[str, Any], path: str) -> list[Part]:
    words = text(part, "text", path)
    if part.get("thought") is True:
        signature = text(part, "thoughtSignature", path)
        return [Reasoning(text=words, signature=signature, extra=rest(part, _THOUGHT))]
    if "thoughtSignature" not in part:
        return [Text(text=words, extra=rest(part, _TEXT))]
    if not words:
        signature = as_text(part["thoughtSignature"], join(path, "thoughtSignature"))
        return [Reasoning(signature=signature, is_bound=True, extra={"text": "", **(rest(part, _TEXT) or {})})]
    return _signed(part, Text(text=words, extra=rest(part, _TEXT)), path)


def _signed(part: dict[str, Any], node: Text | ToolCall | ToolResult | Media, path: str) -> list[Part]:
    signature = text(part, "thoughtSignature", path)
    if not signature:
        return [node]
    if signature in DUMMY_SIGNATURES:
        node.extra = {**(node.extra or {}), "thoughtSignature": signature}
        return [node]
    return [Reasoning(signature=signature, is_bound=True), node]


def _call(part: dict[str, Any], path: str) -> ToolCall:
    path = join(path, "functionCall")
    call = camel(as_object(part["functionCall"], path))
    return ToolCall(
        id=text(call, "id", path),
        name=needed_text(call, "name", path),
        arguments=encode(child(call, "args", path)).decode(),
        extra=_with_id(rest(part, _CALL), "functionCall", call, rest(call, _CALL_MEMBERS)),
    )


def _response(part: dict[str, Any], path: str) -> ToolResult:
    path = join(path, "functionResponse")
    said = camel(as_object(part["functionResponse"], path))
    if "response" not in said:
        fail(join(path, "response"), 'is missing; it must be an object, such as {"output": "…"}')
    value = as_object(said["response"], join(path, "response"))
    result = ToolResult(
        call_id=text(said, "id", path),
        name=needed_text(said, "name", path),
        parts=[],
        extra=_with_id(rest(part, _RESPONSE), "functionResponse", said, rest(said, _RESPONSE_MEMBERS)),
        is_error="error" in value and "output" not in value,
    )
    words = value.get("error" if result.is_error else "output")
    if len(value) == 1 and isinstance(words, str):
        result.parts.append(Text(text=words))
        result.is_plain = True
    else:
        result.value = value
    for index, row in enumerate(array(said, "parts", path)):
        result.parts.append(_response_part(row, join(join(path, "parts"), index)))
    return result


def _response_part(value: Any, path: str) -> Text | Media | Opaque:
    row = camel(as_object(value, path))
    if "inlineData" in row:
        return _blob(row["inlineData"], rest(row, _INLINE), join(path, "inlineData"))
    if "fileData" in row:
        return _file(row["fileData"], rest(row, _FILE), join(path, "fileData"))
    return Opaque(kind=next(iter(row), "part"), value=row)


def _with_id(extra: Extra, name: str, obj: dict[str, Any], others: Extra) -> Extra:
    members = dict(others or {})
    if obj.get("id") is None:
        members["id"] = None
    return {**(extra or {}), name: members} if members else extra


def _blob(value: Any, extra: Extra, path: str) -> Media:
    blob = camel(as_object(value, path))
    mime = text(blob, "mimeType", path)
    others = rest(blob, _BLOB_MEMBERS)
    return Media(
        kind=kind_of(mime),
        mime=mime,
        data=standard_base64(needed_text(blob, "data", path)),
        name=text(blob, "displayName", path),
        extra={**(extra or {}), "inlineData": others} if others else extra,
    )


def _file(value: Any, extra: Extra, path: str) -> Media:
    file = camel(as_object(value, path))
    mime = text(file, "mimeType", path)
    url = needed_text(file, "fileUri", path)
    others = rest(file, _FILE_MEMBERS)
    return Media(
        kind="video" if not mime and "youtu" in url else kind_of(mime),
        mime=mime,
        url=url,
        name=text(file, "displayName", path),
        extra={**(extra or {}), "fileData": others} if others else extra,
    )


def kind_of(mime: str) -> Any:
    """`image`, `audio`, `video`, and `document` for everything else."""
    family = mime.partition("/")[0].lower()
    return family if family in ("image", "audio", "video") else "document"


def standard_base64(data: str) -> str:
    """Base64 in the alphabet that every dialect takes: Google takes the one for URLs too, and its SDKs write it."""
    if "-" in data or "_" in data:
        data = data.translate(_STANDARD_BASE64)
    return data + "=" * (-len(data) % 4)

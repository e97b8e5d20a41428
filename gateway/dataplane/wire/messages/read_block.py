"""Content blocks of a client's request → parts. What the canon has no word for stays: members in `extra`, whole blocks as Opaque."""

from collections.abc import Callable
from typing import Any, Final, Literal

from gateway.dataplane.wire import fields
from gateway.dataplane.wire.canon import Extra, Media, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from gateway.dataplane.wire.messages.citations import citation_of
from gateway.dataplane.wire.messages.names import MARK

_Block = dict[str, Any]
_Ttl = Literal["", "5m", "1h"]


def part_of(value: Any, path: str) -> Part:
    """One block. Raises BadRequest."""
    block = fields.as_object(value, path)
    read = _READ.get(fields.needed_text(block, "type", path))
    return _opaque(block, path) if read is None else read(block, path)


def extra_of(holder: _Block, known: frozenset[str]) -> Extra:
    """The members that a node does not hold itself: unknown ones, nulls, and a `cache_control` that says more than its time."""
    if len(holder) <= len(known) and known.issuperset(holder) and None not in holder.values():
        return None
    left = {name: value for name, value in holder.items() if name not in known or value is None}
    if left.get("cache_control") in _PLAIN_MARKS:
        del left["cache_control"]
    return left or None


def cache_of(holder: _Block, path: str) -> _Ttl:
    """The time to live of a cache breakpoint; '' when there is none. Raises BadRequest."""
    if holder.get("cache_control") is None:
        return ""
    mark = fields.child(holder, "cache_control", path)
    return "1h" if mark.get("ttl") == "1h" else "5m"


_PLAIN_MARKS: Final = tuple(MARK.values())
_TEXT: Final = frozenset({"type", "text", "citations"})
_CALL: Final = frozenset({"type", "id", "name", "input"})
_RESULT: Final = frozenset({"type", "tool_use_id", "content", "is_error"})
_THINKING: Final = frozenset({"type", "thinking", "signature"})
_REDACTED: Final = frozenset({"type", "data"})
_IMAGE: Final = frozenset({"type", "source"})
_DOCUMENT: Final = frozenset({"type", "source", "title"})
_SOURCES: Final[dict[str, frozenset[str]]] = {
    "base64": frozenset({"type", "media_type", "data"}),
    "text": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
    "file": frozenset({"type", "file_id"}),
}


def _text(block: _Block, path: str) -> Text:
    citations = block.get("citations")
    return Text(
        text=fields.needed_text(block, "text", path),
        citations=None if citations is None else [citation_of(one) for one in fields.array(block, "citations", path)],
        cache=cache_of(block, path),
        extra=extra_of(block, _TEXT),
    )


def _tool_use(block: _Block, path: str) -> ToolCall:
    given = fields.as_object(block.get("input"), fields.join(path, "input"))
    return ToolCall(
        id=fields.needed_text(block, "id", path),
        name=fields.needed_text(block, "name", path),
        arguments=fields.encode(given).decode(),
        cache=cache_of(block, path),
        extra=extra_of(block, _CALL),
    )


def _tool_result(block: _Block, path: str) -> ToolResult:
    """`is_plain` with no parts: there was no `content` at all."""
    content = block.get("content")
    parts: list[Text | Media | Opaque] = []
    if isinstance(content, str):
        parts.append(Text(text=content))
    elif content is not None:
        inner = fields.join(path, "content")
        blocks = fields.as_array(content, inner)
        parts += [_result_part(one, fields.join(inner, at)) for at, one in enumerate(blocks)]
    extra = extra_of(block, _RESULT)
    is_error = fields.flag(block, "is_error", path)
    if is_error is False:  # said, though it is the default
        extra = {**(extra or {}), "is_error": False}
    return ToolResult(
        call_id=fields.needed_text(block, "tool_use_id", path),
        parts=parts,
        is_error=bool(is_error),
        is_plain=not isinstance(content, list),
        cache=cache_of(block, path),
        extra=extra,
    )


def _result_part(value: Any, path: str) -> Text | Media | Opaque:
    part = part_of(value, path)
    return part if isinstance(part, Text | Media | Opaque) else _opaque(value, path)


def _thinking(block: _Block, path: str) -> Reasoning:
    return Reasoning(
        text=fields.needed_text(block, "thinking", path),
        signature=fields.text(block, "signature", path),
        extra=extra_of(block, _THINKING),
    )


def _redacted_thinking(block: _Block, path: str) -> Reasoning:
    data = fields.needed_text(block, "data", path)
    return Reasoning(signature=data, is_redacted=True, extra=extra_of(block, _REDACTED))


def _image(block: _Block, path: str) -> Media | Opaque:
    source = fields.child(block, "source", path)
    return _media("image", block, source, path, _IMAGE) or _opaque(block, path)


def _document(block: _Block, path: str) -> Media | Opaque:
    source = fields.child(block, "source", path)
    if source.get("type") == "content":
        text = _content_text(source.get("content"))
        if text is None:
            return _opaque(block, path)
        extra = {**(extra_of(block, _DOCUMENT) or {}), "source": source}
        title = fields.text(block, "title", path)
        return Media(
            kind="document", text=text, mime="text/plain", name=title, cache=cache_of(block, path), extra=extra
        )
    found = _media("document", block, source, path, _DOCUMENT)
    return _opaque(block, path) if found is None else found


def _media(
    kind: Literal["image", "document"], block: _Block, source: _Block, path: str, known: frozenset[str]
) -> Media | None:
    """None when the source is of a type that the canon has no place for."""
    of = fields.join(path, "source")
    form = fields.needed_text(source, "type", of)
    members = _SOURCES.get(form)
    if members is None or (form == "text" and kind == "image"):
        return None
    extra = extra_of(block, known)
    more = extra_of(source, members)
    if more:  # a source with members of its own goes back as it came
        extra = {**(extra or {}), "source": source}
    return Media(
        kind=kind,
        data=fields.needed_text(source, "data", of) if form == "base64" else "",
        text=fields.needed_text(source, "data", of) if form == "text" else "",
        mime=fields.text(source, "media_type", of),
        url=fields.needed_text(source, "url", of) if form == "url" else "",
        file_id=fields.needed_text(source, "file_id", of) if form == "file" else "",
        name=fields.text(block, "title", path) if kind == "document" else "",
        cache=cache_of(block, path),
        extra=extra,
    )


def _content_text(content: Any) -> str | None:
    """The text of a document given as content blocks; None when it holds anything but text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [one["text"] for one in content if isinstance(one, dict) and isinstance(one.get("text"), str)]
    return "\n".join(texts) if len(texts) == len(content) else None


def _opaque(block: _Block, path: str) -> Opaque:
    return Opaque(kind=fields.needed_text(block, "type", path), value=block, cache=cache_of(block, path))


_READ: Final[dict[str, Callable[[_Block, str], Part]]] = {
    "text": _text,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "image": _image,
    "document": _document,
}

"""Content blocks → parts, of requests and of answers. A cache point becomes the mark of the part before it."""

from collections.abc import Callable
from typing import Any, Final

from gateway.dataplane.wire.canon import Media, Opaque, Part, Reasoning, Text, ToolCall, ToolResult
from gateway.dataplane.wire.converse.citations import citation_of
from gateway.dataplane.wire.converse.media import KINDS, read_media
from gateway.dataplane.wire.converse.names import BLOCK, CACHE_POINT
from gateway.dataplane.wire.fields import (
    array,
    as_array,
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

_CALL: Final = frozenset({"toolUseId", "name", "input"})
_RESULT: Final = frozenset({"toolUseId", "content"})
SERVER_USE: Final = "server_tool_use"


def read_blocks(blocks: list[Any], path: str) -> list[Part]:
    """The parts of a message's or the system's `content`. Raises BadRequest."""
    parts: list[Part] = []
    for at, block in enumerate(blocks):
        within = join(path, at)
        block = as_object(block, within)
        if CACHE_POINT in block and parts and not parts[-1].cache:
            read_point(parts[-1], block, within)
            continue
        parts.append(_read_block(block, within))
    return parts


def read_point(node: Any, block: dict[str, Any], path: str) -> None:
    """Marks the node before a cache point; keeps the point where it is more than the mark says. Raises BadRequest."""
    point = as_object(block[CACHE_POINT], join(path, CACHE_POINT))
    ttl = text(point, "ttl", join(path, CACHE_POINT))
    if ttl not in ("", "5m", "1h"):
        fail(f"{path}.{CACHE_POINT}.ttl", "must be 5m or 1h")
    node.cache = ttl or "5m"
    if point != ({"type": "default", "ttl": "1h"} if ttl == "1h" else {"type": "default"}):
        node.extra = {**(node.extra or {}), CACHE_POINT: point}


def _read_block(block: dict[str, Any], path: str) -> Part:
    for name, value in block.items():
        reader = _READERS.get(name)
        if reader is not None and value is not None:
            part = reader(value, join(path, name))
            if len(block) > 1:
                part.extra = {**(part.extra or {}), BLOCK: block}
            return part
        if name in KINDS and value is not None:
            return read_media(name, as_object(value, join(path, name)), join(path, name))
    if not block:
        fail(
            path,
            "is empty; it must have one member that says what it is, such as `text`, `image`, `toolUse`, `toolResult`",
        )
    return Opaque(kind=next(iter(block)), value=block)


def _text(value: Any, path: str) -> Part:
    return Text(text=as_text(value, path))


def _call(value: Any, path: str) -> Part:
    use = as_object(value, path)
    if use.get("type") == SERVER_USE:
        return Opaque(kind=SERVER_USE, value={"toolUse": use})
    arguments = use.get("input")
    if arguments is not None and not isinstance(arguments, dict):
        fail(join(path, "input"), "must be an object")
    return ToolCall(
        id=needed_text(use, "toolUseId", path),
        name=needed_text(use, "name", path),
        arguments=encode({} if arguments is None else arguments).decode(),
        extra=rest(use, _CALL),
    )


def _result(value: Any, path: str) -> Part:
    result = as_object(value, path)
    if result.get("type"):  # what a tool that runs at AWS gave
        return Opaque(kind=text(result, "type", path), value={"toolResult": result})
    content = array(result, "content", path)
    more = rest(result, _RESULT)
    is_error = result.get("status") == "error"
    if is_error and more is not None:
        more = {name: member for name, member in more.items() if name != "status"} or None
    found = ToolResult(call_id=needed_text(result, "toolUseId", path), parts=[], is_error=is_error, extra=more)
    only = content[0] if len(content) == 1 else None
    if isinstance(only, dict) and len(only) == 1 and isinstance(only.get("json"), dict):
        found.value = only["json"]
    else:
        found.parts = [
            _read_result(as_object(block, join(join(path, "content"), at)), join(join(path, "content"), at))
            for at, block in enumerate(content)
        ]
    return found


def _read_result(block: dict[str, Any], path: str) -> Text | Media | Opaque:
    if "json" in block:
        return Text(text=encode(block["json"]).decode(), extra={BLOCK: block})
    part = _read_block(block, path)
    return part if isinstance(part, Text | Media | Opaque) else Opaque(kind=next(iter(block)), value=block)


def _reasoning(value: Any, path: str) -> Part:
    content = as_object(value, path)
    if content.get("redactedContent") is not None:
        return Reasoning(signature=text(content, "redactedContent", path), is_redacted=True)
    within = join(path, "reasoningText")
    thought = child(content, "reasoningText", path)
    more = rest(thought, frozenset({"text", "signature"}))
    found = Reasoning(text=text(thought, "text", within), signature=text(thought, "signature", within))
    if more or "text" not in thought:
        found.extra = {BLOCK: {"reasoningContent": content}}
    return found


def _citations(value: Any, path: str) -> Part:
    """Words with where they come from."""
    content = as_object(value, path)
    pieces = array(content, "content", path)
    words = [text(as_object(piece, join(path, "content")), "text", join(path, "content")) for piece in pieces]
    found = Text(text="".join(words), citations=[citation_of(one) for one in array(content, "citations", path)])
    if pieces != [{"text": found.text}] or len(content) != 2:
        found.extra = {BLOCK: {"citationsContent": content}}
    return found


def _search_result(value: Any, path: str) -> Part:
    """A found page, as the words that it brings: every dialect can carry those."""
    found = as_object(value, path)
    pieces = as_array(found.get("content", []), join(path, "content"))
    words = [text(as_object(piece, join(path, "content")), "text", join(path, "content")) for piece in pieces]
    head = [text(found, "title", path), text(found, "source", path)]
    return Text(text="\n".join(piece for piece in head + words if piece), extra={BLOCK: {"searchResult": found}})


def _guard_content(value: Any, path: str) -> Part:
    """What a guardrail shall look at is ordinary content to everybody else."""
    guarded = as_object(value, path)
    kept = {BLOCK: {"guardContent": guarded}}
    if guarded.get("image") is not None:
        image = read_media("image", child(guarded, "image", path), join(path, "image"))
        image.extra = kept
        return image
    return Text(text=text(child(guarded, "text", path), "text", join(path, "text")), extra=kept)


_READERS: Final[dict[str, Callable[[Any, str], Part]]] = {
    "text": _text,
    "toolUse": _call,
    "toolResult": _result,
    "reasoningContent": _reasoning,
    "citationsContent": _citations,
    "searchResult": _search_result,
    "guardContent": _guard_content,
}

"""Images and documents by URL, for providers that take them only inline (traps 22, 35). Pure: `flow` fetches between the two calls."""

import base64
from collections.abc import Mapping

from msgspec import structs

from gateway.dataplane.wire.canon import Media, Message, Opaque, Part, Text, ToolResult, Turn

_FETCHED_BY_PROVIDER: dict[str, frozenset[str]] = {
    "openai.responses": frozenset({"image", "document"}),
    "openai.chat": frozenset({"image"}),
    "anthropic.messages": frozenset({"image", "document"}),
}
"""What each dialect's providers fetch by themselves; everything else by http(s) URL is put into the request."""


def wanted(turn: Turn, dialect: str) -> list[str]:
    """URLs that must be fetched before `turn` is written for `dialect`: each once, in order."""
    urls: dict[str, None] = {}
    for message in turn.messages:
        for part in message.parts:
            for media in (part, *(part.parts if isinstance(part, ToolResult) else ())):
                if isinstance(media, Media) and _is_wanted(media, dialect):
                    urls[media.url] = None
    return list(urls)


def inlined(turn: Turn, dialect: str, fetched: Mapping[str, tuple[str, bytes]]) -> Turn:
    """`turn` with what was fetched (URL → MIME type and bytes) in place of its URLs."""

    def put(part: Text | Media | Opaque) -> Text | Media | Opaque:
        if not isinstance(part, Media) or not _is_wanted(part, dialect) or part.url not in fetched:
            return part
        mime, data = fetched[part.url]
        return structs.replace(part, url="", mime=mime or part.mime, data=base64.b64encode(data).decode())

    def put_all(part: Part) -> Part:
        if isinstance(part, ToolResult):
            return structs.replace(part, parts=[put(inner) for inner in part.parts])
        return put(part) if isinstance(part, Media) else part

    messages: list[Message] = [structs.replace(m, parts=[put_all(part) for part in m.parts]) for m in turn.messages]
    return structs.replace(turn, messages=messages)


def _is_wanted(media: Media, dialect: str) -> bool:
    return media.url.startswith(("http://", "https://")) and media.kind not in _FETCHED_BY_PROVIDER.get(dialect, ())

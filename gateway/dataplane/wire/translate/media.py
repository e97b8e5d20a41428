"""Images and documents: by URL for providers that take them only inline, and what stands in for those that cannot be sent. Traps 22,
34, 35. Pure: `flow` fetches between `wanted` and `inlined`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from gateway.dataplane.wire.canon import Media, Message, Opaque, Part, Text, ToolResult, Turn

_FETCHED_BY_PROVIDER: dict[str, frozenset[str]] = {
    "openai.responses": frozenset({"image", "document"}),
    "openai.chat": frozenset({"image"}),
    "anthropic.messages": frozenset({"image", "document"}),
}
"""What each dialect's providers fetch by themselves; everything else by http(s) URL is put into the request."""
GOOGLES: Final = (
    "gs://",
    "https://generativelanguage.googleapis.com/",  # the Files API
    "https://www.youtube.com/",
    "https://youtube.com/",
    "https://m.youtube.com/",
    "https://youtu.be/",
)
"""What only Google can resolve (ai.google.dev "Files API", "Video understanding"; Vertex: Cloud Storage): behind none of it is a file
that anybody else could fetch."""
_WORDS: Final = ("text/", "application/json", "application/xml")
_SHOWN_URL: Final = 500
_MOST_HOST: Final = 64
"""Longer than any of GOOGLES: the case of scheme and host means nothing, that of the path does."""


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


def is_web(url: str) -> bool:
    """Whether it is an http or https URL."""
    return url[:8].lower().startswith(("http://", "https://"))


def _is_wanted(media: Media, dialect: str) -> bool:
    is_file = is_web(media.url) and not media.url[:_MOST_HOST].lower().startswith(GOOGLES)
    return is_file and media.kind not in _FETCHED_BY_PROVIDER.get(dialect, ())


# === what a writer needs of them ===


def words_of(media: Media) -> str:
    """The text of a plain-text document, however it came; '' for every other medium."""
    if media.text or media.kind != "document" or not media.mime.startswith(_WORDS):
        return media.text
    try:
        return base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def called(media: Media) -> str:
    """What to call it when it is spoken of."""
    name = media.name or (media.url if len(media.url) <= _SHOWN_URL else "")
    return f"{media.kind} `{name}`" if name else media.kind


def left_out(media: Media) -> str:
    """What stands in its place: without a word the model would invent what it shows."""
    return f"[{called(media)} could not be sent to this model]"


def data_url(media: Media) -> str:
    """`data:` URL of inline media, or its URL."""
    return f"data:{media.mime};base64,{media.data}" if media.data else media.url


def split_data_url(url: str) -> tuple[str, str]:
    """MIME type and base64 of a `data:` URL; two empty strings for any other."""
    head, comma, data = url.removeprefix("data:").partition(",")
    if not url.startswith("data:") or not comma or not head.endswith(";base64"):
        return "", ""
    return head.removesuffix(";base64"), data

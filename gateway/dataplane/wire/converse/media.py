"""Images, documents, videos and sounds ⇄ Media. Formats are words of Bedrock's own; documents have names with rules (trap 36).

Sources: the shapes ImageBlock, DocumentBlock, VideoBlock and AudioBlock of the service model; the API reference's DocumentBlock
on names: letters, digits, single spaces, hyphens, parentheses and square brackets, and no two alike in one request. A document's
`source.text` is only taken with citations (strands-agents/harness-sdk#3582), so text travels as bytes.
"""

import base64
import re
from typing import Any, Final

from gateway.dataplane.wire.canon import Media
from gateway.dataplane.wire.converse.names import BLOCK
from gateway.dataplane.wire.fields import array, as_object, child, fail, join, needed_text, text

_MIME: Final[dict[str, dict[str, str]]] = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "document": {
        "pdf": "application/pdf",
        "txt": "text/plain",
        "md": "text/markdown",
        "csv": "text/csv",
        "html": "text/html",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
    "video": {
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mp3",
        "wav": "audio/wav",
        "opus": "audio/opus",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "mp4": "audio/mp4",
        "m4a": "audio/m4a",
        "mpeg": "audio/mpeg",
        "webm": "audio/webm",
        "pcm": "audio/pcm",
        "mkv": "audio/x-matroska",
        "mka": "audio/mka",
        "x-aac": "audio/x-aac",
        "mpga": "audio/mpga",
    },
}
_FORMAT: Final[dict[str, dict[str, str]]] = {
    kind: {mime: form for form, mime in forms.items()} for kind, forms in _MIME.items()
}
_ALSO: Final = {
    "image/jpg": "jpeg",
    "image/pjpeg": "jpeg",
    "application/csv": "csv",
    "application/xhtml+xml": "html",
    "application/json": "txt",
    "application/xml": "txt",
    "application/yaml": "txt",
    "text/x-markdown": "md",
    "video/avi": "",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/x-m4a": "m4a",
}
KINDS: Final = frozenset(_MIME)

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9\s()\[\]-]+")
_SPACES: Final = re.compile(r"\s+")
_NAME_CHARS: Final = 200
_UNNAMED: Final = "document"


# === reading ===


def read_media(kind: Any, block: dict[str, Any], path: str) -> Media:
    """The value of an `image`, `document`, `video` or `audio` block. Raises BadRequest."""
    source = child(block, "source", path)
    within = join(path, "source")
    if not source:
        fail(within, "is missing; it must hold `bytes` (base64) or an `s3Location`")
    form = text(block, "format", path)
    media = Media(
        kind=kind, mime=_MIME[kind].get(form, f"{kind}/{form}" if form else ""), name=text(block, "name", path)
    )
    location = child(source, "s3Location", within)
    if source.get("bytes") is not None:
        media.data = text(source, "bytes", within)
    elif location:
        media.url = needed_text(location, "uri", join(within, "s3Location"))
    elif source.get("text") is not None:
        media.text = text(source, "text", within)
        media.mime = media.mime or "text/plain"
    else:
        pieces = array(source, "content", within)
        media.text = "\n".join(
            text(as_object(piece, join(join(within, "content"), at)), "text", join(within, "content"))
            for at, piece in enumerate(pieces)
        )
        media.mime = media.mime or "text/plain"
    if _plain(media, media.name) != block:
        media.extra = {BLOCK: {kind: block}}
    return media


# === writing ===


def write_media(media: Media, names: "DocumentNames") -> dict[str, Any] | None:
    """The block for `media`; None when Bedrock has no word for its form or place."""
    if format_of(media) and (media.data or media.text or media.url.startswith("s3://")):
        return {media.kind: _plain(media, names.name(media) if media.kind == "document" else "")}
    return None


def format_of(media: Media) -> str:
    """Bedrock's word for the form; '' when it has none."""
    mime = media.mime.partition(";")[0].strip().lower()
    if not mime:
        mime = _mime_of_name(media)
    form = _FORMAT[media.kind].get(mime) or _ALSO.get(mime, "")
    if not form and media.kind == "document" and (mime.startswith("text/") or (media.text and not mime)):
        form = "txt"
    return form if form in _MIME[media.kind] else ""


def _mime_of_name(media: Media) -> str:
    """For what came without a type: what the ending of its name or address says."""
    ending = (media.name or media.url).rpartition(".")[2].lower()
    return _MIME[media.kind].get(ending, "")


def _plain(media: Media, name: str) -> dict[str, Any]:
    """The block's value in its plainest form."""
    source: dict[str, Any]
    if media.url:
        source = {"s3Location": {"uri": media.url}}
    elif media.data:
        source = {"bytes": media.data}
    else:
        source = {"bytes": base64.b64encode(media.text.encode("utf-8", "replace")).decode()}
    block = {"format": format_of(media), "source": source}
    return {**block, "name": name} if media.kind == "document" else block


class DocumentNames:
    """Names of the documents of one request: legal, and each once. They depend on what stands before only."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def name(self, media: Media) -> str:
        """A legal name that no document before has."""
        name = _SPACES.sub(" ", _ILLEGAL.sub("-", media.name)).strip(" -")[: _NAME_CHARS - 8].rstrip() or _UNNAMED
        free, count = name, self._counts.get(name, 1)
        while free in self._taken:
            count += 1
            free = f"{name} ({count})"
        self._counts[name] = count
        self._taken.add(free)
        return free

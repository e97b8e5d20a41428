"""Gemini's streams without `alt=sse`: one JSON array, whose elements are the chunks."""

from typing import Any

from msgspec import DecodeError
from msgspec.json import Decoder

from gateway import _native
from gateway.base.core.struct import Wire
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.gemini import GEMINI_GENERATE
from gateway.dataplane.wire.usage import USAGE


class _Chunk(Wire):
    error: Any = None


_ARRAY = Decoder(list[_Chunk] | _Chunk)


def is_failed(body: bytes) -> bool | None:
    """Whether a chunk of the array, or one that came in its place, tells an error; None for an array that is not closed."""
    try:
        chunks = _ARRAY.decode(body)
    except (DecodeError, UnicodeDecodeError):
        return None
    return any(chunk.error for chunk in (chunks if isinstance(chunks, list) else [chunks]))


def usage_of(body: bytes) -> Usage | None:
    """The last `usageMetadata`, which counts all that came before; the array need not be whole."""
    at = body.rfind(b'"usageMetadata"')
    rest = b"{" + body[at:]
    start, end = _native.find_path(rest, (b"usageMetadata",)) if at >= 0 else (-1, -1)
    return USAGE["gemini.generate"](rest[start:end], None) if start >= 0 else None


_BARE_ERROR = GEMINI_GENERATE.bare_error


class ArrayWriter:
    """A stream's chunks and its error → elements of the array."""

    def __init__(self) -> None:
        self._has_begun = False

    def piece(self, data: bytes) -> bytes:
        """More elements; b'' when `data` is a keep-alive."""
        lines = data.splitlines()
        chunks = [line.removeprefix(b"data:").strip() for line in lines if line.startswith((b"data:", _BARE_ERROR))]
        if not chunks:
            return b""
        head = b",\r\n" if self._has_begun else b"["
        self._has_begun = True
        return head + b",\r\n".join(chunks)

    def last(self, data: bytes) -> bytes:
        """The last elements, and the end."""
        return self.piece(data) + (b"]" if self._has_begun else b"[]")

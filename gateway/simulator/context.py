"""What an encoder gets: the steps of one answer with everything around them, and stable ids. Pure."""

from __future__ import annotations

import base64
from hashlib import blake2b
from typing import Any

import orjson

from .steps import Record, Reply, Step
from .usage import Usage
from .view import View

Event = tuple[bytes, int]
"""Bytes of one event, and the tokens that were generated for it: it waits its turn when the answer is paced. UNTIMED events
leave with the one before."""
UNTIMED = -1
_EPOCH = 1_767_225_600  # 2026-01-01; answers are the same at any time, so their clock stands still


class Ids:
    """Ids that depend only on the request and the seed."""

    __slots__ = ("_key", "_n")

    def __init__(self, raw: bytes, salt: str) -> None:
        self._key = blake2b(raw, key=salt.encode()[:64], digest_size=32).digest()
        self._n = 0

    def make(self, prefix: str, size: int = 48) -> str:
        """The next id: prefix and `size` (at most 128) hex digits."""
        self._n += 1
        return (
            prefix + blake2b(self._n.to_bytes(4, "big"), key=self._key, digest_size=(size + 1) // 2).hexdigest()[:size]
        )

    def opaque(self, size: int, prefix: bytes = b"") -> str:
        """Base64 of `size` bytes that look like a signature or an encrypted text."""
        self._n += 1
        block = b"".join(
            blake2b(bytes((i & 255, i >> 8)) + self._n.to_bytes(4, "big"), key=self._key).digest()
            for i in range(size // 64 + 1)
        )
        return base64.b64encode((prefix + block)[:size]).decode()

    @property
    def created(self) -> int:
        """A timestamp within a day after 2026-01-01."""
        return _EPOCH + int.from_bytes(self._key[:2], "big")


class Context(Record, frozen=True):
    """One answer to encode."""

    view: View
    reply: Reply
    usage: Usage
    ids: Any  # Ids
    response_id: str
    body: dict[str, Any]
    sse: bool = True  # Gemini streams a JSON array without `alt=sse`

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.reply.steps


def dumps(value: Any) -> bytes:
    """JSON bytes."""
    return orjson.dumps(value)


def slices(text: str, size: int = 12) -> list[str]:
    """A tool call's arguments in the pieces in which they stream."""
    return [text[i : i + size] for i in range(0, len(text), size)]

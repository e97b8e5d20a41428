"""The simulator's nouns: what an agent may do next, and how an answer may go wrong.

Canonical steps know no dialect. `script.py` makes them, the encoders turn them into bytes. Everything here is data.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from msgspec import Struct

_PIECE = re.compile(r"\s*\S{1,12}|\s+")


class Record(Struct, frozen=True):
    """Base of the simulator's facts."""


class Text(Record, frozen=True, tag="text"):
    """Visible words; one piece is one delta on the wire and counts as one output token."""

    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Reasoning(Record, frozen=True, tag="reasoning"):
    """Thinking: a summary that may be shown, and the number of reasoning tokens it is billed as."""

    pieces: tuple[str, ...]
    tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Call(Record, frozen=True, tag="call"):
    """One tool call. `custom` tools take `text` as it is (apply_patch, exec); functions take the object `args`."""

    name: str
    args: dict[str, Any] = {}
    text: str = ""
    custom: bool = False
    namespace: str | None = None


class Compaction(Record, frozen=True, tag="compaction"):
    """The one output item that Codex's remote compaction expects."""


Step = Text | Reasoning | Call | Compaction


class Failure(Record, frozen=True):
    """An error in the provider's own words: as an HTTP answer, or as an event when a stream is already running."""

    status: int = 500
    message: str = "The simulated provider failed."
    type: str | None = None
    code: str | None = None
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Fault(Record, frozen=True):
    """How the delivery of an answer is disturbed. Counts are events of the stream, `at` is a byte offset in its body.

    kind: `none`, `error` (HTTP error), `in_stream_error`, `stall`, `cut` (socket dropped), `close` (no answer at all).
    """

    kind: str = "none"
    after: int = 4
    at: int | None = None
    secs: float = 600.0
    reset: bool = False
    failure: Failure = Failure()


class Reply(Record, frozen=True):
    """The agent's whole answer to one request."""

    steps: tuple[Step, ...]
    fault: Fault = Fault()
    usage: bool = True
    stream: bool | None = None  # None: as the client asked
    delay_ms: int = 0  # before the headers
    finish: str = ""  # "": from the steps; "length" when the client's token limit cut the text


@lru_cache(maxsize=512)
def split(text: str) -> tuple[str, ...]:
    """Cut a text into token-like pieces; joined again they are the text."""
    return tuple(_PIECE.findall(text))


def say(text: str, tokens: int | None = None) -> Text:
    """Text whose number of pieces is `tokens` when given: cut, or repeated from its start."""
    pieces = split(text)
    if tokens is None or not pieces:
        return Text(pieces)
    if tokens > len(pieces):
        again = (" " + pieces[0].lstrip(), *pieces[1:])
        pieces = (pieces + again * (tokens // len(again) + 1))[:tokens]
    return Text(pieces[: max(tokens, 1)])


def think(text: str, tokens: int | None = None) -> Reasoning:
    """Reasoning with a summary; billed as twice the summary's pieces unless `tokens` says otherwise."""
    pieces = split(text)
    return Reasoning(pieces, tokens if tokens is not None else 64 * (1 + len(pieces) // 32))

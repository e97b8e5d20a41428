"""What the guard looks at: the texts of a request, each with whose words they are and how far they are trusted.

Found in the client's own bytes (`_native.text_view`), whatever dialect they are in; no object is made of the body. Nothing
that leaves is unseen: each string of a body is a piece, and what is not scanned is of a kind named in NOT_SCANNED. Numbers and
literals are no texts. JSON inside a string (a call's `arguments` in OpenAI's dialects, many results) is one text, unescaped twice.
"""

from enum import IntEnum
from typing import Final, Literal

from gateway import _native
from gateway.base.core.struct import Record


class Kind(IntEnum):
    """Whose words a piece is, or why it is not scanned. The numbers are those of the native `Kind`."""

    SYSTEM = 0
    DEVELOPER = 1
    USER = 2
    """With what stands beside the words: names of files, URLs, documents given as text."""
    ASSISTANT = 3
    REASONING = 4
    """In the clear."""
    CALL = 5
    """A tool call: its name and arguments, keys too."""
    RESULT = 6
    """What a tool gave or a search found."""
    TOOLS = 7
    """Declared tools: names, descriptions, schemas. MCP servers write them."""
    METADATA = 8
    """Members about the request: metadata, the user's name, cache keys."""
    OTHER = 9
    """Settings, and what nobody knows yet."""
    ID = 10
    """A member that is an id by its name. Scanned: nothing proves that it holds no secret."""
    WORD = 11
    """An enum-like member by its name whose value is a short word: no format of a secret fits."""
    MEDIA = 12
    """Base64 where media stands, data URLs too; not when its media type is a text's."""
    SEALED = 13
    """Base64 where a provider's sealed reasoning stands."""


Trust = Literal["trusted", "user", "model", "untrusted"]
"""Who could have written a text: the client's program, its user, the model, or anybody."""

TRUST: Final[dict[Kind, Trust]] = {
    Kind.SYSTEM: "trusted",
    Kind.DEVELOPER: "trusted",
    Kind.USER: "user",
    Kind.METADATA: "user",
    Kind.ASSISTANT: "model",
    Kind.REASONING: "model",
    Kind.CALL: "model",
    Kind.RESULT: "untrusted",
    Kind.TOOLS: "untrusted",
    Kind.OTHER: "untrusted",
    Kind.ID: "untrusted",
    Kind.WORD: "untrusted",
    Kind.MEDIA: "untrusted",
    Kind.SEALED: "untrusted",
}

NOT_SCANNED: Final = frozenset({Kind.WORD, Kind.MEDIA, Kind.SEALED})


def mask_of(kinds: frozenset[Kind]) -> int:
    """`kinds` as `TextView.joined` takes them."""
    return sum(1 << kind for kind in kinds)


SCANNED: Final = mask_of(frozenset(Kind) - NOT_SCANNED)


class Piece(Record, frozen=True):
    """One string of a body: what stands between its quotes at `start` to `end`, escapes included."""

    kind: Kind
    start: int
    end: int
    is_key: bool
    is_escaped: bool

    @property
    def trust(self) -> Trust:
        """How far its words are trusted."""
        return TRUST[self.kind]


def piece_of(view: _native.TextView, index: int) -> Piece:
    """One piece by its index in the view. Raises IndexError."""
    kind, start, end, is_key, is_escaped = view.piece(index)
    return Piece(Kind(kind), start, end, is_key, is_escaped)

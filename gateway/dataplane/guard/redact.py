"""What stands in place of a finding: `<SECRET_github-pat_5d1c07ab>`, the same for the same text each time and on each node.

Nothing is kept to make it: it is the rule and a keyed hash of the text, so the prompt of the next turn begins as the last one
did and prompt caches hold. It needs no escaping in JSON, at whatever depth.
"""

from hashlib import blake2b
from typing import Final

import msgspec

from gateway.base.core.struct import Record
from gateway.base.core.verdict import Scanner

_WORDS: Final[dict[Scanner, str]] = {"secrets": "SECRET", "pii": "PII"}
_MATCH_BYTES, _SHOWN, _DEEPEST = 8, 8, 3
_string = msgspec.json.Decoder(str).decode


class Span(Record, frozen=True):
    """Bytes `start` to `end` of a body have to go, for what the scanner found there."""

    start: int
    end: int
    scanner: Scanner
    placeholder: bytes


class Marks:
    """Names what was found without telling it. `key`: 32 bytes that all workers and nodes share."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = blake2b(key=key, digest_size=_MATCH_BYTES)

    def match(self, text: bytes) -> str:
        """16 hex digits: equal texts, equal digits."""
        keyed = self._keyed.copy()
        keyed.update(text)
        return keyed.hexdigest()

    def placeholder(self, scanner: Scanner, rule: str, text: bytes) -> bytes:
        """What stands in place of `text`."""
        return placeholder(scanner, rule, self.match(text))


def placeholder(scanner: Scanner, rule: str, match: str) -> bytes:
    """What stands in place of a text whose hash is `match`."""
    return f"<{_WORDS.get(scanner, 'REMOVED')}_{rule}_{match[:_SHOWN]}>".encode()


def redacted(body: bytes, spans: list[Span]) -> bytes:
    """`body` with a placeholder in place of each span; where some overlap, one for all of them: a secret's before others."""
    pieces: list[bytes] = []
    at = 0
    for span in merged(spans):
        pieces += (body[at : span.start], span.placeholder)
        at = span.end
    pieces.append(body[at:])
    return b"".join(pieces)


def merged(spans: list[Span]) -> list[Span]:
    """In order of place, none overlapping another."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if not found or span.start >= found[-1].end:
            found.append(span)
            continue
        last = found[-1]
        name = span if span.scanner == "secrets" != last.scanner else last
        found[-1] = Span(last.start, max(last.end, span.end), name.scanner, name.placeholder)
    return found


def unescaped(raw: bytes, match: str, marks: Marks) -> bytes:
    """The text with the hash `match` from its bytes in a body, where it stands in a JSON string or in JSON inside of one."""
    for _ in range(_DEEPEST):
        if marks.match(raw) == match:
            break
        try:
            raw = _string(b'"%b"' % raw).encode()
        except (
            msgspec.DecodeError,
            UnicodeEncodeError,
        ):  # half of an escape, a lone surrogate: better as it stands than not at all
            break
    return raw

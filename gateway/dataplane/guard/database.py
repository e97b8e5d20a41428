"""Patterns that Hyperscan looks for all at once. Compiling takes seconds, loading what was compiled milliseconds."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from typing import Final

import hyperscan

from gateway.base.core.struct import Record

Hit = tuple[int, int, int]
"""(number of the pattern, start, end); the start is 0 for a pattern that is not asked for it."""

_STAMP_BYTES = 16
_PLACE: Final = re.compile(r"\[[^]]+\]|.")
NONE_SAVED: Final[Mapping[bytes, bytes]] = {}


class Pattern(Record, frozen=True):
    """An expression and the number that its hits are told by; several may share one, which makes them small."""

    number: int
    expression: str
    is_start_wanted: bool


class Form(Record, frozen=True):
    """What has no literal of three bytes, which Hyperscan would look for at every byte: a text of fixed length around digits or a full stop.

    `0` is any digit, `[…]` what an expression takes for it, another character itself. `^` before all: no letter or digit stands there.
    """

    number: int
    text: str

    @property
    def classes(self) -> list[bytes]:
        """The bytes that each place may have."""
        return [_bytes_of(each) for each in _PLACE.findall(self.text.removeprefix("^"))]

    @property
    def is_bound(self) -> bool:
        """Whether neither a letter nor a digit may stand before it."""
        return self.text.startswith("^")


@cache
def _bytes_of(place: str) -> bytes:
    expression = re.compile("[0-9]" if place == "0" else place if len(place) > 1 else re.escape(place))
    return bytes(byte for byte in range(256) if expression.fullmatch(chr(byte)))


def stamp_of(patterns: Sequence[Pattern]) -> bytes:
    """Which patterns, and compiled by which version."""
    told = "\0".join(f"{each.number} {each.is_start_wanted} {each.expression}" for each in patterns)
    return blake2b(f"{version('hyperscan')}\0{told}".encode(), digest_size=_STAMP_BYTES).digest()


class Database:
    """A compiled set of patterns. Holds scratch space: one thread uses it at a time."""

    __slots__ = ("_database", "_scan", "stamp")

    def __init__(self, patterns: Sequence[Pattern], saved: Mapping[bytes, bytes] = NONE_SAVED) -> None:
        """`saved` has what was compiled before, by stamp: where these patterns are among it, that saves the compiling."""
        self.stamp = stamp_of(patterns)
        if self.stamp in saved:
            self._database = hyperscan.loadb(saved[self.stamp], hyperscan.HS_MODE_BLOCK)
            self._database.scratch = hyperscan.Scratch(self._database)
        else:
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=[each.expression.encode() for each in patterns],
                ids=[each.number for each in patterns],
                elements=len(patterns),
                flags=[hyperscan.HS_FLAG_SOM_LEFTMOST if each.is_start_wanted else 0 for each in patterns],
            )
        self._scan: Callable[..., None] = self._database.scan

    def serialised(self) -> bytes:
        """What the next process starts from."""
        return hyperscan.dumpb(self._database)

    def scan(self, text: bytes) -> list[Hit]:
        """Every hit, in the order of their ends."""
        hits: list[Hit] = []
        self._scan(text, _keep, 0, hits)
        return hits


def _keep(number: int, start: int, end: int, _flags: int, hits: list[Hit]) -> None:
    hits.append((number, start, end))

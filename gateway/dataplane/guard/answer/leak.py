"""Pieces of the system prompt in an answer, word for word. Spaces, case and punctuation do not count."""

import re
from functools import lru_cache
from typing import Final

from gateway import _native
from gateway.dataplane.guard.view import Kind

WORDS: Final = 16
"""So many words in a row are a piece of it, and no chance."""
_BEGUN: Final = 6
"""So many may be the beginning of one."""
_WORD: Final = re.compile(rb"[\w'\x80-\xff]+")


class Leak:
    """The words of one system prompt, in runs."""

    __slots__ = ("_begun", "_whole")

    def __init__(self, system: bytes) -> None:
        words = [found.lower() for found in _WORD.findall(system)]
        self._whole = _runs(words, WORDS)
        self._begun = _runs(words, _BEGUN)

    def find(self, text: bytes) -> list[tuple[int, int]]:
        """Where pieces stand."""
        if not self._whole:
            return []
        places = [found.span() for found in _WORD.finditer(text)]
        words = [text[start:end].lower() for start, end in places]
        found: list[tuple[int, int]] = []
        for at in range(len(words) - WORDS + 1):
            if hash(tuple(words[at : at + WORDS])) in self._whole:
                start, end = places[at][0], places[at + WORDS - 1][1]
                if found and start <= found[-1][1]:
                    found[-1] = found[-1][0], end
                else:
                    found.append((start, end))
        return found

    def open_from(self, text: bytes) -> int:
        """From where on it could be the beginning of a piece."""
        if not self._begun:
            return len(text)
        places = [found.span() for found in _WORD.finditer(text)]
        words = [text[start:end].lower() for start, end in places]
        last = len(words) - (1 if places and places[-1][1] == len(text) else 0)  # the last one may not be whole
        at = last - _BEGUN
        while at >= 0 and hash(tuple(words[at : at + _BEGUN])) in self._begun:
            at -= 1
        return len(text) if at == last - _BEGUN or at < -1 else places[at + 1][0]


def _runs(words: list[bytes], length: int) -> frozenset[int]:
    return frozenset(hash(tuple(words[at : at + length])) for at in range(len(words) - length + 1))


@lru_cache(16)
def leak_of(system: bytes) -> Leak:
    """Agents send the same instructions turn after turn."""
    return Leak(system)


def system_text(body: bytes, dialect: str) -> bytes:
    """The instructions of a request."""
    view = _native.text_view(body, dialect)
    kinds = (Kind.SYSTEM, Kind.DEVELOPER)
    return b"\n".join(
        view.text(at) for at, (kind, _, _, is_key) in enumerate(view.pieces()) if kind in kinds and not is_key
    )

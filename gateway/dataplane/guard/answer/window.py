"""The words of one channel as they come: what is decided of them, and what could still become a finding."""

from typing import Final

from gateway.dataplane.guard.answer.texts import CONTEXT_BYTES, LONGEST_BYTES, Found, Texts


def looked_at(texts: Texts, before: bytes, text: bytes, open_from: int) -> tuple[list[Found], int, bool]:
    """What was found in `text`, behind `before` which has left: findings that are certain, from where on it is open, and whether a
    finding runs on that is too long to wait for.

    Places are in `text`, `open_from` too: from there on a finding could begin. Of a finding that began in `before`, what is left of it.
    What is open is at most `LONGEST_BYTES`.
    """
    base = len(before)
    whole = before + text if before else text
    found = [one for one in texts.find(whole) if one.end > base]
    size = len(whole)
    open_from += base
    floor = size - LONGEST_BYTES
    certain: list[Found] = []
    runs_on = False
    for one in reversed(found):
        if one.end <= open_from:
            certain.append(one)
        elif one.start >= floor:
            open_from = min(open_from, max(one.start, base))
            certain = [other for other in certain if other.end <= open_from]
        else:
            certain.append(one)
            runs_on = True
    certain.reverse()
    at_most = [Found(max(one.start - base, 0), one.end - base, one.scanner, one.rule) for one in certain]
    return at_most, max(open_from, floor, base) - base, runs_on


def opening(texts: Texts, before: bytes, text: bytes) -> int:
    """From where on in `text` a finding could begin."""
    return max(texts.open_from(before + text) - len(before), 0)


def context_of(before: bytes, left: bytes) -> bytes:
    """What is kept of what has left."""
    return (before + left)[-CONTEXT_BYTES:]


class Heard:
    """A channel that nothing is done to: its words are only looked at, many at a time."""

    __slots__ = ("before", "parts", "place")

    def __init__(self, place: str) -> None:
        self.place: Final = place
        self.before = b""
        self.parts: list[str] = []

    def look(self, texts: Texts, *, is_closed: bool) -> list[tuple[Found, bytes]]:
        """What is certain by now, each with its text."""
        text = "".join(self.parts).encode("utf-8", "surrogatepass")
        open_from = len(text) if is_closed else opening(texts, self.before, text)
        certain, open_from, _ = looked_at(texts, self.before, text, open_from)
        self.before = context_of(self.before, text[:open_from])
        self.parts = [text[open_from:].decode("utf-8", "replace")] if open_from < len(text) else []
        return [(one, text[one.start : one.end]) for one in certain]

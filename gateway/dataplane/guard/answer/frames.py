"""Whole events of a stream one by one, each with the bytes that it came as, and written anew when its data has changed."""

import itertools
import json
import re
from typing import Any, Final

from gateway import _native

_BLANK: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_SPACE: Final = b" \t\r\n,[]"


class Frame:
    """One event. `event` is its data decoded, None where there is none that is a JSON object. `waits` counts what of it is not yet decided."""

    __slots__ = ("event", "is_changed", "kind", "name", "raw", "waits")

    def __init__(self, raw: bytes, event: dict[str, Any] | None, name: str = "", kind: str = "") -> None:
        self.raw, self.event, self.name, self.kind = raw, event, name, kind
        self.is_changed = False
        self.waits = 0

    def written(self) -> bytes:
        """The bytes to pass on: as they came, unless the event was changed."""
        if not self.is_changed:
            return self.raw
        data = encoded(self.event)
        if self.kind == "sse":
            return _sse(self.raw, data)
        if self.kind in ("array", "body"):
            start, end = self.raw.index(b"{"), self.raw.rindex(b"}")
            return self.raw[:start] + data + self.raw[end + 1 :]
        headers = [(":message-type", self.kind), (":event-type", self.name), (":content-type", "application/json")]
        return _native.eventstream_message(headers, data)


def encoded(value: Any) -> bytes:
    """JSON as providers write it; halves of surrogate pairs, which some split over events, as escapes."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def decoded(data: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def sse_frames(data: bytes) -> list[Frame]:
    """Whole server-sent events. What follows the last blank line is a frame too."""
    if b"\r" in data:
        ends = [found.end() for found in _BLANK.finditer(data)]
        cuts = [0, *ends, *([len(data)] if not ends or ends[-1] < len(data) else [])]
        pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]
    else:
        pieces = [piece + b"\n\n" for piece in data.split(b"\n\n")]
        pieces[-1] = pieces[-1][:-2]
    frames = []
    for piece in pieces:
        if piece:
            told = _native.split_sse(piece if piece.endswith((b"\n\n", b"\r\n\r\n")) else piece + b"\n\n")
            name, body = told[0] if told else ("", b"")
            frames.append(Frame(piece, decoded(body) if body else None, name, "sse"))
    return frames


def _sse(raw: bytes, data: bytes) -> bytes:
    """The event with other data; its further lines stay."""
    lines = raw.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(b"data"))
    end = lines[at][len(lines[at].rstrip(b"\r\n")) :]
    kept = [line for line in lines[at + 1 :] if not line.startswith(b"data")]
    return b"".join([*lines[:at], b"data: " + data + end, *kept])


def message_frames(data: bytes) -> list[Frame]:
    """Whole messages of an AWS event stream. Raises ValueError when something is no message."""
    frames = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        if size < 16:
            raise ValueError("no message of an event stream")
        raw = data[at : at + size]
        kind, name, payload = _native.split_eventstream(raw)[0]
        frames.append(Frame(raw, decoded(payload) if kind == "event" else None, name, kind))
        at += size
    return frames


class ArrayFrames:
    """A JSON array that comes in any pieces → its elements, each with the comma or bracket before it. Bounded by its longest element."""

    __slots__ = ("_at", "_depth", "_in_string", "_kept")

    def __init__(self) -> None:
        self._kept = b""
        self._at = self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[Frame]:
        """What is whole now."""
        kept = self._kept + data
        frames, start, at = [], 0, self._at
        while True:
            if self._in_string:
                found = _QUOTE.match(kept, at)
                if found is None:
                    at = len(kept) - (len(kept) - len(kept.rstrip(b"\\"))) % 2
                    break
                at = found.end()
                self._in_string = False
                continue
            found = _MARK.search(kept, at)
            if found is None:
                at = len(kept)
                break
            at = found.end()
            mark = kept[at - 1]
            if mark == 0x22:
                self._in_string = True
            elif mark == 0x7B:
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    raw = kept[start:at]
                    frames.append(Frame(raw, decoded(raw.lstrip(_SPACE)), kind="array"))
                    start = at
        self._kept, self._at = kept[start:], max(at - start, 0)
        return frames

    def rest(self) -> list[Frame]:
        """What is left at the end: the closing bracket."""
        kept, self._kept = self._kept, b""
        return [Frame(kept, None, kind="array")] if kept else []


_QUOTE: Final = re.compile(rb'(?:[^"\\]|\\.)*+"', re.DOTALL)
_MARK: Final = re.compile(rb'["{}]')

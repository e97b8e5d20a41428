r"""The bare input of a freeform tool, out of the JSON that a model wraps it in. Trap 1.

A `custom` tool is declared to other dialects as a function with one string, `input`. Its arguments come back as pieces of
`{"input":"…"}`, and leave as pieces of the text, byte-exact and as soon as they are certain. What models do beside that:

- other members beside `input`: only `input` counts;
- another member instead (`{"patch":"…"}`): the one string there is, or one of _LIKELY; known when the call closes;
- the bare text, without any JSON: taken as it is;
- JSON that breaks off (the answer was cut at its length): what was there.

A lone half of a surrogate pair becomes U+FFFD, for it has no bytes.
"""

import re
from typing import Any, Final

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import ToolCall
from gateway.dataplane.wire.fields import encode, loads
from gateway.dataplane.wire.lenient import decoded

INPUT: Final = "input"
_LIKELY: Final = ("patch", "code", "text", "content", "arguments", "script", "source", "command", "value")

_STOP: Final = re.compile(r'["\\]')
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_LIKELY_HEAD: Final = re.compile(rf'\s*\{{\s*"(?:{"|".join(_LIKELY)})"\s*:\s*"')
_HEAD_CHARS: Final = 256
_SIMPLE: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Unwrap:
    """Feed it the pieces of the arguments; what it gives is the input. `end` gives the rest."""

    __slots__ = ("_held", "_is_bare", "_is_held", "_string")

    def __init__(self) -> None:
        self._held: list[str] = []
        self._string: _JsonString | None = None
        self._is_bare = False
        self._is_held = False

    def feed(self, piece: str) -> str:
        """The text that is certain after this piece."""
        if self._string is not None:
            return self._string.feed(piece)
        if self._is_bare:
            return piece
        self._held.append(piece)
        return "" if self._is_held else self._begun()

    def end(self) -> str:
        """What is left when the call closes."""
        if self._string is not None:
            return self._string.end()
        return "" if self._is_bare else _of_other_form("".join(self._held))

    def _begun(self) -> str:
        head = "".join(self._held)
        found = _HEAD.match(head)
        if found is not None:
            self._string = _JsonString()
            return self._string.feed(head[found.end() :])
        first = head.lstrip(" \t\r\n")[:1]
        if first and first not in '{"':
            self._is_bare = True
            return head
        self._held = [head]
        self._is_held = len(head) > _HEAD_CHARS  # `input` is not the first member: only the end tells
        return ""


def unwrapped(arguments: str) -> str:
    """The input in whole arguments."""
    unwrap = Unwrap()
    return unwrap.feed(arguments) + unwrap.end()


def wrapped(text: str) -> str:
    """The arguments that stand for an input."""
    return encode({INPUT: text}).decode()


class Wrap:
    """The other way round: feed it the pieces of an input; what it gives, and then `end`, are the arguments."""

    __slots__ = ("_has_begun",)

    def __init__(self) -> None:
        self._has_begun = False

    def feed(self, piece: str) -> str:
        """More of the arguments."""
        begin = "" if self._has_begun else f'{{"{INPUT}":"'
        self._has_begun = True
        return begin + encode(piece)[1:-1].decode()

    def end(self) -> str:
        """The rest."""
        return '"}' if self._has_begun else wrapped("")


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """A call's arguments where a dialect wants an object; bare text, and what is no JSON object or too deep a one, goes in whole
    (trap 11)."""
    found: Any = None
    if call.kind != "custom":
        try:
            found = loads(call.arguments.encode()) if call.arguments.strip() else {}
        except (BadRequest, UnicodeError):
            pass
    return found if isinstance(found, dict) else {INPUT: call.arguments}


def _input_in(value: Any) -> str | None:
    while isinstance(value, dict):
        for name in (INPUT, *_LIKELY):
            if isinstance(value.get(name), str):
                return str(value[name])
        texts = [member for member in value.values() if isinstance(member, str)]
        if len(texts) == 1:
            return texts[0]
        if len(value) != 1:
            return "" if not value else None
        value = next(iter(value.values()))  # one object in another: {"input": {"patch": "…"}}
    return value if isinstance(value, str) else None


def _of_other_form(arguments: str) -> str:
    """Arguments that do not begin with `input`."""
    found = _input_in(decoded(arguments))
    if found is not None:
        return found
    # no JSON at all; or broken off, or with lone surrogates or bare control characters
    head = _LIKELY_HEAD.match(arguments)
    if head is None:
        return arguments
    string = _JsonString()
    return string.feed(arguments[head.end() :]) + string.end()


class _JsonString:
    """The inside of a JSON string, decoded as it comes; ends at its closing quote. Each character is looked at once."""

    __slots__ = ("_escape", "_high", "is_closed")

    def __init__(self) -> None:
        self._escape = ""
        self._high = ""
        self.is_closed = False

    def feed(self, piece: str) -> str:
        """The characters that are certain; none after the closing quote."""
        if self._escape:
            piece, self._escape = self._escape + piece, ""
        out: list[str] = []
        at = 0
        while not self.is_closed:
            found = _STOP.search(piece, at)
            stop = len(piece) if found is None else found.start()
            if stop > at:
                self._lone_high(out)
                out.append(piece[at:stop])
            if found is None:
                break
            if found[0] == '"':
                self._lone_high(out)
                self.is_closed = True
                break
            at = self._escaped(piece, stop, out)
            if at < 0:
                self._escape = piece[stop:]
                break
        return "".join(out)

    def end(self) -> str:
        """The string broke off: a half escape is nothing, half a pair is U+FFFD."""
        out: list[str] = []
        self._lone_high(out)
        return "".join(out)

    def _escaped(self, piece: str, at: int, out: list[str]) -> int:
        """Decodes the escape at `at`; where it ends, or -1 when it is not whole yet."""
        char = piece[at + 1 : at + 2]
        if not char:
            return -1
        if char != "u":
            self._lone_high(out)
            out.append(_SIMPLE.get(char, "\\" + char))  # no escape of JSON's: the model meant both characters
            return at + 2
        digits = piece[at + 2 : at + 6]
        if len(digits) < 4 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return -1
        if _HEX.fullmatch(digits) is None:
            self._lone_high(out)
            out.append("\\u")
            return at + 2
        self._unit(int(digits, 16), out)
        return at + 6

    def _unit(self, unit: int, out: list[str]) -> None:
        """One UTF-16 code unit."""
        if self._high and 0xDC00 <= unit <= 0xDFFF:
            high, self._high = ord(self._high), ""
            out.append(chr(0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)))
            return
        self._lone_high(out)
        if 0xD800 <= unit <= 0xDBFF:
            self._high = chr(unit)
        else:
            out.append("\ufffd" if 0xDC00 <= unit <= 0xDFFF else chr(unit))

    def _lone_high(self, out: list[str]) -> None:
        if self._high:
            out.append("\ufffd")
            self._high = ""

"""The peek: the few top-level fields of a request that the road needs, found in the client's own bytes.

One native pass checks the whole body (UTF-8, JSON grammar, nesting, duplicate top-level keys; lone surrogate escapes
are legal JSON and pass) and gives spans; nothing else is decoded, so what we do not know survives untouched.
"""

from collections.abc import Callable

from msgspec import DecodeError
from msgspec.json import Decoder, Encoder

from gateway import _native
from gateway.base.core.errors import BadRequest
from gateway.base.core.struct import Record

_STRING = Decoder(str)
_INTEGER = Decoder(int)
_encode = Encoder().encode

_PROBLEMS = {
    "empty": "the request body is empty; a JSON object is needed",
    "not_utf8": "the request body is not valid UTF-8 at byte {offset}",
    "malformed": "the request body is not valid JSON at byte {offset}: {detail}",
    "not_object": "the request body must be a JSON object",
    "too_deep": "the request body nests deeper than {limit} levels at byte {offset}",
    "duplicate_key": "the request body has the key {detail} twice (byte {offset})",
}


class Peek(Record, frozen=True):
    """What one request says about itself. Spans are byte offsets of values in `body`; (-1, -1) when absent."""

    body: bytes
    model: str
    model_span: tuple[int, int]
    is_stream: bool
    max_output_tokens: int
    stream_options_span: tuple[int, int] = (-1, -1)


def spans(body: bytes, keys: tuple[bytes, ...], max_depth: int) -> tuple[int, ...]:
    """Check `body` and give (start, end) of each wanted top-level value, flat. Raises BadRequest."""
    try:
        return _native.scan_object(body, keys, max_depth)
    except _native.JsonError as exc:
        text = _PROBLEMS[exc.kind].format(offset=exc.offset, detail=exc.detail, limit=max_depth)
        raise BadRequest(text, param="", problem=exc.kind, offset=exc.offset) from exc


def peek_with_limit(limit_key: bytes) -> Callable[[bytes, int], Peek]:
    """The peek of a dialect that names its model and asks for a stream in the body, and its output limit in `limit_key`."""
    keys = (b"model", b"stream", limit_key)

    def peek(body: bytes, max_depth: int) -> Peek:
        m0, m1, s0, s1, o0, o1 = spans(body, keys, max_depth)
        model, is_stream = string_at(body, m0, m1, "model"), bool_at(body, s0, s1, "stream")
        return Peek(body, model, (m0, m1), is_stream, int_at(body, o0, o1))

    return peek


def string_at(body: bytes, start: int, end: int, name: str) -> str:
    """The string value at a span; '' when absent. Raises BadRequest when it is anything else."""
    if start < 0:
        return ""
    try:
        return _STRING.decode(body[start:end])
    except DecodeError as exc:
        raise BadRequest(f"`{name}` must be a string, not {_shown(body, start, end)}", param=name) from exc


def bool_at(body: bytes, start: int, end: int, name: str) -> bool:
    """The boolean value at a span; False when absent or null. Raises BadRequest when it is anything else."""
    if start < 0:
        return False
    raw = body[start:end]
    if raw == b"true":
        return True
    if raw in (b"false", b"null"):
        return False
    raise BadRequest(f"`{name}` must be true or false, not {_shown(body, start, end)}", param=name)


def int_at(body: bytes, start: int, end: int) -> int:
    """The non-negative integer at a span; 0 for anything else (the provider judges its own fields)."""
    if start < 0:
        return 0
    try:
        return max(0, _INTEGER.decode(body[start:end]))
    except DecodeError:
        return 0


_SHOWN_CHARS = 10
_KINDS = {'"': "a text", "[": "a list", "{": "an object"}

Edit = tuple[int, int, object]
"""Replace the bytes of one span by a value, written as JSON."""


def edited(body: bytes, edits: list[Edit]) -> bytes:
    """`body` with each span replaced; every other byte stays. Spans do not overlap."""
    pieces: list[bytes] = []
    at = 0
    for start, end, value in sorted(edits, key=lambda edit: edit[0]):
        pieces += (body[at:start], value if isinstance(value, bytes) else _encode(value))
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)


def member_edit(body: bytes, name: str, value: object) -> Edit:
    """The edit that adds one member in front of a JSON object's others."""
    start = body.index(b"{") + 1
    comma = b"" if body[start : start + 64].lstrip()[:1] == b"}" else b","
    return start, start, b"%s:%s%s" % (_encode(name), _encode(value), comma)


def _shown(body: bytes, start: int, end: int) -> str:
    """Only what is too short to be a secret: no guardrail has seen it yet."""
    text = body[start:end].decode("utf-8", "replace")
    return f"`{text}`" if len(text) <= _SHOWN_CHARS else f"{_KINDS.get(text[0], 'that')} of {end - start:,} bytes"

"""Reading members of a decoded JSON object, with errors that name the JSON path; for `read_turn`s."""

import re
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec.json import Decoder, Encoder

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.depth import LEVELS, is_too_deep

T = TypeVar("T", str, bytes)

_decode = Decoder().decode
encode = Encoder().encode
"""Deterministic: members in the order of the dict, no white space."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_LARGEST = (1 << 63) - 1
_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "an object",
}


def loads(body: bytes) -> Any:
    """Decode JSON that the peek has proven. Lone surrogate escapes, which JavaScript clients emit, become U+FFFD.

    Raises BadRequest.
    """
    bounded(body, "")
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        mended = _without_lone_surrogates(body)
        if mended is not None:
            try:
                return _decode(mended)
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
        raise BadRequest(f"the request body is not valid JSON: {exc}", param="") from exc


def _without_lone_surrogates(body: bytes) -> bytes | None:
    found = list(_SURROGATE.finditer(body))
    if not found:
        return None
    pieces: list[bytes] = []
    at = i = 0
    while i < len(found):
        first = found[i]
        is_high = first.group()[3:4] in b"89abAB"
        if (
            is_high
            and i + 1 < len(found)
            and found[i + 1].start() == first.end()
            and found[i + 1].group()[3:4] not in b"89abAB"
        ):
            i += 2
            continue
        pieces += (body[at : first.start()], b"\\ufffd")
        at = first.end()
        i += 1
    pieces.append(body[at:])
    return b"".join(pieces)


def fail(path: str, problem: str) -> NoReturn:
    """Raises BadRequest: `<path>` <problem>."""
    raise BadRequest(f"`{path or 'the body'}` {problem}", param=path)


def bounded(text: T, path: str) -> T:
    """`text`, which holds JSON. Raises BadRequest when that nests too deep."""
    if is_too_deep(text):
        fail(path, f"nests deeper than {LEVELS} levels, the most that is translated")
    return text


def shown(value: Any) -> str:
    """The start of a value, for an error message."""
    text = encode(value).decode()
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"


def join(path: str, name: str | int) -> str:
    """The path of a member: `join("messages[2]", "role")`, `join("messages", 2)`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _typed(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool)):
        fail(path, f"must be {_KINDS[kind]}, not {shown(value)}")
    return value


def as_object(value: Any, path: str) -> dict[str, Any]:
    """`value` as an object. Raises BadRequest."""
    found: dict[str, Any] = _typed(value, dict, path)
    return found


def as_array(value: Any, path: str) -> list[Any]:
    """`value` as an array. Raises BadRequest."""
    found: list[Any] = _typed(value, list, path)
    return found


def as_text(value: Any, path: str) -> str:
    """`value` as a string. Raises BadRequest."""
    found: str = _typed(value, str, path)
    return found


def text(obj: dict[str, Any], name: str, path: str, default: str = "") -> str:
    """A string member; `default` when absent or null. Raises BadRequest."""
    value = obj.get(name)
    return default if value is None else as_text(value, join(path, name))


def needed_text(obj: dict[str, Any], name: str, path: str) -> str:
    """A string member that must be there. Raises BadRequest."""
    if obj.get(name) is None:
        fail(join(path, name), "is missing")
    return as_text(obj[name], join(path, name))


def flag(obj: dict[str, Any], name: str, path: str) -> bool | None:
    """A boolean member; None when absent or null. Raises BadRequest."""
    value = obj.get(name)
    return None if value is None else bool(_typed(value, bool, join(path, name)))


def integer(obj: dict[str, Any], name: str, path: str) -> int | None:
    """An integer member (1.0 counts as one) of 64 bits; None when absent or null. Raises BadRequest."""
    value = obj.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = int(_typed(value, int, join(path, name)))
    if not -_LARGEST <= found <= _LARGEST:
        fail(join(path, name), f"is out of range: {shown(value)}")
    return found


def number(obj: dict[str, Any], name: str, path: str) -> float | None:
    """A number member as it was written (int stays int); None when absent or null. Raises BadRequest."""
    value = obj.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        fail(join(path, name), f"must be a number, not {shown(value)}")
    return value


def array(obj: dict[str, Any], name: str, path: str) -> list[Any]:
    """An array member; [] when absent or null. Raises BadRequest."""
    value = obj.get(name)
    return [] if value is None else as_array(value, join(path, name))


def child(obj: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    """An object member; {} when absent or null. Raises BadRequest."""
    value = obj.get(name)
    return {} if value is None else as_object(value, join(path, name))


def rest(obj: dict[str, Any], known: frozenset[str]) -> dict[str, Any] | None:
    """The members that are not `known`, for `extra`; None when there are none."""
    left = {name: value for name, value in obj.items() if name not in known}
    return left or None

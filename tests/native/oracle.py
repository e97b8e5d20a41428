"""Python twins of the pure native functions: slow, plain, and the reference for what they mean (STYLE 27)."""

import json
import re
from typing import Any

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)


class Refused(Exception):
    """What `scan_object` raises as JsonError."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, so that repeated keys stay visible."""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(text: str) -> str:
    return text  # `int` refuses thousands of digits, which JSON does not


def parse(body: bytes) -> Any:
    """RFC 8259, strict; objects as `_Pairs`. Raises ValueError."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_Pairs, parse_constant=_no_constant, parse_int=_number, parse_float=_number
    )
    return decoder.decode(body.decode())


def depth(body: bytes) -> int:
    """How deep brackets nest, strings left out."""
    level = deepest = 0
    for match in _BRACKETS.finditer(body):
        level += (match[1] is not None) - (match[2] is not None)
        deepest = max(deepest, level)
    return deepest


def scan_object(body: bytes, keys: tuple[bytes, ...], max_depth: int = 512) -> dict[bytes, Any]:
    """The values (parsed) of those of `keys` that are in `body`. Raises Refused with the kind."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    if not body.strip(b" \t\r\n"):
        raise Refused("empty")
    try:
        value = parse(body)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if depth(body) > max_depth:
        raise Refused("too_deep")
    if not isinstance(value, _Pairs):
        raise Refused("not_object")
    names = [name for name, _ in value]
    if len(set(names)) < len(names):
        raise Refused("duplicate_key")
    members = dict(value)
    return {key: members[key.decode()] for key in keys if key.decode() in members}

"""The tree of a checked CEL expression, read from its serialised form: cel.expr.CheckedExpr, a published protobuf message.

Read by hand, because it is six small messages, and a protobuf runtime would be a second dependency of every worker.
Field numbers: cel/expr/checked.proto and cel/expr/syntax.proto of google/cel-spec.
"""

import struct
from collections.abc import Iterator
from typing import TypeAlias

from gateway.base.core.struct import Record

Literal: TypeAlias = bool | int | float | str | bytes | None


class Const(Record, frozen=True):
    """A literal. Python's `1` is CEL's `1` and `1u`: `is_unsigned` tells them apart."""

    value: Literal
    is_unsigned: bool = False


class Name(Record, frozen=True):
    """A fact, or what a macro binds."""

    name: str


class Select(Record, frozen=True):
    """`operand.field`; with `is_test` it is `has(operand.field)`."""

    operand: "Node"
    field: str
    is_test: bool


class Call(Record, frozen=True):
    """A function or operator (`_&&_`, `@in`); `x.f(y)` has x as its first argument."""

    function: str
    args: tuple["Node", ...]


class Items(Record, frozen=True):
    """A list; of a map, its keys and values in turn."""

    items: tuple["Node", ...]


class Loop(Record, frozen=True):
    """A macro over `each`: all, exists, filter, map."""

    each: "Node"
    body: tuple["Node", ...]


Node: TypeAlias = Const | Name | Select | Call | Items | Loop

_ANY_TYPE, _ANY_VALUE, _CHECKED_EXPR = 1, 2, 4
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = 3, 4, 5, 6, 7, 8, 9
_Fields: TypeAlias = list[tuple[int, int | bytes]]


def tree_of(packed: bytes) -> Node:
    """The tree of a CheckedExpr in a google.protobuf.Any, as cel-expr-python serialises it."""
    checked = _one(_fields(packed), _ANY_VALUE)
    return _expr(_one(_fields(checked), _CHECKED_EXPR))


def conditions(packed: bytes) -> Iterator[bytes]:
    """What the `&&` at the top of a CheckedExpr joins, each packed as one of its own."""
    kind, checked = _one(_fields(packed), _ANY_TYPE), _fields(_one(_fields(packed), _ANY_VALUE))
    types = b"".join(_written(number, value) for number, value in checked if number != _CHECKED_EXPR)
    for condition in _joined(_one(checked, _CHECKED_EXPR)):
        yield _written(_ANY_TYPE, kind) + _written(_ANY_VALUE, types + _written(_CHECKED_EXPR, condition))


def _joined(expr: bytes) -> Iterator[bytes]:
    call = _fields(_one(_fields(expr), _CALL))
    if _one(call, 2) != b"_&&_":
        yield expr
        return
    for arg in _all(call, 3):
        yield from _joined(arg)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for below in children(node):
        yield from walk(below)


def children(node: Node) -> tuple[Node, ...]:
    """What stands directly below."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.args
        case Items():
            return node.items
        case Loop():
            return (node.each, *node.body)
    return ()


def _expr(data: bytes) -> Node:
    for number, value in _fields(data):
        if not isinstance(value, bytes):
            continue
        fields = _fields(value)
        if number == _CONST:
            return Const(_const(fields), fields[:1] != [] and fields[0][0] == 4)
        if number == _IDENT:
            return Name(_one(fields, 1).decode())
        if number == _SELECT:
            return Select(_expr(_one(fields, 1)), _one(fields, 2).decode(), (3, 1) in fields)
        if number == _CALL:
            args = (*_all(fields, 1), *_all(fields, 3))
            return Call(_one(fields, 2).decode(), tuple(map(_expr, args)))
        if number == _LIST:
            return Items(tuple(map(_expr, _all(fields, 1))))
        if number == _STRUCT:
            entries = [_fields(entry) for entry in _all(fields, 2)]
            return Items(tuple(_expr(part) for entry in entries for n in (3, 4) for part in _all(entry, n)))
        if number == _LOOP:
            return Loop(_expr(_one(fields, 2)), tuple(_expr(_one(fields, n)) for n in (4, 5, 6, 7)))
    return Const(None)


def _const(fields: _Fields) -> Literal:
    for number, value in fields:
        if isinstance(value, int):
            if number == 2:
                return bool(value)
            if number == 3:
                return value - (1 << 64) if value >> 63 else value
            if number == 4:
                return value
        elif number == 5:
            found: float = struct.unpack("<d", value)[0]
            return found
        elif number in (6, 7):
            return value.decode() if number == 6 else value
    return None


def _one(fields: _Fields, number: int) -> bytes:
    return next(_all(fields, number), b"")


def _all(fields: _Fields, number: int) -> Iterator[bytes]:
    return (value for n, value in fields if n == number and isinstance(value, bytes))


def _fields(data: bytes) -> _Fields:
    """(number, value) of each field of a message: of a varint the number, else the bytes."""
    fields: _Fields = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
        fields.append((tag >> 3, value))
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def _written(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _as_varint(number << 3) + _as_varint(value)
    return _as_varint(number << 3 | 2) + _as_varint(len(value)) + value


def _as_varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))

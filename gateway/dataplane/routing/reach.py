"""What can be told of an expression from its tree alone: which facts it depends on, and whether it always or never holds. Pure."""

from collections.abc import Callable, Iterator
from itertools import product
from math import inf, nextafter
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from gateway.base.core.struct import Record
from gateway.dataplane.routing.facts import FLAGS, NUMBERS, STEPS, TAGS, TEXTS, TYPES
from gateway.dataplane.routing.tree import Call, Const, Items, Literal, Name, Node, Select, children, walk

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"_<_": lt, "_<=_": le, "_>_": gt, "_>=_": ge, "_==_": eq, "_!=_": ne}
_MIRRORED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_MOST_CELLS = 4096
_OTHER = "\0"
"""Stands for every text that the expression does not write."""


class Reach(Record, frozen=True):
    """The facts of which an expression depends.

    `whole` are those whose value matters, `tags` the tags that it names; `cuts` the numbers that it compares a fact with, and
    `exact` the numeric facts that it uses otherwise too.
    """

    whole: frozenset[str]
    tags: frozenset[str]
    cuts: dict[str, frozenset[float]]
    exact: frozenset[str]

    def named(self) -> frozenset[str]:
        """All of them."""
        names = self.whole | self.cuts.keys() | self.exact
        return names | {TAGS} if self.tags else names


def reach(tree: Node) -> Reach:
    """What `tree` depends on. Two requests that are alike in all of it get the same answer."""
    whole: set[str] = set()
    tags: set[str] = set()
    cuts: dict[str, set[float]] = {}
    exact: set[str] = set()
    rest = [tree]
    while rest:
        node = rest.pop()
        if found := _comparison(node):
            name, _, literals = found
            if name in NUMBERS:
                cuts.setdefault(name, set()).update(float_or_int(value) for value in literals)
            else:
                whole.add(name)
        elif tag := _tag(node):
            tags.add(tag)
        elif isinstance(node, Name):
            if node.name in NUMBERS:
                exact.add(node.name)
            elif node.name in TYPES:
                whole.add(node.name)
        else:
            rest += children(node)
    return Reach(
        frozenset(whole), frozenset(tags), {name: frozenset(of) for name, of in cuts.items()}, frozenset(exact)
    )


def verdict(tree: Node) -> bool | None:
    """True where the expression always holds, False where it never can; None for both, or where that can't be told.

    Tried with a value for each case that its comparisons tell apart; what is no comparison with a literal counts as unknown.
    """
    cells = {name: list(_cases(name, of)) for name, of in _literals(tree).items()}
    count = 1
    for cases in cells.values():
        count *= len(cases)
    if count > _MOST_CELLS:
        return None
    results = {_value(tree, dict(zip(cells, cell, strict=True))) for cell in product(*cells.values())}
    return results.pop() if len(results) == 1 else None


def float_or_int(value: Literal) -> float:
    """A number of a comparison that CEL has checked."""
    assert isinstance(value, int | float)
    return value


def _comparison(node: Node) -> tuple[str, str, tuple[Literal, ...]] | None:
    """(fact, operator, literals) where a fact is compared with literals, or looked for among them; the fact on the left."""
    if not isinstance(node, Call) or len(node.args) != 2:
        return None
    left, right = node.args
    if node.function == "@in":
        if isinstance(left, Name) and isinstance(right, Items) and left.name in TYPES:
            values = [item.value for item in right.items if isinstance(item, Const)]
            if len(values) == len(right.items) and _are_of(left.name, values):
                return left.name, "@in", tuple(values)
        return None
    operator = node.function
    if operator not in _COMPARE:
        return None
    if isinstance(left, Const):
        left, right, operator = right, left, _MIRRORED[operator]
    if isinstance(left, Name) and isinstance(right, Const) and left.name in TYPES and _are_of(left.name, [right.value]):
        return left.name, operator, (right.value,)
    return None


def _are_of(name: str, values: list[Literal]) -> bool:
    if name in NUMBERS:
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    return all(isinstance(v, str if name in TEXTS else bool) for v in values) and name != TAGS


def _tag(node: Node) -> str:
    """The tag whose value or presence is all that a node asks of the tags."""
    match node:
        case Select(operand=Name(name="tags")):
            return node.field
        case Call(function="_[_]", args=(Name(name="tags"), Const(value=str(tag)))):
            return tag
        case Call(function="@in", args=(Const(value=str(tag)), Name(name="tags"))):
            return tag
    return ""


def _literals(tree: Node) -> dict[str, set[Literal]]:
    """What each fact is compared with, where the outcome depends on nothing else."""
    found: dict[str, set[Literal]] = {}
    for node in walk(tree):
        if comparison := _comparison(node):
            found.setdefault(comparison[0], set()).update(comparison[2])
        elif isinstance(node, Name) and node.name in FLAGS:
            found.setdefault(node.name, set())
    return found


def _cases(name: str, literals: set[Literal]) -> Iterator[Literal]:
    """A value for each case that comparisons with `literals` tell apart."""
    if name in FLAGS:
        yield from (False, True)
    elif name == "step":
        yield from STEPS
    elif name in TEXTS:
        yield from (*literals, _OTHER)
    else:
        number = NUMBERS[name]
        cuts = {float_or_int(value) for value in literals}
        near = {number.least, *(beside for cut in cuts for beside in _around(cut, number.is_float))}
        yield from (value for value in near if number.least <= value <= number.most)


def _around(cut: float, is_float: bool) -> tuple[float, float, float]:
    return (nextafter(cut, -inf), cut, nextafter(cut, inf)) if is_float else (cut - 1, cut, cut + 1)


def _value(node: Node, cell: dict[str, Literal]) -> bool | None:
    """What a node gives for a cell; None: unknown, or an error. CEL's `&&` and `||` give an answer beside an error too."""
    if comparison := _comparison(node):
        name, operator, literals = comparison
        value = cell[name]
        if operator == "@in":
            return value in literals
        is_order = operator not in ("_==_", "_!=_")
        return None if is_order and isinstance(value, str) else _COMPARE[operator](value, literals[0])
    match node:
        case Const(value=bool(flag)):
            return flag
        case Name():
            flag_or_none = cell.get(node.name)
            return flag_or_none if isinstance(flag_or_none, bool) else None
        case Call(function="_&&_" | "_||_"):
            decides = node.function == "_||_"
            values = [_value(arg, cell) for arg in node.args]
            return decides if decides in values else None if None in values else not decides
        case Call(function="!_"):
            value = _value(node.args[0], cell)
            return None if value is None else not value
        case Call(function="_?_:_"):
            condition = _value(node.args[0], cell)
            return None if condition is None else _value(node.args[1 if condition else 2], cell)
        case Call(args=(Const(value=left), Const(value=right))) if node.function in _COMPARE:
            return _COMPARE[node.function](left, right) if type(left) is type(right) else None
    return None

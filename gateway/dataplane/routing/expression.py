"""One `when`: compiled and type-checked by CEL, with errors in our words. docs/decisions/0014-routing-rules.md says why CEL.

The library is imported with the first expression: 3 ms and 3 MB that a gateway without rules does not pay.
"""

import difflib
import re
from functools import cache
from typing import Any

from gateway.base.config import ConfigError, Place
from gateway.base.core.route import Facts
from gateway.dataplane.routing.facts import TYPES, values
from gateway.dataplane.routing.tree import Call, Const, Items, Loop, Name, Node, children, conditions, tree_of, walk

_MOST_STEPS = 1000
"""Some 30 µs: a step took 0.025 to 0.05 µs in each shape that was measured (long `||`, `in` a long list, macros)."""
_STEPS_OF_A_MATCH = 100
_TAGS = 64
"""So many may be in a macro over `tags`."""
_ERROR = re.compile(r"ERROR: <input>:\d+:(?P<column>\d+): (?P<problem>[^\n]*)")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_NO_OVERLOAD = re.compile(r"found no matching overload for '(?P<function>[^']*)' applied to '\((?P<types>[^']*)\)'")
_FUNCTIONS = ("contains", "startsWith", "endsWith", "matches", "size", "all", "exists", "exists_one", "filter", "has", "int", "double", "string")  # fmt: skip
_HABITS = (
    (re.compile(r"(?<![=!<>])=(?!=)"), "write `==` to compare"),
    (re.compile(r"\band\b"), "write `&&` for and"),
    (re.compile(r"\bor\b"), "write `||` for or"),
    (re.compile(r"\bnot\b"), "write `!` for not"),
)
_SYNTAX = "write CEL, such as 'input_tokens < 10000 && step == \"title\"'"


class Condition:
    """What one `&&` joins with the others: an expression of its own."""

    __slots__ = ("_eval", "tree")

    def __init__(self, packed: bytes) -> None:
        self._eval = _environment().deserialize(packed).eval
        self.tree = tree_of(packed)

    def holds(self, given: Any) -> bool:
        """Whether it is true of what `activation` gave; an evaluation that fails (a tag that is not there) is not."""
        try:
            return self._eval(given).value() is True  # an error is a value too
        except RuntimeError:  # more than 10,000 turns of a macro: a key with thousands of tags
            return False


class Expression:
    """A compiled `when`: it holds where all its `conditions` do. `tree` is the whole. Raises ConfigError."""

    __slots__ = ("conditions", "tree")

    def __init__(self, text: str, place: Place) -> None:
        try:
            compiled = _environment().compile(text)
        except RuntimeError as exc:  # the library's only error
            raise _explained(str(exc), text, place) from exc
        kind = compiled.return_type().name()
        if kind != "BOOL":
            hint = "compare it with something: `==`, `!=`, `<`, `in`"
            raise place.error(f"is {_short(text)}: that gives {_kind(kind)}, not true or false", hint)
        packed = compiled.serialize()
        self.tree = tree_of(packed)
        if (count := steps(self.tree)) > _MOST_STEPS:
            hint = "name fewer values; for many models write `model.startsWith(…)` or a tag of the key"
            raise place.error(f"is slow: about {count:,} steps for each request, the most is {_MOST_STEPS:,}", hint)
        for node in walk(self.tree):
            if isinstance(node, Call) and node.function == "matches" and isinstance(node.args[-1], Const):
                _check_pattern(str(node.args[-1].value), place)
        self.conditions = tuple(map(Condition, conditions(packed)))


def activation(facts: Facts) -> Any:
    """The facts as expressions take them; made once for all expressions."""
    return _environment().Activation(values(facts))


def steps(node: Node) -> int:
    """About how many nodes are looked at in an evaluation that takes no short cut."""
    longest = max((len(found.items) for found in walk(node) if isinstance(found, Items)), default=0)
    return _steps(node, max(longest, _TAGS))


def _steps(node: Node, most: int) -> int:
    if isinstance(node, Loop):
        times = _size(node.each, most)
        return _steps(node.each, most) + times * sum(_steps(part, most) for part in node.body)
    own = _STEPS_OF_A_MATCH if isinstance(node, Call) and node.function == "matches" else 1
    return own + sum(_steps(part, most) for part in children(node))


def _size(node: Node, most: int) -> int:
    """The most elements that a list or map can have; `most` for what only evaluation tells."""
    match node:
        case Items():
            return len(node.items)
        case Loop():
            return _size(node.each, most)
        case Call(function="_+_"):
            return sum(_size(part, most) for part in node.args)
        case Name(name="tags"):
            return _TAGS
    return most


@cache
def _environment() -> Any:
    from cel_expr_python import cel

    kinds = {"string": cel.Type.STRING, "bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE}
    a_map = cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    return cel.NewEnv(variables={name: kinds.get(kind, a_map) for name, kind in TYPES.items()})


@cache
def _pattern_probe() -> Any:
    return _environment().compile("''.matches(model)")


def _check_pattern(pattern: str, place: Place) -> None:
    found = _pattern_probe().eval(data={"model": pattern})
    if found.type().name() == "ERROR":
        problem = str(found.value()).partition(": ")[2]
        raise place.error(f"has the pattern {pattern!r}: {problem}", "write a regular expression of RE2")


# === errors ===


def _explained(message: str, text: str, place: Place) -> ConfigError:
    found = _ERROR.search(message)
    if found is None:
        return place.error(f"is {_short(text)}: {message.partition(' [')[0]}", _SYNTAX)
    problem, hint = _in_our_words(found["problem"].partition(" (in container")[0], text)
    return place.error(f"is {_short(text)}: {problem} (column {found['column']})", hint)


def _in_our_words(problem: str, text: str) -> tuple[str, str]:
    if found := _UNDECLARED.search(problem):
        name = found["name"]
        is_called = re.search(rf"\b{re.escape(name)}\s*\(", text) is not None
        known = _FUNCTIONS if is_called else tuple(TYPES)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
        return f"`{name}` is no {'function' if is_called else 'fact'}", hint
    if found := _NO_OVERLOAD.search(problem):
        operator = found["function"].strip("_@")
        types = found["types"].split(", ")
        hint = "compare values of one kind"
        if sorted(types) == ["double", "int"]:
            hint = "write the number as the fact is: `1.0` beside a double (budget_used), `1` beside an int"
        return f"`{operator}` does not take {' and '.join(types)}", hint
    hint = next((hint for habit, hint in _HABITS if habit.search(_without_strings(text))), _SYNTAX)
    return problem.partition(" expecting {")[0].lower(), hint


def _without_strings(text: str) -> str:
    return re.sub(r"\"[^\"]*\"|'[^']*'", "", text)


def _kind(kind: str) -> str:
    return {"STRING": "text", "INT": "a number", "DOUBLE": "a number"}.get(kind, f"a {kind.lower()}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")

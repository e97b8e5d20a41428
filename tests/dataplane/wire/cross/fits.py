"""Does JSON fit an official SDK's parameter type? Strict: a member that the type has no word for does not fit.

The SDKs of OpenAI and Anthropic declare parameters as TypedDicts. pydantic would check their `Iterable`s only when somebody reads
them and lets unknown members pass; so they are read here.
"""

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

_LISTS = (list, Iterable, Sequence)
_MAPS = (dict, Mapping)
_PLAIN: dict[Any, Any] = {
    str: str, int: int, float: (int, float), bool: bool, type(None): type(None), dict: dict, list: list,
}  # fmt: skip


def misfits(value: Any, wanted: Any, path: str = "$") -> Iterator[str]:
    """What does not fit, each with its path."""
    kind, wanted, inner = _form(wanted)
    if kind == "any":
        return
    if kind == "object":
        yield from _members(value, wanted, path)
    elif kind == "union":
        yield from _best(value, inner, path)
    elif kind == "literal":
        if value not in inner or type(value) not in {type(one) for one in inner}:
            yield f"{path}: {value!r} is none of {list(inner)}"[:200]
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path}: no array"
            return
        for at, one in enumerate(value):
            yield from misfits(one, inner[0], f"{path}[{at}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path}: no object"
            return
        for name, one in value.items():
            yield from misfits(one, inner[1], f"{path}.{name}")
    elif kind == "plain":
        if not isinstance(value, _PLAIN[wanted]) or (isinstance(value, bool) and wanted is not bool):
            yield f"{path}: no {wanted.__name__}: {str(value)[:40]}"
    else:
        yield f"{path}: fits no {wanted}"  # files and the like: never JSON


@cache
def _form(wanted: Any) -> tuple[str, Any, tuple[Any, ...]]:
    """What a type is: its kind, itself without what stands around it, and what it holds."""
    wanted = _bare(wanted)
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted in (Any, object):
        return "any", wanted, ()
    if hasattr(wanted, "__required_keys__"):  # a TypedDict; those of typing_extensions are none to typing.is_typeddict
        return "object", wanted, ()
    if origin in (Union, types.UnionType):
        return "union", wanted, inner
    if origin is Literal:
        return "literal", wanted, inner
    if origin in _LISTS:
        return "list", wanted, inner
    if origin in _MAPS:
        return "map", wanted, inner
    return "plain" if wanted in _PLAIN else "none", wanted, ()


def _bare(wanted: Any) -> Any:
    while True:
        if get_origin(wanted) in (Required, NotRequired) or hasattr(wanted, "__metadata__"):
            wanted = get_args(wanted)[0]
        elif hasattr(wanted, "__value__"):
            wanted = wanted.__value__
        else:
            return wanted


@cache
def _hints(wanted: Any) -> tuple[dict[str, Any], frozenset[str]]:
    return get_type_hints(wanted), wanted.__required_keys__


def _members(value: Any, wanted: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    hints, required = _hints(wanted)
    for name in required:
        if name not in value:
            yield f"{path}.{name}: missing"
    for name, one in value.items():
        if name not in hints:
            yield f"{path}.{name}: unknown to {wanted.__name__}"
        else:
            yield from misfits(one, hints[name], f"{path}.{name}")


def _best(value: Any, alternatives: Sequence[Any], path: str) -> Iterator[str]:
    """Nothing when one of the alternatives fits, else what the one says that fits furthest."""
    found: list[list[str]] = []
    for one in alternatives:
        if _is_mistagged(value, one):
            continue
        problems = list(misfits(value, one, path))
        if not problems:
            return
        found.append(problems)
    if found:
        yield from max(found, key=lambda problems: (len(problems[0].partition(":")[0]), -len(problems)))
    else:
        yield f"{path}: fits none of {len(alternatives)} types: {str(value)[:80]}"


@cache
def _tags(wanted: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """The literal members `type` and `role` of an object's type."""
    kind, bare, _ = _form(wanted)
    hints = _hints(bare)[0] if kind == "object" else {}
    forms = [(tag, _form(hints[tag])) for tag in ("type", "role") if tag in hints]
    return tuple((tag, inner) for tag, (kind, _, inner) in forms if kind == "literal")


def _is_mistagged(value: Any, wanted: Any) -> bool:
    """Whether an alternative's tag is another than the value's: no need to look further."""
    return isinstance(value, dict) and any(tag in value and value[tag] not in inner for tag, inner in _tags(wanted))

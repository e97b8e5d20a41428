"""Edits of JSON settings files: values set at paths, the rest kept in its order and indentation.

JSON has no comments to mark what is ours, so removal compares what set-up found, what it left and what stands there now:
a value that is still ours goes back to what it was, a value that was changed since stays.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.cli.usage_error import UsageError

Place = tuple[str, ...]
"""Where a value stands: the keys from the root to it."""

_ABSENT = object()
_INDENT = re.compile(r'\n([ \t]+)"')


class JsonEdit:
    """Sets `values`, and takes away what would outvote them (`rivals`)."""

    def __init__(self, values: Mapping[Place, str], rivals: tuple[Place, ...] = ()) -> None:
        self._values, self._rivals = values, rivals

    def snippet(self) -> str:
        made: dict[str, Any] = {}
        for path, value in self._values.items():
            _put(made, path, value)
        return json.dumps(made, indent=2, ensure_ascii=False) + "\n"

    def apply(self, text: str, path: str, *, force: bool) -> str:
        found = _parsed(text, path)
        before = copy.deepcopy(found)
        for place, value in self._values.items():
            old = _get(found, place)
            if old not in (_ABSENT, value) and not force:
                raise UsageError(
                    f"{path} sets `{'.'.join(place)}` to {_shown(place, old)}",
                    "`--force` replaces it until `--undo`; `--print` shows what to add by hand",
                )
            _put(found, place, value)
        for place in self._rivals:
            if _get(found, place) is not _ABSENT:
                if not force:
                    raise UsageError(
                        f"{path} has `{'.'.join(place)}`, which would compete with the gateway's key",
                        "`--force` takes it out until `--undo`",
                    )
                _drop(found, place)
        return _text(found, text) if found != before else text

    def remove(self, text: str, original: str | None, written: str | None) -> str:
        if written is None:
            return text  # nothing tells what is ours
        was, ours, now = (_parsed(t or "", "the settings file") for t in (original, written, text))
        for place in list(_changed(was, ours)):
            if _get(now, place) == _get(ours, place):
                old = _get(was, place)
                if old is _ABSENT:
                    _drop(now, place)
                else:
                    _put(now, place, copy.deepcopy(old))
        return _text(now, text)


def _parsed(text: str, path: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError as exc:
        raise UsageError(f"{path} is not plain JSON: {exc}", "`--print` shows what to add by hand") from exc
    if not isinstance(found, dict):
        raise UsageError(f"{path} is not a JSON object", "repair it first; nothing was changed")
    return found


def _get(tree: Any, path: Place) -> Any:
    for step in path:
        if not isinstance(tree, dict) or step not in tree:
            return _ABSENT
        tree = tree[step]
    return tree


def _put(tree: dict[str, Any], path: Place, value: object) -> None:
    for step in path[:-1]:
        child = tree.get(step)
        if not isinstance(child, dict):
            child = tree[step] = {}
        tree = child
    tree[path[-1]] = value


def _drop(tree: dict[str, Any], path: Place) -> None:
    """Remove the value, and objects that it leaves empty."""
    parent = _get(tree, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)
        if not parent and len(path) > 1:
            _drop(tree, path[:-1])


def _changed(before: Any, after: Any, path: Place = ()) -> Iterator[Place]:
    """Paths of the leaves that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _changed(before.get(name, _ABSENT), after.get(name, _ABSENT), (*path, name))
    elif isinstance(after, dict) and before is _ABSENT:
        for name, value in after.items():
            yield from _changed(_ABSENT, value, (*path, name))
    elif before is _ABSENT or after is _ABSENT or before != after:
        yield path


def _shown(path: Place, value: object) -> str:
    is_secret = any(word in path[-1].upper() for word in ("KEY", "TOKEN", "SECRET"))
    return "something else" if is_secret else json.dumps(value, ensure_ascii=False)


def _text(tree: dict[str, Any], like: str) -> str:
    """JSON in the indentation, line ends and last line of `like`."""
    indent = _INDENT.search(like)
    made = json.dumps(tree, indent=indent[1] if indent else 2, ensure_ascii=False)
    made += "\n" if not like or like.endswith("\n") else ""
    return made.replace("\n", "\r\n") if "\r\n" in like else made

"""A validator of AWS's service model: does a JSON value fit a shape? A test tool."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[5] / "shared" / "fixtures" / "bedrock" / "bedrock_runtime_shapes.json"


@cache
def shapes() -> dict[str, Any]:
    """All shapes; the test is skipped, loudly, where they are absent."""
    if not FILE.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {FILE}")
    found: dict[str, Any] = json.loads(FILE.read_bytes())["shapes"]
    return found


def problems(value: Any, shape: str, path: str = "$") -> Iterator[str]:
    """What is wrong with `value`, each with its path. Members that the shape has no word for are wrong too."""
    said = shapes()[shape]
    kind = said["type"]
    if shape == "Document" or said.get("document"):
        return
    if kind == "structure":
        yield from _structure(value, said, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path}: not a list"
            return
        yield from _range(len(value), said, path)
        for at, one in enumerate(value):
            yield from problems(one, said["member"]["shape"], f"{path}[{at}]")
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path}: not a map"
            return
        for name, one in value.items():
            yield from problems(name, said["key"]["shape"], f"{path}.{name}!")
            yield from problems(one, said["value"]["shape"], f"{path}.{name}")
    else:
        yield from _scalar(value, said, kind, path)


def _structure(value: Any, said: dict[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    members = {name: one for name, one in said["members"].items() if one.get("location") != "uri"}
    for name in said.get("required", []):
        if name in members and value.get(name) is None:
            yield f"{path}.{name}: missing"
    for name, one in value.items():
        if name not in members:
            yield f"{path}.{name}: unknown"
        else:
            yield from problems(one, members[name]["shape"], f"{path}.{name}")
    if said.get("union") and len(value) != 1:
        yield f"{path}: a union with {len(value)} members"


def _scalar(value: Any, said: dict[str, Any], kind: str, path: str) -> Iterator[str]:
    if kind == "string":
        if not isinstance(value, str):
            yield f"{path}: not a string"
            return
        yield from _range(len(value), said, path)
        if "enum" in said and value not in said["enum"]:
            yield f"{path}: {value!r} is not one of {said['enum']}"
        if "pattern" in said and not re.fullmatch(said["pattern"], value):
            yield f"{path}: {value!r} does not match {said['pattern']}"
    elif kind == "blob":
        try:
            yield from _range(len(base64.b64decode(value, validate=True)), said, path)
        except (binascii.Error, TypeError, ValueError):
            yield f"{path}: not base64"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path}: not a boolean"
    elif kind in ("integer", "long"):
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{path}: not an integer"
        else:
            yield from _range(value, said, path)
    elif kind in ("float", "double"):
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield f"{path}: not a number"
        else:
            yield from _range(value, said, path)
    else:
        yield f"{path}: no rule for {kind}"


def _range(number: float, said: dict[str, Any], path: str) -> Iterator[str]:
    if "min" in said and number < said["min"]:
        yield f"{path}: {number} is less than {said['min']}"
    if "max" in said and number > said["max"]:
        yield f"{path}: {number} is more than {said['max']}"

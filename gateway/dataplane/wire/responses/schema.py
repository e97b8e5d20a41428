"""JSON schemas of function arguments as OpenAI takes them. Traps 15, 16.

OpenAI refuses a schema whose root is no plain object, and an array without `items` ("array schema missing items"). `strict` is
only legal when every object closes itself and requires all it has.
Source: OpenAI's guide "Structured outputs" (supported schemas), and the errors of its API.
"""

from typing import Any, Final

from gateway.dataplane.wire.fields import encode

_COMBINED: Final = ("anyOf", "oneOf", "allOf")
_FORBIDDEN: Final = (*_COMBINED, "enum", "not")
_DEEPEST: Final = 64
"""Deeper schemas are left as they are: no tool has one."""


def fitted(schema: dict[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """The schema itself when OpenAI takes it, else the nearest one; and whether something was lost by that."""
    if not schema:
        return {"type": "object", "properties": {}}, False
    is_lost = False
    if schema.get("type") != "object" or any(name in schema for name in _FORBIDDEN):
        schema, is_lost = _as_object(schema)
    # looking at the bytes costs a tenth of walking; most tools of agents have no arrays
    if b'"array"' in encode(schema):
        schema = _with_items(schema, 0)
    return schema, is_lost


def _as_object(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A root that is an object: a reference is followed once; of alternatives all properties are taken, none of them required."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(("#/$defs/", "#/definitions/")):
        _, group, name = reference.split("/", 2)
        found = schema.get(group, {}).get(name)
        if isinstance(found, dict) and found.get("type") == "object":
            return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}, False
    root = {name: value for name, value in schema.items() if name not in _FORBIDDEN}
    is_lost = len(root) != len(schema) or schema.get("type") not in (None, "object", ["object", "null"])
    root["type"] = "object"
    properties = dict(root["properties"]) if isinstance(root.get("properties"), dict) else {}
    for name in _COMBINED:
        for branch in schema[name] if isinstance(schema.get(name), list) else ():
            if not isinstance(branch, dict):
                continue
            for key, value in branch["properties"].items() if isinstance(branch.get("properties"), dict) else ():
                properties.setdefault(key, value)
            if name == "allOf" and isinstance(branch.get("required"), list):
                root["required"] = list(dict.fromkeys([*root.get("required", ()), *branch["required"]]))
    root["properties"] = properties
    return root, is_lost


def _with_items(node: Any, depth: int) -> Any:
    """`node` with `items` in each array schema; the same object where nothing was missing."""
    if depth > _DEEPEST:
        return node
    if isinstance(node, list):
        parts = [_with_items(part, depth + 1) for part in node]
        return parts if any(new is not old for new, old in zip(parts, node, strict=True)) else node
    if not isinstance(node, dict):
        return node
    changed = {
        name: new
        for name, value in node.items()
        if isinstance(value, dict | list) and (new := _with_items(value, depth + 1)) is not value
    }
    if node.get("type") == "array" and "items" not in node and "prefixItems" not in node:
        changed["items"] = {}
    return {**node, **changed} if changed else node


def is_strict(node: Any, depth: int = 0) -> bool:
    """Whether `strict: true` is legal for a schema."""
    if depth > _DEEPEST:
        return False
    if isinstance(node, list):
        return all(is_strict(part, depth + 1) for part in node)
    if not isinstance(node, dict):
        return True
    properties = node.get("properties")
    if node.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        required = node.get("required")
        if node.get("additionalProperties") is not False or names != set(
            required if isinstance(required, list) else ()
        ):
            return False
    if isinstance(properties, dict) and not all(is_strict(value, depth + 1) for value in properties.values()):
        return False
    return all(
        is_strict(value, depth + 1)
        for name, value in node.items()
        if name not in ("properties", "required", "enum", "const", "default", "examples")
    )

"""JSON schemas of tools as providers take them. Traps 15, 16.

All refuse a root that is no plain object ("input_schema does not support oneOf, allOf, or anyOf at the top level"), which MCP servers
send; OpenAI, and who copies its rules, also a root without `properties` or with `enum` or `not`, and an array without `items`.
`strict` is legal there only when every object closes itself and requires all it has (OpenAI's guide "Structured outputs").
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report

Schema = dict[str, Any]

_VARIANTS: Final = ("allOf", "anyOf", "oneOf")
_LOCAL: Final = re.compile(r"#/(\$defs|definitions)/([^/]+)")
DEEPEST: Final = 64
"""Deeper schemas are left as they are: no tool has one."""


def object_schema(schema: Schema | None, path: str, report: Report) -> Schema:
    """`schema` itself where its root is a plain object, else the nearest one."""
    if not schema:
        return {"type": "object", "properties": {}}
    if any(name in schema for name in (*_VARIANTS, "$ref")):
        schema = _flat(schema, path, report)
    has_odd_properties = "properties" in schema and not isinstance(schema["properties"], dict)
    if schema.get("type") == "object" and not has_odd_properties:
        return schema
    dropped = ("type", "properties") if has_odd_properties else ("type",)
    return {"type": "object", **{name: value for name, value in schema.items() if name not in dropped}}


def openai_schema(schema: Schema | None, path: str, report: Report) -> Schema:
    """A function's `parameters` as OpenAI takes them."""
    found = object_schema(schema, path, report)
    refused = [name for name in ("enum", "not") if name in found]
    for name in refused:
        report.drop(f"{path}.{name}", "not_on_top_level")
    if refused:
        found = {name: value for name, value in found.items() if name not in refused}
    if "properties" not in found:
        found = {**found, "properties": {}}
    # looking at the bytes costs a tenth of walking; most tools of agents have no arrays
    return _with_items(found, 0) if b'"array"' in encode(found) else found


def _flat(schema: Schema, path: str, report: Report) -> Schema:
    """The variants at the top as one object: it allows what any of them allows, and needs what all of them need."""
    flat = {name: value for name, value in schema.items() if name not in (*_VARIANTS, "$ref")}
    properties = dict(_properties(flat))
    required = set(_names(flat.get("required")))
    for one in _referred(schema, schema), *_all(schema, "allOf"):
        for name, value in _properties(one).items():
            properties.setdefault(name, value)
        required |= set(_names(one.get("required")))
    either: dict[str, dict[bytes, Any]] = {}
    for kind in ("anyOf", "oneOf"):
        variants = _all(schema, kind)
        if not variants:
            continue
        report.drop(f"{path}.{kind}", "flattened")
        for one in variants:
            for name, value in _properties(one).items():
                if name not in either:
                    either[name] = _choices(properties[name]) if name in properties else {}
                either[name].update(_choices(value))
        required |= set.intersection(*(set(_names(one.get("required"))) for one in variants))
    properties |= {name: _any_of(choices) for name, choices in either.items()}
    flat["properties"] = properties
    if required:
        flat["required"] = [name for name in properties if name in required]
    return flat


def _all(schema: Schema, kind: str) -> list[Schema]:
    found = schema.get(kind)
    ones = found if isinstance(found, list) else []
    return [_referred(one, schema) or one for one in ones if isinstance(one, dict)]


def _referred(one: Schema, root: Schema) -> Schema:
    """What a local `$ref` means; {} when there is none."""
    ref = one.get("$ref")
    found = _LOCAL.fullmatch(ref) if isinstance(ref, str) else None
    holder = root.get(found[1]) if found else None
    meant = holder.get(found[2]) if found and isinstance(holder, dict) else None
    return meant if isinstance(meant, dict) else {}


def _choices(schema: Any) -> dict[bytes, Any]:
    """What a schema allows, each once: it may be a plain union."""
    is_union = isinstance(schema, dict) and list(schema) == ["anyOf"] and isinstance(schema["anyOf"], list)
    return {encode(one): one for one in (schema["anyOf"] if is_union else [schema])}


def _any_of(choices: dict[bytes, Any]) -> Any:
    found = list(choices.values())
    return found[0] if len(found) == 1 else {"anyOf": found}


def _properties(schema: Schema) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _with_items(node: Any, depth: int) -> Any:
    """`node` with `items` in each array schema; the same object where nothing was missing."""
    if depth > DEEPEST:
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
    if depth > DEEPEST:
        return False
    if isinstance(node, list):
        return all(is_strict(part, depth + 1) for part in node)
    if not isinstance(node, dict):
        return True
    properties = node.get("properties")
    if node.get("type") == "object" or isinstance(properties, dict):
        is_closed = node.get("additionalProperties") is False
        if not is_closed or set(_properties(node)) != set(_names(node.get("required"))):
            return False
    if isinstance(properties, dict) and not all(is_strict(value, depth + 1) for value in properties.values()):
        return False
    return all(
        is_strict(value, depth + 1)
        for name, value in node.items()
        if name not in ("properties", "required", "enum", "const", "default", "examples")
    )

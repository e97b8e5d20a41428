"""Schemas of function arguments as OpenAI takes them.

Refused there, with a 400 that names no way out: a top level that is no object, or has `anyOf`, `oneOf`, `allOf`, `enum` or `not`;
an array without `items`. MCP servers send all of these. Imitations copy the rules.
"""

from typing import Any

from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report

_NOT_ON_TOP = ("anyOf", "oneOf", "allOf", "enum", "not")
_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


def parameters_of(schema: dict[str, Any] | None, tool: str, report: Report) -> dict[str, Any]:
    """A legal `parameters`: equal to `schema` where that is legal."""
    if not schema:
        return _EMPTY
    if schema.get("type") != "object" or any(name in schema for name in _NOT_ON_TOP):
        dropped = [name for name in _NOT_ON_TOP if name in schema]
        for name in dropped:
            report.drop(f"tools.{tool}.parameters.{name}", "not_on_top_level")
        merged = _merged_properties(schema)
        schema = {name: value for name, value in schema.items() if name not in dropped}
        schema["type"] = "object"
        schema.setdefault("properties", merged)
    return _with_items(schema) if b'"array"' in encode(schema) else schema


def _merged_properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Properties of the alternatives, so that the model at least knows their names."""
    found: dict[str, Any] = {}
    for name in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(name) or ():
            if isinstance(one, dict) and isinstance(one.get("properties"), dict):
                found.update(one["properties"])
    return found


def _with_items(node: Any) -> Any:
    """`node` with `items` on every array; the very node where nothing was missing."""
    if isinstance(node, list):
        made = [_with_items(one) for one in node]
        return made if any(new is not old for new, old in zip(made, node, strict=True)) else node
    if not isinstance(node, dict):
        return node
    changed = {name: new for name, value in node.items() if (new := _with_items(value)) is not value}
    if node.get("type") == "array" and "items" not in node and "prefixItems" not in node:
        changed["items"] = {}
    return {**node, **changed} if changed else node

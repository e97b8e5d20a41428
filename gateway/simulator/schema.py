"""Makes a value that fits a JSON schema, for structured output and for arguments of forced tool calls. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_FORMATS = {
    "date": "2026-01-02", "date-time": "2026-01-02T03:04:05Z", "uri": "https://example.com/", "email": "a@example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
_DEPTH = 12  # deeper schemas are recursive ones; they end with null or an empty value


def example(schema: Any, words: str = "simulated", root: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """A value that fits `schema`. `words` fills its strings, within their length limits."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return None
    root = schema if root is None else root
    if isinstance(schema.get("$ref"), str):
        return example(_follow(root, schema["$ref"]), words, root, depth + 1)
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(several), list) and schema[several]:
            return example(schema[several][0], words, root, depth + 1)
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    return _MAKERS.get(str(kind).lower(), _string)(schema, words, root, depth)


def _object(schema: dict[str, Any], words: str, root: dict[str, Any], depth: int) -> Any:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required") if depth > 3 else None  # far down only what must be there
    return {k: example(v, words, root, depth + 1) for k, v in properties.items() if required is None or k in required}


def _array(schema: dict[str, Any], words: str, root: dict[str, Any], depth: int) -> Any:
    least = schema.get("minItems")
    count = least if isinstance(least, int) else 1
    if schema.get("maxItems") == 0 or (depth > 3 and not least):
        return []
    return [example(schema.get("items") or {}, words, root, depth + 1) for _ in range(min(count, 50))]


def _number(schema: dict[str, Any], words: str, root: dict[str, Any], depth: int) -> Any:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    value = 1 if not isinstance(low, int | float) else low + (1 if "exclusiveMinimum" in schema else 0)
    return min(value, high) if isinstance(high, int | float) else value


def _string(schema: dict[str, Any], words: str, root: dict[str, Any], depth: int) -> Any:
    text = _FORMATS.get(str(schema.get("format")), words)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(most, int) and len(text) > most:
        text = text[:most].rstrip() or text[:most]
    return text.ljust(least, ".") if isinstance(least, int) else text


_Maker = Callable[[dict[str, Any], str, dict[str, Any], int], Any]
_MAKERS: dict[str, _Maker] = {
    "object": _object,
    "array": _array,
    "integer": _number,
    "number": _number,
    "string": _string,
    "boolean": lambda schema, words, root, depth: True,
    "null": lambda schema, words, root, depth: None,
}


def _follow(root: dict[str, Any], ref: str) -> Any:
    node: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if part and isinstance(node, dict) else node
    return node

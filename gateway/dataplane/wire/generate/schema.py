"""Gemini's `Schema` (a subset of OpenAPI 3.0 with upper-case types), as a client writes it → ordinary JSON Schema. Trap 15."""

from typing import Any, Final

Json = dict[str, Any]

_CAMEL: Final = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering",
    "defs": "$defs",
    "ref": "$ref",
}
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_TYPE_NUMBERS: Final = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_MARKS: Final = (b'"OBJECT"', b'"STRING"', b'"nullable"')
"""One of them stands in every Schema that differs from JSON Schema in a way that matters to others."""


def may_be_openapi(body: bytes) -> bool:
    """Whether anything in a request can need `json_schema` (Gemini CLI writes upper-case types into JSON Schemas too)."""
    return any(mark in body for mark in _MARKS)


def json_schema(schema: Any) -> Any:
    """A Schema as JSON Schema: lower-case types, null among the types, counts as numbers. JSON Schema comes back equal."""
    if not isinstance(schema, dict):
        return schema
    found: Json = {}
    is_nullable = False
    for written, value in schema.items():
        name = _CAMEL.get(written) or written
        if name == "type":
            kind = _lower_type(value)
            if kind:
                found["type"] = kind
        elif name == "nullable" and isinstance(value, bool):
            is_nullable = value
        elif name in ("properties", "$defs", "definitions") and isinstance(value, dict):
            found[name] = {key: json_schema(child) for key, child in value.items()}
        elif name in ("items", "additionalProperties"):
            found[name] = json_schema(value)
        elif name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
            found[name] = [json_schema(child) for child in value]
        elif name in _COUNTS and isinstance(value, str) and value.isdigit():
            found[name] = int(value)  # int64 is a string in protobuf's JSON
        elif name == "example":
            found["examples"] = [value]
        elif written == "ref" and isinstance(value, str):
            found[name] = value.replace("#/defs/", "#/$defs/", 1)
        elif name != "propertyOrdering" and not (name == "format" and value == "enum"):
            found[name] = value
    return _nullable(found) if is_nullable else found


def _lower_type(value: Any) -> Any:
    if isinstance(value, str):
        return "" if value == "TYPE_UNSPECIFIED" else value.lower()
    if isinstance(value, list):
        return [_lower_type(one) for one in value]
    if isinstance(value, int) and 0 <= value < len(_TYPE_NUMBERS):
        return _TYPE_NUMBERS[value]
    return value


def _nullable(schema: Json) -> Json:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    elif "anyOf" in schema and {"type": "null"} not in schema["anyOf"]:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
    return schema

"""Tool schemas, both ways. Traps 15, 44."""

from typing import Any

import pytest

from gateway.dataplane.wire.generate.openapi import openapi_schema
from gateway.dataplane.wire.generate.schema import json_schema

_MEMBERS = {
    *("type", "format", "description", "nullable", "enum", "properties", "required", "items"),
    *("minItems", "maxItems", "minimum", "maximum", "anyOf"),
}
_TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT"}


def _violations(schema: Any, path: str = "$") -> list[str]:
    """What Google's older models refuse (`mock_agent.py` and the issues that trap 15 names)."""
    if not isinstance(schema, dict):
        return [f"{path} is no object"]
    found = [f"{path}.{name}" for name in schema.keys() - _MEMBERS]
    if "anyOf" in schema:
        found += [f"{path}: anyOf with others"] if len(schema) > 1 else []
        return found + [
            row for at, one in enumerate(schema["anyOf"]) for row in _violations(one, f"{path}.anyOf[{at}]")
        ]
    kind = schema.get("type")
    if kind not in _TYPES:
        found.append(f"{path}.type is {kind!r}")
    if "enum" in schema and (kind != "STRING" or not all(isinstance(e, str) and e for e in schema["enum"])):
        found.append(f"{path}.enum")
    if kind == "STRING" and schema.get("format") not in (None, "enum", "date-time"):
        found.append(f"{path}.format")
    if kind == "ARRAY" and ("items" not in schema or "anyOf" in schema["items"]):
        found.append(f"{path}.items")
    if not set(schema.get("required", ())) <= set(schema.get("properties", {})):
        found.append(f"{path}.required")
    for name, child in schema.get("properties", {}).items():
        found += _violations(child, f"{path}.{name}")
    return found + (_violations(schema["items"], f"{path}[]") if "items" in schema else [])


_REALISTIC: dict[str, dict[str, Any]] = {
    "filesystem": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "path": {"type": "string", "title": "Path", "minLength": 1, "pattern": "^/"},
            "edits": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"oldText": {"type": "string"}, "newText": {"type": "string"}},
                    "required": ["oldText", "newText"],
                    "additionalProperties": False,
                },
            },
            "head": {"type": "number", "exclusiveMinimum": 0, "default": 10},
        },
        "required": ["path", "missing", "path"],
        "additionalProperties": False,
    },
    "github": {
        "type": "object",
        "properties": {
            "state": {"enum": ["open", "closed", ""]},
            "labels": {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "uniqueItems": True,
            },
            "page": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
            "since": {"type": "string", "format": "date-time"},
            "url": {"type": "string", "format": "uri"},
            "priority": {"type": "integer", "enum": [1, 2, 3], "description": "How soon"},
            "kind": {"const": "issue"},
        },
        "propertyNames": {"pattern": "x"},
        "patternProperties": {"^x-": {"type": "string"}},
    },
    "pydantic": {
        "$defs": {
            "Color": {"enum": ["red", "green"], "title": "Color", "type": "string"},
            "Pair": {"properties": {"a": {"$ref": "#/$defs/Color"}, "b": {"$ref": "#/$defs/Color"}}, "type": "object"},
        },
        "properties": {
            "pair": {"allOf": [{"$ref": "#/$defs/Pair"}], "description": "Two"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Maybe"},
            "union": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/Pair"}], "description": "Either"},
            "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "maxItems": 2},
            "extra": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["pair"],
        "type": "object",
    },
    "recursive": {
        "type": "object",
        "definitions": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": ["string", "number", "null"]},
                    "children": {"type": "array", "items": {"$ref": "#/definitions/node"}},
                },
            }
        },
        "properties": {"root": {"$ref": "#/definitions/node"}, "self": {"$ref": "#"}, "gone": {"$ref": "#/nowhere"}},
    },
    "odd": {
        "type": "object",
        "properties": {
            "any": {},
            "yes": True,
            "tuple": {"type": "array", "items": [{"type": "boolean"}]},
            "nothing": {"type": "null"},
            "bare": {"type": "array"},
            "numbers": {"enum": [1, 2.5, None]},
            "choice": {"oneOf": [{"const": "a"}, {"const": "b"}]},
            "not": {"not": {"type": "string"}, "type": "number"},
            "if": {"if": {"type": "string"}, "then": {}, "type": "string"},
        },
    },
}


@pytest.mark.parametrize("name", sorted(_REALISTIC))
def test_schemas_of_mcp_servers_become_legal(name: str) -> None:
    """Whatever a tool declares, the older models take it."""
    assert _violations(openapi_schema(_REALISTIC[name])) == []


def test_the_checker_can_fail() -> None:
    """The schemas as they are break its rules."""
    assert all(_violations(schema) for schema in _REALISTIC.values())


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "string", "enum": ["a", ""]}, {"type": "STRING", "enum": ["a"], "format": "enum"}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"], "format": "enum"}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER", "description": "One of: 1, 2"}),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "INTEGER", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        ({"type": "integer", "exclusiveMinimum": 0}, {"type": "INTEGER", "minimum": 1}),
        ({"type": "number", "maximum": 2, "minimum": 0.5}, {"type": "NUMBER", "minimum": 0.5, "maximum": 2}),
        ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
        ({"properties": {"a": {"type": "boolean"}}}, {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}}),
        (
            {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}], "required": ["b"], "properties": {"b": {}}},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}, "required": ["a", "b"]},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}], "description": "d"},
            {"anyOf": [{"type": "STRING", "description": "d"}, {"type": "INTEGER", "description": "d"}]},
        ),
        ({"type": "string", "format": "uuid", "description": "d"}, {"type": "STRING", "description": "d"}),
        ({"type": "string", "format": ["uuid"]}, {"type": "STRING"}),
        ({"type": "array", "items": []}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    ],
)  # fmt: skip
def test_what_becomes_of_each_keyword(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The table of trap 15."""
    assert openapi_schema(schema) == wanted


def test_definitions_that_are_meant_by_many_end() -> None:
    """What is put in place of a reference is bounded in all, and so is the way to it."""
    many = {f"p{at}": {"$ref": "#/$defs/long"} for at in range(2000)}
    chain = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(2000)}
    long = {"enum": [f"choice {at}" for at in range(2000)]}
    written = openapi_schema({"type": "object", "properties": many, "$defs": {"long": long}})
    assert len(str(written)) < 1_000_000
    assert _violations(written) == []
    assert openapi_schema({"$ref": "#/$defs/d0", "$defs": chain})["type"] == "OBJECT"
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(300):
        deep = {"type": "object", "properties": {"a": deep}}
    assert _violations(openapi_schema(deep)) == []


def test_definitions_that_double_at_each_step_end() -> None:
    """No more than a bounded number of nodes."""
    defs = {f"d{at}": {"type": "object", "properties": {"l": {"$ref": f"#/$defs/d{at + 1}"}, "r": {"$ref": f"#/$defs/d{at + 1}"}}} for at in range(40)}  # fmt: skip
    written = openapi_schema({"$ref": "#/$defs/d0", "$defs": {**defs, "d40": {"type": "string"}}})
    assert len(str(written)) < 1_000_000
    assert _violations(written) == []


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, {"type": "object", "properties": {"a": {"type": "string"}}}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"any_of": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "ARRAY", "items": {"type": "NUMBER"}, "min_items": "2"}, {"type": "array", "items": {"type": "number"}, "minItems": 2}),
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "STRING", "example": "x"}, {"type": "string", "examples": ["x"]}),
        ({"type": "OBJECT", "propertyOrdering": ["a"]}, {"type": "object"}),
        ({"type": 6, "properties": {"type": {"type": 1}}}, {"type": "object", "properties": {"type": {"type": "string"}}}),
        ({"type": "TYPE_UNSPECIFIED", "description": "d"}, {"description": "d"}),
        ({"ref": "#/defs/A", "defs": {"A": {"type": "NULL"}}}, {"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}}),
    ],
)  # fmt: skip
def test_a_clients_schema_becomes_json_schema(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    """What other dialects understand."""
    assert json_schema(schema) == wanted


@pytest.mark.parametrize("name", sorted(_REALISTIC))
def test_json_schema_comes_back_equal(name: str) -> None:
    """Reading an ordinary JSON Schema changes nothing."""
    assert json_schema(_REALISTIC[name]) == _REALISTIC[name]

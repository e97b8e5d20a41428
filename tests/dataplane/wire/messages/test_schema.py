"""Schemas of other dialects as Anthropic takes them. Trap 15."""

from typing import Any

import pytest

from gateway.dataplane.wire.messages.schema import answer_schema, input_schema
from gateway.dataplane.wire.report import Report

STRING = {"type": "string"}
NUMBER = {"type": "number"}


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


INPUTS: list[tuple[str, dict[str, Any] | None, dict[str, Any], list[str]]] = [
    ("none", None, {"type": "object", "properties": {}}, []),
    ("as it is", obj(["a"], a=STRING), obj(["a"], a=STRING), []),
    ("no type", {"properties": {"a": STRING}}, obj(a=STRING), []),
    ("another type", {"type": ["object", "null"], "properties": {"a": STRING}}, obj(a=STRING), []),
    ("null properties", {"type": "object", "properties": None}, {"type": "object"}, []),
    (
        "anyOf",
        {"anyOf": [obj(["a", "b"], a=STRING, b=STRING), obj(["a"], a=NUMBER)]},
        obj(["a"], a={"anyOf": [STRING, NUMBER]}, b=STRING),
        ["t.anyOf"],
    ),
    ("oneOf", {"type": "object", "oneOf": [obj(a=STRING), obj(a=STRING)]}, obj(a=STRING), ["t.oneOf"]),
    ("allOf", {"allOf": [obj(["a"], a=STRING), obj(["b"], b=NUMBER)]}, obj(["a", "b"], a=STRING, b=NUMBER), []),
    (
        "reference",
        {"$ref": "#/$defs/X", "$defs": {"X": obj(["a"], a=STRING)}},
        {"type": "object", "$defs": {"X": obj(["a"], a=STRING)}, "properties": {"a": STRING}, "required": ["a"]},
        [],
    ),
    (
        "names",
        obj(["a b", "ok"], **{"a b": STRING, "ok": STRING, "$top": NUMBER}),
        obj(["ok"], ok=STRING),
        ["t.properties.a b", "t.properties.$top"],
    ),
    ("odd names", obj(["a b", {}], **{"a b": STRING}), obj() | {"required": []}, ["t.properties.a b"]),
    ("nested variants stay", obj(a={"anyOf": [STRING, NUMBER]}), obj(a={"anyOf": [STRING, NUMBER]}), []),
]


@pytest.mark.parametrize(("given", "want", "drops"), [row[1:] for row in INPUTS], ids=[row[0] for row in INPUTS])
def test_a_tools_schema_is_an_object(given: Any, want: dict[str, Any], drops: list[str]) -> None:
    """Without variants at the top, and with legal names."""
    report = Report()
    assert input_schema(given, "t", report) == want
    assert [drop.what for drop in report.drops] == drops


def test_an_answers_schema_is_closed_and_told_in_words() -> None:
    """What cannot be enforced goes into the description; nothing is lost in silence."""
    given = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "$defs": {"N": {"type": "integer", "exclusiveMinimum": 0, "description": "count"}},
        "properties": {
            "when": {"type": "string", "format": "date-time"},
            "code": {"type": "string", "pattern": "^a+$", "format": "zip"},
            "odd": {"type": "string", "format": ["zip"]},
            "list": {"type": "array", "minItems": 1, "maxItems": 5, "items": obj(x={"$ref": "#/$defs/N"})},
            "one": {"oneOf": [STRING, obj(y=NUMBER)]},
            "two": {"anyOf": [STRING, True], "allOf": "odd"},
        },
        "required": ["when"],
    }
    assert answer_schema(given) == {
        "type": "object",
        "$defs": {"N": {"type": "integer", "description": "count\n\n{exclusiveMinimum: 0}"}},
        "properties": {
            "when": {"type": "string", "format": "date-time"},
            "code": {"type": "string", "description": "{pattern: ^a+$, format: zip}"},
            "odd": {"type": "string", "description": "{format: ['zip']}"},
            "list": {
                "type": "array",
                "minItems": 1,
                "items": {**obj(x={"$ref": "#/$defs/N"}), "additionalProperties": False},
                "description": "{maxItems: 5}",
            },
            "one": {"anyOf": [STRING, {**obj(y=NUMBER), "additionalProperties": False}]},
            "two": {"anyOf": [STRING, True], "allOf": "odd"},
        },
        "required": ["when"],
        "additionalProperties": False,
    }

"""JSON schemas of other dialects as Anthropic takes them: as a tool's `input_schema`, and as the form of an answer. Trap 15.

Sources: the API's own refusal "Property keys should match pattern"; platform.claude.com, "Structured outputs", "JSON Schema
limitations".
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.schema import DEEPEST, Schema, object_schema

_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_CONSTRAINTS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains", "not", "if", "then", "else",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "prefixItems", "pattern",
)  # fmt: skip
"""What an answer's schema may not say; it is told in the description instead. (`pattern` is known in part only.)"""


def input_schema(schema: Schema | None, path: str, report: Report) -> Schema:
    """A tool's schema: an object at the top without variants, with legal property names."""
    schema = object_schema(schema, path, report)
    properties = schema.get("properties", {})
    legal = {name: value for name, value in properties.items() if _KEY.fullmatch(name)}
    if len(legal) == len(properties):
        return schema
    for name in properties:
        if name not in legal:
            report.drop(f"{path}.properties.{name}", "illegal_name")
    schema = {**schema, "properties": legal}
    if isinstance(schema.get("required"), list):
        schema["required"] = [name for name in schema["required"] if isinstance(name, str) and name in legal]
    return schema


def answer_schema(schema: Schema, depth: int = 0) -> Schema:
    """The schema of an answer: closed objects, and what cannot be enforced told in words."""
    if depth > DEEPEST:
        return schema
    out: Schema = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in _CONSTRAINTS and not (name == "minItems" and value in (0, 1)):
            told.append(f"{name}: {value if isinstance(value, str) else encode(value).decode()}")
        elif name == "format" and not (isinstance(value, str) and value in _FORMATS):
            told.append(f"format: {value}")
        elif name == "oneOf":
            out["anyOf"] = _each(value, depth)
        elif name in ("anyOf", "allOf"):
            out[name] = _each(value, depth)
        elif name in ("properties", "$defs", "definitions") and isinstance(value, dict):
            out[name] = {
                key: answer_schema(one, depth + 1) if isinstance(one, dict) else one for key, one in value.items()
            }
        elif name == "items" and isinstance(value, dict):
            out[name] = answer_schema(value, depth + 1)
        elif name != "additionalProperties":
            out[name] = value
    if out.get("type") == "object" or "properties" in out:
        out["additionalProperties"] = False
    if told:
        says = out.get("description")
        out["description"] = (f"{says}\n\n" if isinstance(says, str) and says else "") + "{" + ", ".join(told) + "}"
    return out


def _each(value: Any, depth: int) -> Any:
    if not isinstance(value, list):
        return value
    return [answer_schema(one, depth + 1) if isinstance(one, dict) else one for one in value]

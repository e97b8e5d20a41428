"""JSON schemas of other dialects as Anthropic takes them: as a tool's `input_schema`, and as the form of an answer. Trap 15.

Sources: the API's own refusals ("input_schema does not support oneOf, allOf, or anyOf at the top level", "Property keys should
match pattern"); platform.claude.com, "Structured outputs", "JSON Schema limitations".
"""

import re
from typing import Any, Final

from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report

_Schema = dict[str, Any]
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_VARIANTS: Final = ("allOf", "anyOf", "oneOf")
_LOCAL: Final = re.compile(r"#/(\$defs|definitions)/([^/]+)")

_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_CONSTRAINTS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains", "not", "if", "then", "else",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "prefixItems", "pattern",
)  # fmt: skip
"""What an answer's schema may not say; it is told in the description instead. (`pattern` is known in part only.)"""


def input_schema(schema: _Schema | None, path: str, report: Report) -> _Schema:
    """A tool's schema: an object at the top without variants, with legal property names."""
    if schema is None:
        return {"type": "object", "properties": {}}
    if any(name in schema for name in (*_VARIANTS, "$ref")):
        schema = _flat(schema, path, report)
    properties = schema.get("properties")
    if isinstance(properties, dict) and not all(_KEY.fullmatch(name) for name in properties):
        for name in properties:
            if not _KEY.fullmatch(name):
                report.drop(f"{path}.properties.{name}", "illegal_name")
        kept = {name: value for name, value in properties.items() if _KEY.fullmatch(name)}
        required = schema.get("required")
        schema = {**schema, "properties": kept}
        if isinstance(required, list):
            schema["required"] = [name for name in required if name in kept]
    if schema.get("type") != "object" or ("properties" in schema and not isinstance(properties, dict)):
        rest = {name: value for name, value in schema.items() if name != "type"}
        if not isinstance(schema.get("properties"), dict):
            rest.pop("properties", None)
        schema = {"type": "object", **rest}
    return schema


def _flat(schema: _Schema, path: str, report: Report) -> _Schema:
    """The variants at the top as one object: it allows what any of them allows, and needs what all of them need."""
    flat = {name: value for name, value in schema.items() if name not in (*_VARIANTS, "$ref")}
    properties: dict[str, Any] = dict(flat["properties"]) if isinstance(flat.get("properties"), dict) else {}
    required = set(_names(flat.get("required")))
    for one in _referred(schema, schema), *_all(schema, "allOf"):
        for name, value in _properties(one).items():
            properties.setdefault(name, value)
        required |= set(_names(one.get("required")))
    for kind in ("anyOf", "oneOf"):
        variants = _all(schema, kind)
        if not variants:
            continue
        report.drop(f"{path}.{kind}", "flattened")
        for one in variants:
            for name, value in _properties(one).items():
                properties[name] = _either(properties[name], value) if name in properties else value
        required |= set.intersection(*(set(_names(one.get("required"))) for one in variants))
    flat["properties"] = properties
    if required:
        flat["required"] = [name for name in properties if name in required]
    return flat


def _all(schema: _Schema, kind: str) -> list[_Schema]:
    found = schema.get(kind)
    ones = found if isinstance(found, list) else []
    return [_referred(one, schema) or one for one in ones if isinstance(one, dict)]


def _referred(one: _Schema, root: _Schema) -> _Schema:
    """What a local `$ref` means; {} when there is none."""
    ref = one.get("$ref")
    found = _LOCAL.fullmatch(ref) if isinstance(ref, str) else None
    holder = root.get(found[1]) if found else None
    meant = holder.get(found[2]) if found and isinstance(holder, dict) else None
    return meant if isinstance(meant, dict) else {}


def _either(one: Any, other: Any) -> Any:
    if one == other:
        return one
    known = one["anyOf"] if isinstance(one, dict) and list(one) == ["anyOf"] else [one]
    return one if other in known else {"anyOf": [*known, other]}


def _properties(schema: _Schema) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def answer_schema(schema: _Schema) -> _Schema:
    """The schema of an answer: closed objects, and what cannot be enforced told in words."""
    out: _Schema = {}
    told: list[str] = []
    for name, value in schema.items():
        if name in _CONSTRAINTS and not (name == "minItems" and value in (0, 1)):
            told.append(f"{name}: {value if isinstance(value, str) else encode(value).decode()}")
        elif name == "format" and value not in _FORMATS:
            told.append(f"format: {value}")
        elif name == "oneOf":
            out["anyOf"] = _each(value)
        elif name in ("anyOf", "allOf"):
            out[name] = _each(value)
        elif name in ("properties", "$defs", "definitions") and isinstance(value, dict):
            out[name] = {key: answer_schema(one) if isinstance(one, dict) else one for key, one in value.items()}
        elif name == "items" and isinstance(value, dict):
            out[name] = answer_schema(value)
        elif name != "additionalProperties":
            out[name] = value
    if out.get("type") == "object" or "properties" in out:
        out["additionalProperties"] = False
    if told:
        says = out.get("description")
        out["description"] = (f"{says}\n\n" if isinstance(says, str) and says else "") + "{" + ", ".join(told) + "}"
    return out


def _each(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [answer_schema(one) if isinstance(one, dict) else one for one in value]

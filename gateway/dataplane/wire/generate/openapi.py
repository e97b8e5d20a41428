"""JSON Schema → Gemini's `Schema`, for models that know no `parametersJsonSchema`. Traps 15, 44.

What the subset cannot say are hints for validation: they go without a report, where they can into the description. References
are put in place, recursion is cut at an open object, unions are simplified. Never raises; ends on every input.

Source of the subset: ai.google.dev, API reference `Schema`, as the models of 1.5 took it: newer members (`title`, `default`,
`pattern`, lengths) are left out, because who needs this subset does not know them.
"""

from typing import Any, Final

from msgspec.json import Encoder

_encode = Encoder().encode
Json = dict[str, Any]

_TYPES: Final = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
}
_FORMATS: Final = {
    "STRING": frozenset({"date-time", "enum"}),
    "NUMBER": frozenset({"float", "double"}),
    "INTEGER": frozenset({"int32", "int64"}),
}
_MOST_NODES: Final = 4000
"""Definitions that refer to each other twice double at every step; no tool of the corpora has over 500 nodes."""
_MOST_CHOICES: Final = 40


def openapi_schema(schema: Json) -> Json:
    """A JSON Schema as a Schema."""
    return _Writer(schema).node(schema, ())


class _Writer:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._left = _MOST_NODES

    def node(self, schema: Any, refs: tuple[str, ...]) -> Json:
        """One schema; `refs` are the references that it stands inside."""
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0:
            return {"type": "STRING"} if not isinstance(schema, dict) else {"type": "OBJECT"}
        schema, refs = self._resolved(schema, refs)
        variants = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(variants, list):
            return self._union(schema, variants, refs)
        kinds, is_nullable = _kinds(schema)
        if len(kinds) > 1:
            return self._union(
                {name: value for name, value in schema.items() if name != "type"},
                [*({"type": kind} for kind in kinds), *([{"type": "null"}] if is_nullable else [])],
                refs,
            )
        kind = _TYPES.get(kinds[0], "STRING") if kinds else "STRING"
        found = self._typed(schema, kind, refs)
        if is_nullable:
            found["nullable"] = True
        return found

    def _typed(self, schema: Json, kind: str, refs: tuple[str, ...]) -> Json:
        found: Json = {"type": kind}
        description = schema.get("description")
        said = [description] if isinstance(description, str) and description else []
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list) and any(one is not None for one in choices):
            choices = [one for one in choices if one is not None and one != ""]
            if kind == "STRING" and choices and all(isinstance(one, str) for one in choices):
                found["enum"] = choices
                found["format"] = "enum"
            elif choices:
                words = ", ".join(_encode(one).decode() for one in choices[:_MOST_CHOICES])
                said.append(f"One of: {words}")
        if schema.get("format") in _FORMATS.get(kind, ()):
            found["format"] = schema["format"]
        if kind == "OBJECT":
            self._object(schema, found, refs)
        elif kind == "ARRAY":
            self._array(schema, found, refs)
        elif kind in ("INTEGER", "NUMBER"):
            _bounds(schema, found, is_integer=kind == "INTEGER")
        if said:
            found["description"] = ". ".join(said)
        return found

    def _object(self, schema: Json, found: Json, refs: tuple[str, ...]) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return
        found["properties"] = {name: self.node(child, refs) for name, child in properties.items()}
        required = schema.get("required")
        if isinstance(required, list):
            known = [name for name in required if isinstance(name, str) and name in properties]
            if known:
                found["required"] = list(dict.fromkeys(known))

    def _array(self, schema: Json, found: Json, refs: tuple[str, ...]) -> None:
        items = schema.get("items")
        if isinstance(items, list) or (items is None and isinstance(schema.get("prefixItems"), list)):
            listed = items or schema["prefixItems"]  # a tuple: its first element stands for all
            items = listed[0] if listed else None
        item = self.node({} if items is None else items, refs)
        found["items"] = item["anyOf"][0] if "anyOf" in item else item  # a union is refused there
        for name in ("minItems", "maxItems"):
            if isinstance(schema.get(name), int):
                found[name] = schema[name]

    def _union(self, schema: Json, variants: list[Any], refs: tuple[str, ...]) -> Json:
        """`anyOf` must stand alone, so what stands beside it goes into each variant; null becomes `nullable`."""
        beside = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}
        written: list[Json] = []
        is_nullable = False
        for variant in variants:
            if isinstance(variant, dict) and variant.get("type") == "null":
                is_nullable = True
                continue
            one = self.node({**beside, **variant} if isinstance(variant, dict) else beside, refs)
            is_nullable = bool(one.pop("nullable", False)) or is_nullable
            for inner in one.get("anyOf", (one,)):
                if inner not in written:
                    written.append(inner)
        if not written:
            written.append({"type": "STRING"})
        if is_nullable:
            written = [{**one, "nullable": True} for one in written]
        return written[0] if len(written) == 1 else {"anyOf": written}

    def _resolved(self, schema: Json, refs: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """`schema` with its `$ref` and `allOf` put in; an open object where that leads back into itself or nowhere."""
        ref = schema.get("$ref")
        if isinstance(ref, str):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            target = None if ref in refs else self._at(ref)
            if target is None:
                return {"type": "object", **rest}, refs
            return self._resolved({**target, **rest}, (*refs, ref))
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema, refs
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in parts:
            if isinstance(part, dict):
                whole, refs = self._resolved(part, refs)
                merged = _merged(whole, merged)
        return merged, refs

    def _at(self, ref: str) -> Json | None:
        """What a local JSON pointer points to."""
        if not ref.startswith("#"):
            return None
        found: Any = self._root
        for step in ref[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return None
        return found if isinstance(found, dict) else None


def _merged(below: Json, above: Json) -> Json:
    """Both schemas hold: properties and required add up, of the rest `above` counts."""
    found = {**below, **above}
    for name in ("properties", "$defs"):
        if isinstance(below.get(name), dict) and isinstance(above.get(name), dict):
            found[name] = {**below[name], **above[name]}
    if isinstance(below.get("required"), list) and isinstance(above.get("required"), list):
        found["required"] = [*below["required"], *above["required"]]
    return found


def _kinds(schema: Json) -> tuple[list[str], bool]:
    """The types without null, and whether null is one; guessed from the other members where none is given."""
    kind = schema.get("type")
    if isinstance(kind, str):
        return ([kind.lower()], False) if kind.lower() != "null" else ([], True)
    if isinstance(kind, list):
        names = [one.lower() for one in kind if isinstance(one, str)]
        return [one for one in names if one != "null"], "null" in names
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"], False
    if "items" in schema or "prefixItems" in schema:
        return ["array"], False
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(choices, list):
        kinds = dict.fromkeys(_kind_of(one) for one in choices)
        return [one for one in kinds if one != "null"], "null" in kinds
    return [], False


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "null" if value is None else "string"


def _bounds(schema: Json, found: Json, *, is_integer: bool) -> None:
    """`exclusiveMinimum: 0` of an integer is `minimum: 1`; of a number it is told as 0."""
    step = 1 if is_integer else 0
    for name, exclusive, by in (("minimum", "exclusiveMinimum", step), ("maximum", "exclusiveMaximum", -step)):
        value, beyond = _number(schema.get(name)), _number(schema.get(exclusive))
        if value is not None:
            found[name] = value
        elif beyond is not None:
            found[name] = beyond + by


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None

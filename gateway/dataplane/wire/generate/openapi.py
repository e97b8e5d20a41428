"""JSON Schema → Gemini's `Schema`, for models that know no `parametersJsonSchema`. Traps 15, 44.

What the subset cannot say are hints for validation: they go without a report, where they can into the description. References
are put in place, recursion is cut at an open object, unions are simplified. Never raises; ends on every input.

What one schema becomes is bounded, for definitions are put in wherever they are meant.

Source of the subset: ai.google.dev, API reference `Schema`, as the models of 1.5 took it: newer members (`title`, `default`,
`pattern`, lengths) are left out, because who needs this subset does not know them.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec.json import Encoder

from gateway.dataplane.wire.translate.schema import DEEPEST

_encode = Encoder().encode
Json = dict[str, Any]
_Refs = frozenset[str]

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
_MOST: Final = 20_000
"""Members and choices of all nodes that are written: definitions that refer to each other twice double at every step, and one that
is long can be meant a thousand times. No tool of the corpora has over 500 nodes."""
_CHARS_PER_MEMBER: Final = 100
_MOST_CHOICES: Final = 40


def openapi_schema(schema: Json) -> Json:
    """A JSON Schema as a Schema."""
    return _Writer(schema).node(schema, frozenset(), 0)


class _Writer:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._left = _MOST

    @property
    def _is_full(self) -> bool:
        return self._left < 0

    def node(self, schema: Any, refs: _Refs, depth: int) -> Json:
        """One schema; `refs` are the references that it stands inside."""
        if not isinstance(schema, dict):
            return {"type": "STRING"}
        if self._is_full or depth > DEEPEST:
            return {"type": "OBJECT"}
        schema, refs = self._resolved(schema, refs, depth)
        self._left -= 1 + len(schema)
        variants = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(variants, list):
            return self._union(schema, variants, refs, depth)
        kinds, is_nullable = _kinds(schema)
        if len(kinds) > 1:
            return self._union(
                {name: value for name, value in schema.items() if name != "type"},
                [*({"type": kind} for kind in kinds), *([{"type": "null"}] if is_nullable else [])],
                refs,
                depth,
            )
        kind = _TYPES.get(kinds[0], "STRING") if kinds else "STRING"
        found = self._typed(schema, kind, refs, depth)
        if is_nullable:
            found["nullable"] = True
        return found

    def _typed(self, schema: Json, kind: str, refs: _Refs, depth: int) -> Json:
        found: Json = {"type": kind}
        description = schema.get("description")
        said = [description] if isinstance(description, str) and description else []
        self._left -= len(said[0]) // _CHARS_PER_MEMBER if said else 0
        choices = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(choices, list) and any(one is not None for one in choices):
            self._left -= len(choices)
            choices = [one for one in choices if one is not None and one != ""]
            if kind == "STRING" and choices and all(isinstance(one, str) for one in choices):
                found["enum"] = choices
                found["format"] = "enum"
            elif choices:
                words = ", ".join(_encode(one).decode() for one in choices[:_MOST_CHOICES])
                said.append(f"One of: {words}")
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS.get(kind, ()):
            found["format"] = form
        if kind == "OBJECT":
            self._object(schema, found, refs, depth)
        elif kind == "ARRAY":
            self._array(schema, found, refs, depth)
        elif kind in ("INTEGER", "NUMBER"):
            _bounds(schema, found, is_integer=kind == "INTEGER")
        if said:
            found["description"] = ". ".join(said)
        return found

    def _object(self, schema: Json, found: Json, refs: _Refs, depth: int) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return
        written = found["properties"] = {}
        for name, child in properties.items():
            if self._is_full:
                break
            written[name] = self.node(child, refs, depth + 1)
        required = schema.get("required")
        if isinstance(required, list):
            known = [name for name in required if isinstance(name, str) and name in written]
            if known:
                found["required"] = list(dict.fromkeys(known))

    def _array(self, schema: Json, found: Json, refs: _Refs, depth: int) -> None:
        items = schema.get("items")
        if items is None:
            items = schema.get("prefixItems")
        if isinstance(items, list):  # a tuple: its first element stands for all
            items = items[0] if items else None
        item = self.node({} if items is None else items, refs, depth + 1)
        found["items"] = item["anyOf"][0] if "anyOf" in item else item  # a union is refused there
        for name in ("minItems", "maxItems"):
            if isinstance(schema.get(name), int):
                found[name] = schema[name]

    def _union(self, schema: Json, variants: list[Any], refs: _Refs, depth: int) -> Json:
        """`anyOf` must stand alone, so what stands beside it goes into each variant; null becomes `nullable`."""
        beside = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")}
        found: dict[bytes, Json] = {}
        is_nullable = False
        for variant in variants:
            if self._is_full:
                break
            if isinstance(variant, dict) and variant.get("type") == "null":
                is_nullable = True
                continue
            one = self.node({**beside, **variant} if isinstance(variant, dict) else beside, refs, depth + 1)
            is_nullable = bool(one.pop("nullable", False)) or is_nullable
            found |= {_encode(inner): inner for inner in one.get("anyOf", (one,))}
        written = list(found.values()) or [{"type": "STRING"}]
        if is_nullable:
            written = [{**one, "nullable": True} for one in written]
        return written[0] if len(written) == 1 else {"anyOf": written}

    def _resolved(self, schema: Json, refs: _Refs, depth: int) -> tuple[Json, _Refs]:
        """`schema` with its `$ref` and `allOf` put in; an open object where that leads too far, back into itself or nowhere."""
        ref = schema.get("$ref")
        while isinstance(ref, str):
            depth += 1
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            target = None if ref in refs or depth > DEEPEST or self._is_full else self._at(ref)
            if target is None:
                return {"type": "object", **rest}, refs
            self._left -= len(target)
            refs |= {ref}
            schema = {**target, **rest}
            ref = schema.get("$ref")
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema, refs
        wholes = [{name: value for name, value in schema.items() if name != "allOf"}]
        inside = set(refs)
        for part in parts:
            if self._is_full:
                break
            if isinstance(part, dict):
                self._left -= 1 + len(part)
                whole, more = self._resolved(part, refs, depth + 1)
                wholes.append(whole)
                inside |= more
        return _merged(reversed(wholes)), frozenset(inside)

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


def _merged(schemas: Iterable[Json]) -> Json:
    """All of them hold: properties and required add up, of the rest what is said last counts."""
    found: Json = {}
    for schema in schemas:
        for name, value in schema.items():
            known = found.get(name)
            if name in ("properties", "$defs") and isinstance(value, dict):
                found[name] = known if isinstance(known, dict) else {}
                found[name].update(value)
            elif name == "required" and isinstance(value, list):
                found[name] = known if isinstance(known, list) else []
                found[name].extend(value)
            else:
                found[name] = value
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

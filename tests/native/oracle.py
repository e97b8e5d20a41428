"""Python twins of the pure native functions: slow, plain, and the reference for what they mean (STYLE 27)."""

import json
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)

_PASSING = {"cache_control", "cachePoint", "id", "status", "type"}


class Refused(Exception):
    """What `scan_object` raises as JsonError."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, so that repeated keys stay visible."""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(text: str) -> str:
    return text  # `int` refuses thousands of digits, which JSON does not


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_constant=_no_constant, parse_int=_number, parse_float=_number
)


def parse(body: bytes) -> Any:
    """RFC 8259, strict; objects as `_Pairs`. Raises ValueError."""
    return _DECODER.decode(body.decode())


def members(raw: str) -> list[tuple[str, str]]:
    """The members of an object in JSON: keys as they read, values as they are written."""
    parts, at = [], _skip(raw, 1, "")
    while raw[at] != "}":
        key, colon = _DECODER.raw_decode(raw, at)
        start = _skip(raw, colon, ":")
        end = _DECODER.raw_decode(raw, start)[1]
        parts.append((key, raw[start:end]))
        at = _skip(raw, end, ",")
    return parts


def elements(raw: str) -> list[str]:
    """The elements of an array in JSON, as they are written."""
    parts, at = [], _skip(raw, 1, "")
    while raw[at] != "]":
        end = _DECODER.raw_decode(raw, at)[1]
        parts.append(raw[at:end])
        at = _skip(raw, end, ",")
    return parts


def _skip(raw: str, at: int, mark: str) -> int:
    """Where the next token starts, after white space and one `mark`."""
    rest = raw[at:].lstrip(" \t\r\n").removeprefix(mark).lstrip(" \t\r\n")
    return len(raw) - len(rest)


def conversation(body: bytes, system: bytes, items: bytes) -> bytes | None:
    """What `conversation_digest` hashes."""
    top = dict(members(body.decode().strip(" \t\r\n")))
    history = top.get(items.decode(), "null")
    opening = [history] if history[0] == '"' else _opening(elements(history)) if history[0] == "[" else []
    if not opening:
        return None
    instructions = [top[system.decode()]] if system and system.decode() in top else []
    hashed = [*_scalars(instructions), ";", *_scalars(opening)]
    return "".join(hashed).encode()


def _opening(items: list[str]) -> list[str]:
    roles = [_role_is_user(item) for item in items]
    if True in roles:
        first = roles.index(True)
        return items[: first + len(list(takewhile(bool, roles[first:])))]
    return items[: roles.index(None) + 1] if None in roles else items[:1]


def _role_is_user(item: str) -> bool | None:
    role = dict(members(item)).get("role") if item[0] == "{" else None
    return None if role is None else _DECODER.decode(role) == "user"


def _scalars(values: list[str]) -> Iterator[str]:
    for raw in values:
        if raw[0] == '"':
            yield raw
        elif raw[0] in "-0123456789":
            yield raw + ","
        elif raw[0] == "[":
            yield from _scalars(elements(raw))
        elif raw[0] == "{":
            yield from _scalars([value for key, value in members(raw) if key not in _PASSING])


def last_items(body: bytes, items: bytes, count: int) -> list[bytes]:
    """The last elements of a top-level array, as they are written."""
    raw = dict(members(body.decode().strip(" \t\r\n"))).get(items.decode(), "null")
    parts = elements(raw) if raw[0] == "[" else []
    return [part.encode() for part in parts[max(len(parts) - count, 0) :]]


def depth(body: bytes) -> int:
    """How deep brackets nest, strings left out."""
    level = deepest = 0
    for match in _BRACKETS.finditer(body):
        level += (match[1] is not None) - (match[2] is not None)
        deepest = max(deepest, level)
    return deepest


def scan_object(body: bytes, keys: tuple[bytes, ...], max_depth: int = 512) -> dict[bytes, Any]:
    """The values (parsed) of those of `keys` that are in `body`. Raises Refused with the kind."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise Refused("not_utf8") from None
    if not body.strip(b" \t\r\n"):
        raise Refused("empty")
    try:
        value = parse(body)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if depth(body) > max_depth:
        raise Refused("too_deep")
    if not isinstance(value, _Pairs):
        raise Refused("not_object")
    names = [name for name, _ in value]
    if len(set(names)) < len(names):
        raise Refused("duplicate_key")
    members = dict(value)
    return {key: members[key.decode()] for key in keys if key.decode() in members}


def tap(dialect: str, wire: bytes) -> dict[str, Any]:
    """What a tap must learn from an event stream of `dialect`: the captures but for the delta counters, and `terminal`,
    the index of the terminal event among those with data (None without one)."""
    seen: dict[str, Any] = dict.fromkeys(["usage", "usage2", "model", "error", "terminal"])
    seen |= {"status": "none", "finish_seen": False}
    for index, (name, data) in enumerate(_events(wire)):
        if data.strip() == "[DONE]":
            event: Any = "[DONE]"
        else:
            event = json.loads(data)
        if _TAPS[dialect](seen, name, event):
            seen["terminal"] = index
            break
    return seen


def _events(wire: bytes) -> list[tuple[str, str]]:
    found = []
    for block in re.split(r"\n{2,}", re.sub(r"\r\n?", "\n", wire.decode())):
        fields = [line.partition(":") for line in block.split("\n")]
        data = [value.removeprefix(" ") for name, _, value in fields if name == "data"]
        names = [value.strip() for name, _, value in fields if name == "event"]
        if data:
            found.append(((names or [""])[-1], "\n".join(data)))
    return found


def _responses(seen: dict[str, Any], name: str, event: Any) -> bool:
    kind = event.get("type", name)
    response = event.get("response") or {}
    endings = {"response.completed": "ok", "response.incomplete": "incomplete", "response.failed": "failed"}
    done = {"incomplete": "incomplete", "failed": "failed", "cancelled": "failed"}
    status = done.get(str(response.get("status")), "ok") if kind == "response.done" else endings.get(kind)
    if kind == "error":
        seen |= {"status": "failed", "error": event.get("error") or event}
    for field in ["usage", "model", "error"]:
        seen[field] = response.get(field) or seen[field]
    if status:
        seen |= {"status": status, "finish_seen": True}
    return status is not None


def _chat(seen: dict[str, Any], name: str, event: Any) -> bool:
    if event == "[DONE]":
        seen |= {"status": seen["status"].replace("none", "ok"), "finish_seen": True}
        return True
    seen["usage"] = event.get("usage") or (event.get("x_groq") or {}).get("usage") or seen["usage"]
    seen["model"] = seen["model"] or event.get("model") or None
    if event.get("service_tier") not in (None, "", "default", "auto", "standard"):
        seen["usage2"] = seen["usage2"] or event
    if event.get("error"):
        seen |= {"status": "failed", "error": event["error"]}
    seen["finish_seen"] |= any(choice.get("finish_reason") is not None for choice in event.get("choices") or [])
    return False


def _anthropic(seen: dict[str, Any], name: str, event: Any) -> bool:
    match event.get("type", name):
        case "message_start":
            seen |= {"usage": event["message"].get("usage"), "model": event["message"].get("model")}
        case "message_delta":
            seen["usage2"] = event.get("usage") or seen["usage2"]
            seen["finish_seen"] |= event["delta"].get("stop_reason") is not None
        case "message_stop":
            seen |= {"status": "ok", "finish_seen": True}
            return True
        case "error":
            seen |= {"status": "failed", "error": event["error"]}
            return True
    return False


def _gemini(seen: dict[str, Any], name: str, event: Any) -> bool:
    seen["usage"] = event.get("usageMetadata") or seen["usage"]
    seen["model"] = seen["model"] or event.get("modelVersion")
    if any(candidate.get("finishReason") for candidate in event.get("candidates", [])):
        seen |= {"finish_seen": True, "status": seen["status"].replace("none", "ok")}
    if event.get("error"):
        seen |= {"status": "failed", "error": event["error"]}
    return False


_TAPS = {
    "openai.responses": _responses,
    "openai.chat": _chat,
    "anthropic.messages": _anthropic,
    "gemini.generate": _gemini,
}

"""Chat requests in one spelling: what may differ between a request and the same request read and written again.

Each rule has its reason in `exceptions.json`, and is named in the code below where it is applied; a test sees that the two
lists agree.
"""

import json
from pathlib import Path
from typing import Any

EXCEPTIONS: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "exceptions.json").read_text())
USED: set[str] = set()
"""The rules that changed something so far."""


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The request in one spelling."""
    body = _without_nulls(json.loads(json.dumps(body)))
    _top(body)
    _tools(body)
    _thinking(body)
    for message in body["messages"]:
        _message(message)
    return body


def _used(rule: str) -> None:
    assert rule in EXCEPTIONS["rules"], rule
    USED.add(rule)


def _without_nulls(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_nulls(one) for one in node]
    if not isinstance(node, dict):
        return node
    left = {name: _without_nulls(value) for name, value in node.items() if value is not None}
    if len(left) < len(node):
        _used("null")
    return left


def _drop(node: dict[str, Any], name: str, values: tuple[Any, ...], rule: str) -> None:
    if name in node and any(node[name] == value and type(node[name]) is type(value) for value in values):
        _used(rule)
        del node[name]


def _rename(node: dict[str, Any], old: str, new: str, rule: str) -> None:
    if old in node:
        _used(rule)
        node.setdefault(new, node.pop(old))


def _top(body: dict[str, Any]) -> None:
    _drop(body, "stream", (False,), "default")
    _drop(body, "n", (1,), "default")
    _drop(body, "response_format", ({"type": "text"},), "default")
    _drop(body, "tools", ([],), "empty")
    if isinstance(body.get("stop"), str):
        _used("stop")
        body["stop"] = [body["stop"]]
    _rename(body, "max_completion_tokens", "max_tokens", "limit")
    _rename(body, "safety_identifier", "user", "user")
    if body.get("stream") and "stream_options" not in body:
        _used("usage")
        body["stream_options"] = {"include_usage": True}


def _tools(body: dict[str, Any]) -> None:
    if "functions" in body:
        _used("legacy")
        body["tools"] = [{"type": "function", "function": one} for one in body.pop("functions")]
        body["parallel_tool_calls"] = False
    _rename(body, "function_call", "tool_choice", "legacy")
    if "tools" not in body and body.pop("tool_choice", None):
        _used("choice")
    if body.get("tool_choice") == "any":
        _used("any")
        body["tool_choice"] = "required"
    if isinstance(body.get("tool_choice"), dict) and "type" not in body["tool_choice"]:
        _used("type")
        body["tool_choice"]["type"] = "function"
    for tool in body.get("tools", ()):
        if "type" not in tool:
            _used("type")
            tool["type"] = "function"
        _drop(tool.get("function", {}), "description", ("",), "empty")
        _drop(tool.get("cache_control", {}), "ttl", ("5m",), "ttl")


def _thinking(body: dict[str, Any]) -> None:
    reasoning = body.get("reasoning", {})
    if reasoning.get("effort"):
        _used("effort")
        body["reasoning_effort"] = reasoning.pop("effort")
        reasoning.pop("enabled", None)
    _drop(body, "reasoning", ({},), "effort")


def _message(message: dict[str, Any]) -> None:
    if message["role"] == "developer":
        _used("developer")
        message["role"] = "system"
    for name in ("tool_calls", "annotations", "content"):
        _drop(message, name, ([],), "empty")
    if "reasoning" in message:
        _used("reasoning")
        message["reasoning_content"] = message.pop("reasoning")
    if "tool_calls" in message:
        _drop(message, "reasoning_content", ("",), "needed")
    for at, entry in enumerate(message.get("reasoning_details", ())):
        if "index" not in entry:
            _used("index")
            entry["index"] = at
    for part in message["content"] if isinstance(message.get("content"), list) else ():
        if isinstance(part.get("image_url"), str):
            _used("image_url")
            part["image_url"] = {"url": part["image_url"]}
        _drop(part.get("cache_control", {}), "ttl", ("5m",), "ttl")
        if isinstance(part.get("thinking"), list) and len(part["thinking"]) > 1:
            _used("thinking")
            part["thinking"] = [{"type": "text", "text": "".join(one["text"] for one in part["thinking"])}]

"""Small turns of another dialect, and the requests that are written of them."""

import json
from typing import Any

from gateway.dataplane.wire.canon import Message, Part, Role, Text, Turn
from gateway.dataplane.wire.codec import PathSays, Target
from gateway.dataplane.wire.messages import CODEC
from gateway.dataplane.wire.report import Report


def text(words: str, **more: Any) -> Text:
    return Text(text=words, **more)


def said(role: Role, *parts: Part | str, **more: Any) -> Message:
    """A message; strings are text."""
    return Message(role=role, parts=[text(one) if isinstance(one, str) else one for one in parts], **more)


def turn(*messages: Message, dialect: str = "openai.responses", **more: Any) -> Turn:
    """A turn of a foreign client."""
    return Turn(dialect=dialect, model="m", messages=list(messages), **more)


def target(model: str = "claude-opus-4-8", vendor: str = "anthropic", **more: Any) -> Target:
    """Anthropic's API, unless said otherwise."""
    return Target("anthropic.messages", "anthropic", model, vendor, vendor, **more)


def written(asked: Turn, to: Target | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The request, and what was reported as (what, why)."""
    report = Report()
    body: dict[str, Any] = json.loads(CODEC.write_turn(asked, to or target(), report))
    return body, [(drop.what, drop.why) for drop in report.drops]


def read(**members: Any) -> Turn:
    """A client's own request; `messages` has one question unless given."""
    body = {"model": "claude-opus-4-8", "messages": [{"role": "user", "content": "Hi"}], **members}
    return CODEC.read_turn(json.dumps(body).encode(), PathSays())


def unmarked(value: Any) -> Any:
    """JSON without its cache breakpoints."""
    if isinstance(value, dict):
        return {name: unmarked(one) for name, one in value.items() if name != "cache_control"}
    return [unmarked(one) for one in value] if isinstance(value, list) else value

"""What a provider of each dialect says when nothing goes wrong, taken from the simulator once: text, and then a tool call."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import httpx

from tests.e2e.matrix.cell import MODELS, WIRES
from tests.e2e.matrix.nouns import Ask, Seen
from tests.e2e.matrix.talk import BASH

ASK = Ask(prompt="what is the weather?", tools=(BASH,))
MOMENTS = ("before", "headers", "frames", "content", "tool")
_FRAMES = {
    "openai.responses": 2,
    "openai.chat": 1,
    "anthropic.messages": 1,
    "gemini.generate": 0,
    "bedrock.converse": 1,
}
"""Events of each dialect's streams that say nothing yet."""
_TOOL = {
    "openai.responses": b"function_call_arguments.delta",
    "openai.chat": b'"arguments":"{',
    "anthropic.messages": b'"partial_json":"{',
    "bedrock.converse": b'"toolUse":{"input"',
}
"""What a piece of a call's arguments looks like. Gemini's calls are one event: they have no middle."""


@dataclass(frozen=True)
class Script:
    """`text` and `tool` are whole streams, as events; `whole` is an answer in one piece."""

    dialect: str
    kind: str
    text: list[bytes]
    tool: list[bytes]
    whole: bytes

    def until(self, moment: str) -> list[bytes]:
        """The events of a stream that the client can have had at a moment."""
        if moment in ("before", "headers"):
            return []
        if moment == "frames":
            return self.text[: _FRAMES[self.dialect]]
        if moment == "content":
            return self.text[: _first(self.text, b"This") + 1]
        return self.tool[: _first(self.tool, _TOOL[self.dialect]) + 1]

    def after(self, moment: str) -> list[bytes]:
        """The rest of that stream."""
        return (self.tool if moment == "tool" else self.text)[len(self.until(moment)) :]

    def has(self, moment: str) -> bool:
        """Whether a stream of this dialect has such a moment."""
        return (moment != "frames" or _FRAMES[self.dialect] > 0) and (moment != "tool" or self.dialect in _TOOL)

    def seen(self, *, stream: bool) -> Seen:
        """What its own client reads of it."""
        wire = WIRES[self.dialect]
        return wire.stream(b"".join(self.text)) if stream else wire.whole(self.whole)


def load(simulator: str) -> dict[str, Script]:
    """The scripts of all dialects."""
    return {dialect: _script(simulator, dialect) for dialect in WIRES}


def _script(simulator: str, dialect: str) -> Script:
    text = _asked(simulator, dialect, "[[sim:long n=8]]", stream=True)
    tool = _asked(simulator, dialect, "[[sim:shell cmd=ls -la /tmp]]", stream=True)
    whole = _asked(simulator, dialect, "[[sim:long n=8]]", stream=False)
    kind = text.headers["content-type"]
    return Script(dialect, kind, _events(dialect, text.content), _events(dialect, tool.content), whole.content)


def _asked(simulator: str, dialect: str, prompt: str, *, stream: bool) -> httpx.Response:
    wire, model = WIRES[dialect], MODELS[dialect].partition("/")[2]
    body: dict[str, Any] = wire.body(Ask(prompt=prompt, tools=ASK.tools), model, stream=stream)
    got = httpx.post(simulator + wire.path(model, stream=stream), content=json.dumps(body), headers=_headers(dialect))
    assert got.status_code == 200, got.text
    return got


def _headers(dialect: str) -> dict[str, str]:
    return {"content-type": "application/json", **WIRES[dialect].headers("simulated")}


def _events(dialect: str, stream: bytes) -> list[bytes]:
    if dialect != "bedrock.converse":
        mark = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
        return [event + mark for event in stream.split(mark) if event.strip()]
    found = []
    while stream:
        (size,) = struct.unpack_from(">I", stream)
        found.append(stream[:size])
        stream = stream[size:]
    return found


def _first(events: list[bytes], mark: bytes) -> int:
    return next(i for i, event in enumerate(events) if mark in event)

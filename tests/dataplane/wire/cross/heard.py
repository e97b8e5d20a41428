"""What a client gets: its stream or body, checked by its dialect's grammar and read by no code of ours."""

import json
from typing import Any

import orjson

from gateway import _native
from tests.dataplane.wire import sse
from tests.dataplane.wire.chat.grammar import violations as chat_violations
from tests.dataplane.wire.converse.grammar import faults as converse_faults
from tests.dataplane.wire.generate.grammar import datas_of as generate_datas
from tests.dataplane.wire.generate.grammar import violations as generate_violations
from tests.dataplane.wire.messages.grammar import violations as messages_violations
from tests.dataplane.wire.responses.grammar import violations as responses_violations

Frames = list[tuple[str, Any]]


def frames(dialect: str, wire: bytes) -> Frames:
    """The events of a stream, decoded; what is no JSON stays text."""
    if dialect == "bedrock.converse":
        return [(name, _decoded(payload)) for _, name, payload in _native.split_eventstream(wire)]
    if dialect == "gemini.generate":
        return [("", _decoded(data)) for data in generate_datas(wire)]
    return [(name, _decoded(data)) for name, data in sse.events(wire)]


def violations(dialect: str, wire: bytes, found: Frames, *, has_shapes: bool) -> list[str]:
    """What breaks the grammar of a whole stream, of which `found` are the frames; [] when nothing does."""
    if dialect == "bedrock.converse":
        try:
            return list(converse_faults(wire, has_shapes=has_shapes))
        except (ValueError, RecursionError):
            return ["the input of a call is no JSON"]
    if dialect == "openai.responses":
        return responses_violations(found)
    if dialect == "anthropic.messages":
        return messages_violations(found)
    chunks = [data for _, data in found]
    return chat_violations(chunks, wants_usage=True) if dialect == "openai.chat" else generate_violations(chunks)


_ENDS = {
    "openai.responses": ("response.completed", "response.incomplete", "response.failed"),
    "anthropic.messages": ("message_stop", "error"),
}


def ends(dialect: str, found: Frames) -> int:
    """How many terminal events a stream has: there must be one."""
    if dialect in _ENDS:
        return sum(name in _ENDS[dialect] for name, _ in found)
    if dialect == "openai.chat":
        return sum(data == "[DONE]" or "error" in data for _, data in found)
    if dialect == "bedrock.converse":
        return sum(name == "metadata" or name.endswith("Exception") for name, _ in found)
    return sum(_is_last(chunk) for _, chunk in found)


def _is_last(chunk: Any) -> bool:
    """Whether a chunk of Gemini's ends the stream."""
    if "error" in chunk or "promptFeedback" in chunk:
        return True
    return any("finishReason" in candidate for candidate in chunk.get("candidates") or ())


def _decoded(data: bytes) -> Any:
    """By the stricter of two parsers; what it does not know (`1e999`, integers of thousands of digits) is a number all the same."""
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        return json.loads(data, parse_int=float)
    except ValueError:
        return data.decode()

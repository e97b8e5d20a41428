"""What the first bytes of a stream are: frames that say nothing yet, content, or an error in band.

Until content has gone to the client another provider may still answer in its place; after it, never (wire notes of Codex, §7: items that were
finished have been shown, and tool calls executed).
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from gateway import _native
from gateway.base.core.struct import Record

Opening = Literal["frames", "content", "error"]

_RESPONSES = {"response.created": "frames", "response.queued": "frames", "response.in_progress": "frames",
              "response.failed": "error", "error": "error", "codex.rate_limits": "frames"}  # fmt: skip
_MESSAGES = {"message_start": "frames", "ping": "frames", "error": "error"}
_CONVERSE = {"messageStart": "frames"}


_ABSENT = msgspec.Raw()
_EMPTY = (b"", b"null", b'""', b"[]")


class _Delta(Record, frozen=True):
    content: msgspec.Raw = _ABSENT
    reasoning_content: msgspec.Raw = _ABSENT
    reasoning: msgspec.Raw = _ABSENT
    refusal: msgspec.Raw = _ABSENT
    tool_calls: msgspec.Raw = _ABSENT
    function_call: msgspec.Raw = _ABSENT
    audio: msgspec.Raw = _ABSENT


class _Choice(Record, frozen=True):
    delta: _Delta | None = None
    finish_reason: msgspec.Raw = _ABSENT


class _Chunk(Record, frozen=True):
    choices: list[_Choice] = []
    error: msgspec.Raw = _ABSENT


class _Type(Record, frozen=True):
    type: str = ""


class _Part(Record, frozen=True):
    candidates: list[msgspec.Raw] = []
    error: msgspec.Raw = _ABSENT


_chunk = msgspec.json.Decoder(_Chunk).decode
_type = msgspec.json.Decoder(_Type).decode
_part = msgspec.json.Decoder(_Part).decode


def opening_of(dialect: str, data: bytes) -> Opening:
    """What whole events of a stream of `dialect` are together. What cannot be read is content: it is the client's to judge."""
    for found in _each(dialect, data):
        if found != "frames":
            return found
    return "frames"


def _each(dialect: str, data: bytes) -> Iterator[Opening]:
    try:
        if dialect == "bedrock.converse":
            for kind, name, _ in _native.split_eventstream(data):
                yield "error" if kind != "event" else _CONVERSE.get(name, "content")  # type: ignore[misc]
            return
        for name, payload in _native.split_sse(data):
            yield _of_event(dialect, name, payload)
    except (ValueError, msgspec.DecodeError):
        yield "content"


def _of_event(dialect: str, name: str, payload: bytes) -> Opening:
    if dialect == "openai.responses":
        return _RESPONSES.get(_type(payload).type or name, "content")  # type: ignore[return-value]
    if dialect == "anthropic.messages":
        return _MESSAGES.get(_type(payload).type or name, "content")  # type: ignore[return-value]
    if dialect == "openai.chat":
        if payload == b"[DONE]":
            return "content"
        chunk = _chunk(payload)
        if _is_there(chunk.error):
            return "error"
        return "content" if any(map(_says, chunk.choices)) else "frames"
    if dialect == "gemini.generate":
        part = _part(payload)
        return "error" if _is_there(part.error) else "content" if part.candidates else "frames"
    return "content"


def _says(choice: _Choice) -> bool:
    if _is_there(choice.finish_reason):
        return True
    said = choice.delta
    if said is None:
        return False
    pieces = (
        said.content,
        said.reasoning_content,
        said.reasoning,
        said.refusal,
        said.tool_calls,
        said.function_call,
        said.audio,
    )
    return any(map(_is_there, pieces))


def _is_there(value: msgspec.Raw) -> bool:
    return bytes(value) not in _EMPTY

"""What the first bytes of an answer are: frames that say nothing yet, content, an error in band, or nothing that can be read.

Until content has gone to the client another provider may still answer in its place; after it, never (wire notes of Codex, §7: items that were
finished have been shown, and tool calls executed).
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from gateway import _native
from gateway.base.core.struct import Record

Opening = Literal["frames", "content", "error", "unreadable"]

_RESPONSES = {"response.created": "frames", "response.queued": "frames", "response.in_progress": "frames",
              "response.failed": "error", "error": "error", "codex.rate_limits": "frames"}  # fmt: skip
_MESSAGES = {"message_start": "frames", "ping": "frames", "error": "error"}
_CONVERSE = {"messageStart": "frames"}
_ANSWERS: dict[str, tuple[bytes, ...]] = {
    "openai.responses": (b"output",),
    "openai.chat": (b"choices",),
    "anthropic.messages": (b"content",),
    "gemini.generate": (b"candidates", b"promptFeedback"),
    "bedrock.converse": (b"output",),
}
"""Members of a whole answer, of which one is in each."""


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


def opening_of_body(dialect: str, body: bytes) -> Opening:
    """What a whole answer with a good status is: content, an error all the same, or no JSON object."""
    try:
        spans = _native.scan_object(body, (b"error", *_ANSWERS[dialect]))
    except _native.JsonError:
        return "unreadable"
    if spans[0] >= 0 and body[spans[0] : spans[1]] not in _EMPTY:
        return "error"
    return "content" if any(start >= 0 for start in spans[2::2]) else "error"


def opening_of(dialect: str, data: bytes) -> Opening:
    """What whole events of a stream of `dialect` are together: the first of them that is more than a frame."""
    for found in _each(dialect, data):
        if found != "frames":
            return found
    return "frames"


def _each(dialect: str, data: bytes) -> Iterator[Opening]:
    try:
        if dialect == "bedrock.converse":
            for kind, name, payload in _native.split_eventstream(data):
                _type(payload)
                str(payload, "utf-8")
                yield "error" if kind != "event" else _CONVERSE.get(name, "content")  # type: ignore[misc]
            return
        for name, payload in _native.split_sse(data, takes_bare_errors=dialect == "gemini.generate"):
            str(payload, "utf-8")  # what is not looked at below may be broken too
            yield _of_event(dialect, name, payload)
    except (ValueError, msgspec.DecodeError):
        yield "unreadable"


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

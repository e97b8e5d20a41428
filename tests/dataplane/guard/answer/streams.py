"""Answers in each dialect, written and read by the dialects' own codecs: the guard is judged by what a client understands."""

import json
from typing import Literal

from gateway import _native
from gateway.base.config import GuardrailsConfig
from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.usage import Usage
from gateway.dataplane.guard.answer import AnswerGuard, AnswerRules
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.redact import Marks
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.wire import CODECS
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Open,
    Reasoning,
    Stop,
    Text,
    ToolCall,
    Turn,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.translate.collect import answer_of

DIALECTS = tuple(sorted(CODECS))
MARKS = Marks(b"k" * 32)
Said = tuple[Literal["text", "thought", "call"], str, list[str]]
"""A block: what it is, the tool of a call, and its pieces."""


def text(*pieces: str) -> Said:
    return "text", "", list(pieces)


def thought(*pieces: str) -> Said:
    return "thought", "", list(pieces)


def call(tool: str, *pieces: str) -> Said:
    return "call", tool, list(pieces)


def _asked(dialect: str) -> Asked:
    return Asked(
        turn=Turn(dialect=dialect, model="m", messages=[], wants_usage=True), request_id="req_1", now_s=1_700_000_000
    )


def _opened(index: int, block: Said) -> Open:
    kind, tool, _ = block
    part = (
        Text(text="")
        if kind == "text"
        else Reasoning()
        if kind == "thought"
        else ToolCall(id=f"call_{index}", name=tool)
    )
    return Open(index, part)


def _stop(blocks: tuple[Said, ...]) -> Stop:
    return Stop(reason="tool_calls" if any(kind == "call" for kind, _, _ in blocks) else "end")


def written(dialect: str, *blocks: Said) -> list[bytes]:
    """A stream, in the pieces that its writer gives: one for each piece of a block, and more."""
    writer = CODECS[dialect].writer(_asked(dialect))
    events: list[Event] = [Begin("resp_1", "m")]
    for index, block in enumerate(blocks):
        events.append(_opened(index, block))
        events += [Delta(index, "arguments" if block[0] == "call" else "text", piece) for piece in block[2]]
        events.append(Close(index))
    events.append(Finish(_stop(blocks), Usage(input_tokens=1, output_tokens=1)))
    return [piece for event in events if (piece := writer.write([event]))]


def whole(dialect: str, *blocks: Said) -> bytes:
    """An answer that is no stream."""
    parts = []
    for index, (kind, tool, pieces) in enumerate(blocks):
        said = "".join(pieces)
        parts.append(
            Text(text=said)
            if kind == "text"
            else Reasoning(text=said)
            if kind == "thought"
            else ToolCall(id=f"call_{index}", name=tool, arguments=said)
        )
    answer = Answer(
        id="resp_1", model="m", parts=parts, stop=_stop(blocks), usage=Usage(input_tokens=1, output_tokens=1)
    )
    return CODECS[dialect].write_answer(answer, _asked(dialect))


def read(dialect: str, wire: bytes) -> Answer | Fault:
    """What a client understands of a stream."""
    reader = CODECS[dialect].reader()
    events: list[Event] = []
    if dialect == "bedrock.converse":
        for _, name, data in _native.split_eventstream(wire):
            events += reader.feed(name, data)
    else:
        for name, data in _native.split_sse(wire):
            events += reader.feed(name, data)
    events += reader.end()
    return answer_of(events)


def texts(answer: Answer | Fault) -> str:
    """Its words."""
    assert isinstance(answer, Answer), answer
    return "".join(part.text for part in answer.parts if isinstance(part, Text | Reasoning))


def calls(answer: Answer | Fault) -> list[tuple[str, str]]:
    """Its calls, with their arguments."""
    assert isinstance(answer, Answer), answer
    return [(part.name, part.arguments) for part in answer.parts if isinstance(part, ToolCall)]


def rules(config: GuardrailsConfig, scan: Scan) -> AnswerRules:
    made = AnswerRules.of(config, MARKS, lambda: scan)
    assert made is not None
    return made


def guard(
    config: GuardrailsConfig, scan: Scan, dialect: str, inspection: Inspection | None = None, *, is_array: bool = False
) -> AnswerGuard:
    made = rules(config, scan).guard(inspection or Inspection(), dialect, is_array=is_array)
    assert made is not None
    return made


def passed(guard: AnswerGuard, pieces: list[bytes]) -> bytes:
    """What a client gets of a stream that comes so."""
    return b"".join([*map(guard.feed, pieces), guard.end()])


def until_blocked(guard: AnswerGuard, pieces: list[bytes]) -> tuple[bytes, GuardrailBlocked | None]:
    """What a client gets before the guard ends the answer, and the error that ends it."""
    out = b""
    try:
        for piece in pieces:
            out += guard.feed(piece)
        return out + guard.end(), None
    except GuardrailBlocked as error:
        return out + guard.last_words, error


def array_of(wire: bytes) -> bytes:
    """A Gemini stream as the JSON array that it is without `alt=sse`."""
    return b"[" + b",\r\n".join(data for _, data in _native.split_sse(wire)) + b"]"


def sse_of(array: bytes) -> bytes:
    """And back, element by element."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in json.loads(array))

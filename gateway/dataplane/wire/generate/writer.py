"""Events as a `streamGenerateContent` stream: every delta is a chunk `data: {"candidates": …}`. Traps 4, 28, 29, 49.

- Text and thoughts leave at once; a call leaves when it closes, whole and with its id, in a chunk of its own.
- A signature stands on the part after it. Gemini CLI 0.61.0 drops thought parts from its history, and joins text parts, of which
  the first keeps its signature: so a signature never stands on a thought, and on a text only where no text is right before it.
  Otherwise it gets a part of its own, `{"thoughtSignature": …}`, which the CLI sends back as it is.
- The last chunk has the `finishReason` and all of the usage. Nothing else is held back; there is no lifecycle frame.
- An error has no `data: `: `{"error": …}` (see `wire/gemini.py`).
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Citation,
    Close,
    Delta,
    Event,
    Finish,
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.generate.citations import grounding_of
from gateway.dataplane.wire.generate.error import error_object
from gateway.dataplane.wire.generate.names import OWN_PARTS
from gateway.dataplane.wire.generate.stop import finish_reason
from gateway.dataplane.wire.generate.usage import usage_metadata
from gateway.dataplane.wire.generate.write_part import Json, arguments_json

_HEAD = b'data: {"candidates":[{"content":{"parts":['
_END = b"\r\n\r\n"
_BETWEEN_SUMMARIES = "\n\n"


class _Signatures:
    """Signatures that wait for the next part."""

    __slots__ = ("_is_after_text", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._is_after_text = False

    def add(self, signature: str) -> None:
        if signature:
            self._waiting.append(signature)

    def on(self, part: Json) -> list[Json]:
        """`part` with the last signature on it where it is kept there, after those that need a part of their own."""
        is_text = "text" in part
        waiting, self._waiting = self._waiting, []
        if waiting and not (is_text and self._is_after_text):
            part["thoughtSignature"] = waiting.pop()
        self._is_after_text = is_text
        return [*({"thoughtSignature": one} for one in waiting), part]

    def rest(self) -> list[Json]:
        """What nothing came after."""
        waiting, self._waiting = self._waiting, []
        return [{"thoughtSignature": one} for one in waiting]

    def passed_text(self) -> bool:
        """Whether a text part needs nothing of this object; notes that it comes."""
        if self._waiting:
            return False
        self._is_after_text = True
        return True


class _Block:
    """An open block: what it is, and what it holds back."""

    __slots__ = ("at", "part", "pieces", "signature")

    def __init__(self, part: Any) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.signature = ""
        self.at = -1


def shows_thoughts(asked: Asked) -> bool:
    """Clients that say `includeThoughts: false` are not shown any."""
    thinking = asked.turn.thinking
    return thinking is None or thinking.summary != "none"


class GenerateWriter:
    """See the module and StreamWriter."""

    __slots__ = ("_asked", "_blocks", "_citations", "_is_done", "_lifecycle", "_shows_thoughts", "_signatures", "_tail")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._shows_thoughts = shows_thoughts(asked)
        self._signatures = _Signatures()
        self._blocks: dict[int, _Block] = {}
        self._citations: list[Citation] = []
        self._is_done = False
        self._begin(Begin("", ""))

    def write(self, events: Iterable[Event]) -> bytes:
        """The chunks of some events."""
        out: list[bytes] = []
        for event in events:
            if self._is_done:
                break
            if isinstance(event, Delta):
                self._delta(event, out)
            elif isinstance(event, Open):
                self._opened(event, out)
            elif isinstance(event, Close):
                self._closed(event.index, out)
            elif isinstance(event, Begin):
                self._begin(event)
            elif isinstance(event, Finish):
                self._finish(event, out)
            else:
                self._is_done = True
                out += (encode({"error": error_object(event)}), _END)
        return b"".join(out)

    def _begin(self, begin: Begin) -> None:
        lifecycle = {
            "modelVersion": begin.model or self._asked.turn.model,
            "responseId": begin.id or self._asked.request_id,
        }
        self._lifecycle = encode(lifecycle)[1:] + _END
        self._tail = b'],"role":"model"},"index":0}],' + self._lifecycle

    def _opened(self, event: Open, out: list[bytes]) -> None:
        if event.index in self._blocks:
            self._closed(event.index, out)
        part = event.part
        block = self._blocks[event.index] = _Block(part)
        if isinstance(part, Text | Refusal):
            self._text(part.text, out)
            self._citations += (part.citations or ()) if isinstance(part, Text) else ()
        elif isinstance(part, Reasoning):
            block.signature = part.signature
            self._thought("".join(part.summary or ()), out)
            self._thought(part.text, out)
        elif isinstance(part, ToolCall):
            block.pieces.append(part.arguments)

    def _delta(self, event: Delta, out: list[bytes]) -> None:
        block = self._blocks.get(event.index)
        if block is None:
            return
        part = block.part
        if event.kind == "text":
            if isinstance(part, Reasoning):
                self._thought(event.text, out)
            elif isinstance(part, Text | Refusal):
                self._text(event.text, out)
        elif event.kind == "arguments":
            block.pieces.append(event.text)
        elif event.kind == "signature":
            block.signature = event.text
        elif event.kind == "citation" and event.value is not None:
            self._citations.append(event.value)
        elif event.kind == "summary" and event.text:
            is_next = block.at not in (-1, event.at)
            block.at = event.at
            self._thought(_BETWEEN_SUMMARIES + event.text if is_next else event.text, out)

    def _closed(self, index: int, out: list[bytes]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        part = block.part
        if isinstance(part, Reasoning):
            self._signatures.add(block.signature)
        elif isinstance(part, ToolCall):
            whole = replace(part, arguments="".join(block.pieces))
            self._parts(self._signatures.on(call_part(whole)), out)
        elif isinstance(part, Opaque) and part.kind in OWN_PARTS:
            self._parts(self._signatures.on(dict(part.value)), out)

    def _text(self, words: str, out: list[bytes]) -> None:
        if not words:
            return
        if self._signatures.passed_text():
            out += (_HEAD, b'{"text":', encode(words), b"}", self._tail)
        else:
            self._parts(self._signatures.on({"text": words}), out)

    def _thought(self, words: str, out: list[bytes]) -> None:
        if words and self._shows_thoughts:
            out += (_HEAD, b'{"text":', encode(words), b',"thought":true}', self._tail)

    def _parts(self, parts: list[Json], out: list[bytes]) -> None:
        out += (_HEAD, b",".join(map(encode, parts)), self._tail)

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        for index in list(self._blocks):
            self._closed(index, out)
        self._is_done = True
        parts = self._signatures.rest() or [{"text": ""}]
        reason = b'],"role":"model"},"finishReason":' + encode(finish_reason(event.stop)) + b',"index":0'
        grounding = grounding_of(self._citations)
        reason += (b',"groundingMetadata":' + encode(grounding) if grounding else b"") + b"}],"
        usage = b""
        if event.usage is not None:
            usage = b'"usageMetadata":' + encode(usage_metadata(event.usage)) + b","
        out += (_HEAD, b",".join(map(encode, parts)), reason, usage, self._lifecycle)


def call_part(call: ToolCall) -> Json:
    """A call as a part, with its id: clients send it back."""
    function: Json = {"name": call.name, "args": arguments_json(call)}
    return {"functionCall": {"id": call.id, **function} if call.id else function}


def write_answer(answer: Answer, asked: Asked) -> bytes:
    """A whole answer for the client."""
    signatures = _Signatures()
    parts: list[Json] = []
    for part in answer.parts:
        if isinstance(part, Text | Refusal):
            if part.text:
                parts += signatures.on({"text": part.text})
        elif isinstance(part, Reasoning):
            words = _BETWEEN_SUMMARIES.join(part.summary or ()) + part.text
            if words and shows_thoughts(asked):
                parts.append({"text": words, "thought": True})
            signatures.add(part.signature)
        elif isinstance(part, ToolCall):
            parts += signatures.on(call_part(part))
        elif isinstance(part, Opaque) and part.kind in OWN_PARTS:
            parts += signatures.on(dict(part.value))
    parts += signatures.rest()
    candidate: Json = {
        "content": {"parts": parts or [{"text": ""}], "role": "model"},
        "finishReason": finish_reason(answer.stop),
        "index": 0,
    }
    grounding = grounding_of(one for part in answer.parts if isinstance(part, Text) for one in part.citations or ())
    if grounding:
        candidate["groundingMetadata"] = grounding
    body: Json = {"candidates": [candidate]}
    if answer.usage is not None:
        body["usageMetadata"] = usage_metadata(answer.usage)
    body["modelVersion"] = answer.model or asked.turn.model
    body["responseId"] = answer.id or asked.request_id
    return encode(body)

"""Events → a client's ConverseStream: messages of an AWS event stream.

`messageStart` is held until there is something to say. Only calls have a start; a block of text or reasoning is on the wire from its
first delta, and leaves no trace without one. A Fault is an exception message, after which nothing follows.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateway import _native
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Begin,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.converse.answer import own_opaque
from gateway.dataplane.wire.converse.citations import written_citations
from gateway.dataplane.wire.converse.errors import exception_name
from gateway.dataplane.wire.converse.stop import more_of_stop, written_stop
from gateway.dataplane.wire.converse.usage import more_of_usage, written_usage
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.translate.reasoning import shown
from gateway.dataplane.wire.translate.unwrap import Wrap

_JSON: Final = (":content-type", "application/json")
_EVENT: Final = (":message-type", "event")
_EXCEPTION: Final = (":message-type", "exception")
_KINDS: Final = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)
_HEADERS: Final = {kind: ((":event-type", kind), _JSON, _EVENT) for kind in _KINDS}


class _Block:
    """An open block. `number` is its index on the wire, -1 before its first message. `wrap` makes an object of freeform input."""

    __slots__ = ("is_call", "is_reasoning", "number", "summary_at", "wrap")

    def __init__(self, *, is_call: bool = False, is_reasoning: bool = False, is_custom: bool = False) -> None:
        self.is_call, self.is_reasoning = is_call, is_reasoning
        self.wrap = Wrap() if is_custom else None
        self.number = -1
        self.summary_at = 0


class ConverseWriter:
    """See StreamWriter."""

    def __init__(self, asked: Asked) -> None:
        del asked  # model and id are not in the stream
        self._blocks: dict[int, _Block] = {}
        self._count = 0
        self._has_begun = self._has_ended = False
        self._usage: Usage | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """The messages of `events`; b'' when nothing is to be sent yet."""
        out: list[bytes] = []
        for event in events:
            if self._has_ended:
                break
            if isinstance(event, Delta):
                self._delta(event, out)
            elif isinstance(event, Open):
                self._open(event, out)
            elif isinstance(event, Close):
                self._close(event.index, out)
            elif isinstance(event, Begin):
                self._usage = event.usage
            elif isinstance(event, Finish):
                self._finish(event, out)
            else:
                self._fault(event, out)
        return b"".join(out)

    def _open(self, event: Open, out: list[bytes]) -> None:
        part = event.part
        self._close(event.index, out)
        self._begin(out)
        if isinstance(part, ToolCall):
            block = self._blocks[event.index] = _Block(is_call=True, is_custom=part.kind == "custom")
            self._start(block, {"toolUse": _named(part)}, out)
            self._arguments(block, part.arguments, out)
        elif isinstance(part, Reasoning):
            self._open_reasoning(event.index, part, out)
        elif isinstance(part, Text | Refusal):
            block = self._blocks[event.index] = _Block()
            if part.text:
                self._piece(block, {"text": part.text}, out)
            if isinstance(part, Text):
                for citation in written_citations(part.citations):
                    self._piece(block, {"citation": citation}, out)
        elif isinstance(part, Opaque):
            self._opaque(part, out)

    def _open_reasoning(self, index: int, part: Reasoning, out: list[bytes]) -> None:
        block = self._blocks[index] = _Block(is_reasoning=True)
        if part.is_redacted:
            self._piece(block, {"reasoningContent": {"redactedContent": part.signature}}, out)
            return
        text = shown(part)
        if text:
            self._piece(block, {"reasoningContent": {"text": text}}, out)
        if part.signature:
            self._piece(block, {"reasoningContent": {"signature": part.signature}}, out)

    def _delta(self, event: Delta, out: list[bytes]) -> None:
        block = self._blocks.get(event.index)
        if block is None:
            return
        kind = event.kind
        if kind == "arguments":
            if block.is_call:
                self._arguments(block, event.text, out)
        elif kind == "citation" and event.value is not None and not block.is_call and not block.is_reasoning:
            for citation in written_citations([event.value]):
                self._piece(block, {"citation": citation}, out)
        elif block.is_reasoning:
            self._reasoning_delta(block, event, out)
        elif kind == "text" and event.text and not block.is_call:
            self._piece(block, {"text": event.text}, out)

    def _arguments(self, block: _Block, text: str, out: list[bytes]) -> None:
        if text:
            self._piece(block, {"toolUse": {"input": text if block.wrap is None else block.wrap.feed(text)}}, out)

    def _reasoning_delta(self, block: _Block, event: Delta, out: list[bytes]) -> None:
        if event.kind == "signature":
            self._piece(block, {"reasoningContent": {"signature": event.text}}, out)
            return
        text = event.text
        if event.kind == "summary" and event.at > block.summary_at:
            block.summary_at = event.at
            text = "\n\n" + text
        if text:
            self._piece(block, {"reasoningContent": {"text": text}}, out)

    def _opaque(self, part: Opaque, out: list[bytes]) -> None:
        """A tool that ran at AWS: start, content and stop at once."""
        value = own_opaque(part)
        if value is None:
            return
        [(name, content)] = value.items()
        block = _Block()
        if name == "toolUse":
            start = {member: content[member] for member in ("toolUseId", "name", "type") if member in content}
            piece: dict[str, Any] = {"toolUse": {"input": encode(content.get("input", {})).decode()}}
        elif name == "toolResult":
            start = {member: content[member] for member in ("toolUseId", "type", "status") if member in content}
            piece = {"toolResult": content.get("content", [])}
        else:
            start = {"format": content.get("format", "png")}
            piece = {"image": {"source": content.get("source", {})}}
        self._start(block, {name: start}, out)
        self._piece(block, piece, out)
        out.append(_message("contentBlockStop", {"contentBlockIndex": block.number}))

    def _close(self, index: int, out: list[bytes]) -> None:
        block = self._blocks.pop(index, None)
        if block is not None and block.wrap is not None:
            self._piece(block, {"toolUse": {"input": block.wrap.end()}}, out)
        if block is not None and block.number >= 0:
            out.append(_message("contentBlockStop", {"contentBlockIndex": block.number}))

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        self._begin(out)
        for index in list(self._blocks):
            self._close(index, out)
        self._has_ended = True
        usage = self._usage if event.usage is None else event.usage
        out.append(_message("messageStop", {"stopReason": written_stop(event.stop), **more_of_stop(event.stop)}))
        said = {"usage": written_usage(usage), "metrics": {"latencyMs": 0}, **more_of_usage(usage)}
        out.append(_message("metadata", said))

    def _fault(self, fault: Fault, out: list[bytes]) -> None:
        self._has_ended = True
        headers = ((":exception-type", exception_name(fault)), _JSON, _EXCEPTION)
        out.append(_native.eventstream_message(headers, encode({"message": fault.message or "the answer failed"})))

    # === messages ===

    def _begin(self, out: list[bytes]) -> None:
        if not self._has_begun:
            self._has_begun = True
            out.append(_message("messageStart", {"role": "assistant"}))

    def _start(self, block: _Block, start: dict[str, Any], out: list[bytes]) -> None:
        block.number = self._count
        self._count += 1
        out.append(_message("contentBlockStart", {"start": start, "contentBlockIndex": block.number}))

    def _piece(self, block: _Block, delta: dict[str, Any], out: list[bytes]) -> None:
        if block.number < 0:
            block.number = self._count
            self._count += 1
        out.append(_message("contentBlockDelta", {"contentBlockIndex": block.number, "delta": delta}))


def _named(call: ToolCall) -> dict[str, Any]:
    kind = (call.extra or {}).get("type")
    named = {"toolUseId": call.id, "name": call.name}
    return {**named, "type": kind} if kind == "tool_use" else named


def _message(kind: str, payload: dict[str, Any]) -> bytes:
    return _native.eventstream_message(_HEADERS[kind], encode(payload))

"""A provider's stream → events.

Its grammar: message_start, then blocks one after the other (start, deltas, stop), message_delta, message_stop; ping anywhere;
error in place of the rest. What imitations do beside that is taken as they mean it: blocks that never start or stop, text or
whole arguments already in the start, no message_stop, `[DONE]` after the end.

Blocks that only this dialect knows (server tools and their results, compaction) are given whole when they stop.
"""

from typing import Any, Final

from msgspec import DecodeError, Struct, ValidationError, convert
from msgspec.json import Decoder

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Begin,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Opaque,
    Open,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.fields import encode, loads
from gateway.dataplane.wire.lenient import decoded
from gateway.dataplane.wire.messages.answer import part_of
from gateway.dataplane.wire.messages.citations import citation_of
from gateway.dataplane.wire.messages.error import fault_of
from gateway.dataplane.wire.messages.names import NAME
from gateway.dataplane.wire.messages.stop import is_awaited, stop_of
from gateway.dataplane.wire.usage import USAGE

_Json = dict[str, Any]
_IGNORED: Final = frozenset({"ping"})
_DONE: Final = b"[DONE]"
_STOP: Final = ("stop_reason", "stop_sequence", "stop_details", "container")


class _Piece(Struct):
    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Any = None
    content: Any = None


class _BlockDelta(Struct):
    delta: _Piece
    index: int = 0
    type: str = "content_block_delta"


_DELTA: Final = Decoder(_BlockDelta).decode


def _loaded(data: bytes) -> _Json | None:
    """An event as an object. Half surrogate pairs, which some imitations cut an emoji into, become U+FFFD."""
    try:
        event = loads(data)
    except (BadRequest, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _mended(data: bytes) -> _BlockDelta | None:
    event = _loaded(data)
    if event is None:
        return None
    try:
        return convert(event, _BlockDelta)
    except ValidationError:
        return None


class _Block:
    """An open block. `index` is its number among the events, -1 for one that is held until it stops.

    `arguments` is the input in a call's start, which counts when no deltas follow: `{}`, or all of it. `json` and `content` are
    pieces of what is held.
    """

    __slots__ = ("arguments", "content", "index", "json", "value")

    def __init__(self, index: int, value: _Json) -> None:
        self.index, self.value = index, value
        self.arguments = ""
        self.json: list[str] = []
        self.content: list[str] = []


class Reader:
    """See `StreamReader`."""

    def __init__(self) -> None:
        self.skipped = 0
        self._blocks: dict[int, _Block] = {}
        self._next = 0
        self._has_begun = False
        self._is_over = False
        self._has_calls = self._is_awaited = False
        self._usage: list[_Json] = []
        self._stop: _Json = {}
        self._id: Any = None

    def feed(self, name: str, data: bytes) -> list[Event]:
        """One event."""
        if self._is_over:
            return []
        if is_too_deep(data):
            self.skipped += 1
            return []
        if name == "content_block_delta":
            return self._delta(data)
        event = _loaded(data)
        if event is None:
            if data.strip() != _DONE:
                self.skipped += 1
            return []
        kind = event.get("type") or name
        if kind == "content_block_delta":
            return self._delta(data)
        if kind == "content_block_start":
            return self._start(event)
        if kind == "content_block_stop":
            return self._end_block(event.get("index", 0))
        if kind == "message_start":
            return self._begin(event)
        if kind == "message_delta":
            self._message_delta(event)
            return []
        if kind == "message_stop":
            return self._finish()
        if kind == "error" or (not kind and "error" in event):
            self._is_over = True
            return [fault_of(event.get("error"))]
        if not isinstance(kind, str) or kind not in _IGNORED:
            self.skipped += 1
        return []

    def end(self) -> list[Event]:
        """The provider's EOF."""
        if self._is_over:
            return []
        if isinstance(self._stop.get("stop_reason"), str):
            return self._finish()
        self._is_over = True
        return [Fault("server", "the provider's stream ended before its `message_stop`", type="api_error")]

    # === the message ===

    def _begin(self, event: _Json) -> list[Event]:
        message = event.get("message")
        if not isinstance(message, dict):
            self.skipped += 1
            return []
        given, model, usage = message.get("id"), message.get("model"), message.get("usage")
        if self._has_begun:
            if not self._next or given == self._id:
                self.skipped += 1
                return []
            # what of the first was already given may be half a call: nothing of the second can mend it
            self._is_over = True
            return [Fault("server", "the provider began a second answer inside the first", type="api_error")]
        self._has_begun = True
        self._id = given
        if isinstance(usage, dict):
            self._usage.append(usage)
        told = USAGE[NAME](encode(usage), None) if isinstance(usage, dict) else None
        events: list[Event] = [
            Begin(given if isinstance(given, str) else "", model if isinstance(model, str) else "", told)
        ]
        # a call that code at the provider has made may come whole in the start, with the reason of the stop
        self._stop.update({name: message[name] for name in _STOP if message.get(name) is not None})
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            events += self._start({"index": index, "content_block": block})
            events += self._end_block(index)
        return events

    def _message_delta(self, event: _Json) -> None:
        """It may come twice; what it says later counts."""
        delta, usage = event.get("delta"), event.get("usage")
        if isinstance(delta, dict):
            self._stop.update({name: value for name, value in delta.items() if value is not None})
        if isinstance(usage, dict):
            self._usage.append(usage)

    def _finish(self) -> list[Event]:
        self._is_over = True
        events = self._begun()
        for index in list(self._blocks):
            events += self._end_block(index)
        started = encode(self._usage[0]) if self._usage else b"{}"
        usage = USAGE[NAME](started, encode(self._usage[-1]) if len(self._usage) > 1 else None)
        events.append(Finish(stop_of(self._stop, has_calls=self._has_calls, is_awaited=self._is_awaited), usage))
        return events

    def _begun(self) -> list[Event]:
        if self._has_begun:
            return []
        self._has_begun = True
        return [Begin("", "")]

    # === blocks ===

    def _start(self, event: _Json) -> list[Event]:
        index, value = event.get("index", 0), event.get("content_block")
        part = part_of(value)
        if part is None or not isinstance(value, dict) or not isinstance(index, int):
            self.skipped += 1
            return []
        events = self._begun()
        if index in self._blocks:
            events += self._end_block(index)
        if isinstance(part, Opaque):
            self._blocks[index] = _Block(-1, value)
            return events
        block = self._blocks[index] = _Block(self._next, value)
        self._next += 1
        return events + self._opened(block, part)

    def _opened(self, block: _Block, part: Part) -> list[Event]:
        """What the start already says follows as deltas."""
        index = block.index
        if isinstance(part, Text):
            citations = part.citations or []
            events: list[Event] = [Open(index, Text(text=""))]
            if part.text:
                events.append(Delta(index, "text", part.text))
            return events + [Delta(index, "citation", value=one) for one in citations]
        if isinstance(part, ToolCall):
            self._has_calls = True
            self._is_awaited = self._is_awaited or is_awaited(part)
            block.arguments = part.arguments
            return [Open(index, ToolCall(id=part.id, name=part.name, extra=part.extra))]
        if isinstance(part, Reasoning) and not part.is_redacted:
            events = [Open(index, Reasoning())]
            if part.text:
                events.append(Delta(index, "text", part.text))
            if part.signature:
                events.append(Delta(index, "signature", part.signature))
            return events
        return [Open(index, part)]

    def _delta(self, data: bytes) -> list[Event]:
        try:
            event = _DELTA(data)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            mended = _mended(data)
            if mended is None:
                self.skipped += 1
                return []
            event = mended
        piece = event.delta
        block = self._blocks.get(event.index)
        if block is None:
            return self._unstarted(event.index, piece)
        index = block.index
        if index < 0:
            self._grow(block, piece)
            return []
        if piece.text is not None:
            return [Delta(index, "text", piece.text)] if piece.text else []
        if piece.partial_json is not None:
            if not piece.partial_json:
                return []
            block.arguments = ""
            return [Delta(index, "arguments", piece.partial_json)]
        if piece.thinking is not None:
            return [Delta(index, "text", piece.thinking)] if piece.thinking else []
        if piece.signature is not None:
            return [Delta(index, "signature", piece.signature)] if piece.signature else []
        if piece.citation is not None:
            return [Delta(index, "citation", value=citation_of(piece.citation))]
        self.skipped += 1
        return []

    def _unstarted(self, index: int, piece: _Piece) -> list[Event]:
        """Words for a block that never started are words all the same."""
        part: Part
        if piece.text:
            part, text = Text(text=""), piece.text
        elif piece.thinking:
            part, text = Reasoning(), piece.thinking
        else:
            self.skipped += 1
            return []
        block = self._blocks[index] = _Block(self._next, {})
        self._next += 1
        return [*self._begun(), Open(block.index, part), Delta(block.index, "text", text)]

    @staticmethod
    def _grow(block: _Block, piece: _Piece) -> None:
        if piece.partial_json:
            block.json.append(piece.partial_json)
        elif isinstance(piece.content, str):  # compaction_delta
            block.content.append(piece.content)
        elif piece.content is not None:
            block.value["content"], block.content = piece.content, []

    def _end_block(self, index: Any) -> list[Event]:
        block = self._blocks.pop(index, None) if isinstance(index, int) else None
        if block is None:
            self.skipped += 1
            return []
        if block.index >= 0:
            given: list[Event] = [Delta(block.index, "arguments", block.arguments)] if block.arguments else []
            return [*given, Close(block.index)]
        if block.content:
            before = block.value.get("content")
            block.value["content"] = "".join([before if isinstance(before, str) else "", *block.content])
        if block.json:
            text = "".join(block.json)
            found = decoded(text)
            block.value["input"] = text if found is None else found
        at = self._next
        self._next += 1
        return [Open(at, Opaque(kind=str(block.value["type"]), value=block.value)), Close(at)]

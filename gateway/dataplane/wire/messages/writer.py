"""Events → the client's stream: named SSE events whose grammar Claude Code and the SDKs insist on. Traps 29, 45, 48, 50, 54.

Blocks stand one after the other with dense indices. A block begins on the wire with its first content, so that no empty text or
thinking is ever sent, which the client would have to send back and Anthropic would refuse; a call begins at once. Input tokens
that the provider tells only at the end are estimated in `message_start` and exact in `message_delta`. After a Fault there is one
`error` event and nothing more.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Begin,
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
from gateway.dataplane.wire.fault import unsaid
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.messages.answer import message_id
from gateway.dataplane.wire.messages.citations import citations_of
from gateway.dataplane.wire.messages.error import error_object
from gateway.dataplane.wire.messages.names import is_anthropics
from gateway.dataplane.wire.messages.stop import PASSED, is_awaited, stop_word
from gateway.dataplane.wire.messages.usage import delta_usage_object, usage_object
from gateway.dataplane.wire.translate.count import estimated_tokens
from gateway.dataplane.wire.translate.unwrap import Wrap

_CHARS_PER_TOKEN: Final = 4
_START: Final = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_TEXT: Final = b'{"type":"text","text":""}'
_THINKING: Final = b'{"type":"thinking","thinking":"","signature":""}'


class _Block:
    """The open block. `index` is its number on the wire, -1 while nothing of it was sent."""

    __slots__ = ("at", "event_index", "has_content", "index", "part", "shows", "signature", "wrap")

    def __init__(self, event: Open) -> None:
        self.event_index = event.index
        self.part = event.part
        self.index = -1
        self.has_content = False
        self.wrap = Wrap() if isinstance(event.part, ToolCall) and event.part.kind == "custom" else None
        self.signature = ""
        self.shows = ""
        self.at = 0


class Writer:
    """See `StreamWriter`."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._begin = Begin("", "")
        self._has_started = False
        self._is_over = False
        self._block: _Block | None = None
        self._next = 0
        self._has_calls = False
        self._input = Usage()
        self._chars = 0

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes that `events` become."""
        out: list[bytes] = []
        for event in events:
            if self._is_over:
                break
            if isinstance(event, Delta):
                self._delta(event, out)
            elif isinstance(event, Open):
                self._open(event, out)
            elif isinstance(event, Close):
                if self._block is not None and self._block.event_index == event.index:
                    self._close(out)
            elif isinstance(event, Begin):
                self._begin = event
            elif isinstance(event, Finish):
                self._finish(event, out)
            else:
                self._fail(error_object(event), out)
        return b"".join(out)

    # === the message ===

    def _start(self, out: list[bytes]) -> None:
        if self._has_started:
            return
        self._has_started = True
        begin = self._begin
        told = begin.usage
        if told is None or not told.prompt_tokens():
            told = Usage(input_tokens=estimated_tokens(self._asked.turn), output_tokens=1)
        self._input = told
        message: dict[str, Any] = {
            "id": message_id(begin.id, self._asked),
            "type": "message",
            "role": "assistant",
            "model": begin.model or self._asked.turn.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(told),
        }
        out.append(_event(b"message_start", {"type": "message_start", "message": message}))

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        if self._block is not None:
            self._close(out)
        stop = event.stop
        word = stop_word(stop, has_calls=self._has_calls)
        if word is None:
            self._fail(error_object(unsaid(stop)), out)
            return
        self._start(out)
        delta: dict[str, Any] = {"stop_reason": word, "stop_sequence": stop.sequence or None}
        delta.update({name: value for name, value in (stop.extra or {}).items() if name in PASSED})
        usage = delta_usage_object(event.usage or self._estimated())
        out += (
            _event(b"message_delta", {"type": "message_delta", "delta": delta, "usage": usage}),
            b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        )
        self._is_over = True

    def _estimated(self) -> Usage:
        told = self._input
        return Usage(
            input_tokens=told.input_tokens,
            cache_read_tokens=told.cache_read_tokens,
            cache_write_5m_tokens=told.cache_write_5m_tokens,
            cache_write_1h_tokens=told.cache_write_1h_tokens,
            output_tokens=max(told.output_tokens, self._chars // _CHARS_PER_TOKEN + 1),
        )

    def _fail(self, error: dict[str, Any], out: list[bytes]) -> None:
        """Nothing closes before it: Anthropic's own streams break off in the middle of a block too."""
        out.append(_event(b"error", {"type": "error", "error": error, "request_id": self._asked.request_id}))
        self._is_over = True

    # === blocks ===

    def _open(self, event: Open, out: list[bytes]) -> None:
        if self._block is not None:
            self._close(out)
        self._start(out)
        block = self._block = _Block(event)
        part = event.part
        if isinstance(part, ToolCall):
            self._has_calls = self._has_calls or is_awaited(part)
            start: dict[str, Any] = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
            if part.extra and "caller" in part.extra:
                start["caller"] = part.extra["caller"]
            self._begin_block(block, encode(start), out)
            self._arguments(block, part.arguments, out)
        elif isinstance(part, Text | Refusal):
            self._text(block, part.text, out)
            for citation in citations_of(part.citations) if isinstance(part, Text) else ():
                self._citation(block, citation, out)
        elif isinstance(part, Reasoning):
            self._reasoning(block, part, out)
        elif isinstance(part, Opaque) and is_anthropics(part):
            self._opaque(block, part.value, out)

    def _begin_block(self, block: _Block, start: bytes, out: list[bytes]) -> None:
        block.index = self._next
        self._next += 1
        out.append(_START % (block.index, start))

    def _delta(self, event: Delta, out: list[bytes]) -> None:
        block = self._block
        if block is None or block.event_index != event.index:
            return
        part, kind = block.part, event.kind
        if isinstance(part, Text | Refusal):
            if kind == "text":
                self._text(block, event.text, out)
            elif kind == "citation" and event.value is not None:
                for citation in citations_of([event.value]):
                    self._citation(block, citation, out)
        elif isinstance(part, ToolCall):
            if kind == "arguments":
                self._arguments(block, event.text, out)
        elif isinstance(part, Reasoning) and not part.is_redacted:
            if kind == "signature":
                block.signature = event.text
            elif kind in ("text", "summary"):
                self._thinking(block, event, out)

    def _text(self, block: _Block, text: str, out: list[bytes]) -> None:
        if not text:
            return
        if block.index < 0:
            self._begin_block(block, _TEXT, out)
        self._chars += len(text)
        out.append(_DELTA % (block.index, b"text_delta", b"text", encode(text)))

    def _citation(self, block: _Block, citation: Any, out: list[bytes]) -> None:
        if block.index < 0:
            self._begin_block(block, _TEXT, out)
        out.append(_DELTA % (block.index, b"citations_delta", b"citation", encode(citation)))

    def _arguments(self, block: _Block, text: str, out: list[bytes]) -> None:
        """Freeform input, which this dialect has no word for, becomes the string of an object."""
        if not text:
            return
        self._chars += len(text)
        block.has_content = True
        if block.wrap is not None:
            text = block.wrap.feed(text)
        out.append(_DELTA % (block.index, b"input_json_delta", b"partial_json", encode(text)))

    def _reasoning(self, block: _Block, part: Reasoning, out: list[bytes]) -> None:
        if part.is_redacted:
            if part.signature:
                self._begin_block(block, encode({"type": "redacted_thinking", "data": part.signature}), out)
            return
        block.signature = part.signature
        for at, text in enumerate(part.summary or ()):
            self._thinking(block, Delta(block.event_index, "summary", text, at), out)
        self._thinking(block, Delta(block.event_index, "text", part.text), out)

    def _thinking(self, block: _Block, event: Delta, out: list[bytes]) -> None:
        """Either the thinking or its summaries are shown, whichever comes first; summaries are paragraphs."""
        text = event.text
        if not text or (block.shows and block.shows != event.kind):
            return
        if event.kind == "summary" and block.shows and event.at != block.at:
            text = "\n\n" + text
        block.shows, block.at = event.kind, event.at
        if block.index < 0:
            self._begin_block(block, _THINKING, out)
        self._chars += len(text)
        out.append(_DELTA % (block.index, b"thinking_delta", b"thinking", encode(text)))

    def _opaque(self, block: _Block, value: dict[str, Any], out: list[bytes]) -> None:
        """A server tool's input comes as a delta, as all input does; everything else stands in the start."""
        given = value.get("input")
        if value["type"] not in ("server_tool_use", "mcp_tool_use") or not isinstance(given, dict):
            self._begin_block(block, encode(value), out)
            return
        self._begin_block(block, encode({**value, "input": {}}), out)
        if given:
            out.append(_DELTA % (block.index, b"input_json_delta", b"partial_json", encode(encode(given).decode())))

    def _close(self, out: list[bytes]) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        part = block.part
        if isinstance(part, Reasoning) and not part.is_redacted:
            if block.index < 0 and block.signature:
                self._begin_block(block, _THINKING, out)
            if block.index >= 0:
                out.append(_DELTA % (block.index, b"signature_delta", b"signature", encode(block.signature)))
        elif isinstance(part, ToolCall):
            rest = block.wrap.end() if block.wrap is not None else "" if block.has_content else "{}"
            if rest:
                out.append(_DELTA % (block.index, b"input_json_delta", b"partial_json", encode(rest)))
        if block.index >= 0:
            out.append(_STOP % block.index)


def _event(name: bytes, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name, encode(data))

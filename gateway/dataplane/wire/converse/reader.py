"""A provider's ConverseStream → events.

Text and reasoning have no start: a block opens with its first delta. What a tool at AWS does (`server_tool_use`, its result) and
images are held until they are whole, and come as one Opaque. `messageStop` says why the answer ended, `metadata` closes it with the
usage; where that is missing, the end of the stream does. Members that are not read (the padding `p`) are passed over.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

from msgspec import MsgspecError

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
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.converse.answer import invoked_model
from gateway.dataplane.wire.converse.citations import citation_of
from gateway.dataplane.wire.converse.errors import read_exception
from gateway.dataplane.wire.converse.read_blocks import SERVER_USE
from gateway.dataplane.wire.converse.stop import read_stop
from gateway.dataplane.wire.converse.stream_events import (
    ContentDelta,
    ReasoningDelta,
    read_block_stop,
    read_delta,
    read_message_stop,
    read_metadata,
    read_start,
)
from gateway.dataplane.wire.converse.usage import read_usage
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.lenient import decoded

_CUT: Final = "the provider's stream ended before its answer was complete"


class _Block:
    """A block that is open here. `index` is its number among the events; `held` what comes as one when it closes."""

    __slots__ = ("held", "index", "kind", "pieces")

    def __init__(self, kind: str, index: int, held: dict[str, Any] | None = None) -> None:
        self.kind, self.index, self.held = kind, index, held
        self.pieces: list[str] = []


class ConverseReader:
    """See StreamReader."""

    def __init__(self) -> None:
        self.skipped = 0
        self._blocks: dict[int, _Block] = {}
        self._count = 0
        self._has_begun = self._has_ended = self._has_calls = False
        self._stop: Stop | None = None

    def feed(self, name: str, data: bytes) -> list[Event]:
        """One message: its `:event-type` (or `:exception-type`) and its payload."""
        if self._has_ended:
            return []
        if is_too_deep(data):
            self.skipped += 1
            return []
        read = _EVENTS.get(name)
        if read is None:
            if name.endswith(("Exception", "Error", "Failure")):
                self._has_ended = True
                return [read_exception(name, data)]
            self.skipped += 1
            return []
        out: list[Event] = []
        if not self._has_begun and name != "metadata":
            self._has_begun = True
            out.append(Begin("", ""))
        try:
            read(self, data, out)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            self.skipped += 1
        return out

    def end(self) -> list[Event]:
        """The end of the stream."""
        if self._has_ended:
            return []
        if self._stop is None:
            self._has_ended = True
            return [Fault("server", _CUT)]
        return self._finished(b"")

    # === events ===

    def _on_message_start(self, data: bytes, out: list[Event]) -> None:
        """Says only that the assistant speaks."""

    def _on_start(self, data: bytes, out: list[Event]) -> None:
        said = read_start(data)
        at, start = said.content_block_index, said.start
        self._close(at, out)
        use = start.tool_use
        if use is not None and use.type == SERVER_USE:
            made = {"toolUseId": use.tool_use_id, "name": use.name, "type": use.type}
            self._blocks[at] = _Block("server", -1, {"toolUse": made})
        elif use is not None and not use.name:
            self.skipped += 1  # nobody could run it
        elif use is not None:
            self._has_calls = True
            extra = {"type": use.type} if use.type else None
            self._open(at, "call", ToolCall(id=use.tool_use_id, name=use.name, extra=extra), out)
        elif start.tool_result is not None:
            self._blocks[at] = _Block("result", -1, {"toolResult": {**start.tool_result, "content": []}})
        elif start.image is not None:
            self._blocks[at] = _Block("image", -1, {"image": dict(start.image)})

    def _on_delta(self, data: bytes, out: list[Event]) -> None:
        said = read_delta(data)
        at, delta = said.content_block_index, said.delta
        block = self._blocks.get(at)
        text = delta.text
        if text is not None:
            if not text and block is None:
                return
            if block is None or block.kind != "text":
                block = self._open(at, "text", Text(text=""), out)
            if text:
                out.append(Delta(block.index, "text", text))
        elif delta.tool_use is not None:
            self._call_delta(block, delta.tool_use.input, out)
        elif delta.reasoning_content is not None:
            self._reasoning_delta(at, block, delta.reasoning_content, out)
        elif delta.citation is not None:
            if block is None or block.kind != "text":
                block = self._open(at, "text", Text(text=""), out)
            out.append(Delta(block.index, "citation", value=citation_of(delta.citation)))
        elif block is not None and block.held is not None:
            self._held_delta(block, delta)
        else:
            self.skipped += 1

    def _call_delta(self, block: _Block | None, piece: str, out: list[Event]) -> None:
        if block is not None and block.kind == "call":
            if piece:
                out.append(Delta(block.index, "arguments", piece))
        elif block is not None and block.kind == "server":
            block.pieces.append(piece)
        else:
            self.skipped += 1  # a call that never said its name

    def _reasoning_delta(self, at: int, block: _Block | None, delta: ReasoningDelta, out: list[Event]) -> None:
        if delta.redacted_content is not None:
            if block is None or block.kind != "redacted":
                self._close(at, out)
                block = self._blocks[at] = _Block("redacted", -1, {})
            block.pieces.append(delta.redacted_content)
            return
        if block is None or block.kind != "reasoning":
            block = self._open(at, "reasoning", Reasoning(), out)
        if delta.text:
            out.append(Delta(block.index, "text", delta.text))
        if delta.signature:
            block.pieces.append(delta.signature)  # given when the block ends: it may come in many pieces

    def _held_delta(self, block: _Block, delta: ContentDelta) -> None:
        assert block.held is not None
        if block.kind == "result" and delta.tool_result is not None:
            block.held["toolResult"]["content"].extend(delta.tool_result)
        elif block.kind == "image" and delta.image is not None:
            block.held["image"].update(delta.image)
        else:
            self.skipped += 1

    def _on_block_stop(self, data: bytes, out: list[Event]) -> None:
        self._close(read_block_stop(data).content_block_index, out)

    def _on_message_stop(self, data: bytes, out: list[Event]) -> None:
        said = read_message_stop(data)
        self._close_all(out)
        self._stop = read_stop(said.stop_reason, said.additional_model_response_fields, has_calls=self._has_calls)

    def _on_metadata(self, data: bytes, out: list[Event]) -> None:
        said = read_metadata(data)
        if not self._has_begun:
            self._has_begun = True
            out.append(Begin("", invoked_model(said.trace)))
        if self._stop is None:
            self.skipped += 1  # the end of the stream decides
            return
        tier = said.service_tier.type if said.service_tier is not None else ""
        out += self._finished(bytes(said.usage), tier)

    # === blocks ===

    def _open(self, at: int, kind: str, part: Text | Reasoning | ToolCall | Opaque, out: list[Event]) -> _Block:
        """A block that is not held; one that was open at the same place ends."""
        self._close(at, out)
        block = self._blocks[at] = _Block(kind, self._count)
        self._count += 1
        out.append(Open(block.index, part))
        return block

    def _close(self, at: int, out: list[Event]) -> None:
        block = self._blocks.pop(at, None)
        if block is None:
            return
        if block.held is None:
            if block.pieces:
                out.append(Delta(block.index, "signature", "".join(block.pieces)))
            out.append(Close(block.index))
            return
        index = self._count
        self._count += 1
        if block.kind == "redacted":
            whole: Reasoning | Opaque = Reasoning(signature=_joined(block.pieces), is_redacted=True)
        else:
            if block.kind == "server":
                block.held["toolUse"]["input"] = _input("".join(block.pieces))
            whole = Opaque(kind=_KINDS.get(block.kind, block.kind), value=block.held)
        out += (Open(index, whole), Close(index))

    def _close_all(self, out: list[Event]) -> None:
        for at in list(self._blocks):
            self._close(at, out)

    def _finished(self, usage: bytes, tier: str = "") -> list[Event]:
        assert self._stop is not None
        self._has_ended = True
        return [Finish(self._stop, read_usage(usage, tier) if usage else None)]


def _joined(pieces: list[str]) -> str:
    """Redacted thinking may come in several blobs, each in base64 by itself."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def _input(text: str) -> Any:
    found = decoded(text) if text else {}
    return {"arguments": text} if found is None else found


_KINDS: Final = {"server": SERVER_USE, "result": "toolResult"}
_EVENTS: Final[dict[str, Callable[[ConverseReader, bytes, list[Event]], None]]] = {
    "messageStart": ConverseReader._on_message_start,
    "contentBlockStart": ConverseReader._on_start,
    "contentBlockDelta": ConverseReader._on_delta,
    "contentBlockStop": ConverseReader._on_block_stop,
    "messageStop": ConverseReader._on_message_stop,
    "metadata": ConverseReader._on_metadata,
}

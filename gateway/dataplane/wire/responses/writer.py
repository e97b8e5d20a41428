"""Events, as the Responses stream that Codex and OpenAI's SDKs read. Traps 46, 50, 53, 54; complaints 3, 4.

The output obeys OpenAI's grammar whatever the events are: one `response.created` and one terminal event, every item added once and
done once (unless the answer failed), every delta inside an open part of an open item, `sequence_number` growing by one.

- `response.created` and `response.in_progress` wait for the first block or the end.
- Texts that follow each other are parts of one message; its `output_item.done` comes when something else begins, or at the end.
- After a failure nothing is closed but what was whole: Codex runs a call as soon as its item is done, and would run half a call.
"""

from collections.abc import Iterable

from gateway.dataplane.wire.canon import (
    Begin,
    Citation,
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
from gateway.dataplane.wire.fault import unsaid
from gateway.dataplane.wire.responses.error import failed_error
from gateway.dataplane.wire.responses.frames import Frames
from gateway.dataplane.wire.responses.item_blocks import CallBlock, HeldCallBlock, OpaqueBlock, ThoughtBlock
from gateway.dataplane.wire.responses.names import is_output_item
from gateway.dataplane.wire.responses.response import Envelope
from gateway.dataplane.wire.responses.stop import FAILED, INCOMPLETE
from gateway.dataplane.wire.responses.text_blocks import MessageItem, TextBlock

Block = TextBlock | CallBlock | HeldCallBlock | ThoughtBlock | OpaqueBlock


class ResponsesWriter:
    """See StreamWriter. `response` is the final Response object once the terminal event was written."""

    def __init__(self, asked: Asked) -> None:
        self._envelope = Envelope(asked)
        self._frames = Frames(self._envelope.stem)
        self._has_cipher = asked.turn.include_encrypted
        self._blocks: dict[int, Block] = {}
        self._message: MessageItem | None = None
        self._has_started = self._has_refused = False
        self.response = b""

    def write(self, events: Iterable[Event]) -> bytes:
        """See StreamWriter."""
        out: list[bytes] = []
        self._frames.out = out
        for event in events:
            if self.response:
                break
            if isinstance(event, Delta):
                self._delta(event)
            elif isinstance(event, Open):
                self._open(event)
            elif isinstance(event, Close):
                self._close(event.index)
            elif isinstance(event, Begin):
                if not self._has_started:
                    self._envelope.begin(event.id, event.model, event.created_s)
            elif isinstance(event, Finish):
                self._finish(event)
            else:
                self._fail(event)
        return b"".join(out)

    # === blocks ===

    def _open(self, event: Open) -> None:
        self._start()
        if event.index in self._blocks:
            self._close(event.index)
        part = event.part
        if isinstance(part, Text | Refusal):
            block = self._blocks[event.index] = TextBlock(self._frames, part)
            if part.text:
                self._text(block, part.text)
            for citation in (part.citations or ()) if isinstance(part, Text) else ():
                self._cite(block, citation)
            return
        if isinstance(part, Opaque) and not (is_output_item(part.kind) and isinstance(part.value, dict)):
            return  # a block of another dialect
        self._seal()
        if isinstance(part, ToolCall):
            is_streamed = part.kind in ("function", "custom")
            self._blocks[event.index] = (CallBlock if is_streamed else HeldCallBlock)(self._frames, part)
        elif isinstance(part, Reasoning):
            self._blocks[event.index] = ThoughtBlock(self._frames, part, self._has_cipher)
        elif isinstance(part, Opaque):
            self._blocks[event.index] = OpaqueBlock(self._frames, part)

    def _delta(self, event: Delta) -> None:
        """What does not fit its block is left out: no dialect's reader gives it."""
        block = self._blocks.get(event.index)
        if isinstance(block, TextBlock):
            if event.kind == "text" and event.text:
                self._text(block, event.text)
            elif event.kind == "citation" and event.value is not None:
                self._cite(block, event.value)
        elif isinstance(block, CallBlock | HeldCallBlock):
            if event.kind == "arguments" and event.text:
                block.arguments(event.text)
        elif isinstance(block, ThoughtBlock):
            if event.kind == "signature":
                block.signature = event.text
            elif event.text and event.kind in ("summary", "text"):
                block.more(event.at if event.kind == "summary" else "text", event.text)

    def _text(self, block: TextBlock, piece: str) -> None:
        self._begin_part(block)
        block.text(piece)

    def _cite(self, block: TextBlock, citation: Citation) -> None:
        self._begin_part(block)
        block.cite(citation)

    def _begin_part(self, block: TextBlock) -> None:
        if block.has_begun:
            return
        about = block.part.extra or {}
        message = self._message
        if message is None or message.about.get("item_id") != about.get("item_id"):
            self._seal()
            message = self._message = MessageItem(self._frames, about)
        self._has_refused |= block.is_refusal
        block.begin(message)

    def _close(self, index: int) -> None:
        block = self._blocks.pop(index, None)
        if block is not None:
            block.close()

    def _seal(self, status: str = "completed") -> None:
        if self._message is not None:
            self._message.seal(status)
            self._message = None

    # === lifecycle ===

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            response = b'"response":' + self._envelope.response("in_progress")
            self._frames.add(b"response.created", response)
            self._frames.add(b"response.in_progress", response)

    def _finish(self, event: Finish) -> None:
        reason = event.stop.reason
        self._start()
        if reason in FAILED:
            self._end("failed", event, error=failed_error(unsaid(event.stop)))
            return
        is_incomplete = reason in INCOMPLETE and not (reason == "refusal" and self._has_refused)
        for index in list(self._blocks):
            self._close(index)
        self._seal("incomplete" if is_incomplete else "completed")
        self._end(
            "incomplete" if is_incomplete else "completed", event, reason=INCOMPLETE[reason] if is_incomplete else ""
        )

    def _fail(self, fault: Fault) -> None:
        self._start()
        self._end("failed", None, error=failed_error(fault))

    def _end(
        self, status: str, finish: Finish | None, *, error: dict[str, str] | None = None, reason: str = ""
    ) -> None:
        self._seal()  # a message whose parts were closed before a failure is whole
        usage = finish.usage if finish is not None else None
        self.response = self._envelope.response(status, self._frames.output(), usage, error, reason)
        self._frames.add(b"response." + status.encode(), b'"response":' + self.response)

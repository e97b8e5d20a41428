"""Events as a Chat stream for a client.

The role comes first, alone; then deltas as they come. A call's index counts calls, not blocks; its id and name are in its first
delta only (traps 4, 5). A thought's words are `reasoning_content`, its signature an entry of `reasoning_details` once the
thought is over and it is known what follows (see reasoning.py). The usage chunk comes only when it was asked for (trap 47).
What fails, or ends in a way that Chat has no word for, becomes an `error` event, on which OpenAI's SDKs raise, and nothing after.
"""

from collections.abc import Iterable
from typing import Any, Final

from gateway.dataplane.wire.canon import (
    Begin,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Open,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.chat.answer import wants_function_call
from gateway.dataplane.wire.chat.citations import annotation_of
from gateway.dataplane.wire.chat.error import error_object
from gateway.dataplane.wire.chat.reasoning import bound, written_detail
from gateway.dataplane.wire.chat.stop import written_stop
from gateway.dataplane.wire.chat.usage import written_usage
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.fault import unsaid
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.translate.reasoning import shown

_DONE: Final = b"data: [DONE]\n\n"
_TEXT: Final = (b'{"content":', b"}")
_REFUSAL: Final = (b'{"refusal":', b"}")
_THOUGHT: Final = (b'{"reasoning_content":', b"}")
_LEGACY: Final = (b'{"function_call":{"arguments":', b"}}")


class _Block:
    """What is open: `form` goes around the JSON text of a delta; a thought keeps which words it shows, and its signature."""

    __slots__ = ("begin", "form", "kind", "part", "shown", "summary_at")

    def __init__(self, part: Any, kind: str, form: tuple[bytes, bytes], begin: int = 0) -> None:
        self.part, self.kind, self.form, self.begin = part, kind, form, begin
        self.shown = ""
        self.summary_at = 0


class ChatWriter:
    """See the module, and StreamWriter."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._is_legacy = wants_function_call(asked)
        self._begin = Begin("", "")
        self._head = self._tail = b""
        self._is_over = False
        self._blocks: dict[int, _Block] = {}
        self._calls = self._chars = self._cited = 0
        self._has_text = self._has_refusal = False
        self._held: list[Reasoning] = []
        self._details = 0

    def write(self, events: Iterable[Event]) -> bytes:
        """See StreamWriter."""
        out: list[bytes] = []
        for event in events:
            if self._is_over:
                break
            if isinstance(event, Delta):
                block = self._blocks.get(event.index)
                if block is not None:
                    self._delta(block, event, out)
            elif isinstance(event, Open):
                self._open(event, out)
            elif isinstance(event, Close):
                self._close(event.index, out)
            elif isinstance(event, Begin):
                self._begin = event
            elif isinstance(event, Finish):
                self._finish(event, out)
            else:
                self._fail(event, out)
        return b"".join(out)

    # === frames ===

    def _start(self, out: list[bytes], content: bytes = b"null") -> None:
        """The role chunk, once. OpenAI's own has an empty `content` where text follows."""
        if self._head:
            return
        begin, asked = self._begin, self._asked
        top = {
            "id": begin.id or f"chatcmpl-{asked.request_id}",
            "object": "chat.completion.chunk",
            "created": begin.created_s or asked.now_s,
            "model": begin.model or asked.turn.model,
        }
        self._head = b"data: " + encode(top)[:-1] + b',"choices":['
        self._tail = b',"usage":null}\n\n' if asked.turn.wants_usage else b"}\n\n"
        self._chunk(b'{"role":"assistant","content":' + content + b',"refusal":null}', out)

    def _chunk(self, delta: bytes, out: list[bytes], finish: bytes = b"null") -> None:
        out += (
            self._head, b'{"index":0,"delta":', delta, b',"logprobs":null,"finish_reason":', finish, b"}]", self._tail,
        )  # fmt: skip

    # === blocks ===

    def _open(self, event: Open, out: list[bytes]) -> None:
        part = event.part
        self._start(out, b'""' if isinstance(part, Text) else b"null")
        if isinstance(part, ToolCall):
            self._open_call(event.index, part, out)
        elif isinstance(part, Text):
            self._prove(None, out)
            self._has_text = True
            self._blocks[event.index] = _Block(part, "text", _TEXT, self._chars)
            if part.text:
                self._piece(_TEXT, part.text, out)
        elif isinstance(part, Refusal):
            self._has_refusal = True
            self._blocks[event.index] = _Block(part, "text", _REFUSAL)
            if part.text:
                self._piece(_REFUSAL, part.text, out)
        elif isinstance(part, Reasoning):
            block = self._blocks[event.index] = _Block(part, "thought", _THOUGHT)
            if words := shown(part):
                block.shown = "text" if part.text else "summary"
                self._piece(_THOUGHT, words, out)

    def _open_call(self, index: int, call: ToolCall, out: list[bytes]) -> None:
        at = self._calls
        self._calls += 1
        extra = self._prove(call, out)
        if self._is_legacy:
            if at:
                return  # no place for a second one
            self._blocks[index] = _Block(call, "arguments", _LEGACY)
            self._chunk(encode({"function_call": {"name": call.name, "arguments": ""}}), out)
            return
        member, piece = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
        first: dict[str, Any] = {
            "index": at,
            "id": call.id,
            "type": member,
            member: {"name": call.name, piece: ""},
            **extra,
        }
        self._chunk(encode({"tool_calls": [first]}), out)
        form = (b'{"tool_calls":[{"index":%d,"%s":{"%s":' % (at, member.encode(), piece.encode()), b"}}]}")
        block = self._blocks[index] = _Block(call, "arguments", form)
        if call.arguments:
            block.shown = "arguments"
            self._piece(form, call.arguments, out)

    def _delta(self, block: _Block, delta: Delta, out: list[bytes]) -> None:
        kind = delta.kind
        if kind == block.kind:
            block.shown = kind
            self._piece(block.form, delta.text, out)
        elif block.kind == "thought":
            self._think(block, delta, out)
        elif kind == "citation" and delta.value is not None:
            found = annotation_of(delta.value, block.begin, self._chars)
            if found is not None:
                # the SDK joins lists of deltas by `index`, and fails where there is none
                self._chunk(encode({"annotations": [{"index": self._cited, **found}]}), out)
                self._cited += 1

    def _piece(self, form: tuple[bytes, bytes], text: str, out: list[bytes]) -> None:
        if form is _TEXT:
            self._chars += len(text)
        out += (
            self._head, b'{"index":0,"delta":', form[0], encode(text), form[1], b',"logprobs":null,"finish_reason":null}]',
            self._tail,
        )  # fmt: skip

    def _think(self, block: _Block, delta: Delta, out: list[bytes]) -> None:
        """Raw thinking or its summary, whichever comes first: one field cannot show both."""
        if delta.kind == "signature":
            block.part = _signed(block.part, delta.text)
        elif delta.kind in ("text", "summary") and block.shown in ("", delta.kind):
            block.shown = delta.kind
            text = delta.text
            if delta.kind == "summary" and delta.at > block.summary_at:
                block.summary_at = delta.at
                text = "\n\n" + text
            self._piece(_THOUGHT, text, out)

    def _close(self, index: int, out: list[bytes]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.kind == "arguments" and not block.shown and block.part.kind != "custom":
            self._piece(block.form, "{}", out)  # clients parse the arguments
        elif block.kind == "thought" and block.part.signature:
            self._held.append(block.part)

    def _prove(self, call: ToolCall | None, out: list[bytes]) -> dict[str, Any]:
        """Gives away the signatures that wait: those bound to what comes now ride on it, the others come before it."""
        extra: dict[str, Any] = {}
        for thought in self._held:
            if thought.is_bound and call is not None and not self._is_legacy:
                extra["extra_content"] = bound(thought.signature)
            elif thought.is_bound and call is None and not self._is_over:
                self._chunk(encode({"content": "", "extra_content": bound(thought.signature)}), out)
            else:
                is_first = call is None or (not self._has_text and self._calls == 1)
                entry = written_detail(thought, self._details, "" if is_first or call is None else call.id)
                self._details += 1
                self._chunk(encode({"reasoning_details": [entry]}), out)
        self._held.clear()
        return extra

    # === ends ===

    def _finish(self, finish: Finish, out: list[bytes]) -> None:
        word = written_stop(finish.stop, has_calls=self._calls > 0, has_refusal=self._has_refusal)
        if not word:
            self._fail(unsaid(finish.stop), out)
            return
        self._start(out)
        for index in list(self._blocks):
            self._close(index, out)
        self._is_over = True
        self._prove(None, out)
        if self._is_legacy and word == "tool_calls":
            word = "function_call"
        self._chunk(b"{}", out, encode(word))
        usage = finish.usage or self._begin.usage
        if self._asked.turn.wants_usage and usage is not None:
            out += (self._head, b'],"usage":', encode(written_usage(usage)), b"}\n\n")
        out.append(_DONE)

    def _fail(self, fault: Fault, out: list[bytes]) -> None:
        self._is_over = True
        out.append(b"data: " + encode({"error": error_object(fault)}) + b"\n\n")


def _signed(thought: Reasoning, signature: str) -> Reasoning:
    return Reasoning(
        signature=signature, is_redacted=thought.is_redacted, is_bound=thought.is_bound, item_id=thought.item_id
    )

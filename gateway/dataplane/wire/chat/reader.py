"""A provider's Chat stream as events.

Chat never says where a block ends: text and thoughts end when something else begins, calls (whose deltas may be interleaved) when
the answer does. The finish reason comes before the usage, so Finish waits for the usage chunk, `[DONE]` or the end. A finish
reason alone makes the answer whole (GPUStack sends no `[DONE]`), and so does `[DONE]` alone when something was said (Snowflake
sends no finish reason).
"""

from typing import Any, Final

import msgspec
from msgspec.json import Decoder

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
)
from gateway.dataplane.wire.chat.answer import content_part
from gateway.dataplane.wire.chat.calls import CallDelta, Calls
from gateway.dataplane.wire.chat.chunk import Chunk, Said, Whole
from gateway.dataplane.wire.chat.citations import citation_of
from gateway.dataplane.wire.chat.error import fault_of
from gateway.dataplane.wire.chat.reasoning import bound_signature, is_detail, opened, proof_of
from gateway.dataplane.wire.chat.stop import FAILURES, failed, read_stop
from gateway.dataplane.wire.chat.usage import read_usage
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.lenient import count_of, decoded, text_of

_CHUNK: Final = Decoder(Chunk).decode
_WHOLE: Final = Decoder(Whole).decode
_BAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ChatReader:
    """See the module, and StreamReader."""

    def __init__(self) -> None:
        self.skipped = 0
        self._is_over = False
        self._has_begun = False
        self._blocks = 0  # how many were opened
        self._text = self._refusal = self._thought = -1  # the block that is open, or -1
        self._detail: Any = None  # the `index` of the thought that is open
        self._calls = Calls()
        self._has_refusal = False
        self._finish: tuple[Any, Any] | None = None
        self._usage: Any = None
        self._tier: Any = None

    def feed(self, name: str, data: bytes) -> list[Event]:
        """See StreamReader."""
        if self._is_over:
            return []
        if is_too_deep(data):
            self.skipped += 1
            return []
        try:
            chunk = _CHUNK(data)
        except _BAD:
            return self._odd(name, data)
        if chunk.error or (name == "error" and not chunk.choices):
            return self._fail(data)
        out: list[Event] = []
        if not self._has_begun and (chunk.choices or chunk.id):
            self._begin(chunk, out)
        if chunk.service_tier:
            self._tier = chunk.service_tier
        usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.index:  # other choices than the first: no other dialect has them
                continue
            said = choice.delta
            if said is not None:
                self._say(said, out)
            elif choice.finish_reason and not self._blocks:
                self._say_whole(data, out)
            if choice.finish_reason:
                self._finish = (str(choice.finish_reason), choice.stop_reason)
                self._close_all(out)
            usage = usage or choice.usage
        if not usage and isinstance(chunk.x_groq, dict):
            usage = chunk.x_groq.get("usage")
        if usage:
            self._usage = usage
            if self._finish is not None and not chunk.choices:
                self._end(out)
        return out

    def end(self) -> list[Event]:
        """See StreamReader."""
        if self._is_over:
            return []
        out: list[Event] = []
        if self._finish is None:
            self._is_over = True
            return [Fault("server", "the provider's stream ended before its answer was complete")]
        self._end(out)
        return out

    # === chunks that are none ===

    def _odd(self, name: str, data: bytes) -> list[Event]:
        if data.strip() == b"[DONE]":
            return self._done()
        found = decoded(data)
        if isinstance(found, dict) and found.get("error"):
            return self._fail(data)
        if name == "error":
            return self._fail(data)
        self.skipped += 1
        return []

    def _done(self) -> list[Event]:
        out: list[Event] = []
        if self._finish is None:
            if not self._blocks:
                self._is_over = True
                return [Fault("server", "the provider's stream ended without an answer")]
            self._finish = ("", None)
        self._end(out)
        return out

    def _fail(self, data: bytes) -> list[Event]:
        self._is_over = True
        return [fault_of(decoded(data), raw=data)]

    def _end(self, out: list[Event]) -> None:
        self._is_over = True
        self._close_all(out)
        word, sequence = self._finish or ("", None)
        if word in FAILURES:
            out.append(failed(word))
            return
        stop = read_stop(word, sequence, has_calls=self._calls.count > 0, has_refusal=self._has_refusal)
        out.append(Finish(stop, read_usage(self._usage, self._tier)))

    # === what is said ===

    def _begin(self, chunk: Chunk, out: list[Event]) -> None:
        self._has_begun = True
        self._calls.begin(chunk.id, chunk.created)
        out.append(Begin(text_of(chunk.id), text_of(chunk.model), created_s=max(0, count_of(chunk.created))))

    def _say_whole(self, data: bytes, out: list[Event]) -> None:
        """A server that was asked to stream and sends its answer as one `chat.completion`."""
        try:
            whole = _WHOLE(data)
        except _BAD:
            return
        for choice in (whole.choices or ())[:1]:
            if choice.message is not None:
                self._say(choice.message, out)

    def _say(self, said: Said, out: list[Event]) -> None:
        if said.reasoning_details:
            self._say_details(said, out)
        elif thought := text_of(said.reasoning_content) or text_of(said.reasoning):
            self._say_thought(thought, out)
        content = said.content
        if content:
            if said.extra_content and self._text < 0:
                self._say_bound(said.extra_content, out)
            if isinstance(content, str):
                self._say_text(content, out)
            elif isinstance(content, list):
                self._say_parts(content, out)
        if said.refusal and isinstance(said.refusal, str):
            self._say_refusal(said.refusal, out)
        if said.tool_calls:
            self._close_said(out)
            self._blocks, skipped = self._calls.feed(said.tool_calls, self._blocks, out)
            self.skipped += skipped
        if said.function_call is not None and (said.function_call.name or said.function_call.arguments):
            self._close_said(out)
            self._blocks, skipped = self._calls.feed([CallDelta(function=said.function_call)], self._blocks, out)
            self.skipped += skipped
        if isinstance(said.annotations, list):
            self._say_annotations(said.annotations, out)
        for image in said.images if isinstance(said.images, list) else ():
            self._close_said(out)
            out += (Open(self._blocks, Opaque(kind="image", value=image)), Close(self._blocks))
            self._blocks += 1

    def _say_text(self, text: str, out: list[Event]) -> None:
        if self._text < 0:
            self._close_said(out)
            self._text = self._blocks
            self._blocks += 1
            out.append(Open(self._text, Text(text="")))
        out.append(Delta(self._text, "text", text))

    def _say_refusal(self, text: str, out: list[Event]) -> None:
        if self._refusal < 0:
            self._close_said(out)
            self._refusal = self._blocks
            self._blocks += 1
            self._has_refusal = True
            out.append(Open(self._refusal, Refusal(text="")))
        out.append(Delta(self._refusal, "text", text))

    def _say_thought(self, text: str, out: list[Event]) -> None:
        if self._thought < 0:
            self._open_thought(Reasoning(), None, out)
        out.append(Delta(self._thought, "text", text))

    def _open_thought(self, thought: Reasoning, detail: Any, out: list[Event]) -> None:
        self._close_said(out)
        self._thought, self._detail = self._blocks, detail
        self._blocks += 1
        out.append(Open(self._thought, thought))

    def _say_details(self, said: Said, out: list[Event]) -> None:
        """OpenRouter's entries; `reasoning` beside them repeats their words."""
        has_words = False
        for entry in said.reasoning_details if isinstance(said.reasoning_details, list) else ():
            if not isinstance(entry, dict) or not is_detail(entry):
                self.skipped += 1
                continue
            words, summary, proof = text_of(entry.get("text")), text_of(entry.get("summary")), proof_of(entry)
            has_words = has_words or bool(words or summary)
            index = entry.get("index")
            is_end = self._detail is None and not words and not summary
            if self._thought < 0 or (index != self._detail and not is_end):
                thought = opened(entry)
                if thought.is_redacted or thought.is_bound:
                    thought.signature, proof = proof, ""
                self._open_thought(thought, index, out)
            if words:
                out.append(Delta(self._thought, "text", words))
            if summary:
                out.append(Delta(self._thought, "summary", summary))
            if proof:
                out.append(Delta(self._thought, "signature", proof))
        if not has_words and (words := text_of(said.reasoning_content) or text_of(said.reasoning)):
            self._say_thought(words, out)

    def _say_bound(self, extra_content: Any, out: list[Event]) -> None:
        signature = bound_signature({"extra_content": extra_content})
        if signature:
            self._open_thought(Reasoning(signature=signature, is_bound=True), None, out)

    def _say_parts(self, content: list[Any], out: list[Event]) -> None:
        """Mistral's content: a list of texts and thoughts."""
        for one in content:
            part = content_part(one)
            if isinstance(part, Text):
                self._say_text(part.text, out)
            elif isinstance(part, Reasoning):
                self._say_thought(part.text, out)

    def _say_annotations(self, annotations: list[Any], out: list[Event]) -> None:
        if self._text >= 0:
            out += [Delta(self._text, "citation", value=citation_of(one)) for one in annotations]

    # === ends ===

    def _close_said(self, out: list[Event]) -> None:
        """Ends the text, refusal or thought that is open; calls stay open."""
        out += [Close(block) for block in (self._thought, self._text, self._refusal) if block >= 0]
        self._thought = self._text = self._refusal = -1
        self._detail = None

    def _close_all(self, out: list[Event]) -> None:
        self._close_said(out)
        self._calls.close(out)

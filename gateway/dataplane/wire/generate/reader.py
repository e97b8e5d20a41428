"""A `streamGenerateContent` stream as events: every chunk is a whole GenerateContentResponse with more parts. Traps 28, 49, 52, 53, 54.

- Consecutive text parts of one kind (answer, thought) are one block. A call is always whole: it opens, gets its arguments, closes.
- A signature becomes a bound Reasoning before its part; one that comes while a text block is open ends that block and follows it,
  with `extra` {"text": ""}, as if it had stood on the empty text that Google usually sends for it.
- What only Gemini has (executable code, files, server tools) is an Opaque of its part.
- `usageMetadata` is cumulative: the last one counts; the first fills what the last leaves out.
- Nothing marks the end but EOF, and old models say STOP in every chunk: so Finish comes with `end()`. Grounding, citations and
  the finish message stand in the `extra` of its Stop.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

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
    Text,
    ToolCall,
)
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.generate.chunk import Call, Candidate, Chunk, Part
from gateway.dataplane.wire.generate.citations import pages_of
from gateway.dataplane.wire.generate.error import fault_of
from gateway.dataplane.wire.generate.stop import blocked, read_stop
from gateway.dataplane.wire.translate.names import made_id
from gateway.dataplane.wire.usage import USAGE

_chunk = msgspec.json.Decoder(Chunk).decode
_array = msgspec.json.Decoder(list[Raw]).decode
_decode = msgspec.json.Decoder().decode
_read_usage = USAGE["gemini.generate"]
_KEPT = ("groundingMetadata", "citationMetadata", "urlContextMetadata", "safetyRatings")
_EMPTY_ARGS = "{}"


class GenerateReader:
    """See the module and StreamReader."""

    __slots__ = (
        "_begin",
        "_calls",
        "_extra",
        "_grounded",
        "_ids",
        "_is_done",
        "_is_thought",
        "_next",
        "_open",
        "_reason",
        "_stop",
        "_usage_first",
        "_usage_last",
        "skipped",
    )

    def __init__(self) -> None:
        self.skipped = 0
        self._begin: Begin | None = None
        self._is_done = False
        self._next = 0
        self._open = -1
        self._is_thought = False
        self._calls = 0
        self._ids: set[str] = set()
        self._reason: str | int | None = None
        self._stop: Any = None
        self._extra: dict[str, Any] = {}
        self._usage_first: bytes = b""
        self._usage_last: bytes = b""
        self._grounded: bytes = b""

    def feed(self, name: str, data: bytes) -> list[Event]:
        """One chunk."""
        if self._is_done:
            return []
        if is_too_deep(data):
            self.skipped += 1
            return []
        try:
            raws = [data] if data[:1] != b"[" else [bytes(raw) for raw in _array(data)]
            chunks = [_chunk(raw) for raw in raws]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if data.strip() != b"[DONE]":  # some imitators end as Chat does
                self.skipped += 1
            return []
        events: list[Event] = []
        for chunk, raw in zip(chunks, raws, strict=True):
            self._take(chunk, raw, events)
        return events

    def end(self) -> list[Event]:
        """EOF: the end, if a reason for it was given."""
        if self._is_done:
            return []
        self._is_done = True
        stop = self._stop
        if stop is None and self._reason is not None:
            stop = read_stop(self._reason, has_calls=self._calls > 0, extra=self._extra or None)
        if stop is None:
            return [Fault("server", "the provider's stream ended without a finishReason")]
        events: list[Event] = []
        if self._begin is None:
            self._start(Chunk(), events)
        if self._open >= 0 and not self._is_thought:
            pages = pages_of(self._extra.get("groundingMetadata"))
            events += [Delta(self._open, "citation", value=page) for page in pages]
        self._close(events)
        events.append(Finish(stop, self._usage()))
        return events

    def _take(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        if self._is_done:
            return
        if chunk.error is not UNSET:
            self._is_done = True
            error = _decode(chunk.error)
            events.append(fault_of(error if isinstance(error, dict) else {"message": str(error)}))
            return
        if chunk.usageMetadata is not UNSET:
            self._usage_last = bytes(chunk.usageMetadata)
            self._usage_first = self._usage_first or self._usage_last
        if self._begin is None:
            self._start(chunk, events)
        feedback = chunk.promptFeedback
        if feedback is not None and feedback.blockReason is not None and not chunk.candidates:
            self._stop = blocked(str(feedback.blockReason), feedback.blockReasonMessage or "")
        for candidate in chunk.candidates or ():
            if not candidate.index:  # of several candidates the first is the answer
                self._candidate(candidate, data, events)
                break

    def _start(self, chunk: Chunk, events: list[Event]) -> None:
        self._begin = Begin(chunk.responseId or "", chunk.modelVersion or "", None, _seconds(chunk.createTime))
        events.append(self._begin)

    def _candidate(self, candidate: Candidate, data: bytes, events: list[Event]) -> None:
        if candidate.content is not None:
            whole: list[Any] = []
            for place, part in enumerate(candidate.content.parts or ()):
                if part.functionCall is not None:
                    self._call(part.functionCall, part.thoughtSignature, events)
                elif part.text is not None:
                    self._text(part, events)
                else:
                    whole = whole or _parts(data)
                    self._other(whole[place], events)
        if candidate.finishReason is not None:
            self._reason = candidate.finishReason
        if candidate.finishMessage:
            self._extra["finishMessage"] = candidate.finishMessage
        for name in _KEPT:
            kept = getattr(candidate, name)
            if kept is not UNSET:
                self._extra[name] = _decode(kept)
                self._grounded = data

    def _text(self, part: Part, events: list[Event]) -> None:
        words = part.text or ""
        is_thought = part.thought is True
        signature = part.thoughtSignature
        was_open = self._open >= 0 and self._is_thought == is_thought
        if signature and not is_thought and words and not was_open:
            self._bound(signature, None, events)
            signature = None
        if words:
            if not was_open:
                self._close(events)
                self._open, self._is_thought = self._index(), is_thought
                events.append(Open(self._open, Reasoning() if is_thought else Text(text="")))
            events.append(Delta(self._open, "text", words))
        if not signature:
            return
        if is_thought and self._open >= 0 and self._is_thought:
            events.append(Delta(self._open, "signature", signature))
        else:
            self._bound(signature, {"text": ""}, events)

    def _call(self, call: Call, signature: str | None, events: list[Event]) -> None:
        """Only a client that asks for it gets arguments in pieces, and no translated request does."""
        if call.partialArgs is not UNSET or not call.name:
            self.skipped += 1
            return
        self._close(events)
        if signature:
            self._bound(signature, None, events)
        index = self._index()
        events.append(Open(index, ToolCall(id=self._call_id(call.id), name=call.name)))
        events.append(Delta(index, "arguments", _arguments(call.args)))
        events.append(Close(index))
        self._calls += 1

    def _call_id(self, given: str | None) -> str:
        """Most answers give none; then one is made that no other answer of the conversation has."""
        if not given or given in self._ids:
            begin = self._begin or Begin("", "")
            seed = begin.id or f"{begin.created_s} {self._usage_first.decode('utf-8', 'replace')}"
            given = made_id(seed, self._calls)
        self._ids.add(given)
        return given

    def _other(self, part: dict[str, Any], events: list[Event]) -> None:
        """A part that is neither text nor call."""
        kind = next((name for name in part if name not in ("thought", "thoughtSignature", "text")), "")
        if kind:
            self._close(events)
            index = self._index()
            events += (Open(index, Opaque(kind=kind, value=part)), Close(index))
        elif part.get("thoughtSignature"):
            self._bound(part["thoughtSignature"], {}, events)

    def _bound(self, signature: str, extra: dict[str, Any] | None, events: list[Event]) -> None:
        self._close(events)
        index = self._index()
        events += (Open(index, Reasoning(signature=signature, is_bound=True, extra=extra)), Close(index))

    def _close(self, events: list[Event]) -> None:
        if self._open >= 0:
            events.append(Close(self._open))
            self._open = -1

    def _index(self) -> int:
        self._next += 1
        return self._next - 1

    def _usage(self) -> Usage | None:
        if not self._usage_last:
            return None
        last = self._usage_last
        if self._usage_first != last:
            first, later = _decode(self._usage_first), _decode(last)
            if isinstance(first, dict) and isinstance(later, dict) and first.keys() - later.keys():
                last = msgspec.json.encode({**first, **later})
        return _read_usage(last, self._grounded or None)


def _parts(data: bytes) -> list[Any]:
    """The answer's parts in a chunk, looked at anew: the structs do not know what is neither text nor call."""
    candidate = next(one for one in _decode(data)["candidates"] if not one.get("index"))
    found: list[Any] = candidate["content"]["parts"]
    return found


def _arguments(args: Raw | UnsetType) -> str:
    """On one line, the numbers as they were written."""
    raw = _EMPTY_ARGS if args is UNSET else msgspec.json.format(bytes(args), indent=-1).decode()
    return raw if raw[0] == "{" else _EMPTY_ARGS


def _seconds(created: str | None) -> int:
    """`2026-01-02T03:04:05.678901234Z` as seconds; 0 when it is no time."""
    if not created:
        return 0
    try:
        return int(datetime.fromisoformat(created[:19] + "+00:00").timestamp())
    except ValueError:
        return 0

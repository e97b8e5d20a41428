"""A whole answer and the events of its stream: each becomes the other.

`answer_of(events_of(answer)) == answer` for every answer without `extra`, which events have no word for. Blocks may interleave;
the parts stand in the order in which they opened.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Citation,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Open,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)


class GrowingPart:
    """A block that grows: the part as it opened, and what came since."""

    __slots__ = ("_citations", "_part", "_pieces", "_signature", "_summary")

    def __init__(self, part: Part) -> None:
        self._part = part
        self._pieces: list[str] = []
        self._summary: dict[int, list[str]] = {}
        self._citations: list[Citation] = []
        self._signature: str | None = None

    def add(self, delta: Delta) -> None:
        """The next piece."""
        if delta.kind in ("text", "arguments"):
            self._pieces.append(delta.text)
        elif delta.kind == "summary":
            self._summary.setdefault(delta.at, []).append(delta.text)
        elif delta.kind == "signature":
            self._signature = delta.text
        elif delta.value is not None:
            self._citations.append(delta.value)

    def part(self) -> Part:
        """What it is by now."""
        part, more = self._part, "".join(self._pieces)
        if isinstance(part, Text):
            citations = [*(part.citations or ()), *self._citations] if self._citations else part.citations
            return replace(part, text=part.text + more, citations=citations)
        if isinstance(part, Refusal):
            return replace(part, text=part.text + more)
        if isinstance(part, ToolCall):
            return replace(part, arguments=part.arguments + more)
        if isinstance(part, Reasoning):
            signature = part.signature if self._signature is None else self._signature
            return replace(part, text=part.text + more, summary=self._summary_of(part), signature=signature)
        return part

    def _summary_of(self, part: Reasoning) -> list[str] | None:
        """By their numbers, which a provider may choose as it likes."""
        if not self._summary:
            return part.summary
        texts = {at: [text] for at, text in enumerate(part.summary or ())}
        for at, pieces in self._summary.items():
            texts.setdefault(at, []).extend(pieces)
        return ["".join(texts[at]) for at in sorted(texts)]


def answer_of(events: Iterable[Event]) -> Answer | Fault:
    """The answer that a stream tells, or the Fault that ended it. A stream that stops before its end is a Fault of kind `server`.

    Deltas of blocks that never opened are skipped.
    """
    begin = Begin("", "")
    blocks: dict[int, GrowingPart] = {}
    for event in events:
        if isinstance(event, Delta):
            block = blocks.get(event.index)
            if block is not None:
                block.add(event)
        elif isinstance(event, Open):
            blocks[event.index] = GrowingPart(event.part)
        elif isinstance(event, Begin):
            begin = event
        elif isinstance(event, Fault):
            return event
        elif isinstance(event, Finish):
            return Answer(
                id=begin.id,
                model=begin.model,
                parts=[block.part() for block in blocks.values()],
                stop=event.stop,
                usage=begin.usage if event.usage is None else event.usage,
                created_s=begin.created_s,
            )
    return Fault("server", "the provider's stream ended before its answer was complete")


def events_of(answer: Answer) -> list[Event]:
    """The answer as the shortest stream that tells it: each block opens, is given in one piece and closes."""
    events: list[Event] = [Begin(answer.id, answer.model, answer.usage, answer.created_s)]
    for index, part in enumerate(answer.parts):
        events += block_events(index, part)
    events.append(Finish(answer.stop, answer.usage))
    return events


def block_events(index: int, part: Part) -> list[Event]:
    """A redacted Reasoning opens with its signature, for that is all there is; every other content comes as deltas."""
    events: list[Event]
    if isinstance(part, Text):
        citations = part.citations or []
        events = [Open(index, replace(part, text="", citations=None if citations else part.citations))]
        events += _text_delta(index, part.text)
        events += [Delta(index, "citation", value=citation) for citation in citations]
    elif isinstance(part, Refusal):
        events = [Open(index, replace(part, text="")), *_text_delta(index, part.text)]
    elif isinstance(part, ToolCall):
        events = [Open(index, replace(part, arguments=""))]
        if part.arguments:
            events.append(Delta(index, "arguments", part.arguments))
    elif isinstance(part, Reasoning):
        summary = part.summary or []
        signature = part.signature if part.is_redacted else ""
        events = [Open(index, replace(part, text="", summary=None if summary else part.summary, signature=signature))]
        events += [Delta(index, "summary", text, at) for at, text in enumerate(summary)]
        events += _text_delta(index, part.text)
        if part.signature and not part.is_redacted:
            events.append(Delta(index, "signature", part.signature))
    else:
        events = [Open(index, part)]
    events.append(Close(index))
    return events


def _text_delta(index: int, text: str) -> list[Event]:
    return [Delta(index, "text", text)] if text else []

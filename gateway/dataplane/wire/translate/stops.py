"""Stop sequences for providers that know none (Responses): the answer is cut on its way back. Trap 39.

The cut is where a provider would have stopped: after the sequence that is complete first, read character by character, so
that it does not matter how the stream was chunked. Only text is looked at, block by block; never reasoning, nor calls.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from gateway.dataplane.wire.canon import Answer, Close, Delta, Event, Fault, Finish, Open, Part, Stop, Text


class StopCut:
    """`is_cut` once a sequence was met: nothing more is given then, and the provider need not go on."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = [one for one in stop if one]
        self._starts = frozenset(one[:count] for one in self._stop for count in range(1, len(one)))
        self._longest = max(map(len, self._stop), default=1) - 1
        self._held: dict[int, str] = {}
        self._open: dict[int, None] = {}
        self.is_cut = False

    def events(self, events: Iterable[Event]) -> list[Event]:
        """The next events, up to the cut. What may be the start of a sequence is held back until it is known."""
        out: list[Event] = []
        for event in events:
            if self.is_cut:
                last = out[-1] if out else None
                if isinstance(event, Finish) and isinstance(last, Finish):  # it came along, and tells the usage
                    out[-1] = Finish(last.stop, event.usage)
                continue
            if isinstance(event, Delta):
                if event.kind == "text" and event.index in self._held:
                    self._text(event, out)
                else:
                    out.append(event)
            elif isinstance(event, Open):
                self._open[event.index] = None
                out.append(self._opened(event))
                if isinstance(event.part, Text) and event.part.text:
                    self._text(Delta(event.index, "text", event.part.text), out)
            elif isinstance(event, Close):
                self._release(event.index, out)
                self._open.pop(event.index, None)
                out.append(event)
            else:
                if isinstance(event, Finish | Fault):
                    for index in list(self._held):
                        self._release(index, out)
                out.append(event)
        return out

    def answer(self, answer: Answer) -> Answer:
        """A whole answer, up to the cut."""
        parts: list[Part] = []
        for part in answer.parts:
            met = self._met(part.text) if isinstance(part, Text) else None
            if isinstance(part, Text) and met is not None:
                at, sequence = met
                if at:
                    parts.append(replace(part, text=part.text[:at]))
                self.is_cut = True
                return replace(answer, parts=parts, stop=Stop(reason="stop_sequence", sequence=sequence))
            parts.append(part)
        return answer

    def _opened(self, event: Open) -> Open:
        part = event.part
        if not isinstance(part, Text):
            return event
        self._held[event.index] = ""
        return Open(event.index, replace(part, text="")) if part.text else event

    def _text(self, event: Delta, out: list[Event]) -> None:
        text = self._held[event.index] + event.text
        met = self._met(text)
        if met is not None:
            at, sequence = met
            self._give(event.index, text[:at], out)
            self._held.pop(event.index)
            self.is_cut = True
            for index in self._open:
                self._release(index, out)
                out.append(Close(index))
            out.append(Finish(Stop(reason="stop_sequence", sequence=sequence)))
            return
        count = self._possible(text)
        self._held[event.index] = text[len(text) - count :]
        self._give(event.index, text[: len(text) - count], out)

    def _met(self, text: str) -> tuple[int, str] | None:
        """Where the sequence that is complete first begins, and which it is; of two that end together the longer."""
        best: tuple[int, int, str] | None = None
        for sequence in self._stop:
            at = text.find(sequence)
            if at >= 0 and (best is None or (at + len(sequence), at) < best[:2]):
                best = (at + len(sequence), at, sequence)
        return None if best is None else (best[1], best[2])

    def _possible(self, text: str) -> int:
        """How many characters at the end may be the start of a sequence."""
        for count in range(min(self._longest, len(text)), 0, -1):
            if text[len(text) - count :] in self._starts:
                return count
        return 0

    def _release(self, index: int, out: list[Event]) -> None:
        self._give(index, self._held.pop(index, ""), out)

    @staticmethod
    def _give(index: int, text: str, out: list[Event]) -> None:
        if text:
            out.append(Delta(index, "text", text))

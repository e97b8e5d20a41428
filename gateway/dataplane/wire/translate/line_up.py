"""Blocks put in line, for dialects whose streams have one open block at a time (Messages, Converse, Chat). Traps 4, 5, 45."""

from collections import deque
from collections.abc import Iterable

from gateway.dataplane.wire.canon import Begin, Close, Delta, Event, Fault, Finish, Open, ToolCall
from gateway.dataplane.wire.translate.json_end import JsonEnd


class _Block:
    """`held` is what waits for the block's turn; `end` tells when a call's arguments are complete."""

    __slots__ = ("end", "held", "index", "is_closed")

    def __init__(self, event: Open) -> None:
        self.index = event.index
        self.held: list[Event] = [event]
        self.is_closed = False
        part = event.part
        self.end = JsonEnd() if isinstance(part, ToolCall) and part.kind != "custom" else None
        if self.end is not None and isinstance(part, ToolCall) and part.arguments:
            self.end.feed(part.arguments)

    @property
    def is_finished(self) -> bool:
        """Nothing more can come: it closed, or it is a call whose arguments are complete."""
        return self.is_closed or (self.end is not None and self.end.is_complete)


class LineUp:
    """Passes the oldest open block at once and holds those that opened beside it until it is finished.

    A call whose JSON arguments are complete counts as finished as soon as another block waits. Blocks keep the order in which
    they opened and are numbered anew from 0 without gaps; nothing is lost. Finish closes what is still open; a Fault ends at
    once, and what was held is not given. Deltas of blocks that are not open are skipped.
    """

    def __init__(self) -> None:
        self._line: deque[_Block] = deque()
        self._waiting: dict[int, _Block] = {}
        self._next = 0

    def events(self, events: Iterable[Event]) -> list[Event]:
        """The next events, in line."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, Delta):
                self._delta(event, out)
            elif isinstance(event, Open):
                self._open(event, out)
            elif isinstance(event, Close):
                block = self._waiting.pop(event.index, None)
                if block is not None:
                    block.is_closed = True
                    self._advance(out)
            elif isinstance(event, Finish):
                self._end(out)
                out.append(event)
            elif isinstance(event, Begin | Fault):
                out.append(event)
        return out

    def _open(self, event: Open, out: list[Event]) -> None:
        again = self._waiting.pop(event.index, None)
        if again is not None:  # an index that is used again has ended its first block
            again.is_closed = True
        block = _Block(event)
        self._line.append(block)
        self._waiting[event.index] = block
        if self._line[0] is block:
            self._begin(block, out)
        else:
            self._advance(out)

    def _delta(self, event: Delta, out: list[Event]) -> None:
        block = self._waiting.get(event.index)
        if block is None:
            return
        end = block.end
        if end is not None and event.kind == "arguments":
            end.feed(event.text)
        if block is not self._line[0]:
            block.held.append(event)
            return
        index = self._next - 1
        out.append(event if event.index == index else _numbered(event, index))
        if len(self._line) > 1 and block.is_finished:
            self._advance(out)

    def _begin(self, block: _Block, out: list[Event]) -> None:
        """The first in line: what it held is given."""
        index = self._next
        self._next += 1
        for event in block.held:
            if isinstance(event, Open):
                out.append(event if event.index == index else Open(index, event.part))
            elif isinstance(event, Delta):
                out.append(event if event.index == index else _numbered(event, index))
        block.held = []

    def _advance(self, out: list[Event]) -> None:
        """Ends the first block, and those after it, while they are finished and (unless closed) others wait."""
        line = self._line
        while line and line[0].is_finished and (line[0].is_closed or len(line) > 1):
            done = line.popleft()
            if self._waiting.get(done.index) is done:
                del self._waiting[done.index]  # what may still come is white space
            out.append(Close(self._next - 1))
            if line:
                self._begin(line[0], out)

    def _end(self, out: list[Event]) -> None:
        for block in self._line:
            block.is_closed = True
        self._waiting.clear()
        self._advance(out)


def _numbered(event: Delta, index: int) -> Delta:
    return Delta(index, event.kind, event.text, event.at, event.value)

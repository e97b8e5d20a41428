"""The calls of an answer, led back to the client's names, namespaces and kinds. Traps 1, 3, 9, 10.

What only the provider's dialect knows (its own tools and what they gave, compaction) ends here: the client's dialect may have a
block of the same name and another meaning, which would come back as the client's own.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from gateway.dataplane.wire.canon import Answer, Close, Delta, Event, Fault, Finish, Opaque, Open, Part, ToolCall
from gateway.dataplane.wire.translate.client_tools import shell_action
from gateway.dataplane.wire.translate.names import Known, Names, made_id
from gateway.dataplane.wire.translate.unwrap import Unwrap, unwrapped


class Restore:
    """What a lowered turn needs to be answered in its client's words."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def restorer(self, request_id: str) -> "Restorer":
        """For one answer; ids that the provider did not give are made from `request_id`."""
        return Restorer(self._names, request_id)


class _Action:
    """Holds a shell call's arguments until they are whole: a `local_shell_call` has no deltas."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, piece: str) -> str:
        self._pieces.append(piece)
        return ""

    def end(self) -> str:
        return shell_action("".join(self._pieces))


class Restorer:
    """Restores one answer, as a whole or event by event. Names that nobody declared pass as they are."""

    def __init__(self, names: Names, request_id: str) -> None:
        self._names, self._request_id = names, request_id
        self._ids: set[str] = set()
        self._changed: dict[int, Unwrap | _Action] = {}

    def answer(self, answer: Answer) -> Answer:
        """A whole answer."""
        parts: list[Part] = [
            self._whole(part, at) if isinstance(part, ToolCall) else part
            for at, part in enumerate(answer.parts)
            if not isinstance(part, Opaque)
        ]
        return replace(answer, parts=parts)

    def events(self, events: Iterable[Event]) -> list[Event]:
        """The next events of a stream. A freeform tool's input leaves as bare text, piece by piece."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, Delta):
                changed = self._changed.get(event.index) if self._changed else None
                if changed is None or event.kind != "arguments":
                    out.append(event)
                else:
                    self._give(event.index, changed.feed(event.text), out)
            elif isinstance(event, Open) and isinstance(event.part, ToolCall):
                self._open(event.index, event.part, out)
            elif isinstance(event, Open) and isinstance(event.part, Opaque):
                continue  # nobody knows its index then, and what still comes of it is left out
            else:
                if isinstance(event, Close) and event.index in self._changed:
                    self._give(event.index, self._changed.pop(event.index).end(), out)
                elif isinstance(event, Finish | Fault) and self._changed:  # a reader that closes nothing
                    for index, changed in self._changed.items():
                        self._give(index, changed.end(), out)
                    self._changed = {}
                out.append(event)
        return out

    def _open(self, index: int, part: ToolCall, out: list[Event]) -> None:
        known = self._known(part)
        call = self._named(part, known, index)
        changed: Unwrap | _Action | None = None
        if known is not None and part.kind == "function":
            changed = Unwrap() if known.kind == "custom" else _Action() if known.kind == "shell" else None
        if changed is None:
            out.append(Open(index, call))
            return
        self._changed[index] = changed
        out.append(Open(index, replace(call, arguments="") if call.arguments else call))
        self._give(index, changed.feed(part.arguments), out)

    def _whole(self, part: ToolCall, index: int) -> ToolCall:
        known = self._known(part)
        call = self._named(part, known, index)
        if known is not None and part.kind == "function":
            if known.kind == "custom":
                return replace(call, arguments=unwrapped(part.arguments))
            if known.kind == "shell":
                return replace(call, arguments=shell_action(part.arguments))
        return call

    def _known(self, part: ToolCall) -> Known | None:
        return None if part.namespace else self._names.known(part.name)

    def _named(self, part: ToolCall, known: Known | None, index: int) -> ToolCall:
        call_id = part.id
        if part.extra is not None:  # members of the provider's dialect
            part = replace(part, extra=None)
        if not call_id or call_id in self._ids:
            call_id = made_id(self._request_id, index)
        self._ids.add(call_id)
        if known is None:
            return part if call_id == part.id else replace(part, id=call_id)
        kind = known.kind if part.kind == "function" else part.kind
        if (call_id, known.name, known.namespace, kind) == (part.id, part.name, "", part.kind):
            return part
        return replace(part, id=call_id, name=known.name, namespace=known.namespace, kind=kind)

    @staticmethod
    def _give(index: int, text: str, out: list[Event]) -> None:
        if text:
            out.append(Delta(index, "arguments", text))

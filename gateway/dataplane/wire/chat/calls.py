"""Tool calls of a stream, put together by all the ways in which servers number them (traps 4, 53).

A delta belongs to the call of its `index`, else of its id, else to the last one. A known index with another id and a name is a
new call (Gemini's and others' compatible APIs send all calls on index 0); so is one without an id whose call is complete.
"""

from typing import Any

from msgspec import Struct

from gateway.dataplane.wire.canon import CallKind, Close, Delta, Event, Open, Reasoning, ToolCall
from gateway.dataplane.wire.chat.answer import arguments_text
from gateway.dataplane.wire.chat.reasoning import bound_signature
from gateway.dataplane.wire.translate.json_end import JsonEnd
from gateway.dataplane.wire.translate.names import made_id


class FunctionDelta(Struct):
    """`function`, `custom` or the legacy `function_call`."""

    name: Any = None
    arguments: Any = None
    input: Any = None


class CallDelta(Struct):
    """One entry of `delta.tool_calls`."""

    index: Any = None
    id: Any = None
    type: Any = None
    function: FunctionDelta | None = None
    custom: FunctionDelta | None = None
    extra_content: Any = None


class _Call:
    """`end` tells when the arguments of a call that came without an id are whole."""

    __slots__ = ("block", "end", "id", "name")

    def __init__(self) -> None:
        self.block = -1
        self.id = ""
        self.name = ""
        self.end: JsonEnd | None = None


class Calls:
    """The calls of one answer. `count` is how many opened."""

    def __init__(self) -> None:
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._open: list[_Call] = []
        self._last: _Call | None = None
        self._seed = ""
        self.count = 0

    def begin(self, answer_id: Any, created: Any) -> None:
        """What ids are made of when they are missing."""
        self._seed = f"{answer_id} {created}"

    def feed(self, deltas: list[CallDelta], blocks: int, out: list[Event]) -> tuple[int, int]:
        """Appends the events; gives how many blocks there are then, and how many deltas could not be read."""
        skipped = 0
        for delta in deltas:
            is_custom = delta.type == "custom" or (delta.function is None and delta.custom is not None)
            inner = delta.custom if is_custom else delta.function
            call = self._call_of(delta, inner)
            if call is None:
                skipped += 1
                continue
            if call.block < 0:
                if not call.name:
                    continue  # the name has yet to come
                blocks = self._begin(call, delta, "custom" if is_custom else "function", blocks, out)
            text = "" if inner is None else arguments_text(inner.input if is_custom else inner.arguments)
            if text:
                out.append(Delta(call.block, "arguments", text))
                if call.end is not None:
                    call.end.feed(text)
        return blocks, skipped

    def _call_of(self, delta: CallDelta, inner: FunctionDelta | None) -> _Call | None:
        call_id = delta.id if isinstance(delta.id, str) else ""
        name = inner.name if inner is not None and isinstance(inner.name, str) else ""
        index = delta.index if isinstance(delta.index, int) else None
        if index is not None:
            call = self._by_index.get(index)
        else:
            call = self._by_id.get(call_id) if call_id else self._last
        if call is not None and call.name and name and _is_other(call, call_id, name):
            call = None
        if call is None:
            if not name and not call_id:
                return None
            call = _Call()
            if index is not None:
                self._by_index[index] = call
        if call_id and not call.id:
            call.id = call_id
            self._by_id[call_id] = call
        call.name = call.name or name
        self._last = call
        return call

    def _begin(self, call: _Call, delta: CallDelta, kind: CallKind, blocks: int, out: list[Event]) -> int:
        if delta.extra_content and (signature := bound_signature({"extra_content": delta.extra_content})):
            out += (Open(blocks, Reasoning(signature=signature, is_bound=True)), Close(blocks))
            blocks += 1
        if not call.id:
            call.id = made_id(self._seed, self.count)
            call.end = JsonEnd()
        call.block = blocks
        self.count += 1
        self._open.append(call)
        out.append(Open(blocks, ToolCall(id=call.id, name=call.name, kind=kind)))
        return blocks + 1

    def close(self, out: list[Event]) -> None:
        """Ends all of them; later deltas are of no call."""
        out += [Close(call.block) for call in self._open]
        self._open, self._last = [], None
        self._by_index, self._by_id = {}, {}


def _is_other(call: _Call, call_id: str, name: str) -> bool:
    """Whether a delta that names a function begins another call than the one its number points to."""
    if call.end is not None:
        return name != call.name or call.end.is_complete
    return bool(call_id) and call_id != call.id  # without an id: a server that repeats the name with every delta

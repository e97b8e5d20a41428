"""Grammar of a ConverseStream: what real streams obey, and SDKs rely on. A test tool.

messageStart (block)* messageStop metadata — or an exception message at any place, after which nothing follows. A block is
contentBlockStart (calls, results, images only), contentBlockDelta+ of one kind, contentBlockStop; blocks are numbered 0, 1, 2 …
and do not overlap. The input deltas of a call make a JSON object.
"""

import json
from collections.abc import Iterator
from typing import Any

from gateway import _native
from tests.dataplane.wire.converse.shapes import problems

_EVENT_SHAPE = {
    "messageStart": "MessageStartEvent",
    "contentBlockStart": "ContentBlockStartEvent",
    "contentBlockDelta": "ContentBlockDeltaEvent",
    "contentBlockStop": "ContentBlockStopEvent",
    "messageStop": "MessageStopEvent",
    "metadata": "ConverseStreamMetadataEvent",
}
_EXCEPTIONS = {
    "internalServerException": "InternalServerException",
    "modelStreamErrorException": "ModelStreamErrorException",
    "validationException": "ValidationException",
    "throttlingException": "ThrottlingException",
    "serviceUnavailableException": "ServiceUnavailableException",
}


def messages(wire: bytes) -> list[tuple[str, str, Any]]:
    """(message type, name, payload) of each message."""
    return [(kind, name, json.loads(payload)) for kind, name, payload in _native.split_eventstream(wire)]


def faults(wire: bytes, *, is_whole: bool = True, has_shapes: bool = True) -> Iterator[str]:
    """What breaks the grammar. `is_whole`: the stream has ended."""
    state = _State()
    for at, (kind, name, payload) in enumerate(messages(wire)):
        where = f"{at} {name}"
        if state.has_ended:
            yield f"{where}: after the end"
        if kind == "exception":
            state.has_ended = True
            if name not in _EXCEPTIONS:
                yield f"{where}: no exception of this stream"
            elif has_shapes:
                yield from (f"{where}: {one}" for one in problems(payload, _EXCEPTIONS[name]))
            if not payload.get("message"):
                yield f"{where}: without a message"
            continue
        if kind != "event" or name not in _EVENT_SHAPE:
            yield f"{where}: no event of this stream ({kind})"
            continue
        if has_shapes:
            yield from (f"{where}: {one}" for one in problems(payload, _EVENT_SHAPE[name]))
        yield from (f"{where}: {one}" for one in state.take(name, payload))
    if is_whole and not state.has_ended:
        yield "the stream has no end"


class _State:
    def __init__(self) -> None:
        self.has_begun = self.has_stopped = self.has_ended = False
        self.open: int | None = None
        self.next = 0
        self.kind = ""
        self.deltas = 0
        self.input = ""

    def take(self, name: str, payload: dict[str, Any]) -> Iterator[str]:
        if name == "messageStart":
            if self.has_begun:
                yield "twice"
            if payload.get("role") != "assistant":
                yield "not the assistant"
            self.has_begun = True
            return
        if not self.has_begun:
            yield "before messageStart"
        if name == "metadata":
            if not self.has_stopped:
                yield "before messageStop"
            self.has_ended = True
        elif self.has_stopped:
            yield "after messageStop"
        elif name == "messageStop":
            if self.open is not None:
                yield f"block {self.open} is open"
            self.has_stopped = True
        else:
            yield from self._block(name, payload)

    def _block(self, name: str, payload: dict[str, Any]) -> Iterator[str]:
        index = payload["contentBlockIndex"]
        if name == "contentBlockStart":
            if self.open is not None:
                yield f"block {self.open} is open"
            yield from self._begin(index)
            self.kind = next(iter(payload["start"]))
        elif name == "contentBlockDelta":
            [kind] = payload["delta"]
            if self.open is None:
                yield from self._begin(index)
                if kind in ("toolUse", "toolResult", "image"):
                    yield f"a {kind} without a start"
                self.kind = kind
            if index != self.open:
                yield f"block {self.open} is open"
            if {kind, self.kind} - {"text", "citation"} and kind != self.kind:
                yield f"{kind} in a block of {self.kind}"
            self.deltas += 1
            if kind == "toolUse":
                self.input += payload["delta"]["toolUse"]["input"]
        else:
            if index != self.open:
                yield f"block {self.open} is open"
            if self.input and not isinstance(json.loads(self.input), dict):
                yield "the input is no object"
            self.open = None

    def _begin(self, index: int) -> Iterator[str]:
        if index != self.next:
            yield f"number {index} instead of {self.next}"
        self.open, self.next, self.deltas, self.input = index, index + 1, 0, ""

"""The guard of an answer that something may be done to: events wait until what they say is decided, in their order.

An event waits for as long as a finding could begin in its words (`texts.py` says how far), or as a tool call that it belongs to is not
complete. Words that were found go: a placeholder stands in the event where they began, and the events behind have the rest. What
providers say twice (the final texts of Responses) is looked at again, and what was redacted once is redacted there too.
"""

from collections import deque
from collections.abc import Mapping
from fnmatch import fnmatchcase
from json import dumps
from time import perf_counter
from typing import Any, Final

from gateway.base.core.errors import GuardrailBlocked
from gateway.dataplane.guard.answer.bits import (
    ARGS,
    BODIES,
    CALL,
    CLOSE,
    STREAMS,
    TEXT,
    WHOLE,
    WHOLE_CALL,
    Bit,
    all_strings,
)
from gateway.dataplane.guard.answer.calls import CallRules, Judge
from gateway.dataplane.guard.answer.frames import ArrayFrames, Frame, decoded, encoded, message_frames, sse_frames
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.answer.texts import Texts
from gateway.dataplane.guard.answer.words import Words, text_of

MOST_CALL_BYTES: Final = 4 << 20
"""A longer call is not waited for: it is judged by its beginning, and goes on from there."""
MOST_HELD_BYTES: Final = 16 << 20
"""Of events that wait, of all channels and calls together: beyond it all of them are decided by what has come."""


class _Call:
    """A tool call whose events wait for its end."""

    __slots__ = ("frames", "place", "size", "slots", "tool")

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self.place = f"call {tool}"
        self.frames: list[Frame] = []
        self.slots: list[tuple[Frame, Any, Any]] = []
        self.size = 0

    def wait(self, frame: Frame) -> None:
        frame.waits += 1
        self.frames.append(frame)


class Hold:
    """See the module. A decision to cut raises GuardrailBlocked: then nothing more is asked of it.

    `restored`: placeholder → secret, for the tools that `restore` names. `fault`: what went wrong with the guard itself; unless it
    `fails_closed`, the answer passes from there on. `last_words`: what may still go on before the error.
    """

    __slots__ = (
        "_array",
        "_blocks_calls",
        "_calls",
        "_dialect",
        "_fails_closed",
        "_frames",
        "_judge",
        "_restore",
        "_restored",
        "_words",
        "fault",
        "held_bytes",
        "last_words",
        "spent_s",
    )

    def __init__(
        self,
        dialect: str,
        texts: Texts | None,
        rules: CallRules | None,
        notes: Notes,
        *,
        is_array: bool,
        restore: tuple[str, ...] = (),
        restored: Mapping[bytes, bytes] | None = None,
        fails_closed: bool = True,
    ) -> None:
        self._dialect = dialect
        self._words = Words(texts, notes) if texts is not None else None
        self._judge = Judge(rules, notes) if rules is not None else None
        self._blocks_calls = rules is not None and rules.action == "block"
        self._restore = restore
        self._restored = dict(restored or {})
        self._array = ArrayFrames() if is_array else None
        self._frames: deque[Frame] = deque()
        self._calls: dict[Any, _Call] = {}
        self._fails_closed = fails_closed
        self.fault: Exception | None = None
        self.held_bytes = 0
        self.last_words = b""
        self.spent_s = 0.0

    def feed(self, data: bytes) -> bytes:
        """Whole events (of an array: any bytes) → those that may go on. Raises GuardrailBlocked."""
        if self.fault is not None:
            return data
        began = perf_counter()
        try:
            return self._feed(data)
        except Exception as exc:  # noqa: BLE001 - policy says whether a fault of ours ends the answer
            return self._given_up(exc, data)
        finally:
            self.spent_s += perf_counter() - began

    def end(self) -> bytes:
        """Nothing more will come: what is left. Raises GuardrailBlocked."""
        if self.fault is not None:
            return b""
        try:
            if self._array is not None:
                self._frames.extend(self._array.rest())
            self._close(None)
        except Exception as exc:  # noqa: BLE001 - policy says whether a fault of ours ends the answer
            return self._given_up(exc, b"")
        return self._left()

    def whole(self, body: bytes) -> bytes:
        """A whole answer. Raises GuardrailBlocked."""
        try:
            frame = Frame(body, decoded(body))
            if frame.event is not None:
                self._take(frame, BODIES[self._dialect](frame.event))
                return encoded(frame.event) if frame.is_changed else body
        except Exception as exc:  # noqa: BLE001 - policy says whether a fault of ours ends the answer
            return self._given_up(exc, body)
        return body

    def _given_up(self, exc: Exception, data: bytes) -> bytes:
        if isinstance(exc, GuardrailBlocked):
            self.last_words = self._decided()
        if self._fails_closed or isinstance(exc, GuardrailBlocked):
            raise exc
        self.fault = exc
        return self._left() + data

    def _decided(self) -> bytes:
        """The events before the one that ends the answer, as far as nothing in them waits."""
        if self._frames:
            self._frames[-1].waits += 1
        if self._words is not None:
            self._words.decide()
        return self._released()

    def _left(self) -> bytes:
        left = b"".join([frame.written() for frame in self._frames])
        self._frames.clear()
        self.held_bytes = 0
        return left

    def _feed(self, data: bytes) -> bytes:
        for frame in self._read(data):
            self._frames.append(frame)
            self.held_bytes += len(frame.raw)
            if frame.event is not None:
                read = BODIES if frame.kind == "body" else STREAMS
                self._take(frame, read[self._dialect](frame.event))
        if self.held_bytes > MOST_HELD_BYTES:
            self._close(None)
        if self._words is not None:
            self._words.look()
        return self._released()

    def _read(self, data: bytes) -> list[Frame]:
        if self._array is not None:
            return self._array.feed(data)
        if self._dialect != "bedrock.converse":
            return sse_frames(data)
        try:
            return message_frames(data)
        except ValueError:  # no event stream: an answer as a whole, or what no client can read
            return [Frame(data, decoded(data), kind="body")]

    def _released(self) -> bytes:
        frames = self._frames
        out = []
        while frames and not frames[0].waits:
            frame = frames.popleft()
            self.held_bytes -= len(frame.raw)
            out.append(frame.written())
        return b"".join(out)

    def _take(self, frame: Frame, bits: list[Bit]) -> None:
        words = self._words
        for what, channel, container, key in bits:
            if what == TEXT:
                if words is not None:
                    words.add(frame, channel, container, key, channel[1])
            elif what == CALL:
                if channel not in self._calls:
                    self._calls[channel] = call = _Call(key)
                    if self._waits_for(key):
                        call.wait(frame)
            elif what == ARGS:
                call = self._calls.get(channel) or self._calls.setdefault(channel, _Call(""))
                if words is not None:
                    words.add(frame, channel, container, key, call.place)
                if call.size <= MOST_CALL_BYTES:
                    call.slots.append((frame, container, key))
                    call.size += len(container[key])
                    if self._waits_for(call.tool):
                        call.wait(frame)
                    if call.size > MOST_CALL_BYTES:
                        self._complete(call)
            elif what == CLOSE:
                self._close(channel)
            elif what == WHOLE:
                if words is not None:
                    words.whole(frame, container, key, channel)
            elif what == WHOLE_CALL:
                at, tool = channel
                if tool is None:
                    tool = self._calls[at].tool if at in self._calls else ""
                self._whole_call(frame, container, key, tool)

    def _waits_for(self, tool: str) -> bool:
        return self._blocks_calls or self._is_restored(tool)

    # === calls ===

    def _whole_call(self, frame: Frame, container: Any, key: Any, tool: str) -> None:
        value = container[key]
        strings = [(container, key)] if isinstance(value, str) else all_strings(value)
        if self._words is not None:
            for inner, member in strings:
                self._words.whole(frame, inner, member, f"call {tool}")
        if self._judge is not None:
            said = container[key].encode("utf-8", "replace") if isinstance(value, str) else encoded(value)
            self._judge.judge(tool, said)
        if self._is_restored(tool):
            for inner, member in strings:
                new = self._with_secrets(inner[member])
                if new != inner[member]:
                    inner[member] = new
                    frame.is_changed = True

    def _complete(self, call: _Call) -> None:
        """All of a call is here: judge it, give its secrets back, let its events go."""
        said = "".join([container[key] for _, container, key in call.slots])
        if self._judge is not None:
            self._judge.judge(call.tool, said.encode("utf-8", "replace"))
        if self._is_restored(call.tool) and (new := self._with_secrets(said)) != said:
            for number, (frame, container, key) in enumerate(call.slots):
                container[key] = "" if number else new
                frame.is_changed = True
        for frame in call.frames:
            frame.waits -= 1
        call.frames.clear()
        call.slots.clear()

    def _is_restored(self, tool: str) -> bool:
        return bool(self._restored) and any(fnmatchcase(tool, one) for one in self._restore)

    def _with_secrets(self, said: str) -> str:
        """`said` with this exchange's secrets in place of their placeholders; in JSON text as JSON writes them."""
        is_json = said.lstrip().startswith("{")
        for placeholder, secret in self._restored.items():
            known = text_of(secret)
            said = said.replace(placeholder.decode(), dumps(known, ensure_ascii=False)[1:-1] if is_json else known)
        return said

    def _close(self, group: Any) -> None:
        if self._words is not None:
            self._words.close(group)
        for at in [one for one in self._calls if group is None or one[0] == group]:
            self._complete(self._calls.pop(at))

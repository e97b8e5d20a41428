"""The guard of an answer that something may be done to: events wait until what they say is decided, in their order.

An event waits for as long as a finding could begin in its words (`texts.py` says how far), or as a tool call that it belongs to is not
complete. Words that were found go: a placeholder stands in the event where they began, and the events behind have the rest. What
providers say twice (the final texts of Responses) is looked at again, and what was redacted once is redacted there too.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import accumulate
from json import dumps
from re import Pattern
from re import compile as regex
from time import perf_counter
from typing import Any, Final

from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.verdict import Action
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
from gateway.dataplane.guard.answer.calls import CallRules
from gateway.dataplane.guard.answer.frames import ArrayFrames, Frame, decoded, encoded, message_frames, sse_frames
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.answer.texts import Found, Texts
from gateway.dataplane.guard.answer.window import context_of, looked_at, opening

MOST_CALL_BYTES: Final = 4 << 20
"""A longer call is not waited for: it is judged by its beginning, and goes on from there."""
MOST_HELD_BYTES: Final = 16 << 20
"""Of events that wait, of all channels and calls together: beyond it all of them are decided by what has come."""
_LEAST_KNOWN: Final = 8
"""A shorter text may stand elsewhere by chance: it is redacted only where it is found."""
_WORD_ENDS: Final = regex(rb"[\s\"'<>`\\]")
_KEY_ENDS: Final = regex(rb"[^A-Za-z0-9+/=\s\\]")


class Slot:
    """A string of an event that a channel's words, or a call's arguments, stand in."""

    __slots__ = ("container", "frame", "is_changed", "key", "text")

    def __init__(self, frame: Frame, container: Any, key: Any) -> None:
        self.frame, self.container, self.key = frame, container, key
        self.text: bytes = container[key].encode("utf-8", "surrogatepass")
        self.is_changed = False
        frame.waits += 1

    def leave(self) -> None:
        """It is decided."""
        self.frame.waits -= 1
        if self.is_changed:
            self.container[self.key] = _text(self.text)
            self.frame.is_changed = True


class _Channel:
    """Words that come in pieces."""

    __slots__ = ("before", "open_from", "place", "slots", "swallows", "text")

    def __init__(self, place: str) -> None:
        self.place = place
        self.before = b""
        self.slots: list[Slot] = []
        self.text = b""
        """What the slots hold together."""
        self.open_from = -1
        """Where in it something was open when it was looked at last; -1: not known."""
        self.swallows: Pattern[bytes] | None = None
        """What ends a finding that was too long to wait for: until then all is left out."""

    def add(self, slot: Slot) -> None:
        self.slots.append(slot)
        if self.swallows is not None and slot.text:
            found = self.swallows.search(slot.text)
            slot.text = slot.text[found.start() :] if found else b""
            slot.is_changed = True
            if found:
                self.swallows = None
        self.text += slot.text


class _Call:
    """A tool call whose events wait for its end."""

    __slots__ = ("frames", "size", "slots", "tool")

    def __init__(self, tool: str) -> None:
        self.tool = tool
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
        "_calls",
        "_channels",
        "_dialect",
        "_fails_closed",
        "_frames",
        "_judged",
        "_notes",
        "_restore",
        "_restored",
        "_rules",
        "_texts",
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
        self._texts, self._rules, self._notes = texts, rules, notes
        self._restore = restore
        self._restored = dict(restored or {})
        self._array = ArrayFrames() if is_array else None
        self._frames: deque[Frame] = deque()
        self._channels: dict[Any, _Channel] = {}
        self._calls: dict[Any, _Call] = {}
        self._judged: set[int] = set()
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
                self._take(frame, BODIES[self._dialect](frame.event), {})
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
        for channel in self._channels.values():
            with suppress(GuardrailBlocked):
                self._settle(channel, is_closed=True)
        return self._released()

    def _left(self) -> bytes:
        left = b"".join([frame.written() for frame in self._frames])
        self._frames.clear()
        self.held_bytes = 0
        return left

    def _feed(self, data: bytes) -> bytes:
        touched: dict[Any, _Channel] = {}
        for frame in self._read(data):
            self._frames.append(frame)
            self.held_bytes += len(frame.raw)
            if frame.event is not None:
                read = BODIES if frame.kind == "body" else STREAMS
                self._take(frame, read[self._dialect](frame.event), touched)
        if self.held_bytes > MOST_HELD_BYTES:
            self._close(None)
        for channel in touched.values():
            if channel.slots:
                self._settle(channel, is_closed=False)
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

    def _take(self, frame: Frame, bits: list[Bit], touched: dict[Any, _Channel]) -> None:
        for what, channel, container, key in bits:
            if what == TEXT:
                self._add(frame, channel, container, key, touched)
            elif what == CALL:
                if channel not in self._calls:
                    self._calls[channel] = call = _Call(key)
                    if self._waits_for(key):
                        call.wait(frame)
            elif what == ARGS:
                call = self._calls.get(channel) or self._calls.setdefault(channel, _Call(""))
                self._add(frame, channel, container, key, touched)
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
                self._whole_text(frame, container, key, channel)
            elif what == WHOLE_CALL:
                at, tool = channel
                if tool is None:
                    tool = self._calls[at].tool if at in self._calls else ""
                self._whole_call(frame, container, key, tool)

    def _waits_for(self, tool: str) -> bool:
        return (self._rules is not None and self._rules.action == "block") or self._is_restored(tool)

    # === words ===

    def _add(self, frame: Frame, at: Any, container: Any, key: Any, touched: dict[Any, _Channel]) -> None:
        if self._texts is None:
            return
        channel = self._channels.get(at)
        if channel is None:
            place = f"call {self._calls[at].tool}" if at in self._calls else str(at[1])
            channel = self._channels[at] = _Channel(place)
        channel.add(Slot(frame, container, key))
        touched[at] = channel

    def _settle(self, channel: _Channel, *, is_closed: bool) -> None:
        """Look at what has come, do what is to be done, and let go what is decided."""
        assert self._texts is not None
        slots, text = channel.slots, channel.text
        opens = len(text) if is_closed else opening(self._texts, channel.before, text)
        if text and opens == channel.open_from and not is_closed:
            return  # a word that goes on: what stood before it is decided, and it is not
        certain, open_from, runs_on = looked_at(self._texts, channel.before, text, opens)
        left = bisect_right([*accumulate(len(slot.text) for slot in slots)], open_from)
        edits = self._edits(certain, text, channel.place)
        if runs_on and edits:
            start, end, new = edits[-1]
            ends = _KEY_ENDS if b"PRIVATE KEY" in text[start : start + 200] else _WORD_ENDS
            if ends.search(text, end) is None:
                edits[-1] = start, len(text), new
                channel.swallows = ends
                left = len(slots)
        for start, end, new in reversed(edits):
            _edit(slots, start, end, new)
        said = b"".join([slot.text for slot in slots[:left]])
        for slot in slots[:left]:
            slot.leave()
        del slots[:left]
        channel.before = context_of(channel.before, said)
        channel.text = b"".join([slot.text for slot in slots])
        channel.open_from = -1 if edits else opens - len(said)

    def _edits(self, found: list[Found], text: bytes, place: str) -> list[tuple[int, int, bytes]]:
        """What is to be written where. Raises GuardrailBlocked where the answer must end."""
        assert self._texts is not None
        edits: list[tuple[int, int, bytes]] = []
        for one in found:
            action: Action = self._texts.actions[one.scanner]
            matched = text[one.start : one.end]
            if action == "block":
                raise self._notes.block(one.scanner, one.rule, place, matched)
            if action == "log":
                self._notes.tell(one.scanner, one.rule, "log", place, matched)
            elif not edits or one.start >= edits[-1][1]:
                edits.append((one.start, one.end, self._notes.redact(one.scanner, one.rule, place, matched)))
            elif one.end > edits[-1][1]:  # of two that overlap one placeholder stands for both
                edits[-1] = (edits[-1][0], one.end, edits[-1][2])
        return edits

    def _whole_text(self, frame: Frame, container: Any, key: Any, place: str) -> None:
        if self._texts is None:
            return
        text = new = container[key].encode("utf-8", "surrogatepass")
        for secret, placeholder in self._notes.placeholders.items():
            if len(secret) >= _LEAST_KNOWN:
                new = new.replace(secret, placeholder)
        for start, end, placeholder in reversed(self._edits(self._texts.find(new), new, place)):
            new = new[:start] + placeholder + new[end:]
        if new != text:
            container[key] = _text(new)
            frame.is_changed = True

    # === calls ===

    def _whole_call(self, frame: Frame, container: Any, key: Any, tool: str) -> None:
        value = container[key]
        if isinstance(value, str):
            self._whole_text(frame, container, key, f"call {tool}")
            said = container[key].encode("utf-8", "replace")
        else:
            for inner, member in all_strings(value):
                self._whole_text(frame, inner, member, f"call {tool}")
            said = encoded(value)
        self._judge(tool, said)
        if self._is_restored(tool):
            for inner, member in [(container, key)] if isinstance(value, str) else all_strings(value):
                new = self._with_secrets(inner[member])
                if new != inner[member]:
                    inner[member] = new
                    frame.is_changed = True

    def _complete(self, call: _Call) -> None:
        """All of a call is here: judge it, give its secrets back, let its events go."""
        said = "".join([container[key] for _, container, key in call.slots])
        self._judge(call.tool, said.encode("utf-8", "replace"))
        if self._is_restored(call.tool) and (new := self._with_secrets(said)) != said:
            for number, (frame, container, key) in enumerate(call.slots):
                container[key] = "" if number else new
                frame.is_changed = True
        for frame in call.frames:
            frame.waits -= 1
        call.frames.clear()
        call.slots.clear()

    def _judge(self, tool: str, said: bytes) -> None:
        known = hash((tool, said))
        if self._rules is None or known in self._judged:
            return
        self._judged.add(known)
        for rule in self._rules.judge(tool, said):
            if self._rules.action_of(rule) == "block":
                raise self._notes.block("tool_calls", rule, f"call {tool}", said)
            self._notes.tell("tool_calls", rule, "log", f"call {tool}", said)

    def _is_restored(self, tool: str) -> bool:
        return bool(self._restored) and any(fnmatchcase(tool, one) for one in self._restore)

    def _with_secrets(self, said: str) -> str:
        """`said` with this exchange's secrets in place of their placeholders; in JSON text as JSON writes them."""
        is_json = said.lstrip().startswith("{")
        for placeholder, secret in self._restored.items():
            known = _text(secret)
            said = said.replace(placeholder.decode(), dumps(known, ensure_ascii=False)[1:-1] if is_json else known)
        return said

    def _close(self, group: Any) -> None:
        for at in [one for one in self._channels if group is None or one[0] == group]:
            self._settle(self._channels.pop(at), is_closed=True)
        for at in [one for one in self._calls if group is None or one[0] == group]:
            self._complete(self._calls.pop(at))


def _edit(slots: list[Slot], start: int, end: int, new: bytes) -> None:
    """Write `new` in place of bytes `start` to `end` of what the slots hold together."""
    at = 0
    for slot in slots:
        low, at = at, at + len(slot.text)
        if at <= start or low >= end:
            continue
        head = slot.text[: max(0, start - low)]
        slot.text = head + (new if low <= start else b"") + slot.text[end - low :]
        slot.is_changed = True


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")

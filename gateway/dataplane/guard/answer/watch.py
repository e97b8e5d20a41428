"""The guard of an answer that nothing is done to: bytes pass unchanged, and are looked at many events at a time.

Costs one list entry per chunk; the rest is done each `BATCH_BYTES`, and at the end. What it holds is bounded by that, by
`LONGEST_BYTES` of each channel and `MOST_BYTES` of each call.
"""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final

import msgspec

from gateway import _native
from gateway.base.core.struct import Wire
from gateway.dataplane.guard.answer.bits import ARGS, BODIES, CALL, CLOSE, STREAMS, TEXT, WHOLE, WHOLE_CALL, Bit
from gateway.dataplane.guard.answer.calls import MOST_BYTES, CallRules, Judge
from gateway.dataplane.guard.answer.frames import ArrayFrames, decoded, encoded
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.answer.texts import Texts
from gateway.dataplane.guard.answer.window import Heard

BATCH_BYTES: Final = 64 << 10
_MOST_CHANNELS: Final = 64
_decode = msgspec.json.Decoder().decode


class _Choices(Wire):
    choices: Any = None


class _Candidates(Wire):
    candidates: Any = None


class _Output(Wire):
    output: Any = None


class _Content(Wire):
    content: Any = None


_CHUNKS: Final[dict[str, type[Wire]]] = {"openai.chat": _Choices, "gemini.generate": _Candidates}
_WHOLES: Final[dict[str, type[Wire]]] = {
    **_CHUNKS,
    "openai.responses": _Output,
    "bedrock.converse": _Output,
    "anthropic.messages": _Content,
}
"""The one member that says something: of what else an answer tells or repeats no objects are made."""


def _of_member(kind: type[Wire]) -> Callable[[bytes], dict[str, Any]]:
    decode, (member,) = msgspec.json.Decoder(kind).decode, kind.__struct_fields__

    def read(data: bytes) -> dict[str, Any]:
        try:
            return {member: getattr(decode(data), member)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            return decoded(data) or {}

    return read


_CHUNK: Final = {dialect: _of_member(kind) for dialect, kind in _CHUNKS.items()}
_WHOLE: Final = {dialect: _of_member(kind) for dialect, kind in _WHOLES.items()}
_ECHOES: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
"""Responses: they repeat the request, which was looked at."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ECHOED: Final = (b'{"type":"response.created"', b'{"type":"response.in_progress"', b'{"type":"response.queued"')


class _Asked:
    """A call whose arguments are still coming."""

    __slots__ = ("parts", "size", "tool")

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self.parts: list[str] = []
        self.size = 0


class Watch:
    """See the module. `fault`: what went wrong when looking; the answer has passed all the same."""

    held_bytes = 0
    last_words = b""
    """Nothing waits."""

    __slots__ = (
        "_array",
        "_calls",
        "_channels",
        "_chunks",
        "_dialect",
        "_judge",
        "_notes",
        "_read",
        "_seen",
        "_size",
        "_texts",
        "fault",
        "spent_s",
    )

    def __init__(
        self, dialect: str, texts: Texts | None, rules: CallRules | None, notes: Notes, *, is_array: bool
    ) -> None:
        self._dialect = dialect
        self._read = STREAMS[dialect]
        self._texts, self._notes = texts, notes
        self._judge = Judge(rules, notes) if rules is not None else None
        self._array = ArrayFrames() if is_array else None
        self._chunks: list[bytes] = []
        self._size = 0
        self._channels: dict[Any, Heard] = {}
        self._calls: dict[Any, _Asked] = {}
        self._seen: set[int] = set()
        self.fault: Exception | None = None
        self.spent_s = 0.0

    def feed(self, data: bytes) -> bytes:
        """Whole events (of an array: any bytes), which may go on at once."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > BATCH_BYTES:
            self.look(is_last=False)
        return data

    def end(self) -> bytes:
        """Nothing more will come."""
        self.look(is_last=True)
        return b""

    def whole(self, body: bytes) -> bytes:
        """A whole answer, as it is."""
        began = perf_counter()
        try:
            self._take(BODIES[self._dialect](_WHOLE[self._dialect](body)))
            self._close(None)
        except Exception as exc:  # noqa: BLE001 - what only looks must not end an answer
            self.fault = exc
        self.spent_s += perf_counter() - began
        return body

    def look(self, *, is_last: bool) -> None:
        """Look at all that has come since."""
        data, self._chunks, self._size = b"".join(self._chunks), [], 0
        if self.fault is not None:
            return
        began = perf_counter()
        try:
            for event in self._events(data):
                self._take(self._read(event))
            if is_last:
                self._close(None)
            elif self._texts is not None:
                for heard in self._channels.values():
                    self._tell(heard, is_closed=False)
        except Exception as exc:  # noqa: BLE001 - what only looks must not end an answer
            self.fault = exc
        self.spent_s += perf_counter() - began

    def _events(self, data: bytes) -> Iterator[dict[str, Any]]:
        if self._array is not None:
            yield from (frame.event for frame in self._array.feed(data) if frame.event is not None)
            return
        if self._dialect == "bedrock.converse":
            try:
                messages = _native.split_eventstream(data)
            except ValueError:  # no event stream: an answer as a whole, or what no client can read
                self._take(BODIES[self._dialect](_object(data) or {}))
                return
            yield from (event for kind, _, payload in messages if kind == "event" and (event := _object(payload)))
            return
        if self._dialect in _CHUNK:
            read = _CHUNK[self._dialect]
            yield from (read(payload) for _, payload in _native.split_sse(data))
            return
        for name, payload in _native.split_sse(data):
            if name in _ECHOES or payload.startswith(_ECHOED):
                continue
            if name in _ENDS:
                start, end = _native.find_path(payload, (b"response", b"output"))
                payload = b'{"type":"%s","response":{"output":%s}}' % (name.encode(), payload[start:end] or b"null")
            event = _object(payload)
            if event is not None:
                yield event

    def _take(self, bits: list[Bit]) -> None:
        channels, calls = self._channels, self._calls
        for what, channel, container, key in bits:
            if what == TEXT:
                self._hear(channel, container[key])
            elif what == ARGS:
                self._hear(channel, container[key])
                call = calls.get(channel)
                if call is None:
                    call = calls[channel] = _Asked("")
                if call.size <= MOST_BYTES:
                    call.parts.append(container[key])
                    call.size += len(container[key])
            elif what == CALL:
                if channel not in calls and len(calls) < _MOST_CHANNELS:
                    calls[channel] = _Asked(key)
            elif what == CLOSE:
                if channels or calls:
                    self._close(channel)
            elif what == WHOLE:
                self._whole_text(container[key], channel)
            elif what == WHOLE_CALL:
                at, tool = channel
                if tool is None:
                    tool = calls[at].tool if at in calls else ""
                value = container[key]
                text = value if isinstance(value, str) else encoded(value).decode("utf-8", "replace")
                self._whole_text(text, f"call {tool}")
                if self._judge is not None:
                    self._judge.judge(tool, text.encode("utf-8", "replace"))

    def _hear(self, channel: Any, text: str) -> None:
        if self._texts is None:
            return
        heard = self._channels.get(channel)
        if heard is None:
            if len(self._channels) >= _MOST_CHANNELS:  # nobody opens so many at once
                self._close(None)
            call = self._calls.get(channel)
            heard = self._channels[channel] = Heard(f"call {call.tool}" if call else channel[1])
        heard.parts.append(text)

    def _whole_text(self, text: str, place: str) -> None:
        known = hash(text)
        if self._texts is None or known in self._seen:
            return
        if len(self._seen) < 1000:
            self._seen.add(known)
        said = text.encode("utf-8", "surrogatepass")
        for one in self._texts.find(said):
            self._notes.tell(one.scanner, one.rule, "log", place, said[one.start : one.end])

    def _tell(self, heard: Heard, *, is_closed: bool) -> None:
        assert self._texts is not None
        if heard.parts:
            for one, matched in heard.look(self._texts, is_closed=is_closed):
                self._notes.tell(one.scanner, one.rule, "log", heard.place, matched)

    def _close(self, group: Any) -> None:
        for channel in [one for one in self._channels if group is None or one[0] == group]:
            self._tell(self._channels.pop(channel), is_closed=True)
        for channel in [one for one in self._calls if group is None or one[0] == group]:
            call = self._calls.pop(channel)
            if self._judge is not None:
                self._judge.judge(call.tool, "".join(call.parts).encode("utf-8", "replace"))


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decoded(data)  # halves of surrogate pairs
    return value if isinstance(value, dict) else None

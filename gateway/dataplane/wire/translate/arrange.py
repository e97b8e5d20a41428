"""A conversation as strict providers want it. Traps 6, 8, 10, 12.

After `arrange`:

- what one answer said is one assistant message, its calls last (Responses has an item for each of reasoning, text and call);
- right after an assistant message with calls stands one message of role `tool` with a result for each call, in their order;
  nothing else is in it. What stood between call and result (words of the user, developer messages) follows after it;
- ids of calls are there and unique, and results carry the id and the kind of their call.

A call without a result gets one that says so, also at the end of the conversation: no provider takes a call that is not
answered. A result whose call is not there becomes words of the user that say what it is; a second result of one call likewise,
unless it repeats the first. Both are reported. A longer conversation keeps what a shorter one became, unless it brings a result
late. The given turn is not changed; what needs no change is shared.
"""

from collections.abc import Sequence
from typing import Literal, TypeVar

from msgspec.structs import replace

from gateway.dataplane.wire.canon import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.pairing import Slot, paired

P = TypeVar("P", bound=Part)

_MISSING = "This call has no result: it was interrupted, or its result was not kept."


def arrange(turn: Turn, report: Report) -> Turn:
    """`turn` with its messages arranged; the turn itself when they are already."""
    messages = _Arranging(turn.messages, report).arranged()
    if len(messages) == len(turn.messages) and all(
        new is old for new, old in zip(messages, turn.messages, strict=True)
    ):
        return turn
    return replace(turn, messages=messages)


class _Arranging:
    def __init__(self, messages: Sequence[Message], report: Report) -> None:
        self._messages, self._report = messages, report
        self._pairs = paired(messages)
        self._out: list[Message] = []
        self._answer: list[int] = []
        self._joined: Message | None = None

    def arranged(self) -> list[Message]:
        for at, message in enumerate(self._messages):
            if message.role == "assistant":
                self._answer.append(at)
                continue
            self._end_answer()
            if any(isinstance(part, ToolResult) for part in message.parts):
                self._others(at, message)
            else:
                self._out.append(message)
        self._end_answer()
        return self._out

    def _others(self, at: int, message: Message) -> None:
        """What a message with results holds beside them."""
        rest: list[Part] = []
        for index, part in enumerate(message.parts):
            if not isinstance(part, ToolResult):
                rest.append(part)
            elif (at, index) in self._pairs.repeated:
                self._report.drop(f"messages[{at}].tool_result", "duplicate")
            elif (at, index) in self._pairs.orphans:
                self._report.drop(f"messages[{at}].tool_result", "no_such_call")
                rest += _as_words(part)
        if rest:
            role = "user" if message.role == "tool" else message.role
            cache = "" if isinstance(message.parts[-1], ToolResult) else message.cache
            self._out.append(replace(message, role=role, parts=rest, is_plain=False, cache=cache))

    def _end_answer(self) -> None:
        if not self._answer:
            return
        group, self._answer = self._answer, []
        message, slots = self._merged(group)
        if self._out and self._out[-1].role == "assistant":  # what stood between them belonged elsewhere
            if self._out[-1] is not self._joined:
                self._joined = self._out[-1] = Message(role="assistant", parts=[*_parts(self._out[-1])])
            self._joined.parts += _parts(message)
        else:
            self._out.append(message)
        if slots:
            self._out.append(self._results(slots))

    def _merged(self, group: list[int]) -> tuple[Message, list[Slot]]:
        parts: list[Part] = []
        slots: list[Slot] = []
        is_same = len(group) == 1
        for at in group:
            message = self._messages[at]
            for index, part in enumerate(message.parts if is_same else _parts(message)):
                if isinstance(part, ToolCall):
                    slot = self._pairs.slots[at, index]
                    slots.append(slot)
                    if slot.id != part.id:
                        part = replace(part, id=slot.id)
                        is_same = False
                parts.append(part)
        ordered = _calls_last(parts) if slots else parts
        first = self._messages[group[0]]
        if is_same and ordered is parts:
            return first, slots
        if len(group) == 1:
            return replace(first, parts=ordered, is_plain=False), slots
        return Message(role="assistant", parts=ordered), slots

    def _results(self, slots: list[Slot]) -> Message:
        """One message of all results; the client's own when it is just that."""
        at = slots[0].source[0]
        results = [self._result(slot) for slot in slots]
        if at >= 0:
            message = self._messages[at]
            is_it = message.role == "tool" and len(message.parts) == len(results)
            if is_it and all(new is old for new, old in zip(results, message.parts, strict=True)):
                return message
        cached = [
            _cached(result, self._messages[slot.source[0]].cache) if self._is_last(slot) else result
            for slot, result in zip(slots, results, strict=True)
        ]
        return Message(role="tool", parts=[*cached])

    def _is_last(self, slot: Slot) -> bool:
        """Whether a cache breakpoint of its message stands right after the result."""
        at, index = slot.source
        return at >= 0 and index == len(self._messages[at].parts) - 1

    @staticmethod
    def _result(slot: Slot) -> ToolResult:
        result, call = slot.result, slot.call
        if result is None:
            parts: list[Text] = [Text(text=_MISSING)]
            return ToolResult(
                call_id=slot.id, parts=[*parts], name=call.name, is_error=True, is_plain=True, kind=call.kind
            )
        if (result.call_id, result.kind) == (slot.id, call.kind):
            return result
        return replace(result, call_id=slot.id, kind=call.kind)


def _parts(message: Message) -> list[Part]:
    """The parts of a message that ends inside another: its cache breakpoint goes to the last of them."""
    parts = message.parts
    return [*parts[:-1], _cached(parts[-1], message.cache)] if message.cache and parts else parts


def _cached(part: P, cache: Literal["", "5m", "1h"]) -> P:
    return replace(part, cache=cache) if cache and not part.cache else part


def _calls_last(parts: list[Part]) -> list[Part]:
    """Words that follow a call stand before the first one instead, with the signature that is bound to them (trap 19).

    Reasoning, server tools and whatever else is opaque keeps its place.
    """
    first = next(at for at, part in enumerate(parts) if isinstance(part, ToolCall))
    words: list[Part] = []
    rest: list[Part] = []
    for part in parts[first:]:
        if not isinstance(part, Text | Refusal | Media):
            rest.append(part)
            continue
        if rest and isinstance(rest[-1], Reasoning) and rest[-1].is_bound:
            words.append(rest.pop())
        words.append(part)
    return [*parts[:first], *words, *rest] if words else parts


def _as_words(result: ToolResult) -> list[Part]:
    """A result that no call asked for, as words of the user."""
    of = f" `{result.name}`" if result.name else ""
    failed = ", which failed" if result.is_error else ""
    says: list[Part] = [Text(text=f"[Result of an earlier call of the tool{of}{failed}; the call itself is not shown]")]
    if result.value is not None:
        says.append(Text(text=encode(result.value).decode()))
    return [*says, *result.parts]

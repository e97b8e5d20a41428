"""Which result belongs to which call of a conversation. A step of `arrange`. Traps 6, 10, 12."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from gateway.dataplane.wire.canon import Message, ToolCall, ToolResult

Place = tuple[int, int]
"""Of a part: the message's position and the part's in it."""


class Slot:
    """A call and, once found, its result. `id` is unique in the conversation; `group` counts the answers."""

    __slots__ = ("call", "group", "id", "result", "source")

    def __init__(self, call: ToolCall, call_id: str, group: int) -> None:
        self.call, self.id, self.group = call, call_id, group
        self.result: ToolResult | None = None
        self.source: Place = (-1, -1)

    def take(self, result: ToolResult, source: Place) -> None:
        self.result, self.source = result, source


class Pairs:
    """`slots` by the place of the call; `repeated` results say again what their call's first result said; `orphans` have no
    call, or say something else of one that is answered."""

    __slots__ = ("orphans", "repeated", "slots")

    def __init__(self) -> None:
        self.slots: dict[Place, Slot] = {}
        self.repeated: set[Place] = set()
        self.orphans: set[Place] = set()


class _Calls:
    """The calls of one id, by answer: those that are answered already leave when they are met."""

    def __init__(self) -> None:
        self._answers: deque[deque[Slot]] = deque()

    def add(self, slot: Slot) -> None:
        if not self._answers or self._answers[-1][-1].group != slot.group:
            self._answers.append(deque())
        self._answers[-1].append(slot)

    def newest(self) -> Slot | None:
        """The first open call of the last answer that has one: ids that start anew in each answer belong to the newest."""
        return self._taken(-1)

    def oldest(self) -> Slot | None:
        """The first open call of all."""
        return self._taken(0)

    def _taken(self, end: int) -> Slot | None:
        while self._answers:
            slots = self._answers[end]
            slot = slots.popleft()
            if not slots:
                del self._answers[end]
            if slot.result is None:
                return slot
        return None


class _Loose:
    """A result that no call before it answers to by id."""

    __slots__ = ("group", "place", "result")

    def __init__(self, result: ToolResult, place: Place, group: int) -> None:
        self.result, self.place, self.group = result, place, group


def paired(messages: Sequence[Message]) -> Pairs:
    """Pairs by id first; then results without a known id with the calls before them, by name and by order, where only one
    reading is possible. An id of an item of Responses (`fc_…`) counts as the call's."""
    pairs = Pairs()
    open_calls: dict[str, _Calls] = {}
    answered: dict[str, Slot] = {}
    loose: list[_Loose] = []
    used: set[str] = set()
    group = 0
    is_answer = False
    for at, message in enumerate(messages):
        if message.role == "assistant":
            group += not is_answer
            is_answer = True
            for index, part in enumerate(message.parts):
                if isinstance(part, ToolCall):
                    slot = Slot(part, _unique(part.id, len(pairs.slots) + 1, used), group)
                    pairs.slots[at, index] = slot
                    for name in {part.id, part.item_id} - {""}:
                        open_calls.setdefault(name, _Calls()).add(slot)
            continue
        is_answer = False
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                calls = open_calls.get(part.call_id)
                found = None if calls is None else calls.newest()
                if found is None:
                    loose.append(_Loose(part, (at, index), group))
                    continue
                found.take(part, (at, index))
                answered[part.call_id] = found
    if loose:
        _place(loose, pairs, open_calls, answered)
    return pairs


def _unique(given: str, ordinal: int, used: set[str]) -> str:
    """Depends on what came before only, so that a longer conversation keeps the ids of a shorter one."""
    unique = given or f"call_{ordinal}"
    while unique in used:
        unique = f"{unique}_{ordinal}"
    used.add(unique)
    return unique


def _place(loose: list[_Loose], pairs: Pairs, open_calls: dict[str, _Calls], answered: dict[str, Slot]) -> None:
    left: list[_Loose] = []
    for one in loose:
        call_id = one.result.call_id
        calls = open_calls.get(call_id)
        late = None if calls is None else calls.oldest()
        if late is not None:  # it stands before its call
            late.take(one.result, one.place)
            answered[call_id] = late
        elif call_id in answered:
            first = answered[call_id].result
            (pairs.repeated if first is not None and _same(one.result, first) else pairs.orphans).add(one.place)
        else:
            left.append(one)
    by_group: dict[int, list[Slot]] = {}
    for slot in pairs.slots.values():
        if slot.result is None:
            by_group.setdefault(slot.group, []).append(slot)
    for group, results in _by_answer(left, by_group).items():
        _pair_in_order(results, by_group.get(group, []), pairs)


def _by_answer(left: list[_Loose], by_group: dict[int, list[Slot]]) -> dict[int, list[_Loose]]:
    """Each result with the last answer before it that has open calls (-1: none has)."""
    groups = [-1, *sorted(by_group)]
    found: dict[int, list[_Loose]] = {}
    for one in left:
        found.setdefault(groups[bisect_right(groups, one.group) - 1], []).append(one)
    return found


def _pair_in_order(results: list[_Loose], slots: list[Slot], pairs: Pairs) -> None:
    """By name; what has neither name nor id by order; what has an unknown id by order if as many calls are open."""
    rest: list[_Loose] = []
    by_name: dict[str, deque[Slot]] = {}
    for slot in slots:
        by_name.setdefault(slot.call.name, deque()).append(slot)
    for one in results:
        name = one.result.name
        if name and by_name.get(name):
            by_name[name].popleft().take(one.result, one.place)
        elif name:
            pairs.orphans.add(one.place)
        else:
            rest.append(one)
    still = [slot for slot in slots if slot.result is None]
    has_ids = any(one.result.call_id for one in rest)
    if len(rest) > len(still) or (has_ids and len(rest) != len(still)):
        pairs.orphans.update(one.place for one in rest)
        return
    for one, slot in zip(rest, still, strict=False):
        slot.take(one.result, one.place)


def _same(one: ToolResult, other: ToolResult) -> bool:
    return (one.parts, one.value, one.is_error) == (other.parts, other.value, other.is_error)

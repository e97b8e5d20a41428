"""Which result belongs to which call of a conversation. A step of `arrange`. Traps 6, 10, 12."""

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


class _Loose:
    """A result that no call before it answers to by id."""

    __slots__ = ("group", "place", "result")

    def __init__(self, result: ToolResult, place: Place, group: int) -> None:
        self.result, self.place, self.group = result, place, group


def paired(messages: Sequence[Message]) -> Pairs:
    """Pairs by id first; then results without a known id with the calls before them, by name and by order, where only one
    reading is possible. An id of an item of Responses (`fc_…`) counts as the call's."""
    pairs = Pairs()
    open_calls: dict[str, list[Slot]] = {}
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
                        open_calls.setdefault(name, []).append(slot)
            continue
        is_answer = False
        for index, part in enumerate(message.parts):
            if isinstance(part, ToolResult):
                found = _newest(open_calls.get(part.call_id))
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


def _newest(slots: list[Slot] | None) -> Slot | None:
    """The first open call of the last answer that has one: ids that start anew in each answer belong to the newest."""
    while slots and slots[-1].result is not None:
        slots.pop()
    if not slots:
        return None
    at = len(slots) - 1
    while at and slots[at - 1].group == slots[-1].group and slots[at - 1].result is None:
        at -= 1
    return slots.pop(at)


def _place(loose: list[_Loose], pairs: Pairs, open_calls: dict[str, list[Slot]], answered: dict[str, Slot]) -> None:
    left: list[_Loose] = []
    for one in loose:
        call_id = one.result.call_id
        late = next((slot for slot in open_calls.get(call_id, ()) if slot.result is None), None) if call_id else None
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
    groups = sorted(by_group, reverse=True)
    found: dict[int, list[_Loose]] = {}
    for one in left:
        found.setdefault(next((group for group in groups if group <= one.group), -1), []).append(one)
    return found


def _pair_in_order(results: list[_Loose], slots: list[Slot], pairs: Pairs) -> None:
    """By name; what has neither name nor id by order; what has an unknown id by order if as many calls are open."""
    rest: list[_Loose] = []
    for one in results:
        name = one.result.name
        slot = next((slot for slot in slots if slot.result is None and slot.call.name == name), None) if name else None
        if slot is not None:
            slot.take(one.result, one.place)
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

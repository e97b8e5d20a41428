"""One open block at a time, without losing or holding more than needed (traps 4, 5, 45)."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.wire.canon import Begin, Close, Delta, Fault, Finish, Open, Reasoning, Stop, Text, ToolCall
from gateway.dataplane.wire.translate.collect import answer_of
from gateway.dataplane.wire.translate.json_end import JsonEnd
from gateway.dataplane.wire.translate.line_up import LineUp
from tests.dataplane.wire.translate.canon_cases import call, pieces_of

END = Finish(Stop(reason="tool_calls"))


def check_one_at_a_time(events) -> None:
    """The grammar that LineUp promises."""
    open_at, count = None, 0
    for event in events:
        if isinstance(event, Open):
            assert open_at is None
            assert event.index == count
            open_at, count = event.index, count + 1
        elif isinstance(event, Delta):
            assert event.index == open_at
        elif isinstance(event, Close):
            assert event.index == open_at
            open_at = None
        elif isinstance(event, Finish):
            assert open_at is None


def test_blocks_that_are_in_line_already_pass_untouched() -> None:
    """At once, one for one."""
    line_up = LineUp()
    for event in [
        Begin("a", "m"), Open(0, Text(text="")), Delta(0, "text", "x"), Close(0),
        Open(1, call("c")), Delta(1, "arguments", "{}"), Close(1), END,
    ]:  # fmt: skip
        out = line_up.events([event])
        assert out == [event]


def test_the_oldest_block_passes_at_once_and_the_others_wait() -> None:
    """Deltas of the first leave as they come; the second follows when the first closed."""
    line_up = LineUp()
    assert line_up.events([Open(0, Text(text="")), Open(1, Reasoning())]) == [Open(0, Text(text=""))]
    assert line_up.events([Delta(1, "text", "hm"), Delta(0, "text", "x")]) == [Delta(0, "text", "x")]
    assert line_up.events([Close(1)]) == []
    assert line_up.events([Close(0)]) == [Close(0), Open(1, Reasoning()), Delta(1, "text", "hm"), Close(1)]


def test_trap_4_a_call_whose_arguments_are_complete_makes_room_for_the_next() -> None:
    """Chat closes no call before the end: the next one need not wait for it."""
    line_up = LineUp()
    line_up.events([Open(0, call("a", arguments="")), Delta(0, "arguments", '{"a":"}"')])
    assert line_up.events([Open(1, call("b", arguments=""))]) == []
    assert line_up.events([Delta(1, "arguments", '{"b"')]) == []
    assert line_up.events([Delta(0, "arguments", "}")]) == [
        Delta(0, "arguments", "}"), Close(0), Open(1, call("b", arguments="")), Delta(1, "arguments", '{"b"'),
    ]  # fmt: skip
    assert line_up.events([Delta(0, "arguments", "\n"), Close(0)]) == []
    assert line_up.events([Delta(1, "arguments", ":1}"), Open(2, Text(text=""))]) == [
        Delta(1, "arguments", ":1}"), Close(1), Open(2, Text(text="")),
    ]  # fmt: skip


def test_a_complete_call_that_was_held_makes_room_as_well() -> None:
    """Text, then two calls that came whole beside it."""
    line_up = LineUp()
    line_up.events([Open(0, Text(text="")), Open(1, call("a", arguments="")), Delta(1, "arguments", "{}")])
    line_up.events([Open(2, call("b", arguments="")), Delta(2, "arguments", "{")])
    out = line_up.events([Close(0)])
    assert out == [
        Close(0), Open(1, call("a", arguments="")), Delta(1, "arguments", "{}"), Close(1),
        Open(2, call("b", arguments="")), Delta(2, "arguments", "{"),
    ]  # fmt: skip


def test_indices_become_dense() -> None:
    """A provider that counts in tens, or uses an index again."""
    out = LineUp().events([
        Open(10, Text(text="")), Delta(10, "text", "a"), Close(10),
        Open(10, Text(text="")), Delta(10, "text", "b"), Open(10, Text(text="")), Delta(10, "text", "c"), END,
    ])  # fmt: skip
    check_one_at_a_time(out)
    assert [event.text for event in out if isinstance(event, Delta)] == ["a", "b", "c"]


def test_the_end_closes_what_is_open_and_a_fault_ends_at_once() -> None:
    """Finish loses nothing; after a Fault nothing that was held is given."""
    begun = [Open(0, Text(text="")), Open(1, Text(text="")), Delta(1, "text", "b")]
    out = LineUp().events([*begun, END])
    assert out == [Open(0, Text(text="")), Close(0), Open(1, Text(text="")), Delta(1, "text", "b"), Close(1), END]
    fault = Fault("server", "gone")
    assert LineUp().events([*begun, fault]) == [Open(0, Text(text="")), fault]


def test_what_never_opened_is_skipped() -> None:
    """No delta and no close without an open."""
    assert LineUp().events([Delta(3, "text", "x"), Close(3), END]) == [END]


@given(
    texts=st.lists(st.text(alphabet='ab{}[]"\\ é', max_size=12), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 30), max_size=6),
)
@settings(deadline=None)
def test_json_end_sees_the_end_and_not_before(texts: list[str], cuts: list[int]) -> None:
    """Brackets in strings, and escapes cut in two, do not fool it."""
    whole = json.dumps({"k": texts, "n": [{}, []]})
    end = JsonEnd()
    for piece in pieces_of(whole[:-1], cuts):
        end.feed(piece)
        assert not end.is_complete
    end.feed("}")
    assert end.is_complete


@st.composite
def interleaved(draw):
    """N calls, texts and thoughts, each cut anywhere, mixed in any order that keeps each block's own order."""
    count = draw(st.integers(1, 6))
    queues = []
    for index in range(count):
        what = draw(st.sampled_from(["call", "text", "reasoning"]))
        if what == "call":
            body = json.dumps({"v": draw(st.text(max_size=20)), "n": draw(st.integers())})
            opened, kind = ToolCall(id=f"c{index}", name="f"), "arguments"
        else:
            body, kind = draw(st.text(max_size=20)), "text"
            opened = Text(text="") if what == "text" else Reasoning()
        pieces = pieces_of(body, draw(st.lists(st.integers(0, 60), max_size=5)))
        queue = [Open(index, opened), *(Delta(index, kind, piece) for piece in pieces if piece)]
        queues.append([*queue, Close(index)] if draw(st.booleans()) else queue)
    events = [queue.pop(0) for queue in queues[:1]]
    opened_count = 1
    while any(queues[:opened_count]) or opened_count < count:
        at = draw(st.integers(0, min(opened_count, count - 1)))
        if at == opened_count:
            opened_count += 1
        if queues[at]:
            events.append(queues[at].pop(0))
    return [Begin("a", "m"), *events, END]


@given(events=interleaved(), sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_interleaving_of_any_blocks_is_put_in_line_without_loss(events, sizes) -> None:
    """Whatever the batches, the answer is the same and the grammar holds."""
    line_up = LineUp()
    out, at, turn = [], 0, 0
    while at < len(events):
        size = sizes[turn % len(sizes)]
        out += line_up.events(events[at : at + size])
        at, turn = at + size, turn + 1
    check_one_at_a_time(out)
    assert answer_of(out) == answer_of(events)

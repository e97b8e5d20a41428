"""Stop sequences for providers that have none (trap 39)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Close,
    Delta,
    Fault,
    Finish,
    Open,
    Reasoning,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from gateway.dataplane.wire.translate.stops import StopCut
from tests.dataplane.wire.translate.canon_cases import pieces_of

END = Finish(Stop(reason="end"), Usage(5, output_tokens=9))


def stream(*pieces: str) -> list:
    return [Begin("a", "m"), Open(0, Text(text="")), *(Delta(0, "text", piece) for piece in pieces), Close(0), END]


def text_of(events) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_trap_39_the_answer_ends_before_the_sequence() -> None:
    """Found over the border of two deltas; the provider need not go on, and its usage is told if it came along."""
    cut = StopCut(["STOP"])
    out = cut.events(stream("one S", "TO", "P two"))
    assert text_of(out) == "one "
    assert cut.is_cut
    assert out[-2:] == [Close(0), Finish(Stop(reason="stop_sequence", sequence="STOP"), END.usage)]
    assert cut.events([Delta(0, "text", "more"), END]) == []


def test_only_what_may_be_a_start_is_held_back() -> None:
    """And it leaves as soon as it is none, or the block closes."""
    cut = StopCut(["</end>", "\n\n"])
    events = stream("a<", "b</", "e", "n!", "x\n", "\ty</en")
    given_at = [text_of(cut.events([event])) for event in events]
    assert given_at == ["", "", "a", "<b", "", "</en!", "x", "\n\ty", "</en", ""]
    assert not cut.is_cut


def test_the_sequence_that_is_complete_first_counts() -> None:
    """As if the provider had looked after each character."""
    cut = StopCut(["abc", "b", ""])
    assert text_of(cut.events(stream("xabc"))) == "xa"
    longer = StopCut(["c", "bc"])
    out = longer.events(stream("abc"))
    assert text_of(out) == "a"
    assert isinstance(out[-1], Finish)
    assert out[-1].stop.sequence == "bc"


def test_reasoning_and_calls_are_not_looked_at_but_closed() -> None:
    """A thought may hold the sequence; what is open beside the text is closed."""
    cut = StopCut(["STOP"])
    out = cut.events([
        Begin("a", "m"), Open(0, Reasoning()), Delta(0, "text", "STOP"), Close(0),
        Open(1, ToolCall(id="c", name="f")), Delta(1, "arguments", '"STOP"'),
        Open(2, Text(text="be")), Delta(2, "text", "gun STOP"),
    ])  # fmt: skip
    assert text_of(out) == 'STOP"STOP"begun '
    assert [event.index for event in out if isinstance(event, Close)] == [0, 1, 2]
    assert out[-1] == Finish(Stop(reason="stop_sequence", sequence="STOP"))


def test_a_fault_gives_what_was_held_first() -> None:
    """Words that were delivered are not lost."""
    fault = Fault("server", "gone")
    assert StopCut(["STOP"]).events([Open(0, Text(text="")), Delta(0, "text", "xST"), fault])[1:] == [
        Delta(0, "text", "x"),
        Delta(0, "text", "ST"),
        fault,
    ]


@given(
    text=st.text(alphabet="ab\n", max_size=30),
    stop=st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 30), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_chunking_does_not_matter_and_a_whole_answer_is_cut_alike(text, stop, cuts) -> None:
    """Against the plain definition: the shortest beginning of the text that ends with a sequence."""
    ends = [end for end in range(1, len(text) + 1) if any(text[:end].endswith(one) for one in stop)]
    want, met = text, ""
    if ends:
        met = max((one for one in stop if text[: ends[0]].endswith(one)), key=len)
        want = text[: ends[0] - len(met)]
    found = answer_of(StopCut(stop).events(stream(*pieces_of(text, cuts))))
    answer = Answer(id="a", model="m", parts=[Text(text=text)], stop=END.stop, usage=END.usage)
    whole = StopCut(stop).answer(answer)
    for one in (found, whole):
        assert isinstance(one, Answer)
        assert "".join(part.text for part in one.parts if isinstance(part, Text)) == want
        assert one.stop == (Stop(reason="stop_sequence", sequence=met) if met else END.stop)
        assert one.usage == END.usage


def test_without_a_match_nothing_changes() -> None:
    """The same answer through events."""
    answer = Answer(id="a", model="m", parts=[Text(text="words")], stop=Stop(reason="end"))
    assert answer_of(StopCut(["no"]).events(events_of(answer))) == answer
    assert StopCut(["no"]).answer(answer) == answer

"""A whole answer and its stream are the same thing said twice."""

import pytest

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Close,
    Delta,
    Fault,
    Finish,
    Media,
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.translate.collect import answer_of, events_of

PARTS = [
    Text(text="words"),
    Text(text=""),
    Text(text="cited", citations=[{"url": "u"}, {"url": "v"}], cache="5m", extra={"phase": "final"}),
    Text(text="none", citations=[]),
    Refusal(text="no"),
    ToolCall(id="c", name="f", arguments='{"a":1}', namespace="n", item_id="fc_1"),
    ToolCall(id="c2", name="g"),
    ToolCall(id="c3", name="apply_patch", arguments="*** Begin Patch", kind="custom"),
    Reasoning(text="hm", signature="s"),
    Reasoning(summary=["one", "", "two"], signature="cipher", item_id="rs_1", origin="openai"),
    Reasoning(summary=[]),
    Reasoning(signature="data", is_redacted=True),
    Reasoning(signature="sig", is_bound=True),
    Opaque(kind="web_search_call", value={"id": "ws_1"}),
    Media(kind="image", data="AAAA", mime="image/png"),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_an_answer_survives_the_way_through_events(part) -> None:
    """Every kind of part, alone and among all others."""
    for parts in ([part], PARTS, []):
        answer = Answer(
            id="a",
            model="m",
            parts=parts,
            stop=Stop(reason="end", raw="stop"),
            usage=Usage(3, output_tokens=2),
            created_s=7,
        )
        assert answer_of(events_of(answer)) == answer


def test_blocks_may_interleave_and_stand_in_the_order_in_which_they_opened() -> None:
    """Summaries by their part number; the last signature counts; deltas of unknown blocks are skipped."""
    events = [
        Begin("a", "m", Usage(9)),
        Open(0, Reasoning()),
        Open(1, ToolCall(id="c", name="f")),
        Open(2, Text(text="so ")),
        Delta(1, "arguments", '{"a"'),
        Delta(0, "summary", "se", at=1),
        Delta(0, "summary", "fi", at=0),
        Delta(0, "signature", "old"),
        Delta(2, "text", "far"),
        Delta(7, "text", "nowhere"),
        Delta(0, "summary", "cond", at=1),
        Delta(0, "signature", "new"),
        Delta(1, "arguments", ":1}"),
        Close(1),
        Close(0),
        Close(2),
        Finish(Stop(reason="tool_calls")),
    ]
    found = answer_of(events)
    assert isinstance(found, Answer)
    assert found.parts == [
        Reasoning(summary=["fi", "second"], signature="new"),
        ToolCall(id="c", name="f", arguments='{"a":1}'),
        Text(text="so far"),
    ]
    assert found.usage == Usage(9)


def test_a_stream_that_fails_or_stops_short_is_a_fault() -> None:
    """The fault itself, or one of ours."""
    fault = Fault("overloaded", "busy")
    assert answer_of([Begin("a", "m"), fault]) is fault
    cut = answer_of([Begin("a", "m"), Open(0, Text(text="x"))])
    assert isinstance(cut, Fault)
    assert cut.kind == "server"

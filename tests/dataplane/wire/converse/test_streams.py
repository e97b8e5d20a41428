"""ConverseStream: what is read of a provider's, and that what is written obeys the grammar whatever the events are."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import _native
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Begin,
    Citation,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.translate.collect import answer_of
from gateway.dataplane.wire.translate.line_up import LineUp
from tests.dataplane.wire.converse.cases import asked
from tests.dataplane.wire.converse.grammar import faults, messages
from tests.dataplane.wire.converse.shapes import FILE

Said = tuple[str, Any]
START: Said = ("messageStart", {"role": "assistant", "p": "abc"})
STOP: Said = ("messageStop", {"stopReason": "end_turn"})
META: Said = (
    "metadata",
    {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}},
)
FINISH = Finish(Stop(reason="end", raw="end_turn"), Usage(input_tokens=1, output_tokens=2))


def delta(at: int, **more: Any) -> Said:
    return "contentBlockDelta", {"contentBlockIndex": at, "delta": more, "p": "abcdef"}


def start(at: int, **more: Any) -> Said:
    return "contentBlockStart", {"contentBlockIndex": at, "start": more}


def stop(at: int) -> Said:
    return "contentBlockStop", {"contentBlockIndex": at}


def read(*said: Said, ends: bool = True) -> tuple[list[Event], int]:
    reader = CODEC.reader()
    events = [event for name, payload in said for event in reader.feed(name, _bytes(payload))]
    return events + (reader.end() if ends else []), reader.skipped


def _bytes(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def write(*events: Event) -> list[tuple[str, str, Any]]:
    wire = CODEC.writer(asked()).write(events)
    assert list(faults(wire, is_whole=isinstance(events[-1], Finish | Fault), has_shapes=FILE.exists())) == []
    return messages(wire)


# === reading ===

CALL = {"toolUseId": "i", "name": "f"}
USE = {"toolUseId": "i", "name": "nova_grounding", "type": "server_tool_use"}
FOUND = {"toolUseId": "i", "type": "nova_grounding_result", "status": "success"}
TWO_BLOBS = [base64.b64encode(piece).decode() for piece in (b"ab", b"cd")]
BLOBS = [delta(0, reasoningContent={"redactedContent": blob}) for blob in TWO_BLOBS]

READ: list[tuple[str, list[Said], list[Event]]] = [
    (
        "text",
        [delta(0, text="a"), delta(0, text=""), delta(0, text="b"), stop(0)],
        [Open(0, Text(text="")), Delta(0, "text", "a"), Delta(0, "text", "b"), Close(0)],
    ),
    ("nothing", [delta(0, text=""), stop(0)], []),
    (
        "call",
        [start(3, toolUse=CALL), delta(3, toolUse={"input": ""}), delta(3, toolUse={"input": "{}"}), stop(3)],
        [Open(0, ToolCall(id="i", name="f")), Delta(0, "arguments", "{}"), Close(0)],
    ),
    (
        "parallel calls side by side",
        [
            start(0, toolUse=CALL),
            start(1, toolUse={**CALL, "toolUseId": "j"}),
            delta(1, toolUse={"input": "{"}),
            delta(0, toolUse={"input": "{}"}),
            delta(1, toolUse={"input": "}"}),
            stop(0),
            stop(1),
        ],
        [
            Open(0, ToolCall(id="i", name="f")),
            Open(1, ToolCall(id="j", name="f")),
            Delta(1, "arguments", "{"),
            Delta(0, "arguments", "{}"),
            Delta(1, "arguments", "}"),
            Close(0),
            Close(1),
        ],
    ),
    (
        "reasoning",
        [delta(0, reasoningContent={"text": "t"}), delta(0, reasoningContent={"signature": "s"}), stop(0)],
        [Open(0, Reasoning()), Delta(0, "text", "t"), Delta(0, "signature", "s"), Close(0)],
    ),
    (
        "a signature alone",
        [delta(0, reasoningContent={"signature": "s"}), stop(0)],
        [Open(0, Reasoning()), Delta(0, "signature", "s"), Close(0)],
    ),
    (
        "redacted in two blobs",
        [*BLOBS, stop(0)],
        [Open(0, Reasoning(signature=base64.b64encode(b"abcd").decode(), is_redacted=True)), Close(0)],
    ),
    (
        "citations",
        [delta(0, text="a"), delta(0, citation={"title": "t"}), stop(0), delta(1, citation={"title": "u"}), stop(1)],
        [
            Open(0, Text(text="")),
            Delta(0, "text", "a"),
            Delta(0, "citation", value=Citation(raw={"title": "t"}, title="t")),
            Close(0),
            Open(1, Text(text="")),
            Delta(1, "citation", value=Citation(raw={"title": "u"}, title="u")),
            Close(1),
        ],
    ),
    (
        "a tool at AWS",
        [
            start(0, toolUse=USE),
            delta(0, toolUse={"input": '{"query":'}),
            delta(0, toolUse={"input": '"x"}'}),
            stop(0),
            start(1, toolResult=FOUND),
            delta(1, toolResult=[{"text": "y"}]),
            stop(1),
        ],
        [
            Open(0, Opaque(kind="server_tool_use", value={"toolUse": {**USE, "input": {"query": "x"}}})),
            Close(0),
            Open(1, Opaque(kind="toolResult", value={"toolResult": {**FOUND, "content": [{"text": "y"}]}})),
            Close(1),
        ],
    ),
    (
        "an image",
        [start(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "AAAA"}}), stop(0)],
        [Open(0, Opaque(kind="image", value={"image": {"format": "png", "source": {"bytes": "AAAA"}}})), Close(0)],
    ),
    (
        "a block that is never closed, and one that changes its kind",
        [delta(0, text="a"), delta(0, reasoningContent={"text": "t"})],
        [
            Open(0, Text(text="")),
            Delta(0, "text", "a"),
            Close(0),
            Open(1, Reasoning()),
            Delta(1, "text", "t"),
            Close(1),
        ],
    ),
]


@pytest.mark.parametrize(("said", "events"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_blocks_are_read(said: list[Said], events: list[Event]) -> None:
    found, skipped = read(START, *said, STOP, META)
    calls = any(isinstance(event, Open) and isinstance(event.part, ToolCall) for event in events)
    finish = Finish(Stop(reason="tool_calls" if calls else "end", raw="end_turn"), FINISH.usage)
    assert found == [Begin("", ""), *events, finish]
    assert skipped == 0
    wire = CODEC.writer(asked()).write(LineUp().events(found))
    assert list(faults(wire, has_shapes=FILE.exists())) == []


@pytest.mark.parametrize(
    "odd",
    [
        ("newEvent", {}),
        ("contentBlockDelta", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": "x", "delta": {"text": "a"}}),
        ("contentBlockDelta", b"\xff"),
        ("contentBlockDelta", b""),
        delta(7, toolUse={"input": "lost"}),
        delta(7, audio={}),
        ("contentBlockStart", {"start": 1}),
        ("messageStop", {}),
    ],
)
def test_what_cannot_be_read_is_skipped_and_counted_52(odd: Said) -> None:
    found, skipped = read(START, delta(0, text="a"), odd, delta(0, text="b"), stop(0), STOP, META)
    assert skipped == 1
    answer = answer_of(found)
    assert not isinstance(answer, Fault)
    assert answer.parts == [Text(text="ab")]


def test_a_call_without_a_name_is_no_call_54() -> None:
    called: Said = ("messageStop", {"stopReason": "tool_use"})
    nameless = [start(0, toolUse={"toolUseId": "t", "name": ""}), delta(0, toolUse={"input": "{}"}), stop(0)]
    events, skipped = read(START, *nameless, called, META)
    assert [type(event) for event in events] == [Begin, Finish]
    assert isinstance(events[-1], Finish)
    assert (events[-1].stop.reason, skipped) == ("malformed_call", 2)


def test_a_signature_in_pieces_is_given_once() -> None:
    pieces = [delta(0, reasoningContent={"signature": piece}) for piece in ("a", "b", "c")]
    events, _ = read(START, delta(0, reasoningContent={"text": "t"}), *pieces, stop(0), STOP, META)
    assert events[1:-1] == [Open(0, Reasoning()), Delta(0, "text", "t"), Delta(0, "signature", "abc"), Close(0)]


def test_an_exception_is_the_end_50() -> None:
    found, _ = read(START, delta(0, text="a"), ("throttlingException", {"message": "slow"}), delta(0, text="b"), META)
    assert found[-1] == Fault("rate_limit", "slow", type="throttlingException")
    assert len(found) == 4
    assert read(("InternalServerError", {"message": "x"}))[0] == [Fault("server", "x", type="InternalServerError")]


def test_the_end_decides_where_metadata_is_missing() -> None:
    assert read(START, delta(0, text="a"), STOP)[0][-1] == Finish(FINISH.stop)
    cut, _ = read(START, delta(0, text="a"))
    assert cut[-1] == Fault("server", "the provider's stream ended before its answer was complete")
    assert read()[0] == [cut[-1]]
    assert read(START, META)[0][-1] == cut[-1]


def test_nothing_is_given_after_the_end() -> None:
    found, _ = read(START, STOP, META, delta(0, text="late"), META)
    assert found == [Begin("", ""), FINISH]


def test_the_sequence_that_was_met_is_told() -> None:
    met = ("messageStop", {"stopReason": "stop_sequence", "additionalModelResponseFields": {"stop_sequence": "END"}})
    finish = read(START, met, META)[0][-1]
    assert isinstance(finish, Finish)
    assert finish.stop.sequence == "END"


# === writing ===


def test_lifecycle_is_held_until_there_is_something_to_say_50() -> None:
    writer = CODEC.writer(asked())
    assert writer.write([Begin("x", "m")]) == b""
    assert [name for _, name, _ in messages(writer.write([Open(0, Text(text=""))]))] == ["messageStart"]
    failed = messages(CODEC.writer(asked()).write([Begin("x", "m"), Fault("rate_limit", "slow")]))
    assert failed == [("exception", "throttlingException", {"message": "slow"})]


def test_frames_are_as_bedrocks() -> None:
    wire = CODEC.writer(asked()).write(
        [Begin("x", "m"), Open(0, Text(text="")), Delta(0, "text", "hé"), Close(0), FINISH]
    )
    assert messages(wire) == [
        ("event", "messageStart", {"role": "assistant"}),
        ("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hé"}}),
        ("event", "contentBlockStop", {"contentBlockIndex": 0}),
        ("event", "messageStop", {"stopReason": "end_turn"}),
        (
            "event",
            "metadata",
            {
                "usage": {
                    "inputTokens": 1,
                    "outputTokens": 2,
                    "totalTokens": 3,
                    "cacheReadInputTokens": 0,
                    "cacheWriteInputTokens": 0,
                },
                "metrics": {"latencyMs": 0},
            },
        ),
    ]
    headers = b"\x0b:event-type\x07\x00\x0cmessageStart\x0d:content-type\x07\x00\x10application/json\x0d:message-type\x07\x00\x05event"
    assert headers in wire


def test_blocks_are_written() -> None:
    found = write(
        Open(4, Reasoning()),
        Delta(4, "summary", "a", 0),
        Delta(4, "summary", "b", 1),
        Delta(4, "signature", "s"),
        Close(4),
        Open(5, Text(text="")),  # says nothing: leaves no trace
        Close(5),
        Open(6, Refusal(text="no")),
        Close(6),
        Open(7, ToolCall(id="i", name="f")),
        Delta(7, "arguments", "{}"),
        Close(7),
        Open(8, Reasoning(signature="AAAA", is_redacted=True)),
        Close(8),
        Open(9, Opaque(kind="web_search_call", value={"type": "web_search_call"})),
        Close(9),
        Finish(Stop(reason="tool_calls")),
    )
    assert [payload for _, name, payload in found if name.startswith("contentBlock")] == [
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "a"}}},
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "\n\nb"}}},
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}},
        {"contentBlockIndex": 0},
        {"contentBlockIndex": 1, "delta": {"text": "no"}},
        {"contentBlockIndex": 1},
        {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "i", "name": "f"}}},
        {"contentBlockIndex": 2, "delta": {"toolUse": {"input": "{}"}}},
        {"contentBlockIndex": 2},
        {"contentBlockIndex": 3, "delta": {"reasoningContent": {"redactedContent": "AAAA"}}},
        {"contentBlockIndex": 3},
    ]


@pytest.mark.parametrize("pieces", [["1 +", ' "1"\n'], ['1 + "1"\n'], []], ids=["pieces", "at once", "nothing"])
def test_freeform_input_becomes_an_object_1(pieces: list[str]) -> None:
    """A Converse client has no freeform tools, but a provider may call what nobody declared."""
    call = ToolCall(id="i", name="math", kind="custom")
    found = write(Open(0, call), *(Delta(0, "arguments", piece) for piece in pieces), Close(0), FINISH)
    said = [payload["delta"]["toolUse"]["input"] for _, name, payload in found if name == "contentBlockDelta"]
    assert json.loads("".join(said)) == {"input": "".join(pieces)}


def test_usage_of_the_beginning_stands_in_48() -> None:
    found = write(Begin("x", "m", Usage(input_tokens=7)), Finish(Stop(reason="end")))
    assert found[-1][2]["usage"]["inputTokens"] == 7


@pytest.mark.parametrize("kind", ["bad_request", "context_window", "rate_limit", "overloaded", "timeout", "server"])
def test_a_fault_in_the_middle_is_an_exception_50(kind: Any) -> None:
    found = write(Open(0, Text(text="a")), Fault(kind, "words"))
    assert found[-1][0] == "exception"
    assert found[-1][2] == {"message": "words"}
    again, _ = read(*[(name, payload) for _, name, payload in found])
    assert isinstance(again[-1], Fault)


PARTS = st.sampled_from(
    [
        Text(text=""),
        Text(text="a"),
        Refusal(text=""),
        Reasoning(),
        Reasoning(signature="AAAA", is_redacted=True),
        ToolCall(id="i", name="f"),
        Opaque(kind="x", value=1),
    ]
)
DELTAS = st.builds(
    Delta,
    st.integers(0, 3),
    st.sampled_from(["text", "summary", "signature", "citation"]),
    st.sampled_from(["", "x", "é"]),
    st.integers(0, 2),
    st.sampled_from([None, Citation(raw={"title": "t"}), Citation(url="https://a")]),
)
EVENTS = st.lists(
    st.one_of(
        DELTAS,
        st.builds(Open, st.integers(0, 3), PARTS),
        st.builds(Close, st.integers(0, 3)),
        st.just(Begin("", "")),
        st.just(FINISH),
        st.just(Fault("server", "x")),
    ),
    max_size=20,
)


@given(EVENTS)
def test_any_events_in_line_obey_the_grammar(events: list[Event]) -> None:
    """Whatever the events are, once they are in line, as the road puts them for dialects that do not interleave."""
    lined = LineUp().events([*events, FINISH])
    wire = CODEC.writer(asked()).write(lined)
    assert list(faults(wire, has_shapes=FILE.exists())) == []
    writer = CODEC.writer(asked())
    assert b"".join(writer.write([event]) for event in lined) == wire


@given(st.permutations(range(6)).map(list), st.integers(1, 4))
def test_interleaved_calls_come_together_14(order: list[int], pieces: int) -> None:
    """N parallel calls whose pieces interleave are read, put in line, written and read again as they were (COMPLAINTS 14)."""
    wanted = {at: json.dumps({"n": at, "text": "x" * at}) for at in order}
    said = [start(at, toolUse={"toolUseId": f"c{at}", "name": f"f{at}"}) for at in order]
    cut = {at: _cut(text, pieces) for at, text in wanted.items()}
    for row in itertools.zip_longest(*(cut[at] for at in order)):
        said += [delta(at, toolUse={"input": piece}) for at, piece in zip(order, row, strict=True) if piece]
    said += [stop(at) for at in order]
    events, _ = read(START, *said, STOP, META)
    wire = CODEC.writer(asked()).write(LineUp().events(events))
    assert list(faults(wire, has_shapes=FILE.exists())) == []
    again = answer_of(read(*[(name, payload) for _, name, payload in messages(wire)])[0])
    assert not isinstance(again, Fault)
    assert [(part.id, part.name, part.arguments) for part in again.parts if isinstance(part, ToolCall)] == [
        (f"c{at}", f"f{at}", wanted[at]) for at in order
    ]


def _cut(text: str, pieces: int) -> list[str]:
    size = max(1, len(text) // pieces)
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_frames_split_natively() -> None:
    wire = CODEC.writer(asked()).write([Open(0, Text(text="a")), FINISH])
    assert len(_native.split_eventstream(wire)) == 5

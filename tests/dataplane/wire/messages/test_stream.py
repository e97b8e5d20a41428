"""Streams: what a provider and its imitations send → events, and any events → a stream that obeys the grammar."""

import json
import random
from typing import Any

import pytest

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
    StopReason,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.messages import CODEC
from tests.dataplane.wire import sse
from tests.dataplane.wire.messages.corpus import truth_of
from tests.dataplane.wire.messages.grammar import violations
from tests.dataplane.wire.messages.turns import said, turn

ASKED = Asked(turn(said("user", "Hello there, how are you?")), "req_1", 0)
USAGE = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}
BEGIN = Begin("msg_1", "claude-x", Usage(input_tokens=7, cache_read_tokens=3, output_tokens=1))
STARTED = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage": USAGE}}
STOPPED = {"type": "message_stop"}
END = Stop(reason="end", raw="end_turn")


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **members: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": members}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str | None = "end_turn", output: int = 9, **more: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None, **more},
        "usage": {"output_tokens": output},
    }


def feed(*events: dict[str, Any], is_named: bool = True) -> tuple[list[Event], int]:
    """What the reader makes of these, and what it skipped."""
    reader = CODEC.reader()
    found = [
        one for event in events for one in reader.feed(event["type"] if is_named else "", json.dumps(event).encode())
    ]
    return found + reader.end(), reader.skipped


def finish(reason: StopReason = "end", raw: str = "end_turn", output: int = 9, **more: Any) -> Finish:
    usage = Usage(input_tokens=7, cache_read_tokens=3, output_tokens=output)
    return Finish(Stop(reason=reason, raw=raw, **more), usage)


# === reading ===

BLOCKS: list[tuple[str, list[dict[str, Any]], list[Event]]] = [
    (
        "text",
        [start(0, type="text", text=""), delta(0, type="text_delta", text="Hi"), stop(0)],
        [Open(0, Text(text="")), Delta(0, "text", "Hi"), Close(0)],
    ),
    (
        "text in its start",
        [start(0, type="text", text="Hi", citations=[{"type": "x"}]), stop(0)],
        [
            Open(0, Text(text="")),
            Delta(0, "text", "Hi"),
            Delta(0, "citation", value=Citation(raw={"type": "x"})),
            Close(0),
        ],
    ),
    (
        "citations",
        [start(0, type="text", text=""), delta(0, type="citations_delta", citation={"type": "c"}), stop(0)],
        [Open(0, Text(text="")), Delta(0, "citation", value=Citation(raw={"type": "c"})), Close(0)],
    ),
    (
        "call",
        [
            start(0, type="tool_use", id="t", name="f", input={}, caller={"type": "direct"}),
            delta(0, type="input_json_delta", partial_json=""),
            delta(0, type="input_json_delta", partial_json='{"a"'),
            delta(0, type="input_json_delta", partial_json=":1}"),
            stop(0),
        ],
        [
            Open(0, ToolCall(id="t", name="f", extra={"caller": {"type": "direct"}})),
            Delta(0, "arguments", '{"a"'),
            Delta(0, "arguments", ":1}"),
            Close(0),
        ],
    ),
    (
        "call without input",
        [start(0, type="tool_use", id="t", name="f", input={}), stop(0)],
        [Open(0, ToolCall(id="t", name="f")), Delta(0, "arguments", "{}"), Close(0)],
    ),
    (
        "call, all of it in its start",
        [start(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0)],
        [Open(0, ToolCall(id="t", name="f")), Delta(0, "arguments", '{"a":1}'), Close(0)],
    ),
    (
        "call, in its start and in deltas",
        [
            start(0, type="tool_use", id="t", name="f", input={"a": 1}),
            delta(0, type="input_json_delta", partial_json='{"a":1}'),
            stop(0),
        ],
        [Open(0, ToolCall(id="t", name="f")), Delta(0, "arguments", '{"a":1}'), Close(0)],
    ),
    (
        "thinking",
        [
            start(0, type="thinking", thinking="", signature=""),
            delta(0, type="thinking_delta", thinking="hm"),
            delta(0, type="signature_delta", signature="s"),
            stop(0),
        ],
        [Open(0, Reasoning()), Delta(0, "text", "hm"), Delta(0, "signature", "s"), Close(0)],
    ),
    (
        "thinking, signed in its start",
        [start(0, type="thinking", thinking="hm", signature="s"), stop(0)],
        [Open(0, Reasoning()), Delta(0, "text", "hm"), Delta(0, "signature", "s"), Close(0)],
    ),
    (
        "redacted thinking",
        [start(0, type="redacted_thinking", data="d"), stop(0)],
        [Open(0, Reasoning(signature="d", is_redacted=True)), Close(0)],
    ),
    (
        "server tool",
        [
            start(0, type="server_tool_use", id="s", name="web_search", input={}),
            delta(0, type="input_json_delta", partial_json='{"query":"x"}'),
            stop(0),
        ],
        [
            Open(
                0,
                Opaque(
                    kind="server_tool_use",
                    value={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
                ),
            ),
            Close(0),
        ],
    ),
    (
        "server tool, input that is no JSON",
        [
            start(0, type="server_tool_use", id="s", name="web_search", input={}),
            delta(0, type="input_json_delta", partial_json='{"que'),
            stop(0),
        ],
        [
            Open(
                0,
                Opaque(
                    kind="server_tool_use",
                    value={"type": "server_tool_use", "id": "s", "name": "web_search", "input": '{"que'},
                ),
            ),
            Close(0),
        ],
    ),
    (
        "thinking that never started",
        [delta(0, type="thinking_delta", thinking="hm"), stop(0)],
        [Open(0, Reasoning()), Delta(0, "text", "hm"), Close(0)],
    ),
    (
        "compaction",
        [start(0, type="compaction", content=None), delta(0, type="compaction_delta", content="sum"), stop(0)],
        [Open(0, Opaque(kind="compaction", value={"type": "compaction", "content": "sum"})), Close(0)],
    ),
    (
        "a block of the future",
        [start(0, type="hologram", x=1), delta(0, type="hologram_delta", y=2), stop(0)],
        [Open(0, Opaque(kind="hologram", value={"type": "hologram", "x": 1})), Close(0)],
    ),
    (
        "words of a block that never started",
        [delta(0, type="text_delta", text="Hi"), stop(0)],
        [Open(0, Text(text="")), Delta(0, "text", "Hi"), Close(0)],
    ),
    (
        "a block that never stops",
        [start(0, type="text", text=""), delta(0, type="text_delta", text="Hi")],
        [Open(0, Text(text="")), Delta(0, "text", "Hi"), Close(0)],
    ),
    (
        "an index that is used again",
        [start(0, type="text", text="a"), start(0, type="text", text="b"), stop(0)],
        [
            Open(0, Text(text="")),
            Delta(0, "text", "a"),
            Close(0),
            Open(1, Text(text="")),
            Delta(1, "text", "b"),
            Close(1),
        ],
    ),
]


@pytest.mark.parametrize(("blocks", "events"), [row[1:] for row in BLOCKS], ids=[row[0] for row in BLOCKS])
@pytest.mark.parametrize("is_named", [True, False])
def test_blocks_become_events(blocks: list[dict[str, Any]], events: list[Event], is_named: bool) -> None:
    """With the event's name, and without, as some imitations send it."""
    found, skipped = feed(STARTED, *blocks, ended(), STOPPED, is_named=is_named)
    if any(isinstance(event, Open) and isinstance(event.part, ToolCall) for event in events):
        end = finish("tool_calls")  # trap 53
    else:
        end = finish()
    assert found == [BEGIN, *events, end]
    assert skipped == 0


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "malformed_call"),  # there is none
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("stop", "end"),
        ("content_filter", "content_filter"),
        ("a_reason_of_the_future", "unknown"),
    ],
)
def test_stop_reasons_are_read(word: str, reason: StopReason) -> None:
    """Trap 54: what is unknown stays unknown."""
    found, _ = feed(STARTED, ended(word), STOPPED)
    assert found[-1] == finish(reason, word)


def test_a_call_without_a_name_is_no_call() -> None:
    """A client could not run it, and its SDK may not parse it; without another call, the answer ends in an error (trap 54)."""
    nameless = [
        start(0, type="tool_use", id="t", name="", input={}),
        delta(0, type="input_json_delta", partial_json="{}"),
        stop(0),
    ]
    found, skipped = feed(STARTED, *nameless, ended("tool_use"), STOPPED)
    assert found == [BEGIN, finish("malformed_call", "tool_use")]
    assert skipped == 3
    named = [start(1, type="tool_use", id="u", name="f", input={}), stop(1)]
    found, _ = feed(STARTED, *nameless, *named, ended("tool_use"), STOPPED)
    assert found[1:-1] == [Open(0, ToolCall(id="u", name="f")), Delta(0, "arguments", "{}"), Close(0)]
    assert found[-1] == finish("tool_calls", "tool_use")


def test_a_stop_tells_sequence_and_details() -> None:
    """The details of a refusal, and which sequence was met."""
    details = {"type": "refusal", "category": "cyber"}
    found, _ = feed(STARTED, ended("stop_sequence", stop_sequence="END", stop_details=details), STOPPED)
    assert found[-1] == finish("stop_sequence", "stop_sequence", sequence="END", extra={"stop_details": details})


def test_usage_is_that_of_both_ends() -> None:
    """Trap 48: input at the start, output at the end, and what comes later counts."""
    end = {**ended(), "usage": {"input_tokens": 20, "cache_read_input_tokens": 0, "output_tokens": 5}}
    found, _ = feed(STARTED, ended(None, 2), end, STOPPED)
    assert found == [BEGIN, Finish(END, Usage(input_tokens=20, cache_read_tokens=3, output_tokens=5))]


def test_a_stream_may_end_without_message_stop() -> None:
    """When a reason was told, it is whole."""
    assert feed(STARTED, ended())[0] == [BEGIN, finish()]


@pytest.mark.parametrize("events", [[], [STARTED], [STARTED, start(0, type="text", text="Hi")]])
def test_a_stream_that_breaks_off_is_a_fault(events: list[dict[str, Any]]) -> None:
    """Complaint 3: never a silent end."""
    found, _ = feed(*events)
    assert isinstance(found[-1], Fault)
    assert found[-1].kind == "server"
    assert sum(isinstance(event, Fault | Finish) for event in found) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded"),
        ({"type": "rate_limit_error", "message": "slow down"}, "rate_limit"),
        ({"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}, "context_window"),
        ({"type": "timeout_error", "message": "late"}, "timeout"),
        ({"message": "odd"}, "server"),
        ("odd", "server"),
        (None, "server"),
    ],
)
def test_an_error_event_is_a_fault(error: Any, kind: str) -> None:
    """Trap 50; nothing comes after it."""
    found, _ = feed(STARTED, {"type": "error", "error": error}, ended(), STOPPED)
    assert len(found) == 2
    assert isinstance(found[1], Fault)
    assert found[1].kind == kind
    assert found[1].message


def test_what_cannot_be_read_is_skipped_and_counted() -> None:
    """Trap 52: a provider that breaks its dialect never breaks the stream."""
    reader = CODEC.reader()
    assert reader.feed("ping", b'{"type": "ping"}') == []
    assert reader.skipped == 0
    for name, data in (
        ("message_start", b'{"type":"message_start"}'),
        ("content_block_delta", b"{"),
        ("content_block_delta", b'{"delta":{"text":5}}'),
        ("content_block_delta", b'{"index":4,"delta":{"partial_json":"{}"}}'),
        ("content_block_start", b'{"type":"content_block_start","index":0,"content_block":7}'),
        ("content_block_start", b'{"type":"content_block_start","index":"x","content_block":{"type":"text"}}'),
        ("content_block_stop", b'{"type":"content_block_stop","index":9}'),
        ("", b"[1]"),
        ("", b"\xff"),
        ("thread.created", b"{}"),
    ):
        assert reader.feed(name, data) == []
    assert reader.skipped == 10
    assert reader.feed("", b"[DONE]") == []
    assert reader.skipped == 10
    reader.feed("content_block_start", json.dumps(start(0, type="text", text="")).encode())
    assert reader.feed("content_block_delta", json.dumps(delta(0, type="sound_delta")).encode()) == []
    assert reader.skipped == 11


def test_half_an_emoji_is_not_lost() -> None:
    """Some imitations cut a surrogate pair in two; each half becomes U+FFFD."""
    reader = CODEC.reader()
    reader.feed("content_block_start", json.dumps(start(0, type="text", text="")).encode())
    half = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud83d"}}'
    assert reader.feed("content_block_delta", half) == [Delta(0, "text", "a\ufffd")]
    assert reader.skipped == 0


def test_a_second_answer_inside_the_first_is_a_fault() -> None:
    """Half a call was given already; the same start twice is harmless."""
    again = {**STARTED, "message": {**STARTED["message"], "id": "msg_2"}}  # type: ignore[dict-item]
    found, _ = feed(STARTED, start(0, type="tool_use", id="t", name="f", input={}), again, ended(), STOPPED)
    assert isinstance(found[-1], Fault)
    found, skipped = feed(STARTED, STARTED, ended(), STOPPED)
    assert (found, skipped) == ([BEGIN, finish()], 1)


def test_content_in_message_start_is_read() -> None:
    """A step of code at Anthropic comes so: blocks and reason at once."""
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}, "caller": {"type": "code_execution"}}
    message = {**STARTED["message"], "content": [call], "stop_reason": "tool_use"}  # type: ignore[dict-item]
    found, _ = feed({**STARTED, "message": message}, STOPPED)
    assert found == [
        BEGIN,
        Open(0, ToolCall(id="t", name="f", extra={"caller": {"type": "code_execution"}})),
        Delta(0, "arguments", '{"a":1}'),
        Close(0),
        Finish(Stop(reason="tool_calls", raw="tool_use"), BEGIN.usage),
    ]


# === writing ===


def stream(*events: Event) -> list[dict[str, Any]]:
    """The events on the wire, each written alone; they must obey the grammar."""
    writer = CODEC.writer(ASKED)
    found = [(name, json.loads(data)) for event in events for name, data in sse.events(writer.write([event]))]
    assert violations(found) == []
    return [data for _, data in found]


def content(*events: Event) -> list[dict[str, Any]]:
    """The blocks that a client puts together of these events."""
    sent = stream(BEGIN, *events, Finish(END))
    found: list[dict[str, Any]] = truth_of([(one["type"], json.dumps(one).encode()) for one in sent])["content"]
    return found


def test_a_whole_stream_is_written() -> None:
    """Every frame, with its members; usage complete at both ends."""
    sent = stream(BEGIN, Open(0, Text(text="")), Delta(0, "text", "Hi\n“ü”"), Close(0), finish())
    assert sent == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-x",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 7,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 3,
                    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                    "output_tokens": 1,
                    "output_tokens_details": {"thinking_tokens": 0},
                    "server_tool_use": None,
                    "service_tier": None,
                },
            },
        },
        start(0, type="text", text=""),
        delta(0, type="text_delta", text="Hi\n“ü”"),
        stop(0),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 7,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 3,
                "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 0},
                "server_tool_use": None,
            },
        },
        {"type": "message_stop"},
    ]


def test_nothing_leaves_before_there_is_content() -> None:
    """Trap 50: a provider that fails at once can still be answered with a status."""
    writer = CODEC.writer(ASKED)
    assert writer.write([BEGIN]) == b""
    assert writer.write([Open(0, Text(text=""))]).startswith(b"event: message_start\n")


def test_input_that_the_provider_has_not_told_is_estimated() -> None:
    """Trap 48, complaint 13: never zero at the start, exact at the end."""
    sent = stream(Begin("", ""), Open(0, Text(text="Hi")), Close(0), finish())
    message = sent[0]["message"]
    assert 5 < message["usage"]["input_tokens"] < 50
    assert (message["id"], message["model"]) == ("msg_req_1", "m")
    assert sent[-2]["usage"]["input_tokens"] == 7


def test_usage_that_the_provider_never_tells_is_estimated() -> None:
    """The grammar wants it."""
    sent = stream(Begin("a", "b"), Open(0, Text(text="x" * 400)), Close(0), Finish(END))
    assert sent[-2]["usage"]["output_tokens"] == 101


def test_no_empty_blocks_are_sent() -> None:
    """Trap 33: a client would have to send them back; indices stay dense (trap 45)."""
    assert content(
        Open(3, Text(text="")),
        Delta(3, "text", ""),
        Close(3),
        Open(4, Reasoning()),
        Close(4),
        Open(5, Refusal(text="")),
        Delta(5, "text", "No."),
        Close(5),
        Open(9, Opaque(kind="web_search_call", value={"type": "web_search_call"})),
        Close(9),
        Open(10, Text(text="Yes.")),
        Close(10),
    ) == [{"type": "text", "text": "No."}, {"type": "text", "text": "Yes."}]


THOUGHTS: list[tuple[str, list[Event], list[dict[str, Any]]]] = [
    (
        "signed",
        [Open(0, Reasoning()), Delta(0, "text", "h"), Delta(0, "text", "m"), Delta(0, "signature", "s"), Close(0)],
        [{"type": "thinking", "thinking": "hm", "signature": "s"}],
    ),
    (
        "unsigned",
        [Open(0, Reasoning()), Delta(0, "text", "hm"), Close(0)],
        [{"type": "thinking", "thinking": "hm", "signature": ""}],
    ),
    (
        "signature only",
        [Open(0, Reasoning(signature="s")), Close(0)],
        [{"type": "thinking", "thinking": "", "signature": "s"}],
    ),
    (
        "the last signature counts",
        [Open(0, Reasoning(text="hm", signature="a")), Delta(0, "signature", "b"), Close(0)],
        [{"type": "thinking", "thinking": "hm", "signature": "b"}],
    ),
    (
        "summaries are paragraphs",
        [
            Open(0, Reasoning()),
            Delta(0, "summary", "on", 0),
            Delta(0, "summary", "e", 0),
            Delta(0, "summary", "two", 1),
            Delta(0, "text", "raw thinking is not shown beside them"),
            Close(0),
        ],
        [{"type": "thinking", "thinking": "one\n\ntwo", "signature": ""}],
    ),
    (
        "summaries at once",
        [Open(0, Reasoning(summary=["one", "two"])), Close(0)],
        [{"type": "thinking", "thinking": "one\n\ntwo", "signature": ""}],
    ),
    (
        "redacted",
        [Open(0, Reasoning(signature="d", is_redacted=True)), Close(0)],
        [{"type": "redacted_thinking", "data": "d"}],
    ),
    ("redacted, nothing", [Open(0, Reasoning(is_redacted=True)), Close(0)], []),
]


@pytest.mark.parametrize(("events", "blocks"), [row[1:] for row in THOUGHTS], ids=[row[0] for row in THOUGHTS])
def test_thinking_always_has_its_signature(events: list[Event], blocks: list[dict[str, Any]]) -> None:
    """Trap 29: the SDKs fail without the member."""
    assert content(*events) == blocks


CALLS: list[tuple[str, list[Event], dict[str, Any]]] = [
    ("json", [Delta(0, "arguments", '{"a":'), Delta(0, "arguments", "1}")], {"a": 1}),
    ("nothing", [], {}),
]


@pytest.mark.parametrize(("deltas", "given"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_call_is_written(deltas: list[Event], given: dict[str, Any]) -> None:
    """Its input comes in deltas, an empty one too."""
    assert content(Open(0, ToolCall(id="t", name="f")), *deltas, Close(0)) == [
        {"type": "tool_use", "id": "t", "name": "f", "input": given}
    ]


@pytest.mark.parametrize(
    "pieces", [[], ["*** Begin\n", 'say "hi"\\', "ü\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]]
)
def test_freeform_input_becomes_a_string(pieces: list[str]) -> None:
    """Messages has no word for it."""
    call = ToolCall(id="t", name="apply_patch", kind="custom")
    assert content(Open(0, call), *(Delta(0, "arguments", one) for one in pieces), Close(0)) == [
        {"type": "tool_use", "id": "t", "name": "apply_patch", "input": {"input": "".join(pieces)}}
    ]


def test_blocks_of_this_dialect_are_passed_on() -> None:
    """Server tools: their input as a delta, results whole."""
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    cited = {"type": "web_search_result_location", "url": "u"}
    assert content(
        Open(0, Opaque(kind="server_tool_use", value=use)),
        Close(0),
        Open(1, Opaque(kind="web_search_tool_result", value=result)),
        Close(1),
        Open(2, Text(text="", citations=[Citation(raw=cited)])),
        Delta(2, "text", "See"),
        Delta(2, "citation", value=Citation(raw=cited)),
        Delta(2, "citation", value=Citation(raw={"type": "url_citation"}, url="https://a")),
        Close(2),
        Open(3, Opaque(kind="server_tool_use", value={"toolUse": "of another dialect"})),
        Close(3),
    ) == [use, result, {"type": "text", "text": "See", "citations": [cited, cited]}]


REASONS: list[tuple[StopReason, str]] = [
    ("end", "end_turn"),
    ("length", "max_tokens"),
    ("stop_sequence", "stop_sequence"),
    ("pause", "pause_turn"),
    ("refusal", "refusal"),
    ("content_filter", "refusal"),
    ("context_window", "model_context_window_exceeded"),
]


@pytest.mark.parametrize(("reason", "word"), REASONS)
def test_stop_reasons_are_written(reason: StopReason, word: str) -> None:
    """Trap 54."""
    sent = stream(BEGIN, Open(0, Text(text="x")), Close(0), finish(reason, "", sequence="S"))
    assert sent[-2]["delta"] == {"stop_reason": word, "stop_sequence": "S"}


def test_a_compaction_stops_as_such() -> None:
    """The client sends it back and the model goes on."""
    sent = stream(BEGIN, Open(0, Text(text="x")), Close(0), finish("pause", "compaction"))
    assert sent[-2]["delta"]["stop_reason"] == "compaction"


def test_speed_and_place_are_told() -> None:
    """They cost extra."""
    usage = Usage(input_tokens=1, service_tier="fast", inference_geo="us")
    told = stream(Begin("a", "b", usage), finish())[0]["message"]["usage"]
    assert (told["speed"], told["inference_geo"], told["service_tier"]) == ("fast", "us", None)


def test_an_answer_with_calls_stops_for_them() -> None:
    """Trap 53: Gemini says STOP."""
    sent = stream(BEGIN, Open(0, ToolCall(id="t", name="f")), Close(0), finish("end", "STOP"))
    assert sent[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("reason", ["malformed_call", "unknown", "cancelled"])
def test_an_end_without_an_honest_word_is_an_error(reason: StopReason) -> None:
    """Never `end_turn`; Claude Code asks again."""
    sent = stream(BEGIN, Open(0, Text(text="x")), Close(0), finish(reason, "MALFORMED_FUNCTION_CALL"))
    assert sent[-1]["type"] == "error"
    assert sent[-1]["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("overloaded", "busy"), {"type": "overloaded_error", "message": "busy"}),
        (Fault("rate_limit", "slow"), {"type": "rate_limit_error", "message": "slow"}),
        (
            Fault("context_window", "8k is all"),
            {"type": "invalid_request_error", "message": "prompt is too long: 8k is all"},
        ),
        (
            Fault("context_window", "prompt is too long: 9 > 8"),
            {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"},
        ),
        (Fault("authentication", "key"), {"type": "authentication_error", "message": "key"}),
        (Fault("too_large", "big"), {"type": "request_too_large", "message": "big"}),
        (Fault("timeout", "late"), {"type": "timeout_error", "message": "late"}),
        (Fault("server", "broken"), {"type": "api_error", "message": "broken"}),
    ],
)
@pytest.mark.parametrize("before", [[], [BEGIN], [BEGIN, Open(0, Text(text="x"))]])
def test_a_fault_is_one_error_event(fault: Fault, error: dict[str, str], before: list[Event]) -> None:
    """Trap 50, complaint 23: in the words that make Claude Code compact, wait or stop; nothing follows."""
    writer = CODEC.writer(ASKED)
    sent = sse.events(writer.write(before) + writer.write([fault]) + writer.write([finish()]))
    assert json.loads(sent[-1][1]) == {"type": "error", "error": error, "request_id": "req_1"}
    assert [name for name, _ in sent].count("error") == 1


def test_any_events_make_a_stream_that_obeys_the_grammar() -> None:
    """Also deltas of blocks that are not open, blocks inside blocks, ends without begins."""
    dice = random.Random(45)
    for _ in range(300):
        events: list[Event] = []
        for _ in range(dice.randrange(12)):
            index = dice.randrange(3)
            events.append(
                dice.choice(
                    [
                        BEGIN,
                        Open(index, Text(text=dice.choice(["", "a"]))),
                        Open(index, ToolCall(id="t", name="f", kind=dice.choice(["function", "custom"]))),
                        Open(index, Reasoning(text=dice.choice(["", "h"]), signature=dice.choice(["", "s"]))),
                        Open(index, Reasoning(signature="d", is_redacted=True)),
                        Open(index, Opaque(kind="compaction", value={"type": "compaction"})),
                        Delta(index, "text", dice.choice(["", "b"])),
                        Delta(index, "summary", "c", dice.randrange(2)),
                        Delta(index, "signature", "t"),
                        Delta(index, "citation", value=Citation(raw={"type": "char_location"})),
                        Close(index),
                    ]
                )
            )
        stream(*events, dice.choice([finish(), Fault("server", "m"), finish("unknown", "")]), finish())

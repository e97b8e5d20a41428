"""Events as a Chat stream for a client: by the grammar whatever the events are, and back again without a loss."""

import json
import random
from typing import Any

import pytest

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Citation,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Message,
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
    Turn,
)
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.codec import Asked, PathSays
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.wire import sse
from tests.dataplane.wire.chat.grammar import violations

_USAGE = Usage(input_tokens=3, cache_read_tokens=2, output_tokens=4, reasoning_tokens=1)
_BEGIN = Begin("msg_1", "claude", created_s=5)
_END = Finish(Stop(reason="end"), _USAGE)


def asked(*, wants_usage: bool = False) -> Asked:
    """A request of a Chat client."""
    return Asked(
        Turn(dialect="openai.chat", model="asked", messages=[], is_stream=True, wants_usage=wants_usage), "rid", 99
    )


def chunks_of(*events: Event, wants_usage: bool = False, is_legacy: bool = False) -> list[Any]:
    """The decoded chunks; the grammar holds."""
    request = asked(wants_usage=wants_usage)
    if is_legacy:
        body = json.dumps({"messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}]}).encode()
        request = Asked(CODEC.read_turn(body, PathSays()), "rid", 99)
    writer = CODEC.writer(request)
    data = b"".join(writer.write([event]) for event in events)
    found = [one.decode() if one == b"[DONE]" else json.loads(one) for _, one in sse.events(data)]
    assert violations(found, wants_usage=wants_usage) == []
    return found


def deltas_of(chunks: list[Any]) -> list[Any]:
    """What the choices say, and how they end."""
    found = []
    for one in chunks:
        if isinstance(one, dict) and one.get("choices"):
            choice = one["choices"][0]
            found.append(choice["delta"] or choice["finish_reason"])
    return found


def test_a_text_answer() -> None:
    """Role first, deltas, finish, [DONE]; id, model and time in every chunk."""
    found = chunks_of(
        _BEGIN, Open(0, Text(text="")), Delta(0, "text", "hi"), Delta(0, "text", ' "you"\n'), Close(0), _END
    )
    assert deltas_of(found) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "hi"},
        {"content": ' "you"\n'},
        "stop",
    ]
    assert found[-1] == "[DONE]"
    assert {(one["id"], one["model"], one["created"]) for one in found[:-1]} == {("msg_1", "claude", 5)}


def test_nothing_leaves_before_the_first_block() -> None:
    """So that a provider that fails at once can be answered with a status; then everything leaves at once."""
    writer = CODEC.writer(asked())
    assert writer.write([_BEGIN]) == b""
    assert b'"role"' in writer.write([Open(0, Text(text=""))])
    assert b"hi" in writer.write([Delta(0, "text", "hi")])


def test_what_the_provider_does_not_say_is_filled_in() -> None:
    """Id, model and time of our own."""
    found = chunks_of(Begin("", ""), Open(0, Text(text="x")), Close(0), _END)
    assert (found[0]["id"], found[0]["model"], found[0]["created"]) == ("chatcmpl-rid", "asked", 99)


def test_trap_47_usage_comes_only_when_it_was_asked_for() -> None:
    """Then with complete details, and `usage: null` in all other chunks."""
    events = (_BEGIN, Open(0, Text(text="x")), Close(0), _END)
    assert not any("usage" in one for one in chunks_of(*events)[:-1])
    found = chunks_of(*events, wants_usage=True)
    assert all(one["usage"] is None for one in found[:-2])
    assert found[-2]["choices"] == []
    assert found[-2]["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 4,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 1,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def test_traps_4_and_5_calls_have_an_index_of_their_own() -> None:
    """Blocks 1 and 3 are calls 0 and 1; id, type and name once; arguments are never empty text."""
    found = chunks_of(
        _BEGIN,
        Open(0, Text(text="")),
        Delta(0, "text", "t"),
        Close(0),
        Open(1, ToolCall(id="a", name="f")),
        Open(3, ToolCall(id="b", name="g")),
        Delta(3, "arguments", '{"y"'),
        Delta(1, "arguments", '{"x":1}'),
        Delta(3, "arguments", ":2}"),
        Close(1),
        Close(3),
        Open(4, ToolCall(id="c", name="h")),
        Close(4),
        Finish(Stop(reason="tool_calls")),
    )
    assert deltas_of(found)[2:] == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"y"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": ":2}"}}]},
        {"tool_calls": [{"index": 2, "id": "c", "type": "function", "function": {"name": "h", "arguments": ""}}]},
        {"tool_calls": [{"index": 2, "function": {"arguments": "{}"}}]},
        "tool_calls",
    ]


def test_trap_1_custom_calls_keep_their_bare_input() -> None:
    """As `custom`, never as JSON."""
    call = Open(0, ToolCall(id="a", name="p", kind="custom"))
    found = chunks_of(_BEGIN, call, Delta(0, "arguments", "*** Begin"), Close(0), Finish(Stop(reason="tool_calls")))
    assert deltas_of(found)[1:] == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "p", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "*** Begin"}}]},
        "tool_calls",
    ]


def test_a_client_of_the_old_functions_gets_a_function_call() -> None:
    """It knows no `tool_calls`; a second call has no place."""
    found = chunks_of(
        _BEGIN,
        Open(0, ToolCall(id="a", name="f")),
        Delta(0, "arguments", '{"x":1}'),
        Close(0),
        Open(1, ToolCall(id="b", name="f")),
        Close(1),
        Finish(Stop(reason="tool_calls")),
        is_legacy=True,
    )
    assert deltas_of(found)[1:] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
        "function_call",
    ]


# === thoughts ===


def test_a_thought_is_reasoning_content_and_its_signature_comes_when_it_is_over() -> None:
    """Right before what follows."""
    found = chunks_of(
        _BEGIN,
        Open(0, Reasoning()),
        Delta(0, "text", "hm"),
        Delta(0, "signature", "s1"),
        Delta(0, "signature", "s2"),
        Close(0),
        Open(1, Text(text="")),
        Delta(1, "text", "x"),
        Close(1),
        _END,
    )
    assert deltas_of(found) == [
        {"role": "assistant", "content": None, "refusal": None},
        {"reasoning_content": "hm"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "s2", "index": 0}]},
        {"content": "x"},
        "stop",
    ]


def test_later_thoughts_name_the_call_that_they_stand_before() -> None:
    """So that the order of a Responses answer comes back; the first of the message needs no name."""
    found = chunks_of(
        _BEGIN,
        Open(0, Reasoning(signature="1", item_id="rs_1")),
        Close(0),
        Open(1, ToolCall(id="a", name="f")),
        Close(1),
        Open(2, Reasoning(signature="2")),
        Close(2),
        Open(3, ToolCall(id="b", name="f")),
        Close(3),
        Finish(Stop(reason="tool_calls")),
    )
    details = [
        one["reasoning_details"][0] for one in deltas_of(found) if isinstance(one, dict) and "reasoning_details" in one
    ]
    assert details == [
        {"type": "reasoning.encrypted", "data": "1", "index": 0, "id": "rs_1"},
        {"type": "reasoning.encrypted", "data": "2", "index": 1, "before": "b"},
    ]


def test_summaries_are_shown_where_there_is_no_raw_thinking() -> None:
    """Parts of a summary are paragraphs; whichever kind comes first is the one that is shown."""
    found = chunks_of(
        _BEGIN,
        Open(0, Reasoning()),
        Delta(0, "summary", "a", 0),
        Delta(0, "summary", "b", 1),
        Delta(0, "text", "raw"),
        Close(0),
        Open(1, Text(text="x")),
        Close(1),
        _END,
    )
    assert "".join(one.get("reasoning_content", "") for one in deltas_of(found)[:-1]) == "a\n\nb"


def test_trap_21_a_bound_signature_rides_on_what_it_is_bound_to() -> None:
    """A call, or a text; with nothing behind it, it is an entry like the others."""
    bound = Reasoning(signature="s", is_bound=True)
    call = chunks_of(
        _BEGIN,
        Open(0, bound),
        Close(0),
        Open(1, ToolCall(id="a", name="f")),
        Close(1),
        Finish(Stop(reason="tool_calls")),
    )
    assert deltas_of(call)[1]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}
    text = chunks_of(_BEGIN, Open(0, bound), Close(0), Open(1, Text(text="x")), Close(1), _END)
    assert deltas_of(text)[1]["extra_content"] == {"google": {"thought_signature": "s"}}
    alone = chunks_of(_BEGIN, Open(0, Text(text="x")), Close(0), Open(1, bound), Close(1), _END)
    assert deltas_of(alone)[2]["reasoning_details"][0]["data"] == "s"


# === ends ===


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        (Stop(reason="end"), "stop"),
        (Stop(reason="stop_sequence", sequence="x"), "stop"),
        (Stop(reason="length"), "length"),
        (Stop(reason="context_window"), "length"),
        (Stop(reason="pause"), "length"),
        (Stop(reason="tool_calls"), "stop"),
        (Stop(reason="content_filter"), "content_filter"),
        (Stop(reason="refusal"), "content_filter"),
    ],
)
def test_trap_54_stop_reasons(stop: Stop, word: str) -> None:
    """The whole table, for an answer of text."""
    assert deltas_of(chunks_of(_BEGIN, Open(0, Text(text="x")), Close(0), Finish(stop)))[-1] == word


def test_streamed_annotations_have_an_index_of_their_own() -> None:
    """OpenAI's SDK joins lists of deltas by it, and raises where there is none."""
    cited = [Delta(0, "citation", value=Citation(url=f"https://example.com/{n}", title="page")) for n in range(3)]
    chunks = chunks_of(_BEGIN, Open(0, Text(text="")), Delta(0, "text", "words"), *cited, Close(0), _END)
    found = [one for delta in deltas_of(chunks) if isinstance(delta, dict) for one in delta.get("annotations", ())]
    assert [(one["index"], one["url_citation"]["url"][-1]) for one in found] == [(0, "0"), (1, "1"), (2, "2")]


def test_a_refusal_is_a_stop_with_its_own_words() -> None:
    """As OpenAI does it."""
    found = chunks_of(
        _BEGIN, Open(0, Refusal(text="")), Delta(0, "text", "no"), Close(0), Finish(Stop(reason="refusal"))
    )
    assert deltas_of(found)[1:] == [{"refusal": "no"}, "stop"]


@pytest.mark.parametrize("reason", ["malformed_call", "unknown", "cancelled"])
@pytest.mark.parametrize("begun", [True, False])
def test_trap_54_what_has_no_word_is_an_error_and_never_a_silent_stop(reason: Any, *, begun: bool) -> None:
    """With the provider's own word in it."""
    before = (_BEGIN, Open(0, Text(text="x")), Close(0)) if begun else (_BEGIN,)
    found = chunks_of(*before, Finish(Stop(reason=reason, raw="ODD_WORD")))
    assert found[-1]["error"]["type"] == "server_error"
    assert "ODD_WORD" in found[-1]["error"]["message"] or reason == "cancelled"


@pytest.mark.parametrize(
    ("kind", "code", "kind_word"),
    [
        ("context_window", "context_length_exceeded", "invalid_request_error"),
        ("rate_limit", "rate_limit_exceeded", "rate_limit_error"),
        ("overloaded", "server_is_overloaded", "server_error"),
        ("bad_request", "own", "invalid_request_error"),
    ],
)
def test_trap_50_a_fault_is_an_error_event_and_the_last(kind: Any, code: str, kind_word: str) -> None:
    """On which OpenAI's SDKs raise; before and after content."""
    fault = Fault(kind, "words", code="own", param="p")
    for before in ((), (_BEGIN,), (_BEGIN, Open(0, Text(text="x")))):
        found = chunks_of(*before, fault, Delta(0, "text", "late"), _END)
        assert found[-1] == {"error": {"message": "words", "type": kind_word, "param": "p", "code": code}}


def test_the_grammar_holds_for_any_events() -> None:
    """Deltas of unknown blocks, blocks never closed, opaque blocks, indexes used again, ends in every place."""
    rng = random.Random(7)
    kinds: list[Any] = ["text", "arguments", "summary", "signature", "citation"]
    parts: list[Any] = [
        Text(text=""),
        Text(text="t"),
        Refusal(text="r"),
        Reasoning(),
        Reasoning(signature="s", is_bound=True),
        Reasoning(text="x", summary=["y"], signature="z"),
        ToolCall(id="c", name="f"),
        ToolCall(id="d", name="g", kind="custom", arguments="raw"),
        Opaque(kind="o", value={}),
    ]
    for _ in range(300):
        events: list[Event] = [_BEGIN] if rng.random() < 0.9 else []
        ids = iter(range(1000))
        for _ in range(rng.randint(0, 14)):
            index = rng.randint(0, 4)
            part = rng.choice(parts)
            if isinstance(part, ToolCall):
                part = ToolCall(id=f"id{next(ids)}", name=part.name, kind=part.kind, arguments=part.arguments)
            value = Citation(url="u")
            events.append(
                rng.choice(
                    [
                        Open(index, part),
                        Delta(index, rng.choice(kinds), "x", 0, value),
                        Close(index),
                        Delta(9, "text", "x"),
                    ]
                )
            )
        reason: Any = rng.choice(["end", "length", "tool_calls", "unknown", "refusal"])
        events.append(rng.choice([Finish(Stop(reason=reason), _USAGE), Fault("server", "down")]))
        chunks_of(*events, wants_usage=rng.random() < 0.5)


def test_what_is_written_is_read_again_as_the_same_answer() -> None:
    """Writer, then reader: also with thoughts between calls, which `before` puts back when the turn returns."""
    parts: list[Any] = [
        Reasoning(text="hm", signature="s1"),
        Text(text='x"\n\u2028'),
        ToolCall(id="a", name="f", arguments='{"x":1}'),
        Reasoning(signature="s2"),
        ToolCall(id="b", name="g", arguments="raw", kind="custom"),
        Reasoning(signature="s3", is_bound=True),
        ToolCall(id="c", name="h", arguments="{}"),
    ]
    answer = Answer(
        id="i", model="m", parts=parts, stop=Stop(reason="tool_calls", raw="tool_calls"), usage=_USAGE, created_s=3
    )
    writer = CODEC.writer(asked(wants_usage=True))
    data = writer.write(events_of(answer))
    reader = CODEC.reader()
    events = [event for _, one in sse.events(data) for event in reader.feed("", one)] + reader.end()
    assert answer_of(events) == answer
    whole = json.loads(CODEC.write_answer(answer, asked()))
    assert CODEC.read_turn(
        json.dumps({"messages": [whole["choices"][0]["message"]]}).encode(), PathSays()
    ).messages == [Message(role="assistant", parts=parts, is_plain=True)]

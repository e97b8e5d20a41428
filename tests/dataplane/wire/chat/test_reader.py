"""A provider's Chat stream as events: the accents of all who speak it, cut short, broken, and told as one answer."""

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
    Event,
    Fault,
    Finish,
    Opaque,
    Open,
    Part,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.chat import CODEC
from gateway.dataplane.wire.translate.collect import answer_of

DONE = b"[DONE]"


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> bytes:
    """One chunk of one choice."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish, **more.pop("choice", {})}
    return json.dumps({"id": "c1", "created": 7, "model": "m", "choices": [choice], **more}).encode()


def usage_chunk(**more: Any) -> bytes:
    """The chunk that only brings usage."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return json.dumps({"id": "c1", "choices": [], "usage": usage, **more}).encode()


def calls(*deltas: dict[str, Any]) -> dict[str, Any]:
    """A delta of tool calls."""
    return {"tool_calls": list(deltas)}


def fn(arguments: Any, name: str = "", **more: Any) -> dict[str, Any]:
    """A call's delta."""
    named = {"name": name} if name else {}
    return {"function": {**named, "arguments": arguments}, **more}


def read(*data: bytes, name: str = "") -> tuple[list[Event], Answer | Fault, int]:
    """All events, the answer they tell, and how much was skipped."""
    reader = CODEC.reader()
    events = [event for one in data for event in reader.feed(name, one)] + reader.end()
    return events, answer_of(events), reader.skipped


def parts_of(*data: bytes) -> list[Part]:
    """The parts of an answer that is whole."""
    _, answer, _ = read(*data, chunk({}, "stop"), DONE)
    assert isinstance(answer, Answer), answer
    return answer.parts


def test_a_plain_answer_in_its_events() -> None:
    """Begin, Open, Delta, Close; Finish only with the usage, which comes after the finish reason (trap 47)."""
    reader = CODEC.reader()
    assert reader.feed("", chunk({"role": "assistant", "content": ""})) == [Begin("c1", "m", created_s=7)]
    opened = reader.feed("", chunk({"content": "hi"}))
    assert opened[0] == Open(0, Text(text=""))
    assert len(opened) == 2
    assert reader.feed("", chunk({}, "stop")) == [Close(0)]
    usage = Usage(input_tokens=5, output_tokens=2)
    assert reader.feed("", usage_chunk()) == [Finish(Stop(reason="end", raw="stop"), usage)]
    assert reader.feed("", DONE) == reader.feed("", chunk({"content": "x"})) == reader.end() == []


@pytest.mark.parametrize(
    ("tail", "usage"),
    [
        ([chunk({}, "stop"), DONE], None),
        ([chunk({}, "stop")], None),
        ([chunk({}, "stop"), usage_chunk(), DONE], Usage(input_tokens=5, output_tokens=2)),
        ([chunk({}, "stop"), usage_chunk()], Usage(input_tokens=5, output_tokens=2)),
        (
            [chunk({}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}), DONE],
            Usage(input_tokens=5, output_tokens=2),
        ),
        (
            [chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})],
            Usage(input_tokens=5, output_tokens=2),
        ),
        ([usage_chunk(), DONE], Usage(input_tokens=5, output_tokens=2)),
        (
            [chunk({}, "stop"), chunk({}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 2}), DONE],
            Usage(5, output_tokens=2),
        ),
        (
            [chunk({"content": ""}, "stop", service_tier="flex"), usage_chunk(), DONE],
            Usage(5, 0, 0, 0, 2, service_tier="flex"),
        ),
    ],
)
def test_all_the_ways_to_end(tail: list[bytes], usage: Usage | None) -> None:
    """With and without [DONE], usage, a finish reason (Snowflake); usage in the last chunk, its own, or Groq's corner."""
    events, answer, skipped = read(chunk({"content": "hi"}), *tail)
    assert isinstance(answer, Answer)
    assert (answer.parts, answer.stop.reason, answer.usage, skipped) == ([Text(text="hi")], "end", usage, 0)
    assert isinstance(events[-1], Finish)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [chunk({"content": "hi"})],
        [chunk({"role": "assistant"}), DONE],
        [chunk(calls(fn("{", "f", index=0, id="a")))],
    ],
)
def test_a_stream_cut_short_is_a_fault(data: list[bytes]) -> None:
    """Never a silent end: no finish reason and no [DONE], or [DONE] after nothing."""
    _, answer, _ = read(*data)
    assert isinstance(answer, Fault)
    assert answer.kind == "server"


# === calls ===

A = ToolCall(id="a", name="f", arguments='{"x":1}')
B = ToolCall(id="b", name="g", arguments='{"y":2}')


@pytest.mark.parametrize(
    "deltas",
    [
        [fn("", "f", index=0, id="a", type="function"), fn('{"x"', index=0), fn(":1}", index=0),
         fn("", "g", index=1, id="b", type="function"), fn('{"y":2}', index=1)],
        [fn("", "f", index=0, id="a"), fn("", "g", index=1, id="b"), fn('{"x"', index=0), fn('{"y"', index=1), fn(":1}", index=0),
         fn(":2}", index=1)],
        [fn('{"x":1}', "f", index=0, id="a"), fn('{"y":2}', "g", index=1, id="b")],
        [fn('{"x":1}', "f", id="a"), fn('{"y":2}', "g", id="b")],
        [fn("", "f", id="a"), fn('{"x":1}'), fn("", "g", id="b"), fn('{"y"'), fn(":2}")],
        [fn("", "f", id="a"), fn("", "g", id="b"), fn('{"x":1}', id="a"), fn('{"y":2}', id="b")],
        [fn('{"x":1}', "f", index=0, id="a"), fn('{"y":2}', "g", index=0, id="b")],
        [fn({"x": 1}, "f", index=0, id="a"), fn({"y": 2}, "g", index=1, id="b")],
        [fn("", "f", index=0, id="a"), fn('{"x":1}', "f", index=0, id="a"), fn('{"y":2}', "g", index=1, id="b")],
        [fn(None, "f", index=0, id="a"), fn('{"x":1}', index=0, id=None, type=None), fn('{"y":2}', "g", index=3, id="b")],
        [fn("", "", index=0, id="a"), fn("", "f", index=0), fn('{"x":1}', index=0), fn('{"y":2}', "g", index=1, id="b")],
    ],
    ids=[
        "as OpenAI", "interleaved", "whole in one delta", "no index", "no index, in pieces", "by id", "index 0 again",
        "arguments as objects", "name repeated", "nulls and gaps", "name after the id",
    ],
)  # fmt: skip
def test_traps_4_and_53_calls_are_put_together_however_they_are_numbered(deltas: list[dict[str, Any]]) -> None:
    """One delta per chunk, and all in one chunk: the same two calls."""
    assert parts_of(*(chunk(calls(one)) for one in deltas)) == [A, B]
    assert parts_of(chunk(calls(*deltas))) == [A, B]


def test_calls_without_ids_get_some_and_are_told_apart_by_being_complete() -> None:
    """All on index 0, without ids: a complete call is over."""
    found = parts_of(chunk(calls(fn('{"x":', "f", index=0), fn("1}", index=0), fn('{"x":2}', "f", index=0))))
    assert [(one.name, one.arguments) for one in found if isinstance(one, ToolCall)] == [
        ("f", '{"x":1}'),
        ("f", '{"x":2}'),
    ]
    ids = [one.id for one in found if isinstance(one, ToolCall)]
    assert len(set(ids)) == 2
    assert all(one.startswith("call_") and len(one) <= 40 for one in ids)


def test_complaint_10_interleaved_calls_reassemble() -> None:
    """Property: any interleaving of any number of calls gives these calls, with text between."""
    rng = random.Random(4)
    for _ in range(60):
        count = rng.randint(1, 7)
        texts = [json.dumps({"k" * rng.randint(1, 5): "v" * rng.randint(0, 30)}) for _ in range(count)]
        pieces = [[text[i : i + 4] for i in range(0, len(text), 4)] for text in texts]
        chunks = [chunk({"content": "t"})]
        chunks += [chunk(calls(fn("", f"f{at}", index=at, id=f"id{at}"))) for at in range(count)]
        while any(pieces):
            at = rng.choice([i for i in range(count) if pieces[i]])
            chunks.append(chunk(calls(fn(pieces[at].pop(0), index=at))))
        want = [ToolCall(id=f"id{at}", name=f"f{at}", arguments=text) for at, text in enumerate(texts)]
        assert parts_of(*chunks) == [Text(text="t"), *want]


def test_custom_and_legacy_calls() -> None:
    """`custom` keeps its bare input; `function_call` is a call without an id."""
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "g", "input": "x"}}
    more = {"index": 0, "custom": {"input": "y"}}
    assert parts_of(chunk(calls(custom)), chunk(calls(more))) == [
        ToolCall(id="a", name="g", arguments="xy", kind="custom")
    ]
    found = parts_of(
        chunk({"function_call": {"name": "f", "arguments": ""}}), chunk({"function_call": {"arguments": "{}"}})
    )
    assert [(one.name, one.arguments) for one in found if isinstance(one, ToolCall)] == [("f", "{}")]


def test_trap_53_calls_decide_over_the_finish_reason() -> None:
    """Ollama says `stop`; a limit stays a limit."""
    for finish, reason in (
        ("stop", "tool_calls"),
        ("tool_calls", "tool_calls"),
        ("length", "length"),
        ("", "tool_calls"),
    ):
        _, answer, _ = read(chunk(calls(fn("{}", "f", index=0, id="a"))), chunk({}, finish), DONE)
        assert isinstance(answer, Answer)
        assert answer.stop.reason == reason, finish


def test_a_delta_of_no_call_is_skipped_and_counted() -> None:
    """Arguments before any call."""
    _, answer, skipped = read(chunk(calls(fn("{}", index=0))), chunk({"content": "hi"}), chunk({}, "stop"))
    assert isinstance(answer, Answer)
    assert (answer.parts, skipped) == ([Text(text="hi")], 1)


# === thoughts, refusals, lists ===


@pytest.mark.parametrize(
    ("deltas", "want"),
    [
        (
            [{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "x"}],
            [Reasoning(text="hm"), Text(text="x")],
        ),
        ([{"reasoning": "hm", "content": ""}, {"content": "x"}], [Reasoning(text="hm"), Text(text="x")]),
        ([{"reasoning": "hm", "reasoning_content": "hm"}, {"content": "x"}], [Reasoning(text="hm"), Text(text="x")]),
        ([{"reasoning_content": "hm", "content": "x"}], [Reasoning(text="hm"), Text(text="x")]),
        (
            [{"content": "a"}, {"reasoning": "b"}, {"content": "c"}],
            [Text(text="a"), Reasoning(text="b"), Text(text="c")],
        ),
        (
            [
                {"reasoning": "h", "reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]},
                {"reasoning": "m", "reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]},
                {"content": "x"},
            ],
            [Reasoning(text="hm", signature="s"), Text(text="x")],
        ),
        (
            [
                {"reasoning_details": [{"type": "reasoning.summary", "summary": "s", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.encrypted", "data": "e", "index": 1}]},
            ],
            [Reasoning(summary=["s"], signature="d"), Reasoning(signature="e")],
        ),
        (
            [{"reasoning_details": [{"type": "reasoning.encrypted", "data": "d", "format": "anthropic-claude-v1"}]}],
            [Reasoning(signature="d", is_redacted=True, extra={"format": "anthropic-claude-v1"})],
        ),
        (
            [{"reasoning": "hm"}, {"reasoning_details": [{"type": "reasoning.encrypted", "data": "d"}]}],
            [Reasoning(text="hm", signature="d")],
        ),
        (
            [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, {"content": "x"}],
            [Reasoning(text="hm"), Text(text="x")],
        ),
        ([{"content": [{"type": "text", "text": "x"}]}, {"content": "y"}], [Text(text="xy")]),
        ([{"refusal": "n"}, {"refusal": "o"}], [Refusal(text="no")]),
        (
            [{"content": "x"}, {"annotations": [{"type": "url_citation"}]}],
            [Text(text="x", citations=[Citation(raw={"type": "url_citation"})])],
        ),
        ([{"images": [{"type": "image_url"}]}], [Opaque(kind="image", value={"type": "image_url"})]),
    ],
)
def test_what_else_a_delta_can_say(deltas: list[Any], want: list[Part]) -> None:
    """Each spelling of thoughts, Mistral's lists, refusals, citations."""
    assert parts_of(*(chunk(one) for one in deltas)) == want


def test_trap_21_googles_signature_comes_before_its_call() -> None:
    """On the call's delta."""
    delta = fn("{}", "f", index=0, id="a", extra_content={"google": {"thought_signature": "s"}})
    want = [Reasoning(signature="s", is_bound=True), ToolCall(id="a", name="f", arguments="{}")]
    assert parts_of(chunk(calls(delta))) == want


def test_other_choices_are_left_alone() -> None:
    """`n` is a matter of Chat alone."""
    assert parts_of(chunk({"content": "a"}), chunk({"content": "b"}, choice={"index": 1})) == [Text(text="a")]


def test_a_whole_answer_as_one_event_is_read() -> None:
    """A server that does not stream."""
    message = {"role": "assistant", "content": "hi", "reasoning_content": "hm"}
    data = json.dumps({"id": "x", "model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    _, answer, _ = read(data)
    assert isinstance(answer, Answer)
    assert answer.parts == [Reasoning(text="hm"), Text(text="hi")]


# === stops ===


@pytest.mark.parametrize(
    ("finish", "more", "reason", "sequence"),
    [
        ("stop", {}, "end", ""),
        ("eos", {}, "end", ""),
        ("length", {}, "length", ""),
        ("content_filter", {}, "content_filter", ""),
        ("sensitive", {}, "content_filter", ""),
        ("model_length", {}, "context_window", ""),
        ("stop", {"stop_reason": "END"}, "stop_sequence", "END"),
        ("stop", {"stop_reason": 151645}, "end", ""),
        ("abort", {}, "cancelled", ""),
        ("brand_new", {}, "unknown", ""),
    ],
)
def test_trap_54_stop_reasons(finish: str, more: dict[str, Any], reason: str, sequence: str) -> None:
    """A full table; what is unknown stays unknown, with the provider's word."""
    _, answer, _ = read(chunk({"content": "x"}), chunk({}, finish, choice=more), DONE)
    assert isinstance(answer, Answer)
    assert answer.stop == Stop(reason=reason, raw=finish, sequence=sequence)  # type: ignore[arg-type]


@pytest.mark.parametrize(("finish", "kind"), [("insufficient_system_resource", "overloaded"), ("error", "server")])
def test_finish_reasons_that_are_failures(finish: str, kind: str) -> None:
    """DeepSeek's and others' way to say that they broke off."""
    _, answer, _ = read(chunk({"content": "x"}), chunk({}, finish), DONE)
    assert isinstance(answer, Fault)
    assert answer.kind == kind


# === what is broken ===


@pytest.mark.parametrize(
    ("name", "data", "kind", "words"),
    [
        ("", b'{"error":{"message":"down","type":"server_error","code":null}}', "server", "down"),
        (
            "error",
            b'{"error":{"message":"no call","code":"tool_use_failed","status_code":400}}',
            "bad_request",
            "no call",
        ),
        (
            "",
            b'{"error":{"code":429,"message":"slow"},"choices":[{"delta":{},"finish_reason":"error"}]}',
            "rate_limit",
            "slow",
        ),
        ("", b'{"error":"plain words"}', "server", "plain words"),
        ("error", b'{"message":"bare","code":503}', "overloaded", "bare"),
        ("error", b"not json", "server", "not json"),
        (
            "",
            b'{"error":{"message":"This model\'s maximum context length is 10"}}',
            "context_window",
            "maximum context",
        ),
        ("", b'{"error":{"message":"x"},"choices":"odd"}', "server", "x"),
    ],
)
def test_trap_50_an_error_inside_the_stream_ends_it(name: str, data: bytes, kind: str, words: str) -> None:
    """In all its shapes, before and after content; nothing is read after it."""
    for before in ([], [chunk({"content": "hi"})], [chunk({"content": "hi"}, "length")]):
        reader = CODEC.reader()
        events = [event for one in before for event in reader.feed("", one)]
        found = reader.feed(name, data)
        assert isinstance(found[-1], Fault)
        assert (found[-1].kind, words in found[-1].message, found[-1].status) == (kind, True, 0)
        assert reader.feed("", chunk({"content": "x"})) == reader.feed("", DONE) == reader.end() == []
        assert len(events) == (3 if before else 0) + (1 if before and b"length" in before[0] else 0)


@pytest.mark.parametrize(
    "junk",
    [
        b"{",
        b"[]",
        b"1",
        b"null",
        b"\xff\xfe",
        b'{"choices":5}',
        b'{"choices":[5]}',
        b'{"choices":[{"delta":{"tool_calls":5}}]}',
    ],
)
def test_trap_52_events_that_cannot_be_read_are_skipped_and_counted(junk: bytes) -> None:
    """What was delivered stays, what follows goes on."""
    _, answer, skipped = read(chunk({"content": "a"}), junk, chunk({"content": "b"}), chunk({}, "stop"), DONE)
    assert isinstance(answer, Answer)
    assert (answer.parts, skipped) == ([Text(text="ab")], 1)


@pytest.mark.parametrize(
    "odd",
    [
        b'{"choices":[]}',
        b'{"choices":null,"id":null}',
        b"{}",
        b'{"choices":[{"delta":null,"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":7,"reasoning":[],"refusal":{},"annotations":"x","images":1}}]}',
        b'{"choices":[{"delta":{"tool_calls":[]}}],"usage":"none","created":"now","id":5}',
        b'{"choices":[{"delta":{"reasoning_details":"x"}}],"x_groq":1}',
    ],
)
def test_odd_chunks_that_say_nothing_do_no_harm(odd: bytes) -> None:
    """Types that nobody promised."""
    _, answer, skipped = read(odd, chunk({"content": "a"}), odd, chunk({}, "stop"), DONE)
    assert isinstance(answer, Answer)
    assert (answer.parts, skipped) == ([Text(text="a")], 0)


def test_anything_cut_out_of_a_stream_never_raises() -> None:
    """Every prefix of every event, one after the other: the reader stays upright and ends with one terminal event."""
    data = [
        chunk({"role": "assistant", "content": "héllo"}),
        chunk(calls(fn('{"a":1}', "f", index=0, id="a"))),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x", "index": 0}]}),
        chunk({}, "stop"),
        usage_chunk(),
    ]
    for at, whole in enumerate(data):
        for size in range(len(whole)):
            reader = CODEC.reader()
            events = [event for one in (*data[:at], whole[:size], *data[at + 1 :]) for event in reader.feed("", one)]
            events += reader.end()
            assert sum(isinstance(event, Finish | Fault) for event in events) == 1

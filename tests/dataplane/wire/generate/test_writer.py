"""Events as a stream for Gemini's clients, and whole answers."""

import json
import random
from typing import Any

import pytest

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
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
    Thinking,
    ToolCall,
    Turn,
)
from gateway.dataplane.wire.codec import Asked
from gateway.dataplane.wire.generate import CODEC
from gateway.dataplane.wire.generate.names import NAME
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.wire.generate.asking import asked
from tests.dataplane.wire.generate.grammar import chunks_of, violations

_USAGE = Usage(input_tokens=90, cache_read_tokens=10, output_tokens=20, reasoning_tokens=5)


def _written(*events: Event, ask: Asked | None = None) -> list[Any]:
    writer = CODEC.writer(ask or asked())
    chunks = chunks_of(b"".join(writer.write([event]) for event in events))
    assert violations(chunks) == []
    return chunks


def _answer(*parts: Any, reason: Any = "end", raw: str = "", usage: Usage | None = _USAGE) -> Answer:
    return Answer(id="R", model="claude", parts=list(parts), stop=Stop(reason=reason, raw=raw), usage=usage)


def _parts(chunks: list[Any]) -> list[Any]:
    return [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]


def _stream_parts(*parts: Any) -> list[Any]:
    """Without the empty text of the end."""
    found = _parts(_written(*events_of(_answer(*parts))))
    return found[:-1] if found[-1] == {"text": ""} else found


def _whole_parts(*parts: Any) -> list[Any]:
    body = json.loads(CODEC.write_answer(_answer(*parts), asked()))
    assert violations([body]) == []
    found: list[Any] = body["candidates"][0]["content"]["parts"]
    return found


def _call(id: str, **args: Any) -> dict[str, Any]:
    return {"functionCall": {"id": id, "name": "f", "args": args}}


def test_every_delta_leaves_at_once() -> None:
    """Nothing but whole calls is held back; there is no lifecycle frame."""
    writer = CODEC.writer(asked())
    assert writer.write([Begin("R", "claude")]) == b""
    assert writer.write([Open(0, Reasoning())]) == b""
    head = b'data: {"candidates":[{"content":{"parts":['
    tail = b'],"role":"model"},"index":0}],"modelVersion":"claude","responseId":"R"}\r\n\r\n'
    assert writer.write([Delta(0, "text", "h\u00f6")]) == head + '{"text":"hö","thought":true}'.encode() + tail
    assert writer.write([Close(0), Open(1, Text(text=""))]) == b""
    assert writer.write([Delta(1, "text", 'a"\n')]) == head + b'{"text":"a\\"\\n"}' + tail
    assert writer.write([Close(1), Open(2, ToolCall(id="i", name="f")), Delta(2, "arguments", '{"a":')]) == b""
    assert writer.write([Delta(2, "arguments", " 1.50}")]) == b""
    called = b'{"functionCall":{"id":"i","name":"f","args":{"a":1.50}}}'
    assert writer.write([Close(2)]) == head + called + tail
    last = json.loads(writer.write([Finish(Stop(reason="tool_calls"), _USAGE)])[6:])
    assert last == {
        "candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 10,
            "candidatesTokenCount": 15,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 120,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
        },
        "modelVersion": "claude",
        "responseId": "R",
    }
    assert writer.write([Delta(1, "text", "late"), Finish(Stop(reason="end"))]) == b""


def test_trap_4_parallel_calls_each_keep_their_part_and_id() -> None:
    """Also when their arguments interleave, or one never closes."""
    events: list[Event] = [
        Begin("R", "m"),
        Open(0, ToolCall(id="a", name="f")),
        Open(1, ToolCall(id="b", name="f")),
        Delta(1, "arguments", '{"x":'),
        Delta(0, "arguments", '{"x":1'),
        Delta(1, "arguments", "2}"),
        Delta(0, "arguments", "}"),
        Close(0),
        Finish(Stop(reason="tool_calls")),
    ]
    assert _parts(_written(*events))[:-1] == [_call("a", x=1), _call("b", x=2)]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (ToolCall(id="a", name="f", arguments=""), _call("a")),
        (ToolCall(id="a", name="f", arguments="x y", kind="custom"), _call("a", input="x y")),
        (ToolCall(id="a", name="f", arguments='{"x":'), _call("a", input='{"x":')),
        (Refusal(text="no"), {"text": "no"}),
        (Opaque(kind="executableCode", value={"executableCode": {"code": "1"}}), {"executableCode": {"code": "1"}}),
    ],
)
def test_other_parts(part: Any, written: dict[str, Any]) -> None:
    """As a stream and whole."""
    assert _stream_parts(part) == _whole_parts(part) == [written]


def test_what_another_dialect_alone_knows_is_not_written() -> None:
    """An Opaque of a kind that is not Gemini's."""
    assert _whole_parts(Opaque(kind="web_search_call", value={"type": "web_search_call"})) == [{"text": ""}]


_S1, _S2, _S3 = "AAAA", "BBBB", "CCCC"


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (
            [Reasoning(text="hm", signature=_S1), ToolCall(id="a", name="f")],
            [{"text": "hm", "thought": True}, {**_call("a"), "thoughtSignature": _S1}],
        ),
        (
            [Reasoning(signature=_S1, is_bound=True), Text(text="x"), Text(text="y")],
            [{"text": "x", "thoughtSignature": _S1}, {"text": "y"}],
        ),
        # Gemini CLI joins text parts, and would lose a signature of the second
        (
            [Text(text="x"), Reasoning(signature=_S1), Text(text="y")],
            [{"text": "x"}, {"thoughtSignature": _S1}, {"text": "y"}],
        ),
        (
            [Reasoning(signature=_S1), Reasoning(text="hm", signature=_S2), ToolCall(id="a", name="f")],
            [{"text": "hm", "thought": True}, {"thoughtSignature": _S1}, {**_call("a"), "thoughtSignature": _S2}],
        ),
        ([Text(text="x"), Reasoning(signature=_S1)], [{"text": "x"}, {"thoughtSignature": _S1}]),
        (
            [Reasoning(signature=_S1), ToolCall(id="a", name="f"), Reasoning(signature=_S2), ToolCall(id="b", name="f")],
            [{**_call("a"), "thoughtSignature": _S1}, {**_call("b"), "thoughtSignature": _S2}],
        ),
        (
            [Reasoning(signature=_S1, is_redacted=True), Text(text="x"), Reasoning(signature=_S3), ToolCall(id="a", name="f")],
            [{"text": "x", "thoughtSignature": _S1}, {**_call("a"), "thoughtSignature": _S3}],
        ),
    ],
)  # fmt: skip
def test_traps_20_and_21_signatures_stand_where_gemini_cli_brings_them_back(
    parts: list[Any], written: list[Any]
) -> None:
    """Never on a thought, which it drops; verified with the real CLI 0.61.0."""
    assert _stream_parts(*parts) == written
    assert _whole_parts(*parts) == written


def test_summaries_are_thoughts() -> None:
    """Their parts are set apart by an empty line."""
    part = Reasoning(summary=["a", "b"], signature=_S1)
    assert _stream_parts(part) == [
        {"text": "a", "thought": True},
        {"text": "\n\nb", "thought": True},
        {"thoughtSignature": _S1},
    ]
    assert _whole_parts(part) == [{"text": "a\n\nb", "thought": True}, {"thoughtSignature": _S1}]


def test_a_client_that_wants_no_thoughts_gets_none() -> None:
    """`includeThoughts: false`; signatures come all the same."""
    turn = Turn(dialect=NAME, model="m", messages=[], thinking=Thinking(summary="none"))
    answer = _answer(Reasoning(text="hm", signature=_S1), Text(text="x"))
    parts = [{"text": "x", "thoughtSignature": _S1}]
    ask = Asked(turn, "r", 0)
    assert _parts(_written(*events_of(answer), ask=ask))[:-1] == parts
    assert json.loads(CODEC.write_answer(answer, ask))["candidates"][0]["content"]["parts"] == parts


@pytest.mark.parametrize(
    ("reason", "raw", "written"),
    [
        ("end", "end_turn", "STOP"),
        ("tool_calls", "tool_use", "STOP"),
        ("stop_sequence", "", "STOP"),
        ("length", "max_tokens", "MAX_TOKENS"),
        ("context_window", "", "MAX_TOKENS"),
        ("refusal", "refusal", "SAFETY"),
        ("content_filter", "content_filter", "SAFETY"),
        ("content_filter", "RECITATION", "RECITATION"),
        ("malformed_call", "UNEXPECTED_TOOL_CALL", "UNEXPECTED_TOOL_CALL"),
        ("malformed_call", "", "MALFORMED_FUNCTION_CALL"),
        ("pause", "pause_turn", "OTHER"),
        ("cancelled", "", "OTHER"),
        ("unknown", "weird", "OTHER"),
        ("tool_calls", "MAX_TOKENS", "STOP"),
    ],
)
def test_trap_54_finish_reasons(reason: Any, raw: str, written: str) -> None:
    """The provider's word where it was Gemini's, else the nearest honest one."""
    answer = _answer(Text(text="x"), reason=reason, raw=raw)
    assert json.loads(CODEC.write_answer(answer, asked()))["candidates"][0]["finishReason"] == written
    assert _written(*events_of(answer))[-1]["candidates"][0]["finishReason"] == written


def test_an_answer_without_id_model_or_usage() -> None:
    """What the request says stands in."""
    answer = Answer(id="", model="", parts=[], stop=Stop(reason="end"))
    body = json.loads(CODEC.write_answer(answer, asked()))
    assert (body["modelVersion"], body["responseId"]) == ("asked-model", "request-1")
    assert "usageMetadata" not in body
    chunk = _written(*events_of(answer))[-1]
    assert chunk == body


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("overloaded", "busy"), {"code": 503, "message": "busy", "status": "UNAVAILABLE"}),
        (Fault("server", "m", status=500), {"code": 500, "message": "m", "status": "INTERNAL"}),
        (Fault("context_window", "too long"), {"code": 400, "message": "too long", "status": "INVALID_ARGUMENT"}),
        (
            Fault("rate_limit", "slow", retry_after_s=2.5),
            {
                "code": 429,
                "message": "slow",
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}],
            },
        ),
    ],
)
def test_trap_50_a_fault_is_an_error_object(fault: Fault, error: dict[str, Any]) -> None:
    """At once, and inside a stream; a call that was not complete is not told."""
    assert _written(Begin("R", "m"), fault) == [{"error": error}]
    begun: list[Event] = [Begin("R", "m"), Open(0, Text(text="")), Delta(0, "text", "a"), Close(0)]
    half: list[Event] = [Open(1, ToolCall(id="a", name="f")), Delta(1, "arguments", '{"a":')]
    chunks = _written(*begun, *half, fault)
    assert chunks[1:] == [{"error": error}]
    assert _parts(chunks[:1]) == [{"text": "a"}]


def test_the_grammar_holds_whatever_the_events_are() -> None:
    """Deltas without a block, blocks twice, kinds that do not fit, nothing closed, more after the end."""
    dice = random.Random(7)
    parts: list[Any] = [
        Text(text=""),
        Text(text="begun"),
        Refusal(text=""),
        Reasoning(),
        Reasoning(signature=_S1),
        Opaque(kind="other", value={}),
    ]
    kinds: list[Any] = ["text", "arguments", "summary", "signature", "citation"]
    for _ in range(500):
        events: list[Event] = [Begin("R", "m")] if dice.random() < 0.9 else []
        for count in range(dice.randrange(12)):
            index = dice.randrange(4)
            choice = dice.random()
            if choice < 0.4:
                part = ToolCall(id=f"c{count}", name="f") if dice.random() < 0.3 else dice.choice(parts)
                events.append(Open(index, part))
            elif choice < 0.8:
                kind = dice.choice(kinds)
                events.append(
                    Delta(index, kind, _S2 if kind == "signature" else dice.choice(["", "x", '{"a":1}']), at=count)
                )
            else:
                events.append(Close(index))
        ends: list[Event] = [Finish(Stop(reason="end"), _USAGE), Fault("server", "m")]
        events.append(dice.choice(ends))
        _written(*events, Finish(Stop(reason="end")), Delta(0, "text", "late"))


def test_what_is_written_is_read_again() -> None:
    """Written and read: the same answer, with a chunk for every piece."""
    answer = Answer(
        id="R",
        model="m",
        parts=[
            Reasoning(text="hm"),
            Reasoning(signature=_S1, is_bound=True),
            Text(text="words and more words"),
            Reasoning(signature=_S2, is_bound=True),
            ToolCall(id="a", name="f", arguments='{"x":1}'),
            ToolCall(id="b", name="g", arguments="{}"),
        ],
        stop=Stop(reason="tool_calls", raw="STOP"),
        usage=_USAGE,
    )
    assert CODEC.read_answer(CODEC.write_answer(answer, asked())) == answer
    reader = CODEC.reader()
    events = [e for chunk in _written(*events_of(answer)) for e in reader.feed("", json.dumps(chunk).encode())]
    assert answer_of([*events, *reader.end()]) == answer


def test_all_of_usage_is_told() -> None:
    """Trap 55: the prompt includes what was cached; by modality where it is known."""
    usage = Usage(
        input_tokens=70,
        cache_read_tokens=20,
        cache_write_5m_tokens=10,
        output_tokens=30,
        reasoning_tokens=10,
        input_audio_tokens=5,
        input_image_tokens=6,
        input_video_tokens=7,
        image_output_tokens=8,
        service_tier="flex",
    )
    found = json.loads(CODEC.write_answer(_answer(Text(text="x"), usage=usage), asked()))["usageMetadata"]
    assert (found["promptTokenCount"], found["cachedContentTokenCount"], found["totalTokenCount"]) == (100, 20, 130)
    assert (found["candidatesTokenCount"], found["thoughtsTokenCount"], found["serviceTier"]) == (20, 10, "flex")
    assert {row["modality"]: row["tokenCount"] for row in found["promptTokensDetails"]} == {
        "TEXT": 82,
        "AUDIO": 5,
        "IMAGE": 6,
        "VIDEO": 7,
    }
    assert found["candidatesTokensDetails"][1] == {"modality": "IMAGE", "tokenCount": 8}

"""A provider's stream, chunk by chunk."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    Close,
    Delta,
    Fault,
    Finish,
    Opaque,
    Open,
    Reasoning,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.generate import CODEC
from tests.dataplane.wire.generate.asking import feed


def _chunk(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "gemini-3", "responseId": "R"}


_END = _chunk(finishReason="STOP")
_BEGIN = Begin("R", "gemini-3")


def _finish(reason: Any = "end", raw: str = "STOP", **more: Any) -> Finish:
    return Finish(Stop(reason=reason, raw=raw, **more))


def _text(index: int, *words: str) -> list[Any]:
    return [Open(index, Text(text="")), *(Delta(index, "text", word) for word in words), Close(index)]


def _thought(index: int, *words: str) -> list[Any]:
    return [Open(index, Reasoning()), *(Delta(index, "text", word) for word in words), Close(index)]


def _signed(index: int, signature: str, extra: Any = None) -> list[Any]:
    return [Open(index, Reasoning(signature=signature, is_bound=True, extra=extra)), Close(index)]


def _called(index: int, id: str, name: str = "f", arguments: str = "{}") -> list[Any]:
    return [Open(index, ToolCall(id=id, name=name)), Delta(index, "arguments", arguments), Close(index)]


_CODE = {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "S"}


@pytest.mark.parametrize(
    ("chunks", "events"),
    [
        ([_chunk({"text": "a"}), _chunk({"text": "b"}), _END], [*_text(0, "a", "b"), _finish()]),
        (
            [_chunk({"text": "h", "thought": True}), _chunk({"text": "m", "thought": True}, {"text": "a"}), _END],
            [*_thought(0, "h", "m"), *_text(1, "a"), _finish()],
        ),
        (
            [_chunk({"functionCall": {"id": "i", "name": "f", "args": {"a": 1}}, "thoughtSignature": "S"}), _END],
            [*_signed(0, "S"), *_called(1, "i", "f", '{"a":1}'), _finish("tool_calls")],
        ),
        (
            [
                _chunk({"functionCall": {"id": "i", "name": "f"}}, {"functionCall": {"id": "j", "name": "g"}}),
                _chunk({"functionCall": {"id": "k", "name": "f", "args": None}}, finishReason="STOP"),
            ],
            [*_called(0, "i"), *_called(1, "j", "g"), *_called(2, "k"), _finish("tool_calls")],
        ),
        # a signature on a text that nothing came before is that text's …
        ([_chunk({"text": "a", "thoughtSignature": "S"}), _END], [*_signed(0, "S"), *_text(1, "a"), _finish()]),
        # … one that comes late follows it, on an empty text or on the last words
        (
            [_chunk({"text": "a"}), _chunk({"text": "", "thoughtSignature": "S"}), _END],
            [*_text(0, "a"), *_signed(1, "S", {"text": ""}), _finish()],
        ),
        (
            [_chunk({"text": "a"}), _chunk({"text": "b", "thoughtSignature": "S"}), _END],
            [*_text(0, "a", "b"), *_signed(1, "S", {"text": ""}), _finish()],
        ),
        (
            [_chunk({"text": "h", "thought": True, "thoughtSignature": "S"}), _END],
            [Open(0, Reasoning()), Delta(0, "text", "h"), Delta(0, "signature", "S"), Close(0), _finish()],
        ),
        ([_chunk({"thoughtSignature": "S"}), _END], [*_signed(0, "S", {}), _finish()]),
        (
            [_chunk({"text": "a"}), _chunk({"text": ""}, _CODE, {"text": "b"}), _END],
            [*_text(0, "a"), Open(1, Opaque(kind="executableCode", value=_CODE)), Close(1), *_text(2, "b"), _finish()],
        ),
        ([_chunk({"text": ""}), _chunk({"text": ""}, finishReason="STOP")], [_finish()]),
        # old models say STOP in every chunk
        (
            [_chunk({"text": "a"}, finishReason="STOP"), _chunk({"text": "b"}, finishReason="MAX_TOKENS")],
            [*_text(0, "a", "b"), _finish("length", "MAX_TOKENS")],
        ),
        ([{**_chunk({"text": "a"}), "candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}}]}, _END], [_finish()]),
    ],
)  # fmt: skip
def test_streams(chunks: list[Any], events: list[Any]) -> None:
    """Each case is a stream to its EOF; a list of chunks in one event is read alike."""
    assert feed(*chunks) == [_BEGIN, *events]
    assert feed(chunks) == [_BEGIN, *events]


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("STOP", "end"),
        (1, "end"),
        ("MAX_TOKENS", "length"),
        (2, "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_call"),
        ("UNEXPECTED_TOOL_CALL", "malformed_call"),
        ("OTHER", "unknown"),
        ("SOMETHING_NEW", "unknown"),
        (99, "unknown"),
    ],
)
def test_trap_54_finish_reasons(reason: Any, wanted: str) -> None:
    """Nothing unknown is passed off as `end`; only STOP becomes `tool_calls` when calls were made."""
    called = _chunk({"functionCall": {"id": "i", "name": "f"}}, finishReason=reason)
    plain = feed(_chunk({"text": "a"}, finishReason=reason))[-1]
    assert isinstance(plain, Finish)
    assert plain.stop.reason == wanted
    last = feed(called)[-1]
    assert isinstance(last, Finish)
    assert last.stop.reason == ("tool_calls" if wanted == "end" else wanted)


def test_a_blocked_prompt_is_a_content_filter() -> None:
    """There are no candidates then."""
    usage = {"promptTokenCount": 4, "totalTokenCount": 4}
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "m"}, "usageMetadata": usage}
    stop = Stop(reason="content_filter", raw="SAFETY", extra={"blockReasonMessage": "m"})
    assert feed({**blocked, "responseId": "R"}) == [Begin("R", ""), Finish(stop, Usage(input_tokens=4))]


def test_trap_49_usage_is_cumulative() -> None:
    """The last one counts; the first fills what it leaves out."""
    first = {"promptTokenCount": 10, "cachedContentTokenCount": 4, "totalTokenCount": 10}
    last = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 15}
    events = feed(
        {**_chunk({"text": "a"}), "usageMetadata": first},
        {**_chunk({"text": "b"}), "usageMetadata": {**first, "candidatesTokenCount": 1}},
        {**_END, "usageMetadata": last},
    )
    assert isinstance(events[-1], Finish)
    assert events[-1].usage == Usage(input_tokens=6, cache_read_tokens=4, output_tokens=5, reasoning_tokens=2)


def test_usage_after_the_finish_reason_still_counts() -> None:
    """Finish waits for EOF."""
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
    reader = CODEC.reader()
    events = reader.feed("", json.dumps(_chunk({"text": "a"}, finishReason="STOP")).encode())
    assert not any(isinstance(event, Finish) for event in events)
    assert reader.feed("", json.dumps({"usageMetadata": usage}).encode()) == []
    last = reader.end()[-1]
    assert isinstance(last, Finish)
    assert last.usage == Usage(input_tokens=1, output_tokens=2)
    assert reader.end() == []


def test_grounding_counts_searches_and_is_kept() -> None:
    """In the `extra` of the Stop."""
    grounding = {"webSearchQueries": ["a", "b"], "groundingChunks": [{"web": {"uri": "u"}}]}
    usage = {"promptTokenCount": 1, "totalTokenCount": 1}
    events = feed({**_chunk({"text": "a"}, finishReason="STOP", groundingMetadata=grounding), "usageMetadata": usage})
    assert isinstance(events[-1], Finish)
    assert events[-1].usage == Usage(input_tokens=1, web_searches=2)
    assert events[-1].stop.extra == {"groundingMetadata": grounding}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json",
        b"\xff",
        b"3",
        b'{"candidates":3}',
        b'{"candidates":[{"content":{"parts":[{"text":3}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":3}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":""}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","partialArgs":[]}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"text":"a"}]}',
    ],
)
def test_trap_52_what_cannot_be_read_is_skipped_and_counted(bad: bytes) -> None:
    """The stream goes on."""
    reader = CODEC.reader()
    events = reader.feed("", json.dumps(_chunk({"text": "a"})).encode())
    assert reader.feed("", bad) == []
    assert reader.skipped == 1
    events += [*reader.feed("", json.dumps(_END).encode()), *reader.end()]
    assert events == [_BEGIN, *_text(0, "a"), _finish()]


@pytest.mark.parametrize(
    "odd",
    [b"{}", b"[DONE]", b'{"candidates":[]}', b'{"candidates":null}', b'{"candidates":[{}]}', b'{"x":{"y":[1]}}', b"[]"],
)
def test_what_says_nothing_is_no_harm(odd: bytes) -> None:
    """It is not counted either."""
    reader = CODEC.reader()
    events = reader.feed("", json.dumps(_chunk({"text": "a"})).encode())
    events += [*reader.feed("", odd), *reader.feed("", json.dumps(_END).encode()), *reader.end()]
    assert (events, reader.skipped) == ([_BEGIN, *_text(0, "a"), _finish()], 0)


def test_trap_50_an_error_in_the_stream_ends_it() -> None:
    """Once."""
    error = {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}
    events = feed(_chunk({"text": "a"}), {"error": error}, _END)
    assert events == [_BEGIN, Open(0, Text(text="")), Delta(0, "text", "a"), _fault("overloaded", "UNAVAILABLE")]


def _fault(message: str, status: str) -> Fault:
    return Fault("overloaded", message, code=status, type=status)


def test_a_cut_stream_is_a_fault() -> None:
    """What was delivered stays."""
    assert feed() == [Fault("server", "the provider's stream ended without a finishReason")]
    assert feed(_chunk({"text": "a"}))[-1] == Fault("server", "the provider's stream ended without a finishReason")


def test_trap_12_calls_without_ids_get_ids_that_no_other_answer_has() -> None:
    """From the response's own id, or from all that is known of the answer."""
    call = {"functionCall": {"name": "f", "args": {}}}

    def ids(response_id: str, prompt: int) -> list[str]:
        chunk = {**_chunk(call, call), "responseId": response_id, "usageMetadata": {"promptTokenCount": prompt}}
        return [e.part.id for e in feed(chunk) if isinstance(e, Open) and isinstance(e.part, ToolCall)]

    assert ids("A", 1) == ids("A", 1)
    made = [*ids("A", 1), *ids("B", 1), *ids("", 1), *ids("", 2)]
    assert len(set(made)) == 8
    twice = {"functionCall": {"id": "i", "name": "f"}}
    parts = [e.part.id for e in feed(_chunk(twice, twice)) if isinstance(e, Open) and isinstance(e.part, ToolCall)]
    assert parts[0] == "i"
    assert parts[1] != "i"


def test_a_whole_answer_is_a_stream_of_one_chunk() -> None:
    """Pretty-printed as Google sends it; arguments are on one line, numbers as they were."""
    body = json.dumps(
        {
            **_chunk({"functionCall": {"id": "i", "name": "f", "args": {"a": 1.5}}}, finishReason="STOP"),
            "createTime": "2026-01-02T03:04:05.678901234Z",
        },
        indent=2,
    )
    assert CODEC.read_answer(body.replace("1.5", "1.50").encode()) == Answer(
        id="R",
        model="gemini-3",
        parts=[ToolCall(id="i", name="f", arguments='{"a":1.50}')],
        stop=Stop(reason="tool_calls", raw="STOP"),
        created_s=1767323045,
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}"])
def test_what_is_no_whole_answer_is_refused(body: bytes) -> None:
    """Whose fault: the provider's."""
    with pytest.raises(UpstreamProtocolError):
        CODEC.read_answer(body)


def test_a_whole_answer_may_be_an_error() -> None:
    """With status 200, and its own kind."""
    fault = CODEC.read_answer(b'{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}')
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.message) == ("rate_limit", "m")

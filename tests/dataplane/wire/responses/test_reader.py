"""A provider's stream → events: what is left out is made up for, what cannot be read is counted, and there is one end."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import UpstreamProtocolError
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
    Opaque,
    Open,
    Reasoning,
    Refusal,
    Stop,
    Text,
    ToolCall,
)
from gateway.dataplane.wire.responses import CODEC
from gateway.dataplane.wire.translate.collect import answer_of
from tests.dataplane.wire.responses.build import read

_CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "gpt", "created_at": 7, "output": []}}
_BEGIN = Begin("resp_1", "gpt", created_s=7)


def _end(*output: dict[str, Any], status: str = "completed", **members: Any) -> dict[str, Any]:
    return {
        "type": f"response.{status}",
        "response": {"id": "resp_1", "status": status, "output": list(output), **members},
    }


def _added(place: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def _done(place: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def _delta(kind: str, place: int, delta: str, **members: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": place, "item_id": "x", "delta": delta, **members}


def _message(*texts: str, item_id: str = "msg_1", **members: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": item_id, "role": "assistant", "content": content, **members}


def test_text_streams_as_it_comes() -> None:
    """One event out for one in; the item's id and phase stay with the text."""
    about = {"item_id": "msg_1", "phase": "final_answer"}
    assert read(
        _CREATED,
        {"type": "response.in_progress", "response": {"id": "resp_1"}},
        _added(0, type="message", id="msg_1", phase="final_answer", content=[]),
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text"}},
        _delta("output_text", 0, "Hel"),
        _delta("output_text", 0, "lo"),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hello"},
        {"type": "response.content_part.done", "output_index": 0, "content_index": 0,
         "part": {"type": "output_text", "text": "Hello"}},
        _done(0, **_message("Hello")),
        _end(_message("Hello"), usage={"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}),
    ) == [
        _BEGIN,
        Open(0, Text(text="", extra=about)),
        Delta(0, "text", "Hel"),
        Delta(0, "text", "lo"),
        Close(0),
        Finish(Stop(reason="end", raw="completed"), Usage(input_tokens=3, output_tokens=1)),
    ]  # fmt: skip


def test_parallel_calls_may_interleave() -> None:
    """Each piece goes to its own call (trap 4); a namespace and the item's id are kept."""
    told = read(
        _CREATED,
        _added(0, type="function_call", id="fc_1", call_id="c1", name="f", arguments=""),
        _added(1, type="custom_tool_call", id="ctc_1", call_id="c2", name="p", namespace="n", input=""),
        _delta("function_call_arguments", 0, '{"a"'),
        _delta("custom_tool_call_input", 1, "*** Beg"),
        _delta("function_call_arguments", 0, ":1}"),
        _delta("custom_tool_call_input", 1, "in"),
        _done(1, type="custom_tool_call", id="ctc_1", call_id="c2", name="p", input="*** Begin"),
        _done(0, type="function_call", id="fc_1", call_id="c1", name="f", arguments='{"a":1}'),
        _end(),
    )
    assert told[1:3] == [
        Open(0, ToolCall(id="c1", name="f", item_id="fc_1")),
        Open(1, ToolCall(id="c2", name="p", kind="custom", namespace="n", item_id="ctc_1")),
    ]
    answer = answer_of(told)
    assert isinstance(answer, Answer)
    assert [part.arguments for part in answer.parts if isinstance(part, ToolCall)] == ['{"a":1}', "*** Begin"]
    assert answer.stop.reason == "tool_calls"


def test_reasoning_has_summaries_and_words_and_a_cipher() -> None:
    """The cipher of `output_item.done` counts: that of `added` is only its beginning."""
    told = read(
        _CREATED,
        _added(0, type="reasoning", id="rs_1", summary=[], encrypted_content="gA"),
        {"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0, "part": {}},
        _delta("reasoning_summary_text", 0, "so", summary_index=0),
        _delta("reasoning_summary_text", 0, "then", summary_index=1),
        _delta("reasoning_text", 0, "hm", content_index=0),
        _done(0, type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA"),
        _end(),
    )
    assert told[1:-1] == [
        Open(0, Reasoning(item_id="rs_1")),
        Delta(0, "summary", "so", 0),
        Delta(0, "summary", "then", 1),
        Delta(0, "text", "hm"),
        Delta(0, "signature", "gAAA"),
        Close(0),
    ]


def test_a_refusal_is_told_apart() -> None:
    """Its deltas are text of a Refusal; the answer was refused."""
    told = read(_CREATED, _added(0, type="message", id="m"), _delta("refusal", 0, "no"), _end())
    assert told[1:] == [
        Open(0, Refusal(text="", extra={"item_id": "m"})),
        Delta(0, "text", "no"),
        Close(0),
        Finish(Stop(reason="refusal", raw="completed"), None),
    ]


_CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
_CITED = {
    "type": "message",
    "id": "m",
    "content": [{"type": "output_text", "text": "a", "annotations": [{"type": "url_citation"}]}],
}
_SHELL = {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}
_SEARCH = {"type": "tool_search_call", "id": "t", "call_id": "c", "execution": "client", "arguments": {"q": "x"}}
_THOUGHT = {
    "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}],
    "content": [{"type": "reasoning_text", "text": "hm"}], "encrypted_content": "gAAA",
}  # fmt: skip

WHOLE: list[tuple[str, dict[str, Any], Any]] = [
    ("text", _message("Hello"), Text(text="Hello", extra={"item_id": "msg_1"})),
    ("cited text", _CITED, Text(text="a", citations=[Citation(raw={"type": "url_citation"})], extra={"item_id": "m"})),
    ("call", _CALL, ToolCall(id="c", name="f", arguments="{}", item_id="fc_1")),
    ("arguments that are an object", {**_CALL, "arguments": {"a": 1}}, ToolCall(id="c", name="f", arguments='{"a":1}', item_id="fc_1")),
    ("shell", _SHELL, ToolCall(id="c", name="shell", arguments='{"type":"exec","command":["ls"]}', kind="shell", item_id="lsh_1")),
    ("tool search", _SEARCH, ToolCall(id="c", name="tool_search", arguments='{"q":"x"}', kind="tool_search", item_id="t")),
    ("reasoning", _THOUGHT, Reasoning(text="hm", summary=["so"], signature="gAAA", item_id="rs_1")),
    ("web search", {"type": "web_search_call", "id": "ws_1"}, Opaque(kind="web_search_call", value={"type": "web_search_call", "id": "ws_1"})),
]  # fmt: skip


@pytest.mark.parametrize(("item", "part"), [row[1:] for row in WHOLE], ids=[row[0] for row in WHOLE])
def test_an_item_that_was_not_streamed_is_given_whole(item: dict[str, Any], part: Any) -> None:
    """From `output_item.done` alone, from `added` and `done` without deltas, or from the terminal event's output alone."""
    bare = {name: value for name, value in item.items() if name in ("type", "id", "call_id", "name")}
    for events in (
        [_CREATED, _done(0, **item), _end(item)],
        [_CREATED, _done(0, **item), _end()],
        [_CREATED, _added(0, **bare), _done(0, **item), _end(item)],
        [_CREATED, _added(0, **bare), _end(item)],
        [_CREATED, _end(item)],
        [_done(0, **item), _end()],
        [_CREATED, {"type": "response.output_item.done", "item": item}, _end(item)],
    ):
        answer = answer_of(read(*events))
        assert isinstance(answer, Answer)
        assert answer.parts == [part], events
    assert CODEC.read_answer(json.dumps({"output": [item]}).encode()).parts == [part]


def test_lost_pieces_are_taken_from_the_whole() -> None:
    """What deltas left out of a text, of arguments, of a summary, and citations that were not streamed."""
    answer = answer_of(
        read(
            _CREATED,
            _added(0, type="message", id="m"),
            _delta("output_text", 0, "Hel", content_index=1),  # Bedrock numbers the parts of an answer through
            _done(
                0,
                type="message",
                id="m",
                content=[{"type": "output_text", "text": "Hello", "annotations": [{"type": "x"}]}],
            ),
            _added(1, **{**_CALL, "arguments": ""}),
            _delta("function_call_arguments", 1, '{"a'),
            {"type": "response.function_call_arguments.done", "output_index": 1, "arguments": '{"a":1}'},
            _done(1, **{**_CALL, "arguments": '{"a":1}'}),
            _added(2, type="reasoning", id="r"),
            _delta("reasoning_summary_text", 2, "s", summary_index=0),
            _done(2, type="reasoning", id="r", summary=[{"type": "summary_text", "text": "so"}]),
            _end(),
        )
    )
    assert isinstance(answer, Answer)
    assert answer.parts == [
        Text(text="Hello", citations=[Citation(raw={"type": "x"})], extra={"item_id": "m"}),
        ToolCall(id="c", name="f", arguments='{"a":1}', item_id="fc_1"),
        Reasoning(summary=["so"], item_id="r"),
    ]


def test_pieces_of_what_was_not_announced() -> None:
    """Deltas alone open their block; a call without a name waits for its end."""
    reader = CODEC.reader()
    told: list[Event] = []
    for event in (
        _delta("output_text", 0, "Hi"),
        _delta("reasoning_text", 1, "hm"),
        _delta("function_call_arguments", 2, "{}"),
        _done(2, **_CALL),
        _end(),
    ):
        told += reader.feed("", json.dumps(event).encode())
    answer = answer_of(told)
    assert isinstance(answer, Answer)
    assert [type(part) for part in answer.parts] == [Text, Reasoning, ToolCall]
    assert reader.skipped == 1


ENDS: list[tuple[str, dict[str, Any], Stop]] = [
    ("completed", _end(), Stop(reason="end", raw="completed")),
    ("the length", _end(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
     Stop(reason="length", raw="max_output_tokens")),
    ("a filter", _end(status="incomplete", incomplete_details={"reason": "content_filter"}),
     Stop(reason="content_filter", raw="content_filter")),
    ("a new reason", _end(status="incomplete", incomplete_details={"reason": "tired"}), Stop(reason="unknown", raw="tired")),
    ("response.done (complaint 5)", {"type": "response.done", "response": {"status": "completed"}},
     Stop(reason="end", raw="completed")),
    ("response.done that is not", {"type": "response.done", "response": {
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}},
     Stop(reason="length", raw="max_output_tokens")),
    ("cancelled", _end(status="cancelled"), Stop(reason="cancelled", raw="cancelled")),
    ("no response at all", {"type": "response.completed"}, Stop(reason="end", raw="completed")),
]  # fmt: skip


@pytest.mark.parametrize(("end", "stop"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_ends(end: dict[str, Any], stop: Stop) -> None:
    """Trap 54: every terminal event, and never a silent `end` for what is none. Nothing comes after it."""
    reader = CODEC.reader()
    told = [event for one in (_CREATED, end, end, _CREATED) for event in reader.feed("", json.dumps(one).encode())]
    assert told == [_BEGIN, Finish(stop, None)]
    assert reader.end() == []


FAULTS: list[tuple[str, str, dict[str, Any] | str, Fault]] = [
    ("response.failed", "", _end(status="failed", error={"code": "server_error", "message": "oops"}),
     Fault("server", "oops", code="server_error")),
    ("response.failed with a full context", "", _end(status="failed", error={"code": "context_length_exceeded", "message": "m"}),
     Fault("context_window", "m", code="context_length_exceeded")),
    ("response.done that failed", "", {"type": "response.done", "response": {
        "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}}},
     Fault("rate_limit", "Please try again in 1.5s.", code="rate_limit_exceeded", retry_after_s=1.5)),
    ("an error event", "error", {"type": "error", "code": "server_error", "message": "oops", "param": None},
     Fault("server", "oops", code="server_error")),
    ("an error event with an error inside", "", {"type": "error", "error": {"type": "server_error", "message": "oops"}},
     Fault("server", "oops", type="server_error")),
    ("an error that is no event", "error", {"type": "server_error", "code": "server_error", "message": "oops"},
     Fault("server", "oops", code="server_error", type="server_error")),
    ("a socket's error", "", {"type": "error", "status": 429, "error": {"type": "usage_limit_reached", "message": "m"}},
     Fault("rate_limit", "m", status=429, type="usage_limit_reached")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "event", "fault"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_failures(name: str, event: dict[str, Any], fault: Fault) -> None:
    """Trap 50; nothing comes after."""
    reader = CODEC.reader()
    assert reader.feed(name, json.dumps(event).encode()) == [fault]
    assert reader.feed("", json.dumps(_CREATED).encode()) == []
    assert reader.end() == []


def test_a_stream_that_stops_is_a_fault() -> None:
    """Responses has a terminal event, so an EOF before it is a cut."""
    told = read(_CREATED, _added(0, type="message", id="m"), _delta("output_text", 0, "Hi"))
    assert isinstance(told[-1], Fault)
    assert told[-1].kind == "server"


ODD: list[tuple[str, bytes, int]] = [
    ("no JSON", b"{", 1),
    ("an array", b"[]", 1),
    ("not UTF-8", b'{"type":"\xff"}', 1),
    ("a type that is a number", b'{"type":5}', 1),
    ("an unknown event (complaint 11)", b'{"type":"codex.rate_limits","limit_reached":true}', 1),
    ("a delta of nothing", b'{"type":"response.function_call_arguments.delta","output_index":9,"delta":"x"}', 1),
    ("a delta that is an object", b'{"type":"response.output_text.delta","output_index":0,"delta":{}}', 1),
    ("an item that is a string", b'{"type":"response.output_item.done","output_index":0,"item":"x"}', 1),
    ("deep", b'{"type":"response.output_item.done","item":' + b"[" * 5000 + b"]" * 5000 + b"}", 1),
    ("the end of Chat's streams", b"[DONE]", 0),
    ("progress of a search", b'{"type":"response.web_search_call.searching","output_index":0}', 0),
    ("keep-alive", b'{"type":"keepalive","sequence_number":3}', 0),
]


@pytest.mark.parametrize(("data", "skipped"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_what_cannot_be_read_is_skipped_and_counted(data: bytes, skipped: int) -> None:
    """Trap 52: it neither ends the stream nor loses what comes after."""
    reader = CODEC.reader()
    events = [
        json.dumps(_CREATED).encode(),
        data,
        json.dumps(_done(0, **_message("Hi"))).encode(),
        json.dumps(_end()).encode(),
    ]
    answer = answer_of([event for one in events for event in reader.feed("", one)])
    assert isinstance(answer, Answer)
    assert [part.text for part in answer.parts if isinstance(part, Text) and part.text] == ["Hi"]
    assert reader.skipped == skipped


def test_an_answer_that_is_none_is_an_error_of_the_provider() -> None:
    """Whole bodies: no JSON, no output, or failed; the provider's words are kept."""
    for body, words in (
        (b"<html>", "no Responses object"),
        (b'{"id":"resp_1"}', "has no `output`"),
    ):
        with pytest.raises(UpstreamProtocolError, match=words):
            CODEC.read_answer(body)
    for body, kind, words in (
        (
            b'{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"oops"}}',
            "rate_limit",
            "oops",
        ),
        (b'{"error":"no such key"}', "server", "no such key"),
    ):
        fault = CODEC.read_answer(body)
        assert isinstance(fault, Fault)
        assert (fault.kind, fault.message) == (kind, words)

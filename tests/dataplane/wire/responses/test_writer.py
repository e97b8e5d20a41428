"""Events → the stream and the body that Codex and OpenAI's SDKs read. `written` checks the grammar each time."""

import json
import random
from typing import Any

import pytest

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import (
    Answer,
    Begin,
    CallKind,
    Citation,
    Close,
    Delta,
    Event,
    Fault,
    Finish,
    Format,
    Message,
    Opaque,
    Open,
    Part,
    Reasoning,
    Refusal,
    Stop,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
)
from gateway.dataplane.wire.responses import CODEC
from gateway.dataplane.wire.responses.citations import citation_of
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.wire.responses.build import asked, final, kinds, read, written
from tests.dataplane.wire.responses.grammar import frames, violations

_BEGIN = Begin("msg_abc", "claude", created_s=5)
_END = Finish(Stop(reason="end"), Usage(input_tokens=3, cache_read_tokens=2, output_tokens=4, reasoning_tokens=1))


def _text(index: int, *pieces: str) -> list[Event]:
    return [Open(index, Text(text="")), *(Delta(index, "text", piece) for piece in pieces), Close(index)]


def test_a_text_has_the_whole_grammar() -> None:
    """Trap 46: every event that OpenAI sends, in its order; the final output is what was streamed."""
    found = written([_BEGIN, *_text(0, "Hel", "lo"), _END])
    assert kinds(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    response = final(found)
    assert response["id"] == "resp_9f86d081884c0000002a"
    assert (response["model"], response["created_at"], response["status"]) == ("claude", 5, "completed")
    assert response["output"] == [
        {
            "id": "msg_9f86d081884c0000002a_0",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"}],
        }
    ]


def test_usage_is_complete() -> None:
    """Complaint 4, trap 55: the input includes what was cached, and all details are there."""
    assert final(written([_BEGIN, _END]))["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 9,
    }
    assert final(written([_BEGIN, Finish(Stop(reason="end"))]))["usage"] is None
    told = Usage(input_tokens=1, cache_write_5m_tokens=2, cache_write_1h_tokens=3, web_searches=2)
    response = final(written([_BEGIN, Finish(Stop(reason="end"), told)]))
    assert response["usage"]["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 5}
    assert response["tool_usage"]["web_search"] == {"num_requests": 2}


def test_the_request_is_repeated_as_openai_does() -> None:
    """Tools, instructions, format and the rest; `store` says what is true here."""
    tool = Tool(kind="namespace", name="n", children=[Tool(kind="custom", name="c", syntax="lark", grammar="g")])
    found = written(
        [_BEGIN, _END],
        instructions=Message(role="system", parts=[Text(text="be")]),
        tools=[tool],
        thinking=Thinking(effort="low"),
        format=Format(kind="json_object"),
        verbosity="low",
        session="thread",
        extra={"metadata": {"a": "b"}, "store": True},
    )
    for _, event in (found[0], found[-1]):
        response = event["response"]
        assert response["instructions"] == "be"
        assert response["tools"] == [
            {
                "type": "namespace",
                "name": "n",
                "tools": [
                    {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "g"}}
                ],
            }
        ]
        assert response["reasoning"] == {"effort": "low", "summary": None}
        assert response["text"] == {"format": {"type": "json_object"}, "verbosity": "low"}
        assert (response["prompt_cache_key"], response["metadata"], response["store"]) == ("thread", {"a": "b"}, False)


def test_nothing_is_sent_before_content() -> None:
    """A provider that fails at once can still be answered with a status."""
    writer = CODEC.writer(asked())
    assert writer.write([_BEGIN]) == b""
    assert writer.write([Open(0, Text(text=""))]).count(b"event: ") == 2
    assert writer.write([Delta(0, "text", "a")]).count(b"event: ") == 3
    assert writer.write([_END]) != b""
    assert writer.write([_END, Fault("server", "late"), *_text(1, "late")]) == b""


def test_a_freeform_call_has_bare_input() -> None:
    """Trap 1, complaint 1: `custom_tool_call` with its own events, never JSON around the patch."""
    call = ToolCall(id="toolu_1", name="apply_patch", kind="custom")
    patch = '*** Begin Patch\n+"quoted"\n*** End Patch\n'
    found = written(
        [_BEGIN, Open(0, call), Delta(0, "arguments", patch[:9]), Delta(0, "arguments", patch[9:]), Close(0), _END]
    )
    assert kinds(found)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert final(found)["output"] == [
        {
            "id": "ctc_9f86d081884c0000002a_0",
            "type": "custom_tool_call",
            "status": "completed",
            "call_id": "toolu_1",
            "name": "apply_patch",
            "input": patch,
        }
    ]


def test_function_calls_may_interleave() -> None:
    """Trap 4: two open calls, their deltas in turn; a namespace is a member of its own (trap 3)."""
    found = written(
        [
            _BEGIN,
            Open(0, ToolCall(id="a", name="f", namespace="n", item_id="fc_mine")),
            Open(1, ToolCall(id="b", name="g", item_id="not-legal")),
            Delta(1, "arguments", '{"x":'),
            Delta(0, "arguments", '{"y":2}'),
            Delta(1, "arguments", "1}"),
            Close(1),
            Close(0),
            Finish(Stop(reason="tool_calls")),
        ]
    )
    first, second = final(found)["output"]
    assert (first["id"], first["call_id"], first["namespace"], first["arguments"]) == ("fc_mine", "a", "n", '{"y":2}')
    assert (second["id"], second["call_id"], second["arguments"]) == ("fc_9f86d081884c0000002a_1", "b", '{"x":1}')
    assert "namespace" not in second


def test_arguments_are_always_an_object() -> None:
    """Trap 11: none become {}; what broke off is told to be incomplete, since a client would run it."""
    for told, want, status in (
        ("", "{}", "completed"),
        ('{"a":', '{"a":', "incomplete"),
        ('{"a":1}', '{"a":1}', "completed"),
    ):
        events: list[Event] = [_BEGIN, Open(0, ToolCall(id="a", name="f", arguments=told)), Close(0), _END]
        item = final(written(events))["output"][0]
        assert (item["arguments"], item["status"]) == (want, status)


HELD: list[tuple[CallKind, str, dict[str, Any]]] = [
    (
        "shell",
        '{"command":["ls"]}',
        {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}},
    ),
    ("shell", "ls", {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}}),
    ("tool_search", '{"query":"q"}', {"type": "tool_search_call", "execution": "client", "arguments": {"query": "q"}}),
    ("tool_search", "q", {"type": "tool_search_call", "execution": "client", "arguments": {"query": "q"}}),
]


@pytest.mark.parametrize(("kind", "told", "want"), HELD)
def test_calls_without_deltas_come_whole(kind: CallKind, told: str, want: dict[str, Any]) -> None:
    """`local_shell_call` and `tool_search_call` have no pieces."""
    found = written(
        [_BEGIN, Open(0, ToolCall(id="c", name="x", kind=kind)), Delta(0, "arguments", told), Close(0), _END]
    )
    item = final(found)["output"][0]
    assert item.items() >= {"call_id": "c", "status": "completed", **want}.items()
    assert kinds(found)[2:-1] == ["output_item.added", "output_item.done"]


def test_reasoning_is_shown_as_summary_and_sealed() -> None:
    """Thinking, summaries and the signature; the cipher only for those who asked for it (trap 23)."""
    events: list[Event] = [
        _BEGIN,
        Open(0, Reasoning()),
        Delta(0, "summary", "one", 0),
        Delta(0, "summary", "two", 1),
        Delta(0, "text", "thinking"),
        Delta(0, "signature", "first"),
        Delta(0, "signature", "sig"),
        Close(0),
        _END,
    ]
    found = written(events)
    part = [
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
    ]
    assert kinds(found)[2:-1] == ["output_item.added", *part * 3, "output_item.done"]
    assert final(found)["output"] == [
        {
            "id": "rs_9f86d081884c0000002a_0",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": text} for text in ("one", "two", "thinking")],
            "encrypted_content": "sig",
        }
    ]
    assert "encrypted_content" not in final(written(events, include_encrypted=False))["output"][0]


def test_redacted_thinking_is_only_its_cipher() -> None:
    """Trap 18: a block that is all signature survives."""
    found = written([_BEGIN, Open(0, Reasoning(signature="sig", is_redacted=True)), Close(0), _END])
    item = final(found)["output"][0]
    assert (item["summary"], item["encrypted_content"]) == ([], "sig")


def test_texts_side_by_side_are_one_message() -> None:
    """Anthropic cuts a cited text into blocks; a call between two texts makes them two messages."""
    found = written(
        [
            _BEGIN,
            *_text(0, "a"),
            Open(1, Text(text="")),
            Close(1),
            *_text(2, "b"),
            Open(3, ToolCall(id="c", name="f")),
            Close(3),
            *_text(4, "c"),
            _END,
        ]
    )
    assert [[part["text"] for part in item.get("content", ())] for item in final(found)["output"]] == [
        ["a", "b"],
        [],
        ["c"],
    ]


def test_an_item_of_openai_keeps_its_id_and_phase() -> None:
    """From another provider of the same dialect."""
    part = Text(text="", extra={"item_id": "msg_1", "phase": "commentary"})
    item = final(written([Begin("resp_x", "m"), Open(0, part), Delta(0, "text", "a"), Close(0), _END]))["output"][0]
    assert (item["id"], item["phase"]) == ("msg_1", "commentary")


def test_citations_become_annotations() -> None:
    """Trap 37: OpenAI's own as they are, web pages of others as `url_citation`, the rest not at all."""
    own = {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3}
    page = {"type": "url_citation", "url": "w", "title": "T", "start_index": 1, "end_index": 2, "more": True}
    found = written(
        [
            _BEGIN,
            Open(0, Text(text="")),
            Delta(0, "text", "Hello"),
            Delta(0, "citation", value=citation_of(own)),
            Delta(0, "citation", value=citation_of(page)),
            Delta(
                0, "citation", value=Citation(raw={"type": "web_search_result_location"}, url="u", title="t", quote="x")
            ),
            Delta(0, "citation", value=Citation(raw={"type": "char_location"}, title="d", quote="x")),
            Delta(0, "citation", value=Citation(raw={"type": "url_citation", "url_citation": {}}, url="v", end=3)),
            Close(0),
            _END,
        ]
    )
    web = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 5}
    chat = {"type": "url_citation", "url": "v", "title": "", "start_index": 0, "end_index": 3}
    assert final(found)["output"][0]["content"][0]["annotations"] == [own, page, web, chat]
    assert kinds(found).count("output_text.annotation.added") == 4


def test_blocks_of_other_dialects_leave_no_trace() -> None:
    """Anthropic's server tools; OpenAI's own items pass."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    found = written(
        [
            _BEGIN,
            Open(0, Opaque(kind="server_tool_use", value={"type": "server_tool_use", "id": "x"})),
            Delta(0, "arguments", "{}"),
            Close(0),
            Open(1, Opaque(kind="web_search_call", value=search)),
            Close(1),
            _END,
        ]
    )
    assert final(found)["output"] == [search]


STOPS: list[tuple[StopReason, str, str]] = [
    ("end", "completed", ""),
    ("tool_calls", "completed", ""),
    ("stop_sequence", "completed", ""),
    ("pause", "completed", ""),
    ("length", "incomplete", "max_output_tokens"),
    ("context_window", "incomplete", "max_output_tokens"),
    ("content_filter", "incomplete", "content_filter"),
    ("refusal", "incomplete", "content_filter"),
    ("malformed_call", "failed", "server_error"),
    ("unknown", "failed", "server_error"),
    ("cancelled", "failed", "server_error"),
]


@pytest.mark.parametrize(("reason", "status", "why"), STOPS)
def test_stops(reason: StopReason, status: str, why: str) -> None:
    """Trap 54: nothing that is no end is told as one; the last message says that it is not whole."""
    found = written([_BEGIN, *_text(0, "a"), Finish(Stop(reason=reason, raw="RAW"), Usage(output_tokens=2))])
    response = final(found)
    assert found[-1][0] == f"response.{status}"
    assert (response["incomplete_details"] or {}).get("reason", "") == (why if status == "incomplete" else "")
    assert (response["error"] or {}).get("code", "") == (why if status == "failed" else "")
    assert response["usage"]["output_tokens"] == 2
    assert response["output"][0]["status"] == ("incomplete" if status == "incomplete" else "completed")


def test_a_refusal_in_words_is_complete() -> None:
    """As OpenAI tells it."""
    refusal: list[Event] = [Open(0, Refusal(text="")), Delta(0, "text", "no"), Close(0)]
    found = written([_BEGIN, *refusal, Finish(Stop(reason="refusal"))])
    assert found[-1][0] == "response.completed"
    assert final(found)["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert kinds(found)[4:6] == ["refusal.delta", "refusal.done"]


def test_a_finish_closes_what_is_open() -> None:
    """Also when it comes alone."""
    events: list[Event] = [_BEGIN, Open(0, Text(text="")), Delta(0, "text", "a"), Open(1, ToolCall(id="c", name="f"))]
    assert len(final(written([*events, _END]))["output"]) == 2
    assert final(written([_END]))["output"] == []
    assert final(written([Finish(Stop(reason="length"))]))["status"] == "incomplete"


def test_a_fault_is_one_failed_response() -> None:
    """Complaint 3: half a call is never done, whole items stay, and there is one end."""
    found = written(
        [
            _BEGIN,
            *_text(0, "whole"),
            Open(1, ToolCall(id="c", name="f")),
            Delta(1, "arguments", '{"rm":'),
            Fault("server", "connection lost"),
        ]
    )
    response = final(found)
    assert [item["type"] for item in response["output"]] == ["message"]
    assert response["error"] == {"code": "server_error", "message": "connection lost"}
    assert kinds(found)[-1] == "failed"
    assert kinds(written([Fault("server", "at once")])) == ["created", "in_progress", "failed"]


FAULTS: list[tuple[Fault, str, str]] = [
    (Fault("context_window", "prompt is too long"), "context_length_exceeded", "prompt is too long"),
    (
        Fault("rate_limit", "slow down", retry_after_s=1.5),
        "rate_limit_exceeded",
        "slow down. Please try again in 1.5s.",
    ),
    (
        Fault("rate_limit", "Please try again in 20s.", retry_after_s=20),
        "rate_limit_exceeded",
        "Please try again in 20s.",
    ),
    (Fault("rate_limit", "no money", code="insufficient_quota"), "insufficient_quota", "no money"),
    (Fault("overloaded", "Overloaded"), "server_is_overloaded", "Overloaded"),
    (Fault("bad_request", "no"), "invalid_prompt", "no"),
    (Fault("not_found", "no"), "model_not_found", "no"),
    (Fault("authentication", "no"), "inference_hook_denied", "no"),
    (Fault("content_filter", "no"), "content_policy_violation", "no"),
    (Fault("timeout", "late"), "server_error", "late"),
    (Fault("server", ""), "server_error", "the provider failed without a word"),
]


@pytest.mark.parametrize(("fault", "code", "message"), FAULTS)
def test_the_code_of_a_fault_makes_codex_do_what_is_right(fault: Fault, code: str, message: str) -> None:
    """codex-wire §8: retried, shown once, or compacted."""
    assert final(written([fault]))["error"] == {"code": code, "message": message}


def test_ids_are_legal_whatever_the_request_is_called() -> None:
    """OpenAI refuses ids of more than 64 characters when the conversation comes back."""
    for name in ("req_x/../" + "y" * 200, "", "ä"):
        writer = CODEC.writer(asked().__class__(asked().turn, name, 5))
        found = frames(writer.write([_BEGIN, *_text(0, "a"), _END]))
        item = final(found)["output"][0]
        assert item["id"].startswith("msg_")
        assert len(item["id"]) <= 64
        assert item["id"].replace("_", "a").isascii()
        assert item["id"].replace("_", "a").isalnum()


_PARTS: list[Part] = [
    Text(text="Hello"),
    Reasoning(summary=["so"], signature="sig"),
    ToolCall(id="c1", name="f", arguments='{"a":1}'),
    ToolCall(id="c2", name="p", arguments="patch", kind="custom", namespace="n"),
    ToolCall(id="c3", name="shell", arguments='{"type":"exec","env":{},"command":["ls"]}', kind="shell"),
    ToolCall(id="c4", name="tool_search", arguments='{"query":"q"}', kind="tool_search"),
    Text(text="world"),
    Refusal(text="no"),
]


def test_a_whole_answer_is_what_its_stream_ends_with() -> None:
    """One truth for both forms; and it reads the same again."""
    answer = Answer(id="x", model="m", parts=_PARTS, stop=Stop(reason="tool_calls"), usage=Usage(input_tokens=1))
    body = json.loads(CODEC.write_answer(answer, asked()))
    assert body == final(written(events_of(answer)))
    again = CODEC.read_answer(json.dumps(body).encode())
    for part in again.parts:
        part.extra = None
        if isinstance(part, ToolCall | Reasoning):
            part.item_id = ""
    assert again.parts == _PARTS


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_events_obeys_the_grammar(seed: int) -> None:
    """Blocks that interleave, never close, close twice or never opened; N calls come back as N equal calls."""
    dice = random.Random(seed)
    parts = [dice.choice(_PARTS) for _ in range(dice.randint(0, 8))]
    queues = [events_of(Answer(id="", model="", parts=[part], stop=Stop(reason="end")))[1:-1] for part in parts]
    events: list[Event] = [_BEGIN]
    while any(queues):
        at = dice.choice([at for at, queue in enumerate(queues) if queue])
        event = queues[at].pop(0)
        if isinstance(event, Open):
            events.append(Open(at, event.part))
        elif isinstance(event, Close):
            events += [] if dice.random() < 0.2 else [Close(at)] * dice.choice((1, 1, 2))
        elif isinstance(event, Delta):
            events.append(Delta(at, event.kind, event.text, event.at, event.value))
        if dice.random() < 0.1:
            events.append(Delta(77, "text", "nobody's"))
    ended = [*events, dice.choice([_END, Finish(Stop(reason="length")), Fault("server", "cut")])]
    stream = CODEC.writer(asked()).write(ended)
    found = frames(stream)
    assert violations(found) == []
    if isinstance(ended[-1], Finish):
        answer = answer_of(read(*(event for _, event in found)))
        assert isinstance(answer, Answer)
        calls = [part for part in answer.parts if isinstance(part, ToolCall)]
        want = [part for part in parts if isinstance(part, ToolCall)]
        assert sorted((call.id, call.name, call.kind, call.arguments) for call in calls) == sorted(
            (call.id, call.name, call.kind, call.arguments) for call in want
        )

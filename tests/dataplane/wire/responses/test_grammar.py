"""The checker of Responses streams can fail: each thing that is wrong is found, and a right stream has nothing wrong."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.dataplane.wire.responses.grammar import Frame, frames, violations

_ITEM = {"item_id": "msg_1", "output_index": 0}
_PART = {**_ITEM, "content_index": 0}
_CALL = {"item_id": "fc_1", "output_index": 1}
_THOUGHT = {"item_id": "rs_1", "output_index": 2, "summary_index": 0}
_TEXT = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
_FUNCTION = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "f",
    "arguments": "",
    "status": "in_progress",
}
_REASONING = {"id": "rs_1", "type": "reasoning", "summary": []}
_DONE = [
    {**_MESSAGE, "status": "completed", "content": [{**_TEXT, "text": "Hello"}]},
    {**_FUNCTION, "status": "completed", "arguments": "{}"},
    {**_REASONING, "summary": [{"type": "summary_text", "text": "so"}]},
]
_RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": [],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "metadata": {}, "error": None,
    "incomplete_details": None, "usage": None,
}  # fmt: skip
_USAGE = {
    "input_tokens": 5, "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
    "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 7,
}  # fmt: skip
_GOOD: list[dict[str, Any]] = [
    {"type": "response.created", "response": _RESPONSE},
    {"type": "response.in_progress", "response": _RESPONSE},
    {"type": "response.output_item.added", "output_index": 0, "item": _MESSAGE},
    {"type": "response.content_part.added", **_PART, "part": _TEXT},
    {"type": "response.output_text.delta", **_PART, "delta": "Hel", "logprobs": []},
    {"type": "response.output_text.delta", **_PART, "delta": "lo", "logprobs": []},
    {"type": "response.output_text.done", **_PART, "text": "Hello", "logprobs": []},
    {"type": "response.content_part.done", **_PART, "part": {**_TEXT, "text": "Hello"}},
    {"type": "response.output_item.done", "output_index": 0, "item": _DONE[0]},
    {"type": "response.output_item.added", "output_index": 1, "item": _FUNCTION},
    {"type": "response.function_call_arguments.delta", **_CALL, "delta": "{}"},
    {"type": "response.function_call_arguments.done", **_CALL, "arguments": "{}"},
    {"type": "response.output_item.done", "output_index": 1, "item": _DONE[1]},
    {"type": "response.output_item.added", "output_index": 2, "item": _REASONING},
    {"type": "response.reasoning_summary_part.added", **_THOUGHT, "part": {"type": "summary_text", "text": ""}},
    {"type": "response.reasoning_summary_text.delta", **_THOUGHT, "delta": "so"},
    {"type": "response.reasoning_summary_text.done", **_THOUGHT, "text": "so"},
    {"type": "response.reasoning_summary_part.done", **_THOUGHT, "part": {"type": "summary_text", "text": "so"}},
    {"type": "response.output_item.done", "output_index": 2, "item": _DONE[2]},
    {"type": "response.completed", "response": {**_RESPONSE, "status": "completed", "output": _DONE, "usage": _USAGE}},
]

Change = Callable[[list[dict[str, Any]]], object]


def _stream(change: Change | None = None, *, numbered: bool = True) -> list[Frame]:
    events = copy.deepcopy(_GOOD)
    if change is not None:
        change(events)
    for at, event in enumerate(events):
        if numbered:
            event.setdefault("sequence_number", at)
    return [(event.get("type", ""), event) for event in events]


def _set(at: int, value: Any, *path: Any) -> Change:
    def change(events: list[dict[str, Any]]) -> None:
        node: Any = events[at]
        for name in path[:-1]:
            node = node[name]
        node[path[-1]] = value

    return change


def test_a_right_stream_has_no_violation() -> None:
    """Whole, as answered, and cut by a failure."""
    assert violations(_stream()) == []
    failed = {**_RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "m"}}
    cut = [*_GOOD[:5], {"type": "response.failed", "response": failed}]
    assert violations([(e["type"], {**e, "sequence_number": at}) for at, e in enumerate(cut)]) == []


def _renumber(events: list[dict[str, Any]]) -> None:
    for event in events:
        if event.get("output_index") == 2:
            event["output_index"] = 3


BROKEN: list[tuple[str, Change]] = [
    ("not the first event", lambda events: events.pop(0)),
    ("not the only one", lambda events: events.insert(1, copy.deepcopy(events[0]))),
    ("no terminal event", lambda events: events.pop()),
    ("after response.completed", lambda events: events.append(copy.deepcopy(events[-1]))),
    ("sequence_number 9 after 3", _set(4, 9, "sequence_number")),
    ("outside of an open item", lambda events: events.pop(2)),
    ("outside of an open part", lambda events: events.pop(3)),
    ("output_text.done differs", lambda events: events.pop(4)),
    ("without the .done of its text", lambda events: events.pop(6)),
    ("part 0 of item 0 is never done", lambda events: events.pop(7)),
    ("is never done", lambda events: events.pop(8)),
    ("added twice", lambda events: events.insert(3, copy.deepcopy(events[2]))),
    ("done without being open", lambda events: events.insert(9, copy.deepcopy(events[8]))),
    ("arguments_done", _set(11, "{ }", "arguments")),
    ("without its .done", lambda events: events.pop(11)),
    ("not what was streamed", _set(12, "{ }", "item", "arguments")),
    ("response.output is not", lambda events: events[-1]["response"]["output"].pop()),
    ("item_id of", _set(5, "msg_2", "item_id")),
    ("changes between", _set(12, "call_2", "item", "call_id")),
    ("call_id", _set(9, "", "item", "call_id")),
    ("with status", _set(-1, "in_progress", "response", "status")),
    ("lacks reasoning_tokens", _set(-1, {}, "response", "usage", "output_tokens_details")),
    ("lacks cache_write_tokens", _set(-1, {"cached_tokens": 0}, "response", "usage", "input_tokens_details")),
    ("not the sum", _set(-1, 9, "response", "usage", "total_tokens")),
    ("without logprobs", lambda events: events[4].pop("logprobs")),
    ("unknown event", _set(4, "response.output_texts.delta", "type")),
    ("response.tools", _set(0, None, "response", "tools")),
    ("id of the response changes", _set(-1, "resp_2", "response", "id")),
    ("is added with content", _set(2, [_TEXT], "item", "content")),
    ("reasoning_summary_text.done differs", _set(16, "else", "text")),
    ("summary of a reasoning item", _set(18, [], "item", "summary")),
    ("output_index is not dense", _renumber),
    ("error is", _set(-1, {"code": "c", "message": "m"}, "response", "error")),
    ("incomplete_details is", _set(-1, {"reason": "r"}, "response", "incomplete_details")),
]


@pytest.mark.parametrize(("words", "change"), BROKEN, ids=[words for words, _ in BROKEN])
def test_what_is_wrong_is_found(words: str, change: Change) -> None:
    """Each change breaks the stream, and the checker says so."""
    found = violations(_stream(change))
    assert found, words
    if words != "arguments_done":
        assert any(words in one for one in found), found


def test_names_and_numbers_are_looked_at() -> None:
    """An event: line that says another type, no sequence numbers at all, data that is no object."""
    assert violations([("response.created", event) for _, event in _stream()])
    assert any("without sequence_number" in one for one in violations(_stream(numbered=False)))
    assert violations([*_stream(), ("", "[DONE]")])


def test_frames_are_split_as_sse() -> None:
    """Comments are no frames; data of several lines is one."""
    stream = b': ping\n\nevent: a\ndata: {"type":\ndata: "a"}\n\ndata: [DONE]\n\n'
    assert frames(stream) == [("a", {"type": "a"}), ("", "[DONE]")]

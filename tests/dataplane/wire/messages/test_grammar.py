"""The grammar checker itself: it accepts what Anthropic sends, and finds each kind of mistake."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.dataplane.wire.messages.grammar import violations

Events = list[tuple[str, dict[str, Any]]]

_USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 1,
}
_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": _USAGE,
}


def _named(*events: dict[str, Any]) -> Events:
    return [(event["type"], event) for event in events]


def right() -> Events:
    """A stream with thinking, text and a call."""

    def delta(index: int, **members: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": members}

    def start(index: int, **members: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": members}

    def stop(index: int) -> dict[str, Any]:
        return {"type": "content_block_stop", "index": index}

    return copy.deepcopy(
        _named(
            {"type": "message_start", "message": _MESSAGE},
            start(0, type="thinking", thinking="", signature=""),
            delta(0, type="thinking_delta", thinking="hm"),
            delta(0, type="signature_delta", signature="s"),
            stop(0),
            {"type": "ping"},
            start(1, type="text", text=""),
            delta(1, type="text_delta", text="Hi"),
            stop(1),
            start(2, type="tool_use", id="toolu_1", name="f", input={}),
            delta(2, type="input_json_delta", partial_json='{"a":'),
            delta(2, type="input_json_delta", partial_json="1}"),
            stop(2),
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use", "stop_sequence": None},
                "usage": _USAGE,
            },
            {"type": "message_stop"},
        )
    )


def test_a_right_stream_has_no_violations() -> None:
    """Otherwise the checks below would prove nothing."""
    assert violations(right()) == []


def _set(at: int, *path: str, value: Any) -> Callable[[Events], None]:
    def change(events: Events) -> None:
        holder = events[at][1]
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = value

    return change


def _drop(at: int) -> Callable[[Events], None]:
    return lambda events: events.pop(at) and None


def _swap(one: int, other: int) -> Callable[[Events], None]:
    def change(events: Events) -> None:
        events[one], events[other] = events[other], events[one]

    return change


def _add(at: int, event: dict[str, Any]) -> Callable[[Events], None]:
    return lambda events: events.insert(at, (event["type"], event))


MISTAKES: list[tuple[str, Callable[[Events], None]]] = [
    ("before message_start", _drop(0)),
    ("second message_start", _add(1, {"type": "message_start", "message": _MESSAGE})),
    ("no input tokens", _set(0, "message", "usage", value={**_USAGE, "input_tokens": 0})),
    ("message_start.usage.cache_read", _set(0, "message", "usage", value={"input_tokens": 5, "output_tokens": 1})),
    ("without id", _set(0, "message", "id", value="")),
    ("without signature", _set(1, "content_block", value={"type": "thinking", "thinking": ""})),
    ("0 signatures", _drop(3)),
    ("thinking after its signature", _swap(2, 3)),
    ("inside an open block", _drop(8)),
    ("index is 3, not 1", _set(6, "index", value=3)),
    ("not open", _set(7, "index", value=0)),
    ("text_delta in a thinking block", _set(2, "delta", value={"type": "text_delta", "text": "x"})),
    ("an empty text block", _drop(7)),
    ("starts with input", _set(9, "content_block", "input", value={"a": 1})),
    ("tool_use without id", _set(9, "content_block", "id", value="")),
    ("no JSON", _drop(11)),
    ("no object", _set(10, "delta", "partial_json", value="[")),
    ("stop_reason is 'stop'", _set(13, "delta", "stop_reason", value="stop")),
    ("end_turn although", _set(13, "delta", "stop_reason", value="end_turn")),
    ("message_delta.usage.output_tokens", _set(13, "usage", value={**_USAGE, "output_tokens": None})),
    ("without message_delta", _drop(13)),
    ("no message_stop", _drop(14)),
    ("after the end", _add(15, {"type": "message_stop"})),
    ("after the end", _add(14, {"type": "error", "error": {"type": "api_error", "message": "m"}})),
    ("the error is", lambda events: events.__setitem__(slice(3, None), [("error", {"type": "error", "error": {}})])),
    ("carries type", lambda events: events.__setitem__(0, ("message", events[0][1]))),
    ("unknown event", _add(5, {"type": "message_pause"})),
    ("unknown delta", _set(7, "delta", value={"type": "sound_delta"})),
]


@pytest.mark.parametrize(("words", "mistake"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_each_mistake_is_found(words: str, mistake: Callable[[Events], None]) -> None:
    """A checker that cannot fail checks nothing."""
    events = right()
    mistake(events)
    if words == "no object":
        events[11][1]["delta"]["partial_json"] = "1]"
    assert any(words in found for found in violations(events)), violations(events)

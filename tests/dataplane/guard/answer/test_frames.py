"""Events one by one, and written anew."""

import json

import pytest

from gateway import _native
from gateway.dataplane.guard.answer.frames import ArrayFrames, message_frames, sse_frames

EVENTS = [
    b'data: {"a":1}\n\n',
    b'event: x\r\nid: 7\r\ndata:{"a":1}\r\n\r\n',
    b': a comment\nevent: x\ndata: {"a":\ndata: 1}\nretry: 10\n\n',
    b'data: {"a":1}\r\r',
    b": only a comment\n\n",
    b"data: [DONE]\n\n",
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_as_it_came(event: bytes) -> None:
    (frame,) = sse_frames(event)
    assert frame.written() == event


@pytest.mark.parametrize("event", EVENTS[:4])
def test_only_the_data_is_written_anew(event: bytes) -> None:
    (frame,) = sse_frames(event)
    assert frame.event == {"a": 1}
    frame.event["a"] = "\ud83d"
    frame.is_changed = True
    written = frame.written()
    assert [(name, json.loads(data)) for name, data in _native.split_sse(written)] == [(frame.name, {"a": "\ud83d"})]
    kept = [line for line in event.splitlines() if line and not line.startswith(b"data")]
    assert [line for line in written.splitlines() if line and not line.startswith(b"data")] == kept


def test_several_at_once_whatever_ends_their_lines() -> None:
    wire = b"".join(EVENTS[:3] + EVENTS[4:]) + EVENTS[3]
    assert [frame.raw for frame in sse_frames(wire)] == [*EVENTS[:3], *EVENTS[4:], EVENTS[3]]
    assert [frame.raw for frame in sse_frames(EVENTS[0] + b"data: cut")] == [EVENTS[0], b"data: cut"]


def test_a_message_of_an_event_stream() -> None:
    headers = [(":event-type", "contentBlockDelta"), (":content-type", "application/json"), (":message-type", "event")]
    raw = _native.eventstream_message(headers, b'{"delta":{"text":"a"}}')
    (frame,) = message_frames(raw)
    assert frame.written() == raw
    assert frame.event is not None
    frame.event["delta"]["text"] = "b"
    frame.is_changed = True
    assert _native.split_eventstream(frame.written()) == [("event", "contentBlockDelta", b'{"delta":{"text":"b"}}')]
    with pytest.raises(ValueError, match="message"):
        message_frames(b'{"a":1}')


def test_an_array_whose_strings_look_like_its_brackets() -> None:
    array = b'[{"a":"}]{\\"\\\\"},\r\n{"b":[{"c":"\\\\"}]} , {"d":{}}]'
    for size in range(1, len(array) + 1):
        frames = ArrayFrames()
        found = [frame for at in range(0, len(array), size) for frame in frames.feed(array[at : at + size])]
        assert [frame.event for frame in found] == json.loads(array), size
        assert b"".join(frame.written() for frame in [*found, *frames.rest()]) == array
        for frame in found:
            frame.is_changed = True
        assert json.loads(b"".join([*(frame.written() for frame in found), b"]"])) == json.loads(array)

"""The tests' own reader of server-sent events: what it lets pass, no test of a stream sees."""

import pytest

from tests.dataplane.wire.sse import events

STREAMS = [
    (b"", []),
    (b": a comment\n\n", []),
    (b'event: ping\r\ndata: {"type":"ping"}\r\n\r\n', [("ping", b'{"type":"ping"}')]),
    (b'event: a\ndata: {"x":\ndata: 1}\n\n: c\n\ndata:[DONE]\n\n', [("a", b'{"x":\n1}'), ("", b"[DONE]")]),
    (b"id: 7\nevent: b\n\ndata:  two \r\r", [("", b" two ")]),
    (b"data: a\ndatab: c\n\n", [("", b"a")]),
]


@pytest.mark.parametrize(("stream", "found"), STREAMS)
def test_a_stream_is_split_into_events(stream: bytes, found: list[tuple[str, bytes]]) -> None:
    assert events(stream) == found


@pytest.mark.parametrize("stream", [b"data: a", b"data: a\n", b"data: a\n\ndata: b\n", b"data: a\n\n: c"])
def test_a_stream_that_ends_inside_an_event_is_none(stream: bytes) -> None:
    """A client would never see that event."""
    with pytest.raises(ValueError, match="ends inside"):
        events(stream)

"""The upstream client against raw sockets: answers, streams, flow control, leaving."""

import gc
import subprocess
import sys
import threading
import time

import pytest

from gateway import _native
from tests.native.peers import PATIENCE_S, Client, Connection, head, peer

HEAD, DATA, TERMINAL, END, FAILED, BODY = range(6)


def _echo(connection: Connection) -> None:
    while True:
        line, headers, body = connection.read_request()
        connection.answer(f"{line}|{headers.get('x-a', '')}|".encode() + body)


def test_a_whole_answer_is_one_completion(client: Client) -> None:
    with peer(_echo) as server:
        [(kind, status, headers, ttfb_us, body)] = client.run(server.url + "?q=1", b"{}", headers=[("X-A", "é")])
    assert (kind, status) == (BODY, 200)
    assert ("content-type", "application/json") in headers
    # The peer reads our UTF-8 as latin-1 and sends that back as UTF-8.
    assert body == b"POST /v1/x?q=1 HTTP/1.1|\xc3\x83\xc2\xa9|{}"
    assert 0 < ttfb_us < PATIENCE_S * 1e6


@pytest.mark.parametrize("size", [0, 1, (16 << 10) - 1, 16 << 10, 3 << 20])
def test_bodies_of_any_size_arrive_and_connections_are_reused(client: Client, size: int) -> None:
    with peer(_echo) as server:
        for _ in range(3):
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            assert client.run(server.url, body)[0][4].endswith(b"||" + body)
        assert server.connections == 1


def test_a_lent_body_is_given_back(client: Client) -> None:
    """Bodies of 16 KiB and more are not copied; the reference must go when the exchange has ended."""
    body = bytes(100_000)
    before = sys.getrefcount(body)
    with peer(_echo) as server:
        for _ in range(5):
            client.run(server.url, body)
        deadline = time.monotonic() + PATIENCE_S
        while sys.getrefcount(body) > before and time.monotonic() < deadline:
            client.native.stats()  # any call lets pyo3 drop what other threads have let go
            gc.collect()
    assert sys.getrefcount(body) == before


def test_headers_are_as_the_caller_wrote_them(client: Client) -> None:
    def script(connection: Connection) -> None:
        while b"\r\n\r\n" not in connection.buffer:
            connection.buffer += connection.sock.recv(65536)
        fields = connection.buffer.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        connection.send(
            head(
                "200 OK",
                "x-utf-8: caf\xc3\xa9",
                "x-latin: caf\xe9",
                "set-cookie: a",
                "set-cookie: b",
                "content-length: 0",
            )
        )
        seen.extend(fields)

    seen: list[bytes] = []
    with peer(script) as server:
        headers = [("B", "2"), ("a", "1"), ("Content-Length", "99"), ("Transfer-Encoding", "chunked")]
        [(_, _, answer, _, _)] = client.run(server.url, b"abc", headers=headers)
    assert [f for f in seen if not f.startswith(b"host:")] == [b"b: 2", b"a: 1", b"content-length: 3"]
    assert not any(f.lower().startswith(b"accept-encoding") for f in seen)
    # a value that is no UTF-8 is left out: no str could carry its bytes on
    assert answer == [("x-utf-8", "caf\xe9"), ("set-cookie", "a"), ("set-cookie", "b"), ("content-length", "0")]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"url": "ftp://h/"}, "http://"),
        ({"url": "nonsense"}, "http://"),
        ({"url": "http://u:p@h/"}, "password"),
        ({"method": "G T"}, "method"),
        ({"headers": [("a b", "c")]}, "header name"),
        ({"headers": [("a", "b\r\nc: d")]}, "header `a`"),
        ({"headers": [("a", "\ud800")]}, "surrogates"),
        ({"tap": "nope"}, "tap"),
    ],
)
def test_what_cannot_be_sent_raises_before_anything_is_sent(
    client: Client, arguments: dict[str, object], word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        client.start(**({"url": "http://127.0.0.1:1/"} | arguments))  # type: ignore[arg-type]
    assert client.native.stats() == {"in_flight": 0, "queued": 0, "queued_bytes": 0}


EVENTS = [
    b'event: response.created\ndata: {"type":"response.created","response":{"model":"m"}}\n\n',
    b": ping\r\n\r\n",
    b'data: {"type":"response.output_text.delta","delta":"hey"}\n\n',
    b'data: {"type":"response.completed","response":{"model":"m1","usage":{"input_tokens":3}}}\n\n',
    b"data: after\n\n",
]
CAPTURES = ("ok", b'{"input_tokens":3}', None, b'"m1"', None, 1, 5, True)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_event_stream_is_framed_and_tapped_however_it_is_cut(client: Client, size: int) -> None:
    wire = b"".join(EVENTS) + b"data: a tail that never ends"

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        for at in range(0, len(wire), size):
            connection.send(wire[at : at + size])

    with peer(script) as server:
        got = client.run(server.url, b"{}", tap="openai.responses")
    assert got[0][:2] == (HEAD, 200)
    kinds = [c[0] for c in got]
    split = kinds.index(TERMINAL)
    assert b"".join(c[1] for c in got[1:split]) == b"".join(EVENTS[:3])
    assert got[split][1] == EVENTS[3]
    assert got[split][2][:8] == CAPTURES
    assert b"".join(c[1] for c in got[split + 1 : -1]) == EVENTS[4]
    assert got[-1] == (END, (*CAPTURES, len(wire)))


@pytest.mark.parametrize("body", [b'{"error":"no"}', b"event: error\ndata: {}\n\n"])
def test_an_error_is_a_whole_body_whatever_its_type_says(client: Client, body: bytes) -> None:
    """Plain JSON has no event's border: framed, its words would be lost."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(head("429 Too Many", "content-type: text/event-stream", f"content-length: {len(body)}"), body)

    with peer(script) as server:
        [got] = client.run(server.url, b"{}", tap="openai.responses")
    assert (got[0], got[1], got[4]) == (BODY, 429, body)


def test_without_a_tap_events_are_framed_and_nothing_is_captured(client: Client) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        connection.send(*EVENTS, b"cut")

    with peer(script) as server:
        id_ = client.start(server.url)
        got = client.finish(id_)
    assert client.data(id_) == b"".join(EVENTS)
    assert got[-1][1][:8] == ("none", None, None, None, None, 0, 0, False)


def test_a_usage_chunk_nobody_asked_for_is_dropped(client: Client) -> None:
    events = [b'data: {"choices":[{"delta":{}}]}\n\n', b'data: {"choices":[],"usage":{"t":1}}\n\n', b"data: [DONE]\n\n"]

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        connection.send(*events)

    with peer(script) as server:
        id_ = client.start(server.url, tap="openai.chat", drop_usage_chunk=True)
        got = client.finish(id_)
    assert client.data(id_) == events[0]
    assert got[-2][:2] == (TERMINAL, events[2])
    assert got[-1][1][1] == b'{"t":1}'


@pytest.mark.parametrize(("collect", "content_type"), [(False, "application/json"), (True, "text/event-stream")])
def test_raw_streams_pass_every_byte(client: Client, collect: bool, content_type: str) -> None:
    """No event stream and `collect` off, or events that someone compressed: bytes as they come."""
    body = bytes(range(256)) * 1000

    def script(connection: Connection) -> None:
        connection.read_request()
        encoding = ["content-encoding: gzip"] if collect else []
        fields = [f"content-type: {content_type}", f"content-length: {len(body)}", *encoding]
        connection.send(head("200 OK", *fields), body)

    with peer(script) as server:
        id_ = client.start(server.url, collect=collect, tap="openai.chat")
        got = client.finish(id_)
    assert got[0][0] == HEAD
    assert client.data(id_) == body
    assert got[-1] == (END, ("none", None, None, None, None, 0, 0, False, len(body)))


def test_undrained_bytes_of_an_exchange_are_one_completion(client: Client) -> None:
    """Two streams interleave; what waits for each is joined, and its order kept."""
    turns = [threading.Semaphore(1), threading.Semaphore(0)]

    def script(connection: Connection) -> None:
        _, headers, _ = connection.read_request()
        me = int(headers["x-me"])
        connection.start_events()
        for step in range(5):
            assert turns[me].acquire(timeout=PATIENCE_S)
            connection.send(f"data: {me}{step}\n\n".encode())
            turns[1 - me].release()

    with peer(script) as server:
        ids = [client.start(server.url, headers=[("x-me", str(me))]) for me in range(2)]
        deadline = time.monotonic() + PATIENCE_S
        while client.native.stats()["in_flight"]:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert client.native.stats()["queued_bytes"] == 2 * 5 * 10
        client.pump()
    for me, id_ in enumerate(ids):
        assert [c[0] for c in client.got[id_]] == [HEAD, DATA, END]
        assert client.data(id_) == b"".join(f"data: {me}{step}\n\n".encode() for step in range(5))


def test_cancel_closes_the_connection_within_100_ms_and_silences_the_exchange(client: Client) -> None:
    took: list[float] = []

    def script(connection: Connection) -> None:
        _, headers, _ = connection.read_request()
        if headers["x-when"] == "body":
            connection.start_events()
            connection.send(b"data: 1\n\n")
        ready.set()
        took.append(connection.wait_for_close())

    with peer(script) as server:
        for when in ["head", "body"]:
            ready = threading.Event()
            id_ = client.start(server.url, headers=[("x-when", when)])
            assert ready.wait(PATIENCE_S)
            if when == "body":
                client.until(lambda id_=id_: client.data(id_))  # type: ignore[misc]
            drained = list(client.got[id_])
            started = time.monotonic()
            assert client.native.cancel(id_)
            deadline = started + PATIENCE_S
            while not took:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            assert time.monotonic() - started < 0.1
            took.clear()
            assert not client.native.cancel(id_)
            client.pump(0.05)
            assert client.got[id_] == drained
    assert client.native.stats()["in_flight"] == 0


def test_stop_ends_the_exchange_with_what_it_has_captured(client: Client) -> None:
    """The connection closes, and the last completion tells usage so far; a stopped exchange stays stopped."""
    closed = threading.Event()

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        connection.send(b'data: {"type":"message_start","message":{"usage":{"input_tokens":7}}}\n\n')
        connection.wait_for_close()
        closed.set()

    with peer(script) as server:
        id_ = client.start(server.url, tap="anthropic.messages")
        client.until(lambda: client.data(id_))
        assert client.native.stop(id_)
        client.until(lambda: client.got[id_][-1][0] == FAILED)
        assert closed.wait(PATIENCE_S)
    kind, code, _, captures = client.got[id_][-1]
    assert (kind, code, captures[1]) == (FAILED, "cancelled", b'{"input_tokens":7}')
    assert not client.native.stop(id_)
    assert client.native.stats()["in_flight"] == 0


def test_cancel_takes_back_what_is_not_drained(client: Client) -> None:
    with peer(_echo) as server:
        id_ = client.start(server.url)
        deadline = time.monotonic() + PATIENCE_S
        while client.native.stats()["in_flight"]:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert client.native.cancel(id_)
        client.pump()
    assert client.got[id_] == []


def test_a_full_window_stops_reading_until_it_is_acknowledged(client: Client) -> None:
    """The peer's send blocks while nothing is acknowledged, then all of it flows."""
    event = b"data: " + b"x" * 1000 + b"\n\n"
    count = 20_000  # 20 MB: more than socket buffers take
    sent = 0

    def script(connection: Connection) -> None:
        nonlocal sent
        connection.read_request()
        connection.start_events()
        for _ in range(count):
            connection.send(event)
            sent += 1

    with peer(script) as server:
        id_ = client.start(server.url, window_bytes=65536, idle_timeout_ms=500)
        client.until(lambda: len(client.data(id_)) >= 65536)
        stalled = -1
        while stalled != sent:  # until the peer is stuck for longer than the idle timeout
            stalled = sent
            client.pump(0.7)
        assert sent < count
        assert len(client.data(id_)) < 65536 + (1 << 20)
        acked = 0
        while client.got[id_][-1][0] != END:
            assert client.got[id_][-1][0] != FAILED, client.got[id_][-1]
            received = sum(len(c[1]) for c in client.got[id_] if c[0] == DATA)
            client.native.ack(id_, received - acked)
            acked = received
            client.pump(1)
    assert client.data(id_) == event * count


def test_many_exchanges_at_once(client: Client) -> None:
    with peer(_echo) as server:
        ids = [client.start(server.url, f"{i}".encode()) for i in range(200)]
        for i, id_ in enumerate(ids):
            assert client.finish(id_)[0][4].endswith(f"|{i}".encode())
    assert client.native.stats() == {"in_flight": 0, "queued": 0, "queued_bytes": 0}


def test_an_id_in_flight_is_refused_and_free_after_its_end(client: Client) -> None:
    with peer(_echo) as server:
        id_ = client.start(server.url)
        client._next_id -= 1
        with pytest.raises(ValueError, match="in flight"):
            client.start(server.url)
        client.finish(id_)
        client._next_id -= 1
        assert client.run(server.url)[0][0] == BODY


def test_close_is_final_and_quick() -> None:
    client = Client()

    def script(connection: Connection) -> None:
        connection.read_request()
        reached.set()
        connection.wait_for_close()

    reached = threading.Event()
    with peer(script) as server:
        client.start(server.url)
        assert reached.wait(PATIENCE_S)
        started = time.monotonic()
        client.native.close()
        client.native.close()
        assert time.monotonic() - started < 1
        with pytest.raises(ValueError, match="closed"):
            client.start(server.url)
        assert client.native.drain() == []
        assert client.native.fileno() >= 0


def test_a_forgotten_client_does_not_keep_the_interpreter() -> None:
    program = (
        "import socket, gateway._native as n; s = socket.create_server(('127.0.0.1', 0));"
        "u = n.Upstream(); u.start(1, 'POST', f'http://127.0.0.1:{s.getsockname()[1]}/', [], bytes(100000), 'none',"
        "False, True, 0, 0, 0, 0, 0); s.accept(); keep = [u]; keep.append(keep); print('bye')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_S, check=True)
    assert (done.stdout, done.stderr) == (b"bye\n", b"")


def test_the_module_says_its_version() -> None:
    assert _native.__version__.count(".") == 2

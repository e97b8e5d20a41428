"""Each failure code that loopback can produce, and what has been delivered by then."""

import socket
import threading
from typing import Any

import pytest

from tests.native.peers import Client, Connection, head, peer

HEAD, DATA, TERMINAL, END, FAILED, BODY = range(6)
EVENT = b'data: {"type":"response.output_text.delta","delta":"hey"}\n\n'


def _reads_and_then(*steps: bytes, then: str = "close") -> Any:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(*steps)
        if then == "reset":
            connection.reset()
        elif then == "wait":
            connection.wait_for_close()

    return script


SSE = head("200 OK", "content-type: text/event-stream", "transfer-encoding: chunked")
LONG = head("200 OK", "content-type: application/json", "content-length: 1000")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@pytest.mark.parametrize(
    ("script", "how", "code", "delivered"),
    [
        pytest.param(_reads_and_then(), {}, "reset", None, id="closed before the head"),
        pytest.param(_reads_and_then(then="reset"), {}, "reset", None, id="reset before the head"),
        pytest.param(_reads_and_then(b"HTTP/1.1 200"), {}, "reset", None, id="cut in the head"),
        pytest.param(_reads_and_then(LONG, b"short"), {}, "reset", None, id="cut in a whole body"),
        pytest.param(_reads_and_then(LONG, b"x", then="reset"), {}, "reset", None, id="reset in a whole body"),
        pytest.param(_reads_and_then(SSE, _chunk(EVENT + b"data: t")), {}, "reset", EVENT, id="cut in a stream"),
        pytest.param(_reads_and_then(b"SSH-2.0-OpenSSH_9\r\n\r\n"), {}, "protocol", None, id="no HTTP"),
        pytest.param(_reads_and_then(SSE, _chunk(EVENT), b"zz\r\n"), {}, "protocol", EVENT, id="bad chunk"),
        pytest.param(
            _reads_and_then(then="wait"), {"first_byte_timeout_ms": 50}, "timeout_first_byte", None, id="no head"
        ),
        pytest.param(
            _reads_and_then(then="wait"), {"total_timeout_ms": 50}, "timeout_total", None, id="no head, total"
        ),
        pytest.param(
            _reads_and_then(SSE, _chunk(EVENT), then="wait"),
            {"idle_timeout_ms": 50},
            "timeout_idle",
            EVENT,
            id="silence",
        ),
        pytest.param(
            _reads_and_then(LONG, b"x", then="wait"),
            {"idle_timeout_ms": 50},
            "timeout_idle",
            None,
            id="silence in a body",
        ),
        pytest.param(
            _reads_and_then(SSE, _chunk(EVENT), then="wait"),
            {"total_timeout_ms": 80, "idle_timeout_ms": 5000},
            "timeout_total",
            EVENT,
            id="no end",
        ),
        pytest.param(
            _reads_and_then(SSE, _chunk(EVENT), then="wait"),
            {"total_timeout_ms": 80, "window_bytes": 1},
            "timeout_total",
            EVENT,
            id="no end while paused",
        ),
        pytest.param(
            _reads_and_then(LONG, b"x" * 1000), {"max_response_bytes": 999}, "too_large", None, id="announced too large"
        ),
        pytest.param(
            _reads_and_then(head("200 OK", "connection: close"), b"x" * 1000),
            {"max_response_bytes": 999},
            "too_large",
            None,
            id="too large",
        ),
        pytest.param(
            _reads_and_then(SSE, _chunk(EVENT + EVENT)),
            {"max_response_bytes": len(EVENT) + 9},
            "too_large",
            EVENT,
            id="stream too large",
        ),
    ],
)
def test_each_failure_has_its_code_and_keeps_what_was_complete(
    client: Client, script: Any, how: dict[str, Any], code: str, delivered: bytes | None
) -> None:
    with peer(script) as server:
        id_ = client.start(server.url, b"{}", tap="openai.responses", **how)
        got = client.finish(id_)
    kind, got_code, message, captures = got[-1]
    assert (kind, got_code) == (FAILED, code), got[-1]
    assert message
    if delivered is None:
        assert len(got) == 1
        assert captures is None
    else:
        assert got[0][0] == HEAD
        assert client.data(id_) == delivered
        assert captures[:8] == ("none", None, None, None, None, 1, 5, False)


def test_a_body_of_exactly_the_limit_passes(client: Client) -> None:
    with peer(_reads_and_then(LONG, b"x" * 1000)) as server:
        assert client.run(server.url, max_response_bytes=1000)[0][0] == BODY


def test_one_event_past_the_limit_fails_after_the_events_before_it() -> None:
    client = Client(max_event_bytes=len(EVENT))
    with peer(_reads_and_then(SSE, _chunk(EVENT), _chunk(b"data: " + b"x" * 100), then="wait")) as server:
        id_ = client.start(server.url)
        got = client.finish(id_)
    assert got[-1][:2] == (FAILED, "event_too_large")
    assert client.data(id_) == EVENT
    client.native.close()


def test_a_port_nobody_listens_on_is_connect(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    [(kind, code, message, captures)] = client.run(f"http://127.0.0.1:{port}/")
    assert (kind, code, captures) == (FAILED, "connect", None)
    assert "refused" in message


def test_a_name_without_an_address_is_dns(client: Client) -> None:
    [(kind, code, _, _)] = client.run("http://does-not-exist.invalid/")
    assert (kind, code) == (FAILED, "dns")


def test_a_handshake_that_never_ends_is_timeout_connect() -> None:
    client = Client(connect_timeout_ms=50)
    with peer(lambda connection: connection.wait_for_close()) as server:
        [(kind, code, _, _)] = client.run(server.url.replace("http:", "https:"))
    assert (kind, code) == (FAILED, "timeout_connect")
    client.native.close()


def test_a_plain_server_behind_https_is_tls(client: Client) -> None:
    with peer(lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        [(kind, code, _, _)] = client.run(server.url.replace("http:", "https:"))
    assert (kind, code) == (FAILED, "tls")


def test_a_pooled_connection_that_was_closed_is_replaced_without_a_failure(client: Client) -> None:
    """The peer closes each connection after its answer, without saying so."""
    closed = threading.Semaphore(0)

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.answer(b"{}")
        connection.sock.close()
        closed.release()

    with peer(script) as server:
        for _ in range(20):
            assert client.run(server.url, b"x")[0][0] == BODY
            assert closed.acquire(timeout=10)
        assert server.connections == 20

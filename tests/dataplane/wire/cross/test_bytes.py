"""Streams cut at every byte, through the real upstream client: what the network does to a stream changes nothing of what a client
gets. The framing is native, the same for each client; so a stream of each provider's dialect, once.
"""

import socket
from collections.abc import Iterator

import pytest

from gateway.dataplane.wire import CODECS
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import SHORT, Answering, answers
from tests.dataplane.wire.cross.road import joined, translation
from tests.dataplane.wire.cross.targets import target
from tests.dataplane.wire.cross.test_answers import truth_of
from tests.native.peers import Client, Connection, head, peer

DATA, TERMINAL, END = 1, 2, 3


@pytest.fixture
def upstream() -> Iterator[Client]:
    made = Client()
    yield made
    made.native.close()


def _stream_of(dialect: str) -> Answering:
    (found,) = [one for one in answers("own", dialect) if one.events is not None]
    return found


@pytest.mark.parametrize("provider", CODECS, ids=SHORT.get)
def test_a_stream_in_single_bytes_is_the_same_stream(provider: str, upstream: Client) -> None:
    """Each byte is a chunk and a write of its own."""
    answer = _stream_of(provider)
    wire = joined(provider, answer.events or [])
    kind = "application/vnd.amazon.eventstream" if provider == "bedrock.converse" else "text/event-stream"

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(head("200 OK", f"content-type: {kind}", "transfer-encoding: chunked"))
        for at in range(len(wire)):
            connection.send(b"1\r\n", wire[at : at + 1], b"\r\n")
        connection.send(b"0\r\n\r\n")

    with peer(script) as server:
        pieces = [one[1] for one in upstream.run(server.url, tap=provider) if one[0] in (DATA, TERMINAL)]
    assert b"".join(pieces) == wire
    for client in CODECS:
        if client != provider:
            turn = asked(client, truth_of(answer).calls, is_stream=True)
            cut, whole = (translation(turn, target(provider, "lab", "own-1")) for _ in range(2))
            assert b"".join([*map(cut.stream, pieces), cut.end()]) == whole.stream(wire) + whole.end()

"""The native stream reader with its taps, over a socket: what is forwarded does not depend on how the bytes were cut."""

import itertools
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway._native import Upstream
from tests.e2e.wires import STREAMS

CORPUS = sorted((Path(__file__).parent / "corpus" / "stream").iterdir())
TAPS = ("none", *STREAMS)
LINES = st.one_of(
    st.sampled_from([e for events in STREAMS.values() for e in events]),
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"\n\n", b": c\n", b"data:\n\n", b"event: x\r", b"id: 1\n", b"\xef\xbb\xbf"]
    ),
    st.sampled_from(
        [b"data: [DONE]\n\n", b'data: {"type":"response.completed"}\r\r', b"event: message_stop\ndata: {}\n\n"]
    ),
    st.binary(max_size=30),
    st.binary(max_size=30).map(lambda b: b"data: " + b + b"\n\n"),
)
STREAM = st.lists(LINES, max_size=12).map(b"".join)
FEW = settings(max_examples=60, derandomize=True, deadline=None, database=None)


class Wire:
    """A provider whose next answer is pieces of bytes, each in a chunk and a write of its own."""

    def __init__(self) -> None:
        self.native = Upstream()
        self.pieces: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._ids = iter(range(1, 1 << 40))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            with conn:
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while conn.recv(65536):
                    conn.sendall(
                        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    )
                    for piece in self.pieces:
                        conn.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                    conn.sendall(b"0\r\n\r\n")

    def read(self, pieces: list[bytes], tap: str, drop_usage_chunk: bool) -> tuple[bytes, bytes, object, str]:
        """Forwarded bytes, terminal event, captures and the way it ended."""
        self.pieces = [p for p in pieces if p]
        request = next(self._ids)
        self.native.start(request, "GET", self.url, [], None, tap, drop_usage_chunk, True, 5000, 5000, 9000, 0, 0)
        forwarded, terminal = b"", b""
        while True:
            assert select.select([self.native.fileno()], [], [], 10)[0], "nothing came"
            for item in self.native.drain():
                if item[1] == 1:
                    forwarded += item[2]
                elif item[1] == 2:
                    terminal = item[2]
                elif item[1] == 3:
                    return forwarded, terminal, item[2], "end"
                elif item[1] == 4:
                    return forwarded, terminal, item[4], item[2]

    def close(self) -> None:
        self._listener.close()
        self.native.close()


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.close()


def check(wire: Wire, stream: bytes, cuts: list[int], tap: str, drops: bool) -> None:
    """The same whole, cut as asked, and byte by byte."""
    whole = wire.read([stream], tap, drops)
    assert whole[3] == "end"
    at = sorted({0, len(stream), *(c % (len(stream) + 1) for c in cuts)})
    assert wire.read([stream[a:b] for a, b in itertools.pairwise(at)], tap, drops) == whole
    if len(stream) < 400:
        assert wire.read([stream[i : i + 1] for i in range(len(stream))], tap, drops) == whole
    if not drops:
        sent = whole[0] + whole[1]
        assert stream.startswith(sent) or (len(sent) <= len(stream) and whole[1] in stream)


@FEW
@given(STREAM, st.lists(st.integers(0, 1 << 16), max_size=8), st.sampled_from(TAPS), st.booleans())
@example(b"data: a\r\n\r\n", [8, 9, 10], "gemini.generate", False)
@example(b'data: {"choices":[],"usage":{}}\n\ndata: [DONE]\n\n', [3], "openai.chat", True)
def test_cuts_change_nothing(wire: Wire, stream: bytes, cuts: list[int], tap: str, drops: bool) -> None:
    """However the network cut it, client and record get the same."""
    check(wire, stream, cuts, tap, drops)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_the_corpus_is_replayed(wire: Wire, file: Path) -> None:
    """Each stream for each tap."""
    stream = file.read_bytes()
    for tap in TAPS:
        check(wire, stream, [1, 7, len(stream) // 2, len(stream) - 1], tap, drops=False)

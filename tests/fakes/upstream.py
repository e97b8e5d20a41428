"""A scripted provider on loopback: replays bytes with set cuts and holds, and keeps what it was sent.

Each test says what the next answers are; nothing here knows a dialect.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Received:
    """One request as it came: header names lower-case, in order."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((v for n, v in self.headers if n == name), "")


@dataclass
class Answer:
    """What to send. `body` pieces are written one by one; an Event among them is waited for first.

    `is_cut` closes the socket after the last piece without ending the body; `is_reset` resets it there. `status` 0 closes (or resets)
    without an answer. `length` is a content-length that is told whatever is sent; `head` is sent in place of status line and headers.
    `drip` sends the body (with `drip_head` the headers too) so many bytes at a time, 5 ms apart.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("content-type", "application/json")])
    body: list[bytes | threading.Event] = field(default_factory=list)
    is_cut: bool = False
    hold_headers: threading.Event | None = None
    is_reset: bool = False
    length: int | None = None
    head: bytes = b""
    drip: int = 0
    drip_head: bool = False


def sse(*events: bytes, chunk: int = 0, is_cut: bool = False, headers: list[tuple[str, str]] | None = None) -> Answer:
    """An event stream, in pieces of `chunk` bytes (0: one piece per event)."""
    whole = b"".join(events)
    pieces = [whole[i : i + chunk] for i in range(0, len(whole), chunk)] if chunk else list(events)
    return Answer(200, [("content-type", "text/event-stream"), *(headers or [])], list(pieces), is_cut)


def json_answer(body: bytes, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """A whole JSON answer."""
    return Answer(status, [("content-type", "application/json"), *headers], [body])


class FakeUpstream:
    """Listens on a free loopback port until closed. `answers` are used in order; then `default` for ever.

    `choose` goes before both, where it gives an answer for a request. `hangs_up`: it closes each connection at once, after `greeting`.
    """

    def __init__(self, *, hangs_up: bool = False, greeting: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.choose: Callable[[Received], Answer | None] = lambda request: None
        self._hangs_up, self._greeting, self._tls = hangs_up, greeting, tls
        self.default = json_answer(b'{"ok":true}')
        self.answers: deque[Answer] = deque()
        self.received: list[Received] = []
        self.got_request = threading.Semaphore(0)
        self.disconnected = threading.Semaphore(0)
        """Released each time a client closes while we hold or write."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        with contextlib.suppress(OSError):  # closed before
            self._socket.shutdown(
                socket.SHUT_RDWR
            )  # ends `accept`, which might else go on with the next socket of this number
        self._socket.close()
        for conn in list(self._open):
            conn.close()

    def clear(self) -> None:
        """Forget answers and requests between tests."""
        self.answers.clear()
        self.received.clear()
        self.default = json_answer(b'{"ok":true}')

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return
            if self._hangs_up:
                with contextlib.suppress(OSError), conn:
                    if self._greeting:
                        conn.recv(1 << 16)  # else what it has not read makes a reset of the close
                        conn.sendall(self._greeting)
                continue
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        if self._tls is not None:
            try:
                conn = self._tls.wrap_socket(conn, server_side=True)
            except OSError:  # the client thinks nothing of our certificate
                return
        reader = conn.makefile("rb")
        try:
            while (request := _read_request(reader)) is not None:
                self.received.append(request)
                answer = self.choose(request) or (self.answers.popleft() if self.answers else self.default)
                self.got_request.release()
                if not self._send(conn, answer):
                    return
        except (OSError, ValueError):  # ValueError: no HTTP, such as a TLS handshake
            self.disconnected.release()
        finally:
            self._open.discard(conn)
            conn.close()

    def _send(self, conn: socket.socket, answer: Answer) -> bool:
        """Write the answer; False when the connection is used up."""
        if answer.hold_headers is not None and not self._hold(conn, answer.hold_headers):
            return False
        if answer.is_reset:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer.status == 0:
            return False
        ends = not (answer.is_cut or answer.is_reset)
        is_one_piece = len(answer.body) == 1 and isinstance(answer.body[0], bytes)
        is_chunked = answer.length is None and not (ends and is_one_piece)
        head = [f"HTTP/1.1 {answer.status} Scripted"]
        head += [f"{n}: {v}" for n, v in answer.headers]
        if is_chunked:
            head.append("transfer-encoding: chunked")
        else:
            head.append(f"content-length: {len(answer.body[0]) if answer.length is None else answer.length}")  # type: ignore[arg-type]
        _send_in_drops(conn, answer.head or "\r\n".join(head).encode() + b"\r\n\r\n", answer.drip * answer.drip_head)
        for piece in answer.body:
            if isinstance(piece, threading.Event):
                if not self._hold(conn, piece):
                    return False
            elif piece:
                _send_in_drops(conn, b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece, answer.drip)
        if not ends or answer.head:
            return False
        if (
            answer.length is not None
        ):  # told truly, the connection may be used again: to close it now would fail another request
            return answer.length == sum(len(piece) for piece in answer.body if isinstance(piece, bytes))
        if is_chunked:
            conn.sendall(b"0\r\n\r\n")
        return True

    def _hold(self, conn: socket.socket, event: threading.Event) -> bool:
        """Wait for the event; False (and noted) when the client leaves first."""
        conn.settimeout(0.005)
        try:
            while not event.is_set():
                try:
                    if conn.recv(1, socket.MSG_PEEK) == b"":
                        self.disconnected.release()
                        return False
                except TimeoutError:
                    continue
        finally:
            conn.settimeout(None)
        return True


def _send_in_drops(conn: socket.socket, data: bytes, size: int) -> None:
    """`size` bytes at a time, 5 ms apart; 0: at once."""
    for start in range(0, len(data), size or len(data) or 1):
        if size:
            time.sleep(0.005)
        conn.sendall(data[start : start + size] if size else data)


def _read_request(reader: "object") -> Received | None:
    readline = reader.readline  # type: ignore[attr-defined]
    line = readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: list[tuple[str, str]] = []
    while (line := readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    length = int(dict(headers).get("content-length", "0"))
    body = reader.read(length)  # type: ignore[attr-defined]
    return Received(method, path, headers, body)

"""Raw-socket peers in threads, and a client-side collector: what the tests of the upstream client talk to."""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gateway._native import Upstream

#: Longest wait for something that must happen. Only a failing test waits this long.
PATIENCE_S = 10.0

Script = Callable[["Connection"], object]


class Connection:
    """One accepted connection, from the server's side."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def read_request(self) -> tuple[str, dict[str, str], bytes]:
        """Request line, headers (lower case), body by content-length. Raises EOFError when the client has left."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        length = int(headers.get("content-length", 0))
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return line, headers, body

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def send(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def answer(self, body: bytes, content_type: str = "application/json", status: str = "200 OK") -> None:
        self.send(head(status, f"content-type: {content_type}", f"content-length: {len(body)}"), body)

    def start_events(self) -> None:
        """A head for a stream that ends with the connection."""
        self.send(head("200 OK", "content-type: text/event-stream", "connection: close"))

    def wait_for_close(self) -> float:
        """Block until the client closes; the time it took in seconds."""
        started = time.monotonic()
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return time.monotonic() - started

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


def head(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1")


class Peer:
    """A server on loopback that runs `script` in a thread for each connection. `errors` holds what scripts raised."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.errors: list[BaseException] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = [threading.Thread(target=self._accept, daemon=True)]
        self._open: list[socket.socket] = []
        self._threads[0].start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}/v1/x"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(sock)
        try:
            sock.settimeout(PATIENCE_S)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            connection.sock = sock
            self.script(connection)
        except (EOFError, ConnectionError, ssl.SSLError):
            pass  # the client has left, which many tests want
        except BaseException as error:  # noqa: BLE001 - the test's own thread asserts that there is none
            self.errors.append(error)
        finally:
            connection.sock.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for sock in self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # a script that waits for the client's next request ends
            except OSError:
                pass  # closed already, or wrapped in TLS
        for thread in self._threads:
            thread.join(PATIENCE_S)
        assert not self.errors, self.errors


@contextmanager
def peer(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    server = Peer(script, tls)
    try:
        yield server
    finally:
        server.close()


class Client:
    """An `Upstream` whose completions gather in `got`, by exchange."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("proxy_from_env", False)
        self.native = Upstream(**options)
        self.got: dict[int, list[Any]] = {}
        self._poll = select.poll()
        self._poll.register(self.native.fileno(), select.POLLIN)
        self._next_id = 0

    def start(
        self, url: str, body: bytes | None = None, headers: list[tuple[str, str]] | None = None, **how: Any
    ) -> int:
        """Start an exchange with generous limits; gives its id."""
        self._next_id += 1
        options: dict[str, Any] = {
            "tap": "none",
            "drop_usage_chunk": False,
            "collect": True,
            "first_byte_timeout_ms": 0,
            "idle_timeout_ms": 0,
            "total_timeout_ms": 0,
            "max_response_bytes": 0,
            "window_bytes": 0,
        }
        method = how.pop("method", "GET" if body is None else "POST")
        self.got[self._next_id] = []
        self.native.start(self._next_id, method, url, headers or [], body, **(options | how))
        return self._next_id

    def pump(self, timeout_s: float = PATIENCE_S) -> bool:
        """Wait for the eventfd, then drain. False when nothing came in time."""
        if not self._poll.poll(timeout_s * 1000):
            return False
        for id_, *rest in self.native.drain():
            self.got[id_].append(tuple(rest))
        return True

    def until(self, done: Callable[[], object]) -> None:
        """Pump until `done()` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, self.got
            self.pump(0.2)

    def finish(self, id_: int) -> list[Any]:
        """All completions of an exchange, to its last."""
        self.until(lambda: self.got[id_] and self.got[id_][-1][0] in {3, 4, 5})
        return self.got[id_]

    def data(self, id_: int) -> bytes:
        """The DATA so far, joined."""
        return b"".join(c[1] for c in self.got[id_] if c[0] == 1)

    def run(self, url: str, body: bytes | None = None, **how: Any) -> list[Any]:
        return self.finish(self.start(url, body, **how))

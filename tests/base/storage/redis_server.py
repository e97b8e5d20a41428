"""A real redis-server in a folder of the test's own, and a hint where it is not installed."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None,
    reason="REDIS IS NOT TESTED: install redis-server 7 (`apt-get install redis-server`)",
)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class RedisServer:
    """`options` as on redis-server's command line. It can be killed and started again, on the same port and folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        listen = ("--port", str(self.port)) if "--tls-port" not in self._options else ("--port", "0")
        self._process = subprocess.Popen(
            ["redis-server", *listen, "--bind", "127.0.0.1", "--dir", str(self._folder),
             "--unixsocket", str(self._folder / "redis.sock"), "--save", "", *self._options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 10
        while b"PONG" not in self._try_ping():
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.01)

    def ask(self, *words: str) -> str:
        """The answer to a command, over the Unix socket."""
        done = subprocess.run(
            ["redis-cli", "-s", str(self._folder / "redis.sock"), *words], capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    def signal(self, number: int) -> None:
        """Such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _try_ping(self) -> bytes:
        """`PONG`, or NOAUTH and the like where a user is needed: then it answers too."""
        path = self._folder / "redis.sock"
        with socket.socket(socket.AF_UNIX) as one:
            try:
                one.connect(str(path))
                one.sendall(b"PING\r\n")
                answer = one.recv(100)
            except OSError:
                return b""
        return b"PONG" if answer.startswith((b"+PONG", b"-NO")) else answer

"""The processes of one run: the simulator, where asked for a Redis, and the gateway's nodes. All are ended by their pids."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.simulator import start as start_simulator
from loadtest.budget.scene import Scene
from tests.harness import Gateway

WORKERS = 2
_READY_S = 15.0


class Redis:
    """A redis-server of our own in a directory of its own, with an append-only file that is synced each second."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            print(
                "error: `redis-server` is not installed\nhint: install Redis 7, or pass --store sqlite", file=sys.stderr
            )
            raise SystemExit(2)
        directory.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._command = [
            program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory), "--appendonly", "yes",
            "--appendfsync", "everysec", "--save", "", "--logfile", str(directory / "redis.log"), "--daemonize", "no",
        ]  # fmt: skip
        self.process = self._start()
        self.wait()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + _READY_S
        while not self._pongs():
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"redis-server on port {self.port} does not answer; exit code {self.process.poll()}")
            time.sleep(0.02)

    def _pongs(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as one:
                one.sendall(b"PING\r\n")
                return one.recv(64).startswith(b"+PONG")  # `-LOADING` while it reads its file
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, and nothing in its place."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again on the same port and directory; does not wait."""
        self.process = self._start()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


class Stack(Struct):
    """What runs."""

    simulator: Any
    gateways: list[Gateway]
    redis: Redis | None
    home: Path

    def urls(self) -> list[str]:
        """The nodes' addresses."""
        return [gateway.url for gateway in self.gateways]


@contextlib.contextmanager
def stack(scene: Scene, store: str, nodes: int, workers: int = WORKERS) -> Iterator[Stack]:
    """Start everything, and end it; the data goes with it."""
    home = Path(tempfile.mkdtemp(prefix="agentcc-soak-"))
    with contextlib.ExitStack() as ends:
        ends.callback(shutil.rmtree, home, ignore_errors=True)
        simulator = start_simulator()
        ends.callback(simulator.stop)
        redis = None
        if store == "redis":
            redis = Redis(home / "redis")
            ends.callback(redis.stop)
        running = Stack(simulator, [], redis, home)
        for number in range(nodes):
            config = {"server": _server(workers), **scene.config(simulator.url), **_store(redis)}
            gateway = Gateway(home / f"node-{number}", config)
            ends.callback(_end, gateway)
            running.gateways.append(gateway.start())
        yield running


def _server(workers: int) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": 0, "workers": workers, "drain_ms": 5000, "admin": {"port": 0},
        "scheduling": "normal",  # the clients keep the same cores busy
    }  # fmt: skip


def _store(redis: Redis | None) -> dict[str, Any]:
    """What gateway.yaml says of the lease store."""
    return {} if redis is None else {"storage": {"redis": redis.url}}


def _end(gateway: Gateway) -> None:
    """Stop it if it still runs; its children go with it."""
    if gateway.process is None or gateway.process.poll() is not None:
        return
    try:
        gateway.stop()
    except subprocess.TimeoutExpired:
        gateway.kill()

"""Starts the simulator: in this process (`run`), or as a child process that ends with its parent (`start`)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from .answer import State
from .app import App

READY = "simulator ready: "
_PARENT_POLL_S = 0.25
_DRAIN_S = 1.0


def run(
    host: str = "127.0.0.1", port: int = 0, state: State | None = None, parent_pid: int = 0, out: TextIO | None = None
) -> int:
    """Serve until SIGINT or SIGTERM, or until the parent process `parent_pid` is gone. Returns the exit code.

    Port 0 takes a free port. The first line on `out` (default stdout) is `simulator ready: http://HOST:PORT`.
    """
    return int(uvloop.run(_serve(host, port, state or State(), parent_pid, out or sys.stdout)))


async def _serve(host: str, port: int, state: State, parent_pid: int, out: TextIO) -> int:
    try:
        port, held = _reserve(host, port)
    except OSError as exc:
        print(f"error: the simulator cannot listen on {host}:{port}: {exc.strerror}", file=sys.stderr)
        return 2
    # HTTP/1 only, because agents use nothing else here; no WebSocket: an upgrade reaches the app, which answers 426.
    server = Server(
        App(state), address=host, port=port, interface=Interfaces.RSGI, http=HTTPModes.http1, websockets=False,
        backlog=2048, backpressure=65_536, log_enabled=False,
    )  # fmt: skip
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.ensure_future(server.serve())
    ends = (serving, asyncio.ensure_future(stop.wait()), asyncio.ensure_future(_orphaned(parent_pid)))
    await asyncio.wait((serving, asyncio.ensure_future(_listening(host, port))), return_when=asyncio.FIRST_COMPLETED)
    held.close()
    out.write(f"{READY}http://{_shown(host)}:{port}\n")  # one write: a reader may leave after the line
    out.flush()
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await asyncio.wait((serving,), timeout=_DRAIN_S)
    out.flush()
    os._exit(0)  # open streams of a simulator are not worth waiting for, and Granian would


def _reserve(host: str, port: int) -> tuple[int, socket.socket]:
    """The port to use, and a socket that keeps it ours until Granian listens.

    Granian binds with SO_REUSEPORT, so a port in use would go unnoticed: a first bind without that option finds out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = int(probe.getsockname()[1])
    held = socket.socket(family)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return port, held


async def _listening(host: str, port: int) -> None:
    """Returns when a connection to the port succeeds."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    while True:
        try:
            _, writer = await asyncio.open_connection(target, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        return


async def _orphaned(parent_pid: int) -> None:
    """Returns when `parent_pid` is no longer the parent; never if it is 0."""
    if not parent_pid:
        await asyncio.Event().wait()
    while os.getppid() == parent_pid:  # noqa: ASYNC110  no event tells that a parent died
        await asyncio.sleep(_PARENT_POLL_S)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Running:
    """A simulator in a child process."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    def stop(self) -> None:
        """End the child and wait for it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(*arguments: str, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start `python -m gateway.simulator` and wait until it listens. It ends with this process.

    Raises RuntimeError with the child's exit code if it ends before it is ready.
    """
    command: Sequence[str] = (
        sys.executable, "-m", "gateway.simulator", "--host", host, "--port", str(port),
        "--parent-pid", str(os.getpid()), *arguments,
    )  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(READY):
        raise RuntimeError(f"the simulator ended with code {process.wait()} before it was ready")
    return Running(process, line.removeprefix(READY).strip())


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[str]:
    """The URL of a simulator that runs inside the `with` block."""
    simulator = start(*arguments)
    try:
        yield simulator.url
    finally:
        simulator.stop()

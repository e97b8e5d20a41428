"""Drops a client's connection from inside a Granian app.

Granian 2.8.7 offers no way to abort: an app that raises or returns inside a stream ends it as if it were complete
(seen). Its sockets live in this process, though, so the one of a client can be found by its peer address among our file
descriptors and shut down behind Granian's back. Works on Linux and macOS; the count of sent bytes is Linux only.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from types import TracebackType
from typing import Self

_SENT_OFFSET = 200  # tcpi_bytes_sent in Linux's struct tcp_info (since 4.19)
_POLL_S, _PATIENCE_S = 0.001, 2.0


class Peer:
    """The socket of one client, for use in `with`. `found` is False when the system does not show it."""

    def __init__(self, client: str) -> None:
        self._socket = _find(client)

    @property
    def found(self) -> bool:
        return self._socket is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def sent(self) -> int | None:
        """Bytes given to the network so far, None where the system does not tell."""
        if self._socket is None or not hasattr(socket, "TCP_INFO"):
            return None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SENT_OFFSET + 8)
        except OSError:
            return None
        if len(info) < _SENT_OFFSET + 8:
            return None
        return int(struct.unpack_from("Q", info, _SENT_OFFSET)[0])

    async def drop(self, at_least: int | None, reset: bool = False) -> None:
        """Close the connection once `at_least` bytes have left and nothing more moves; by RST if `reset`."""
        if self._socket is None:
            return
        loop, last = asyncio.get_running_loop(), -1
        end = loop.time() + _PATIENCE_S
        while loop.time() < end and at_least is not None:
            now = self.sent()
            if now is None:
                await asyncio.sleep(0.05)
                break
            if now >= at_least and now == last:
                break
            last = now
            await asyncio.sleep(_POLL_S)
        try:
            if reset:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        except OSError:
            pass  # the client was faster


def _find(client: str) -> socket.socket | None:
    host, _, port = client.rpartition(":")
    wanted = (host.strip("[]"), port)
    for name in os.listdir("/dev/fd"):
        try:
            copy = os.dup(int(name))
        except OSError:
            continue  # gone meanwhile
        try:
            found = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            continue  # not a socket
        try:
            peer = found.getpeername()
            if isinstance(peer, tuple) and len(peer) >= 2 and (str(peer[0]), str(peer[1])) == wanted:
                return found
        except OSError:
            pass  # not connected
        found.close()
    return None

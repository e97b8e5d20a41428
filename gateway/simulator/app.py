"""The RSGI app: the one place with I/O and time. Reads a request, asks `answer.py`, sends what it says."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from typing import Any, Protocol

import orjson
from msgspec.json import encode

from .answer import Answer, Request, State, answer
from .bill import Bill
from .deliver import Write
from .log import RequestLog
from .sockets import Peer

_JSON = [("content-type", "application/json")]
_UNKNOWN = b'{"error":"GET /__sim/log[?bodies=1], GET /__sim/bill and POST /__sim/reset exist"}'


class Scope(Protocol):
    """What we use of Granian's RSGI scope."""

    method: str
    path: str
    query_string: str
    client: str
    headers: Any


class Transport(Protocol):
    """Granian's stream transport; `send_bytes` queues at once, awaited or not."""

    def send_bytes(self, data: bytes) -> Awaitable[None]: ...


class App:
    """The simulator behind one listener."""

    def __init__(self, state: State) -> None:
        self.state, self.log, self.bill = state, RequestLog(), Bill()

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        """Serve one request."""
        method, path, query = scope.method, scope.path, scope.query_string
        body = await proto() if method == "POST" else b""
        if path.startswith("/__sim/"):
            self._control(method, path, query, proto)
            return
        headers = scope.headers
        entry = self.log.add(method, path, query, headers.items(), body)
        try:
            made = answer(Request(method, path, query, headers.get, body), self.state)
        except Exception:  # noqa: BLE001  a fault of ours must not look like one that a test asked for
            traceback.print_exc()
            entry["status"] = 500
            proto.response_bytes(
                500, _JSON, b'{"error":{"message":"the simulator failed; see its stderr","type":"bug"}}'
            )
            return
        entry["status"], entry["scenario"] = made.status, made.scenario
        if made.delay_ms:
            await asyncio.sleep(made.delay_ms / 1000)
        delivery = made.delivery
        row = self.bill.open(made.charge) if made.charge else None
        if made.close:
            with Peer(scope.client) as peer:
                await peer.drop(None, reset=delivery.ending == "reset")
            proto.response_empty(503, [])  # reaches nobody unless the socket could not be found
        elif delivery.ending == "end" and not made.streamed:
            due, data, _ = delivery.writes[0]
            if due:
                await asyncio.sleep(due / 1000)
            proto.response_bytes(made.status, list(made.headers), data)
        else:
            sent = 0
            try:
                sent = await _stream(scope, proto, made)
            finally:
                if row is not None and row.is_open:
                    tokens = sum(t for _, _, t in delivery.writes[:sent])
                    row.close(tokens, is_whole=sent == len(delivery.writes))

    def _control(self, method: str, path: str, query: str, proto: Any) -> None:
        if path == "/__sim/log" and method == "GET":
            proto.response_bytes(200, _JSON, orjson.dumps(self.log.report("bodies=1" in query)))
        elif path == "/__sim/bill" and method == "GET":
            proto.response_bytes(200, _JSON, encode(self.bill.rows()))
        elif path == "/__sim/reset" and method == "POST":
            self.log.clear()
            self.bill.clear()
            self.state.reset()
            proto.response_bytes(200, _JSON, b'{"ok":true}')
        else:
            proto.response_bytes(404, _JSON, _UNKNOWN)


async def _stream(scope: Scope, proto: Any, made: Answer) -> int:
    """Send a stream, or what shall break off; how many of its writes were sent."""
    delivery = made.delivery
    headers = list(made.headers)
    if delivery.ending == "end":
        return await _send(proto, proto.response_stream(made.status, headers), delivery.writes)
    if not made.streamed:  # a JSON body that will never be complete: its length says so
        headers.append(("content-length", str(sum(len(data) for _, data, _ in delivery.writes) + 1)))
    with Peer(scope.client) as peer:
        before = peer.sent()
        # Granian ends the stream in good order when the transport is freed: it must live until the socket is dropped.
        transport = proto.response_stream(made.status, headers)
        sent = await _send(proto, transport, delivery.writes)
        if sent == len(delivery.writes) and delivery.ending == "stall":
            gone = asyncio.ensure_future(proto.client_disconnect())
            await asyncio.wait((gone,), timeout=delivery.secs)
            gone.cancel()
        size = sum(len(data) for _, data, _ in delivery.writes)
        await peer.drop(None if before is None else before + size, reset=delivery.ending == "reset")
        del transport
    return sent


async def _send(proto: Any, transport: Transport, writes: tuple[Write, ...]) -> int:
    """Send all writes, each not before its time, until the client leaves; how many were sent."""
    if not writes or writes[-1][0] == 0.0:
        for _, data, _ in writes:
            transport.send_bytes(data)
        return len(writes)
    return await _Pacer(proto, transport, writes).run()


class _Pacer:
    """Sends timed writes from timer callbacks: no task switch per write, so 500 streams fit on one core."""

    __slots__ = ("_done", "_loop", "_next", "_proto", "_start", "_transport", "_writes")

    def __init__(self, proto: Any, transport: Transport, writes: tuple[Write, ...]) -> None:
        self._proto, self._transport, self._writes, self._next = proto, transport, writes, 0
        self._loop = asyncio.get_running_loop()
        self._start, self._done = self._loop.time(), self._loop.create_future()

    async def run(self) -> int:
        """How many were sent when all were, or when the client left."""
        gone = asyncio.ensure_future(self._proto.client_disconnect())
        gone.add_done_callback(self._left)
        self._tick()
        try:
            await self._done
            return self._next
        finally:
            gone.cancel()

    def _left(self, gone: asyncio.Future[Any]) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _tick(self) -> None:
        if self._done.done():
            return
        now_ms = (self._loop.time() - self._start) * 1000
        writes, send = self._writes, self._transport.send_bytes
        while self._next < len(writes):
            due, data, _ = writes[self._next]
            if due > now_ms:
                self._loop.call_at(self._start + due / 1000, self._tick)
                return
            send(data)
            self._next += 1
        self._done.set_result(None)

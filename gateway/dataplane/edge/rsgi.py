"""The road on Granian's native protocol (RSGI 1.x).

Measured limits of Granian 2.8.7 that this relies on: `send_bytes` queues at once and never waits, so calling it without
`await` is enough, and memory is bounded by `max_response_bytes` and `unfinished_response_bytes` instead; a stream ends
when its transport is dropped; a cut body of known length raises, a broken chunked one ends normally.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from gateway.base.core.errors import BadRequest, BodyTooLarge
from gateway.dataplane.edge.limits import check_length, declared_length, declares_more
from gateway.dataplane.edge.local import local_answer
from gateway.dataplane.flow import Headers, Pipeline, forward_to_admin

_CUT = "the request body broke off"
_ACKNOWLEDGE_BYTES = 256 << 10  # a call per piece would cost more than it tells
_FAILED_SEND = "PyErrAwaitable"
"""What Granian 2.8.7 gives back instead of queueing when the response's reader has gone (measured)."""


class RsgiIncoming:
    """A request as RSGI tells it."""

    __slots__ = ("_headers", "_is_read", "_proto", "_scope", "header", "is_repeating", "method", "path", "query")

    def __init__(self, scope: Any, proto: Any) -> None:
        self._scope = scope
        self._proto = proto
        self._is_read = False
        self.method: str = scope.method
        self.path: str = scope.path
        self.query: str = scope.query_string
        self._headers: list[tuple[str, str]] = scope.headers.items()
        by_name = defaultdict(str, self._headers)
        self.is_repeating = len(by_name) != len(self._headers)
        self.header: Callable[[str], str] = by_name.__getitem__

    @property
    def client_ip(self) -> str:
        """The peer's address, without its port."""
        address: str = self._scope.client
        return address.rpartition(":")[0].strip("[]")

    def headers(self) -> Iterable[tuple[str, str]]:
        """All headers; names in lower case."""
        return self._headers

    async def body(self, limit: int) -> bytes:
        """See `Incoming.body`."""
        declared = declared_length(self.header("content-length"), limit)
        self._is_read = True
        try:
            if declared >= 0:
                data: bytes = await self._proto()
            else:
                data = await self._chunks(limit)
        except RuntimeError as exc:  # RSGIProtocolError: the connection broke
            raise BadRequest(_CUT) from exc
        check_length(declared, len(data))
        return data

    async def _chunks(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in self._proto:
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"the request body is larger than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    async def discard(self, limit: int) -> None:
        """See `Incoming.discard`."""
        if self._is_read or declares_more(self.header("content-length"), limit):
            return
        size = 0
        async for chunk in self._proto:
            size += len(chunk)
            if size > limit:
                return


class RsgiReply:
    """See `Reply`; RSGI never waits, so whatever was handed over has left as far as anybody can tell."""

    __slots__ = ("_on_left", "_proto", "_transport", "_unacknowledged", "_watcher", "on_sent")

    is_waiting = False

    def __init__(self, proto: Any) -> None:
        self._proto = proto
        self._transport: Any = None
        self._unacknowledged = 0
        self._on_left: Callable[[], None] | None = None
        self.on_sent: Callable[[int], None] | None = None
        self._watcher: asyncio.Task[None] | None = None

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._proto.response_bytes(status, headers, body)
        self._unwatch()

    def start(self, status: int, headers: Headers) -> None:
        self._transport = self._proto.response_stream(status, headers)

    def write(self, data: bytes) -> None:
        sent = self._transport.send_bytes(data)
        self._unacknowledged += len(data)
        if self._unacknowledged > _ACKNOWLEDGE_BYTES and self.on_sent is not None:
            self.on_sent(self._unacknowledged)
            self._unacknowledged = 0
        if type(sent).__name__ == _FAILED_SEND and self._on_left is not None:
            self._on_left()  # an HTTP/2 client that reset its stream: its connection, and so the watch, goes on

    def finish(self) -> None:
        self._transport = None
        self._unwatch()

    def _unwatch(self) -> None:
        # A connection wakes one watcher when it ends: a forgotten one would take the next exchange's notice.
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None

    def watch(self, on_left: Callable[[], None]) -> None:
        self._on_left = on_left
        self._watcher = asyncio.ensure_future(self._wait(on_left))

    async def _wait(self, on_left: Callable[[], None]) -> None:
        await self._proto.client_disconnect()
        on_left()


async def _nothing() -> None:
    """What is left to do once the answer has been given."""


def rsgi_app(pipeline: Pipeline) -> Callable[[Any, Any], Awaitable[None]]:
    """The RSGI application of one worker."""

    def app(scope: Any, proto: Any) -> Awaitable[None]:
        # No coroutine of its own: each layer costs the event loop at every step of an exchange.
        if scope.proto != "http":  # websockets are off; whatever else comes is not ours
            proto.close(1008)
            return _nothing()
        path: str = scope.path
        incoming = RsgiIncoming(scope, proto)
        local = local_answer(pipeline, incoming.method, path, incoming.header("upgrade"))
        if local is not None:
            proto.response_bytes(local.status, local.headers, local.body)
            return _nothing()
        reply = RsgiReply(proto)
        if path.startswith("/-/"):
            return forward_to_admin(pipeline, incoming, reply)
        return pipeline.handle(incoming, reply)

    return app

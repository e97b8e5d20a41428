"""The road on Granian's native protocol (RSGI 1.x).

Measured limits of Granian 2.8.7 that this relies on: `send_bytes` queues at once and never waits, so calling it without
`await` is enough, and memory is bounded by `max_response_bytes` and `unfinished_response_bytes` instead; a stream ends
when its transport is dropped; a cut body of known length raises, a broken chunked one ends normally.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from time import perf_counter
from typing import Any

from gateway.base.core.errors import BadRequest, BodyTooLarge
from gateway.dataplane.edge.eager import run_eagerly
from gateway.dataplane.edge.limits import check_length, declared_length, declares_more
from gateway.dataplane.edge.local import local_answer
from gateway.dataplane.flow import Headers, Pipeline, forward_to_admin

_CUT = "the request body broke off"
_EARLY_BYTES = 256 << 10
_EARLY_DIGITS = 6
_MOST_EARLY = 256
"""Bodies that are read before their key is known: 64 MiB at most."""
_LATE_S = 0.25
"""A short body that takes longer is no longer waited for before its sender is looked at."""
_ACKNOWLEDGE_BYTES = 256 << 10  # a call per piece would cost more than it tells
_FAILED_SEND = "PyErrAwaitable"
"""What Granian 2.8.7 gives back instead of queueing when the response's reader has gone (measured)."""


class RsgiIncoming:
    """A request as RSGI tells it."""

    __slots__ = (
        "_body", "_headers", "_is_read", "_proto", "_scope", "arrived", "header", "is_here", "is_repeating", "method", "path",
        "query",
    )  # fmt: skip

    def __init__(self, scope: Any, proto: Any, arrived: float = 0.0, body: Any = None) -> None:
        self._scope = scope
        self._proto = proto
        self._body = body
        self.is_here = body is not None and body.done()
        self.arrived = arrived or perf_counter()
        self._is_read = self.is_here
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
            if self.is_here:
                data: bytes = self._body.result()
            elif self._body is not None:
                data = await self._body
            elif declared >= 0:
                data = await self._proto()
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
        if self._body is not None:
            await self._body
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


class RsgiEdge:
    """The RSGI application of one worker.

    `app` is for any RSGI server. `schedule` is for Granian's callback scheduler: it asks for a short body at once, on
    Granian's own thread, so that the event loop wakes up once for request and body, and no task is made for them.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._loop = pipeline.loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._arriving: dict[Any, tuple[Any, Any, float]] = {}
        pipeline.is_expecting = lambda: bool(self._arriving)

    def app(self, scope: Any, proto: Any) -> Coroutine[Any, Any, object]:
        """Serve one request."""
        if scope.proto != "http":  # websockets are off; whatever else comes is not ours
            proto.close(1008)
            return _nothing()
        return self._serve(RsgiIncoming(scope, proto), proto)

    def _serve(self, incoming: RsgiIncoming, proto: Any) -> Coroutine[Any, Any, object]:
        # No coroutine of its own: each layer costs the event loop at every step of an exchange.
        pipeline = self._pipeline
        local = local_answer(pipeline, incoming.method, incoming.path, incoming.header("upgrade"))
        if local is not None:
            proto.response_bytes(local.status, local.headers, local.body)
            return _nothing()
        reply = RsgiReply(proto)
        if incoming.path.startswith("/-/"):
            return forward_to_admin(pipeline, incoming, reply)
        return pipeline.handle(incoming, reply)

    def schedule(self, watcher: Any) -> None:
        """Take one request on Granian's thread, which holds the GIL; never raises.

        Granian completes futures on the same thread (it has one), so `body` cannot be done before its callback is there.
        """
        scope, proto = watcher.scope, watcher.proto
        if _is_short(scope) and len(self._arriving) < _MOST_EARLY:
            body = proto()
            self._arriving[body] = (scope, proto, perf_counter())
            body.add_done_callback(self._begin)
        else:
            self._loop.call_soon_threadsafe(self._spawn, scope, proto)

    def _spawn(self, scope: Any, proto: Any) -> None:
        self._keep(self._loop.create_task(self.app(scope, proto)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        """The loop itself holds tasks weakly."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self, body: Any) -> None:
        """Serve the request of a body that has come, or is late; once."""
        request = self._arriving.pop(body, None)
        if request is None:
            return
        scope, proto, arrived = request
        incoming = RsgiIncoming(scope, proto, arrived, body)
        work = self._serve(incoming, proto)
        # who waits for a body is a task, which the clock can cancel
        task = run_eagerly(self._loop, work) if incoming.is_here else self._loop.create_task(work)
        if task is not None:
            self._keep(task)

    def expire(self, now: float) -> None:
        """Begin with the requests whose bodies are late; `now` is `perf_counter()` seconds."""
        for body, (_, _, arrived) in list(self._arriving.items()):
            if now - arrived < _LATE_S:
                return
            self._begin(body)


def _is_short(scope: Any) -> bool:
    """Whether the body may be read before anybody knows whose it is."""
    if scope.proto != "http" or scope.method != "POST" or scope.path.startswith("/-/"):
        return False
    length: str = scope.headers.get("content-length") or ""
    return length.isdigit() and len(length) <= _EARLY_DIGITS and int(length) <= _EARLY_BYTES

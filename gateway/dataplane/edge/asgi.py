"""The road as a minimal ASGI 3 application: portable to any ASGI server, and the in-process tests' way in.

ASGI's `send` waits for slow clients, so the provider is read no faster than the client reads.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import perf_counter
from typing import Any

from gateway.base.core.errors import BadRequest, BodyTooLarge
from gateway.dataplane.edge.limits import check_length, declared_length, declares_more
from gateway.dataplane.edge.local import local_answer
from gateway.dataplane.flow import Headers, Pipeline, forward_to_admin

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class AsgiIncoming:
    """A request as ASGI tells it."""

    __slots__ = (
        "_headers", "_is_read", "_receive", "arrived", "client_ip", "header", "is_repeating", "method", "path", "query",
    )  # fmt: skip

    is_here = False

    def __init__(self, scope: Message, receive: Receive) -> None:
        self.arrived = perf_counter()
        self._receive = receive
        self._is_read = False
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        client = scope.get("client")
        self.client_ip: str = client[0] if client else ""
        self._headers = [(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]]
        by_name = defaultdict(str, self._headers)
        self.is_repeating = len(by_name) != len(self._headers)
        self.header: Callable[[str], str] = by_name.__getitem__

    def headers(self) -> Iterable[tuple[str, str]]:
        """All headers; names in lower case."""
        return self._headers

    async def body(self, limit: int) -> bytes:
        """See `Incoming.body`."""
        declared = declared_length(self.header("content-length"), limit)
        self._is_read = True
        chunks: list[bytes] = []
        size = 0
        async for chunk in self._chunks():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"the request body is larger than {limit} bytes")
            chunks.append(chunk)
        check_length(declared, size)
        return b"".join(chunks)

    async def discard(self, limit: int) -> None:
        """See `Incoming.discard`."""
        if self._is_read or declares_more(self.header("content-length"), limit):
            return
        size = 0
        async for chunk in self._chunks():
            size += len(chunk)
            if size > limit:
                return

    async def _chunks(self) -> Any:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the request body broke off")
            more = message.get("more_body", False)
            yield message.get("body", b"")


class AsgiReply:
    """See `Reply`. Calls queue messages; `pump` sends them and tells what has left."""

    is_waiting = True

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._queue: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._is_finished = False
        self._watcher: asyncio.Task[None] | None = None
        self.on_sent: Callable[[int], None] | None = None
        self._on_left: Callable[[], None] | None = None

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.start(status, [*headers, ("content-length", str(len(body)))])
        self._put({"type": "http.response.body", "body": body, "more_body": False})
        self._is_finished = True

    def start(self, status: int, headers: Headers) -> None:
        raw = [(n.encode(), v.encode()) for n, v in headers]  # as UTF-8, which they came as, and as RSGI has it
        self._put({"type": "http.response.start", "status": status, "headers": raw})

    def write(self, data: bytes) -> None:
        self._put({"type": "http.response.body", "body": data, "more_body": True})

    def finish(self) -> None:
        if not self._is_finished:
            self._put({"type": "http.response.body", "body": b"", "more_body": False})
            self._is_finished = True

    def watch(self, on_left: Callable[[], None]) -> None:
        self._watcher = asyncio.ensure_future(self._wait(on_left))

    async def _wait(self, on_left: Callable[[], None]) -> None:
        self._on_left = on_left
        while (await self._receive())["type"] != "http.disconnect":
            pass
        on_left()

    def _leave(self) -> None:
        if self._on_left is not None:
            self._on_left()

    def _put(self, message: Message) -> None:
        self._queue.append(message)
        self._wake.set()

    def close(self) -> None:
        """No more calls will come: let `pump` end."""
        self._is_finished = True
        self._wake.set()
        if self._watcher is not None:
            self._watcher.cancel()

    async def pump(self, send: Send) -> None:
        """Send what was queued until the answer is finished."""
        while True:
            while self._queue:
                message = self._queue.popleft()
                try:
                    await send(message)
                except Exception:  # noqa: BLE001 - each server has its own error for a client that has gone
                    self._leave()
                    return
                if self.on_sent is not None and message.get("more_body"):
                    self.on_sent(len(message["body"]))
            if self._is_finished:
                return
            self._wake.clear()
            await self._wake.wait()


def asgi_app(pipeline: Pipeline) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The ASGI application of one worker (http and lifespan scopes)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        incoming = AsgiIncoming(scope, receive)
        local = local_answer(pipeline, incoming.method, incoming.path, incoming.header("upgrade"))
        reply = AsgiReply(receive)
        if local is not None:
            reply.whole(local.status, local.headers, local.body)
            await reply.pump(send)
            return
        pump = asyncio.ensure_future(reply.pump(send))
        try:
            if incoming.path.startswith("/-/"):
                await forward_to_admin(pipeline, incoming, reply)
            else:
                await _serve(pipeline, incoming, reply)
        finally:
            reply.close()
            await pump

    return app


async def _serve(pipeline: Pipeline, incoming: AsgiIncoming, reply: AsgiReply) -> None:
    ex = await pipeline.handle(incoming, reply)
    try:
        await pipeline.wait_end(ex)
    except asyncio.CancelledError:
        pipeline.abandon(ex)
        raise


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return

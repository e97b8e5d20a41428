"""The native HTTP client on the event loop: one eventfd wakes us, completions come in batches.

The only room that opens sockets to providers. A `Handler` gets the completions of its request, in order, on the loop.
"""

import asyncio
import traceback
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from gateway import _native
from gateway.base.config import TimeoutsConfig
from gateway.base.telemetry.log import log
from gateway.dataplane.wire.dialect import Tap

Headers = list[tuple[str, str]]
Captures = tuple[str, bytes | None, bytes | None, bytes | None, bytes | None, int, int, bool, int]
"""status, usage, usage2, model, error, delta_events, delta_bytes, finish_seen, body_bytes (see `_native.pyi`)."""

_HEAD, _DATA, _TERMINAL, _END, _FAILED = 0, 1, 2, 3, 4


class Handler(Protocol):
    """What a request's owner is told. `on_body` comes alone; else head, data …, terminal, end or failed."""

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        """The answer is a stream and begins."""

    def on_data(self, data: bytes) -> None:
        """Whole events (SSE) or raw bytes."""

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        """The dialect's terminal event, held until now."""

    def on_end(self, captures: Captures) -> None:
        """The body ended cleanly."""

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        """The request failed, or was cancelled (`code` is `cancelled`)."""

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        """The whole answer at once."""

    def on_bug(self, exc: Exception) -> None:
        """One of the calls above raised."""


class UpstreamClient:
    """One per worker and CA file; with `public_only` it reaches nothing but the public internet. Not thread-safe: call it on the loop that it was made for."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeouts: TimeoutsConfig, ca_file: str = "", *, public_only: bool = False
    ) -> None:
        self._native = _native.Upstream(
            connect_timeout_ms=timeouts.connect_ms, ca_file=ca_file or None, public_only=public_only
        )
        self._loop = loop
        self._handlers: dict[int, Handler] = {}
        self._next_id = 0
        loop.add_reader(self._native.fileno(), self._on_ready)

    def start(
        self,
        handler: Handler,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        tap: Tap,
        *,
        drop_usage_chunk: bool,
        collect: bool,
        timeouts: TimeoutsConfig,
        max_response_bytes: int,
        window_bytes: int,
    ) -> int:
        """Send a request; gives its id for `cancel` and `ack`. Raises ValueError for an invalid header or URL."""
        self._next_id = request = self._next_id + 1
        self._handlers[request] = handler
        try:
            self._native.start(
                request,
                method,
                url,
                headers,
                body,
                tap,
                drop_usage_chunk,
                collect,
                timeouts.first_byte_ms,
                timeouts.idle_ms,
                timeouts.total_ms,
                max_response_bytes,
                window_bytes,
            )
        except ValueError:
            del self._handlers[request]
            raise
        return request

    def hand_over(self, request: int, handler: Handler) -> None:
        """From its next completion on the request is `handler`'s; only while it is open."""
        self._handlers[request] = handler

    def cancel(self, request: int) -> None:
        """Drop the request; its handler gets one last `on_failed("cancelled")` with what was captured."""
        self._native.stop(request)

    def ack(self, request: int, count: int) -> None:
        """Tell that `count` forwarded bytes have left, so that reading may go on."""
        self._native.ack(request, count)

    def close(self) -> None:
        """Stop the client; every request is dropped without a word."""
        self._loop.remove_reader(self._native.fileno())
        self._handlers.clear()
        self._native.close()

    def _on_ready(self) -> None:
        handlers = self._handlers
        items: list[Any] = self._native.drain()
        for item in items:
            handler = handlers.get(item[0])
            if handler is None:
                continue
            kind = item[1]
            try:
                if kind == _DATA:
                    handler.on_data(item[2])
                    continue
                if kind == _HEAD:
                    handler.on_head(item[2], item[3], item[4])
                    continue
                if kind == _TERMINAL:
                    handler.on_terminal(item[2], item[3])
                    continue
                del handlers[item[0]]
                if kind == _END:
                    handler.on_end(item[2])
                elif kind == _FAILED:
                    handler.on_failed(item[2], item[3], item[4])
                else:
                    handler.on_body(item[2], item[3], item[4], item[5])
            except Exception as exc:  # noqa: BLE001 - one exchange's bug must not stop the others
                handlers.pop(item[0], None)
                self._native.cancel(item[0])
                _tell_bug(handler, exc)


_Way = TypeVar("_Way")


class Clients(dict[_Way, UpstreamClient]):
    """One client for each way to connect, made when it is first asked for."""

    def __init__(self, make: Callable[[_Way], UpstreamClient]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, way: _Way) -> UpstreamClient:
        """The new client."""
        made = self[way] = self._make(way)
        return made

    def close(self) -> None:
        """Stop them all."""
        for client in self.values():
            client.close()


def _tell_bug(handler: Handler, exc: Exception) -> None:
    """Nor must a second bug, in what the first one is told to: the batch holds other exchanges' completions too."""
    try:
        handler.on_bug(exc)
    except Exception as again:  # noqa: BLE001 - see above
        log("error", "bug", error=repr(again), trace=traceback.format_exception(again)[-3:])

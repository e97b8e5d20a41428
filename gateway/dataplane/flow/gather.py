"""Takes a streamed answer as a whole: an error that came as a stream, or a stream that the client did not ask for."""

from typing import TYPE_CHECKING

from gateway.dataplane.upstream import Captures, Headers

if TYPE_CHECKING:
    from gateway.dataplane.flow.relay import Relay


class _Nobody:
    """The upstream `Handler` of a request that was cancelled: whatever still comes of it is nobody's."""

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None: ...

    def on_data(self, data: bytes) -> None: ...

    def on_terminal(self, data: bytes, captures: Captures) -> None: ...

    def on_end(self, captures: Captures) -> None: ...

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None: ...

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None: ...

    def on_bug(self, exc: Exception) -> None: ...


NOBODY = _Nobody()


class Gather:
    """The upstream `Handler` in its relay's place, from the answer's head to its end.

    What it holds is bounded by `max_response_bytes`, as any whole answer is.
    """

    __slots__ = ("_headers", "_pieces", "_relay", "_status", "_ttfb_us")

    def __init__(self, relay: "Relay", status: int, headers: Headers, ttfb_us: int) -> None:
        self._relay = relay
        self._status, self._headers, self._ttfb_us = status, headers, ttfb_us
        self._pieces: list[bytes] = []

    def on_data(self, data: bytes) -> None:
        self._pieces.append(data)
        self._relay.client.ack(self._relay.upstream, len(data))

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        self.on_data(data)

    def on_end(self, captures: Captures) -> None:
        self._relay.on_gathered(self._status, self._headers, self._ttfb_us, b"".join(self._pieces), captures)

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        self._relay.on_failed(code, message, captures)

    def on_bug(self, exc: Exception) -> None:
        self._relay.on_bug(exc)

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        raise AssertionError("the head was there already")

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        raise AssertionError("the head was there already")

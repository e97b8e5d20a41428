"""Reads on in an answer whose client has left, for the provider's word on what it cost.

A stream is cancelled after a moment (what has arrived by then may hold the end), since each further token costs. A whole answer
is billed whatever we do, and under a hard budget what nobody reports must be booked at all that it can have come to: those are read
to their end, `LONGEST_S` at most.
"""

from typing import TYPE_CHECKING

from gateway.dataplane.flow.failure import NEVER_SENT
from gateway.dataplane.flow.settle import NOTHING, Spend, write_done
from gateway.dataplane.upstream import Captures, Headers

if TYPE_CHECKING:
    from gateway.dataplane.flow.relay import Relay

LONGEST_S = 30.0
MOMENT_S = 0.05
"""With the clock's tick it keeps what we promise: a stream's provider is left within 100 ms of its client's leaving."""
_ALL_BYTES = 1 << 40


class Leftover:
    """The upstream `Handler` in its relay's place, from the client's leaving to the answer's end."""

    __slots__ = ("_relay",)

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        relay.client.ack(relay.upstream, _ALL_BYTES)

    def on_data(self, data: bytes) -> None:
        relay = self._relay
        relay.client.ack(relay.upstream, len(data))
        if relay.raw is not None:
            relay.raw.append(data)

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        self._settle(self._relay.spend_of(captures, data))

    def on_end(self, captures: Captures) -> None:
        self._settle(self._relay.spend_of(captures))
        self._relay.finish()

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        del headers, ttfb_us
        self._settle(NOTHING if status >= 400 else self._relay.spend_of_body(body))
        self._relay.finish()

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        del message
        self._settle(NOTHING if code in NEVER_SENT else self._relay.estimate(captures))
        self._relay.finish()

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None: ...

    def on_bug(self, exc: Exception) -> None:
        self._relay.on_bug(exc)

    def _settle(self, spend: Spend) -> None:
        write_done(
            self._relay.ex, self._relay.pipeline.recorder, status=499, outcome="disconnected",
            error_code="client_disconnected", spend=spend,
        )  # fmt: skip

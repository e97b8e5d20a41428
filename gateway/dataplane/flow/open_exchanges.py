"""The exchanges that a worker has open: each ends once, what they hold for slow clients is bounded, and at a stop they are waited for."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from gateway.base.core.errors import GatewayError, ResponseTooLarge
from gateway.dataplane.flow.assemble import Policy
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.relay import Relay

_EXPECTING_S = 0.02


class OpenExchanges:
    """What a Pipeline has open."""

    policy: Policy

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.open_exchanges: dict[str, Exchange] = {}
        self.unfinished_bytes = 0
        self.is_draining = False
        self.draining_since = 0.0
        self.is_expecting: Callable[[], bool] = bool
        """Whether requests whose headers are here will yet come; the edge that reads bodies ahead knows."""
        self._idle = asyncio.Event()

    def end(self, ex: Exchange) -> None:
        """Nothing more will be sent to the client of `ex`. A second call does nothing."""
        if self.open_exchanges.pop(ex.request_id, None) is None:
            return
        self.unfinished_bytes -= ex.counted_bytes
        if ex.waiter is not None and not ex.waiter.done():
            ex.waiter.set_result(None)
        ex.release()
        if self.is_draining and not self.open_exchanges:
            self._idle.set()

    async def wait_end(self, ex: Exchange) -> None:
        """Wait until nothing more will be sent to the client of `ex`."""
        if ex.request_id in self.open_exchanges:
            ex.waiter = self.loop.create_future()
            await ex.waiter

    def count_unfinished(self, ex: Exchange, size: int) -> None:
        """Count bytes of answers that have not ended; past the bound the largest answer is ended with an error.

        Only where the server interface never waits: else the window bounds what a slow client holds up.
        """
        if ex.reply.is_waiting:
            return
        ex.counted_bytes += size
        self.unfinished_bytes += size
        if self.unfinished_bytes > self.policy.limits.unfinished_response_bytes:
            relays = [other.relay for other in self.open_exchanges.values() if isinstance(other.relay, Relay)]
            going_on = [relay for relay in relays if relay.is_ended_by_us is None]
            if going_on:
                max(going_on, key=lambda relay: relay.ex.counted_bytes).end_early(
                    ResponseTooLarge("the gateway holds too many unfinished answers; this one was the largest")
                )

    def end_all(self, error: GatewayError) -> None:
        """End every open exchange with `error`: the drain's deadline has passed."""
        for ex in list(self.open_exchanges.values()):
            if isinstance(ex.relay, Relay):
                ex.relay.end_early(error)
            else:
                ex.interrupt(error)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until no exchange is open; False when some still are after `timeout_s`."""
        if not self.is_draining:
            self.is_draining, self.draining_since = True, perf_counter()
        until = perf_counter() + timeout_s
        while self.is_expecting() and perf_counter() < until:  # noqa: ASYNC110 - an event would cost each request
            await asyncio.sleep(_EXPECTING_S)
        timeout_s = max(0.0, until - perf_counter())
        if not self.open_exchanges:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

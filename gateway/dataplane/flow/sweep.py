"""What happens by the clock: one timer per worker looks at every open exchange, instead of many timers per exchange.

Slow bodies time out, slow providers get an early commit, silent streams a keep-alive, and exchanges that last longer
than a moment are watched for a client that leaves (a watch costs more than a short exchange, so short ones have none).
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter

from gateway.base.core.errors import BodyTimeout
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.pipeline import Pipeline
from gateway.dataplane.flow.relay import Relay

TICK_S = 0.025
WATCH_AFTER_S = 0.02
"""With the tick this bounds how late a leaving client is noticed: well under the 100 ms we promise."""


class Sweep:
    """The worker's clock hand. `start` it on the loop, `stop` it when drained."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.also: list[Callable[[float], None]] = []
        """What else looks at the clock (`perf_counter()` seconds) each tick."""

    def start(self) -> None:
        """Begin ticking."""
        self._wind()

    def stop(self) -> None:
        """Stop ticking."""
        if self._handle is not None:
            self._handle.cancel()

    def _tick(self) -> None:
        pipeline = self._pipeline
        pipeline.now = now = perf_counter()
        pipeline.shedding.look(pipeline.policy.limits, now - self._due, pipeline.unfinished_bytes)
        pipeline.recorder.retry()
        for ex in list(pipeline.open_exchanges.values()):
            relay = ex.relay
            if isinstance(relay, Relay):
                _look_at(pipeline, ex, relay, now)
            elif ex.body_deadline and now > ex.body_deadline:
                ex.interrupt(BodyTimeout("the request body did not arrive in time"))
        for look in self.also:
            look(now)
        self._wind()

    def _wind(self) -> None:
        self._due = perf_counter() + TICK_S
        self._handle = self._pipeline.loop.call_later(TICK_S, self._tick)


def _look_at(pipeline: Pipeline, ex: Exchange, relay: Relay, now: float) -> None:
    if not ex.is_watched:
        if now - ex.started > WATCH_AFTER_S:
            ex.is_watched = True
            ex.reply.watch(partial(pipeline.on_left, ex))
        return
    if relay.stop_at and now > relay.stop_at:
        relay.stop_reading()
    if relay.is_finished or relay.is_client_gone or not ex.is_stream or relay.raw is not None:
        return
    timeouts = ex.policy.timeouts
    if ex.is_committed:
        if now - ex.last_write > timeouts.keep_alive_ms / 1000 and not ex.is_settled:
            relay.keep_alive()
    elif now - ex.started > timeouts.early_commit_ms / 1000:
        relay.commit_early()

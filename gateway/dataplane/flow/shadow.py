"""Shadows: a share of the exchanges is sent to another deployment too, whose answer nobody gets (`shadow` of a routing block).

A shadow is an exchange without a client: it goes the same road from admit on, under the same budgets and rate limits, and has a record of its own that
names the exchange it mirrors. It begins when that one has been sent. Where it could be in anybody's way it is left out, without a word: too many are open, the worker is busy,
a budget or a rate limit refuses it or would have it wait, or the gateway is stopping.
"""

import asyncio
from collections.abc import Callable
from copy import copy
from time import perf_counter, time
from typing import TYPE_CHECKING

from gateway.base.core.errors import GatewayError
from gateway.dataplane.flow.course import Course
from gateway.dataplane.flow.exchange import Exchange, NobodysReply
from gateway.dataplane.flow.settle import let_go

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_MOST_OPEN = 16
"""In one worker: a shadow whose model is slow must not take the place of what people wait for."""


class Shadows:
    """One worker's."""

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        self._tasks: set[asyncio.Task[Exchange]] = set()
        self._open: set[str] = set()

    def of(self, ex: Exchange, course: Course) -> Callable[[], None] | None:
        """What starts the shadow of `ex` once that is sent; None where it has none. To be asked before: later the exchange is its deployment's."""
        pipeline, deployment, peeked = self._pipeline, course.plan.shadow, course.peeked
        self._open &= pipeline.open_exchanges.keys()
        is_busy = len(self._open) >= _MOST_OPEN or len(pipeline.open_exchanges) > pipeline.shedding.calm
        if deployment is None or peeked is None or pipeline.is_draining or is_busy:
            return None
        shadow = copy(ex)
        shadow.request_id = pipeline.new_id()
        shadow.shadow_of = ex.request_id
        shadow.reply, shadow.hops = NobodysReply(), []
        shadow.course = shadow.attempt = shadow.waits_for = shadow.waiter = shadow.inspection = None
        shadow.session_id, shadow.session_basis, shadow.turn_id = "", "none", ""
        shadow.is_watched = True
        course.compared = shadow.compared = {}

        async def ask(shadow: Exchange) -> None:
            try:
                await pipeline.ask(shadow, course.route, peeked, deployment, perf_counter())
            except GatewayError:
                let_go(shadow)

        def start() -> None:
            shadow.started, shadow.started_at = perf_counter(), time()
            self._open.add(shadow.request_id)
            pipeline.open_exchanges[shadow.request_id] = shadow
            task = pipeline.loop.create_task(pipeline.run(shadow, ask))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return start

"""Further attempts of one exchange: the plan's next deployment in place of one that failed or cannot be asked, or the same one again after a pause.

Only until content has gone to the client (held.py), and only within `timeouts.total_ms` of the first attempt. What is rationed and why: routing/retry_budget.py.
"""

import asyncio
from collections.abc import Callable
from random import random
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.core.errors import GatewayError
from gateway.dataplane.flow.course import Course
from gateway.dataplane.flow.exchange import ClientLeft, Exchange
from gateway.dataplane.flow.failure import may_serve_elsewhere
from gateway.dataplane.flow.quota import sooner
from gateway.dataplane.flow.race import Race
from gateway.dataplane.flow.settle import Spend, count_quota, let_go
from gateway.dataplane.flow.shadow import Shadows
from gateway.dataplane.routing import RetryBudget

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_LEAST_S = 1.0
"""With less left of the total time nobody is asked any more: no model answers sooner."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0


class Attempts:
    """One worker's further attempts."""

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        self._budget = RetryBudget()
        self._shadows = Shadows(pipeline)
        self._moves: set[asyncio.Task[Exchange]] = set()
        """Exchanges on their way to the next attempt: the loop itself keeps no task alive."""

    async def begin(self, ex: Exchange, course: Course, began: float) -> None:
        """The first attempt: of the plan's first deployment that does not refuse. Raises what the first one refused with."""
        self._budget.earn()
        start_shadow = self._shadows.of(ex, course) if course.plan.shadow is not None else None
        if course.plan.hedge_ms >= 0 and course.left:
            await self._pipeline.watched(ex, Race(self._pipeline, ex, course).begin(began))
        else:
            refusal = await self._ask(ex, course, began, course.deployment.id, "")
            if refusal is not None:
                try:
                    raise refusal
                finally:
                    del refusal  # its traceback holds this frame, and so the request
        if start_shadow is not None:
            start_shadow()

    def fall_back(
        self, ex: Exchange, reason: str, spend: Spend, give_up: Callable[[], None], *, is_passing: bool
    ) -> bool:
        """Make another attempt in place of the one that failed for `reason`, having cost `spend`; False where none can be made.

        `give_up` tells the client of the failure, should the next one not even be sent. `is_passing`: the same deployment may serve a moment later.
        """
        course, failed = ex.course, ex.deployment
        if course is None or failed is None or ex.is_settled or course.peeked is None:
            return False
        pause_s = self._next(course, is_passing=is_passing)
        if pause_s < 0:
            return False
        course.spent_nusd = spend[1]
        course.sunk_nusd += spend[1]
        course.failed, course.relay, course.reason, course.give_up = failed, ex.relay, reason, give_up
        count_quota(ex)
        let_go(ex)
        ex.relay = course
        task = self._pipeline.loop.create_task(self._pipeline.run(ex, lambda ex: self._again(ex, course, pause_s)))
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)
        return True

    def _next(self, course: Course, *, is_passing: bool) -> float:
        """Let `course` go on to its next attempt; gives the seconds to wait before it, or -1 where there is none.

        One failover to a deployment that is well is what an outage needs; all else is rationed.
        """
        left_s = course.until - perf_counter() - _LEAST_S
        if left_s < 0:
            return -1
        health = self._pipeline.planning.health
        is_well_one_left = any(health.is_closed(one.deployment.id) for one in course.left)
        if is_well_one_left and course.failed is None:
            course.at += 1
            return 0
        if is_passing and course.retries and not is_well_one_left:
            pause_s = health.wait_ms(course.deployment.id) / 1000 + _pause_s(course.retried)
            if pause_s <= min(left_s, _LONGEST_PAUSE_S) and self._budget.spend():
                course.retries -= 1
                course.retried += 1
                return pause_s
        if course.is_last or not self._budget.spend():
            return -1
        course.at += 1
        return 0

    async def _again(self, ex: Exchange, course: Course, pause_s: float) -> None:
        """The next attempt; where it cannot be made, tell of the failure that began it."""
        assert course.failed is not None
        if pause_s:
            await self._pipeline.watched(ex, asyncio.sleep(pause_s))
        self._pipeline.planning.begin(course)
        ex.output_limit, ex.reach, ex.drops = 0, None, ""
        if await self._ask(ex, course, perf_counter(), course.failed.id, course.reason) is not None:
            give_up(ex, course)

    async def _ask(self, ex: Exchange, course: Course, began: float, origin: str, reason: str) -> GatewayError | None:
        """Ask the deployment whose turn it is; where it refuses and another may not, the next. Gives what the first one refused with, where none can be asked.

        `origin` and `reason` are of the hop: what another serves in place of, and why; without a reason that is the first refusal.
        """
        pipeline, first = self._pipeline, None
        while True:
            peeked = course.peeked
            assert peeked is not None
            if ex.has_left:
                raise ClientLeft
            told = len(ex.hops)
            if reason:
                ex.hops.append({"from": origin, "to": course.deployment.id, "reason": reason})
            try:
                await pipeline.ask(ex, course.route, peeked, course.deployment, began)
            except GatewayError as error:
                del ex.hops[told:]  # a budget may have added another model's
                let_go(ex)
                pipeline.planning.not_asked(course)
                first, reason = sooner(first, error.with_traceback(None)), reason or error.code
                is_others_too = course.failed is None and not may_serve_elsewhere(error)
                if is_others_too or course.is_last or ex.interrupted_by is not None:
                    return first
                course.at += 1
                pipeline.planning.begin(course)
                ex.output_limit, ex.reach, ex.drops = 0, None, ""
            except BaseException:  # such as its client's leaving, while it stood in a queue
                pipeline.planning.not_asked(course)
                raise
            else:
                if course.is_last and not course.retries:
                    course.peeked = None
                return None


def give_up(ex: Exchange, course: Course) -> None:
    """Tell the client of the failure after which no other attempt could be made."""
    assert course.give_up is not None
    ex.deployment, ex.relay = course.failed, course.relay
    course.sunk_nusd -= course.spent_nusd  # it is in the spend of `give_up`
    course.give_up()


def _pause_s(retried: int) -> float:
    """Exponential, with full jitter: those that failed at one moment do not come back at one moment."""
    return random() * min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * (1 << retried))

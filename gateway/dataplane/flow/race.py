"""A race (`strategy: race`): several deployments are asked for one exchange, and the first whose content comes is the answer.

Each contender is asked for a branch of the exchange, with a hold and a place in the rate limits of its own, by the same road as any attempt. The next one
starts `hedge_ms` after the one before, or at once when nobody runs any more. The winner's branch is joined to the exchange and its relay goes on as if it
had been the only one; the others are cancelled, and what they cost is added to the one record. docs/decisions/0015-race-and-shadow.md.

Budgets: the holds of all stay until the record is written, so that what is held is never less than what all of them can come to. A hard budget
that counts one model and not the other would be held by one and booked by both, so such two never run beside each other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from copy import copy
from functools import partial
from random import random
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.config import TimeoutsConfig
from gateway.base.core.errors import GatewayError
from gateway.base.core.money import usd
from gateway.dataplane.flow.contender import Contender
from gateway.dataplane.flow.course import Course
from gateway.dataplane.flow.exchange import Exchange, Headers, NobodysReply
from gateway.dataplane.flow.failure import may_serve_elsewhere
from gateway.dataplane.flow.outgoing import wants_array
from gateway.dataplane.flow.relay import Relay
from gateway.dataplane.flow.settle import NOTHING, Spend, count_quota, let_go, write_done
from gateway.dataplane.upstream import Handler

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

LOST = "race_lost"
"""The hop's reason of one that was cancelled."""
_JOINED = (
    "deployment", "drops", "hold", "hold_nusd", "limits", "output_limit", "overhead", "quota", "queued_ms", "reach",
)  # fmt: skip
"""What the exchange takes over from the winner's branch."""


class NotBeside(Exception):
    """Asked beside the others it could pass a hard budget of its model, or a budget sends it where one of them is asked already."""


class Lane(Course):
    """The course of one contender: nobody is asked in its place."""

    __slots__ = ("_contender", "_race")

    def __init__(self, race: "Race", at: int, generation: int) -> None:
        course = race.course
        assert course.peeked is not None
        super().__init__(course.plan, course.route, course.peeked, is_sticky=course.is_sticky)
        self.at, self.generation, self.until = at, generation, course.until
        self._race = race
        self.beside_nusd = race.held_nusd

    @property
    def is_last(self) -> bool:
        return True

    @property
    def is_further(self) -> bool:
        return self._race.course.sent_at > 0

    def handler(self, relay: Relay) -> Handler:
        self._contender = self._race.contender(relay)
        return self._contender

    def send(self, timeouts: TimeoutsConfig, now: float) -> TimeoutsConfig:
        patience = super().send(timeouts, now)
        self._race.enter(self._contender)
        return patience


class Race(Relay):
    """The relay of an exchange until one has won: it keeps the client waiting and hears when it leaves."""

    __slots__ = ("_asking", "_beaten", "_ending", "_is_decided", "_left", "_running", "_timer", "course")

    def __init__(self, pipeline: "Pipeline", ex: Exchange, course: Course) -> None:
        ex.deployment = course.deployment
        is_raw = wants_array(course.route, ex.incoming)
        super().__init__(pipeline, ex, pipeline.client(), is_billable=True, is_raw=is_raw)
        self.course = course
        self._left = deque(range(course.at, len(course.plan.attempts)))
        self._running: list[Contender] = []
        self._beaten: list[Contender] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_decided = False
        self._ending: Callable[[], None] | None = None
        """What is to be done once those that were cancelled have said their last word."""

    async def begin(self, began: float) -> None:
        """Ask the first that does not refuse. Raises what the first one refused with, where all do."""
        refusal = await self._ask_next(began)
        if refusal is not None:
            try:
                raise refusal
            finally:
                del refusal  # its traceback holds this frame, and so the request

    # === who runs ===

    @property
    def held_nusd(self) -> int:
        """What all that were asked may come to."""
        running = (one.ex for one in self._running)
        held = sum(ex.hold.hard_nusd if ex.reach and ex.hold else ex.hold_nusd for ex in running)
        return held + self.course.beside_nusd

    def contender(self, relay: Relay) -> Contender:
        """One that is about to be sent. Raises NotBeside."""
        contender, others = Contender(self, relay), (*self._running, *self._beaten)
        holding = [one.ex for one in others if one.ex.hold is not None]
        if holding and _hard(holding[0]) != _hard(relay.ex):
            raise NotBeside
        if any(one.name == contender.name for one in others):
            raise NotBeside
        return contender

    def enter(self, contender: Contender) -> None:
        """It is sent."""
        self._running.append(contender)
        self.course.until, self.course.sent_at = contender.lane.until, contender.lane.sent_at
        self.ex.relay = self

    async def _ask_next(self, began: float) -> GatewayError | None:
        """Ask the next that does not refuse. Gives what the first one refused with, where none is asked."""
        pipeline, course, first = self.pipeline, self.course, None
        peeked = course.peeked
        assert peeked is not None
        while self._left:
            at = self._left.popleft()
            deployment = course.plan.attempts[at].deployment
            generation = course.generation if at == course.at else pipeline.planning.health.begin(deployment.id)
            if generation is None:
                continue
            lane = Lane(self, at, generation)
            branch = self._branch(lane)
            try:
                await pipeline.ask(branch, course.route, peeked, deployment, began)
            except BaseException as error:
                let_go(branch)
                pipeline.planning.not_asked(lane)
                if isinstance(error, NotBeside):
                    self._left.appendleft(at)
                    return None
                if not isinstance(error, GatewayError):
                    raise
                first = first or error.with_traceback(None)  # which would keep this frame, and so the request
                if not may_serve_elsewhere(error):
                    return first
            else:
                if self._left and not self._is_decided and self._ending is None:
                    self._timer = pipeline.loop.call_later(course.plan.hedge_ms / 1000, self._start_next)
                return None
        return first

    def _branch(self, lane: Lane) -> Exchange:
        branch = copy(self.ex)
        branch.course, branch.reply, branch.hops = lane, NobodysReply(), []
        branch.waits_for = branch.relay = None
        branch.started = perf_counter()
        branch.is_watched = True
        return branch

    def _start_next(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = self.pipeline.loop.create_task(self._next())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _next(self) -> None:
        try:
            await self._ask_next(perf_counter())
        except Exception as exc:  # noqa: BLE001 - as everywhere on the road: the client gets an answer and the worker lives
            self.on_bug(exc)
            return
        finally:  # at once: one that fails before the loop has called back must not take this task for one that asks
            self._asking -= {asyncio.current_task()}
        if self._is_decided or self._ending is not None or self._running:
            return
        if self._timer is not None:  # the one that was asked has failed at once
            self._start_next()
        else:
            self._tell(self._beaten[-1])  # nobody is left

    # === how it goes ===

    def win(self, contender: Contender) -> None:
        """What `contender` says is the answer."""
        if self._is_decided or self._ending is not None:
            return
        for other in self._running:
            if other is not contender:
                other.hop = {"from": other.name, "to": contender.name, "reason": LOST}
        self._tell(contender)

    def fail(self, contender: Contender, reason: str, spend: Spend, status: int, fault: str, headers: Headers) -> None:
        """`contender` has failed before it said anything: the others go on, and where none runs the next one starts."""
        if contender not in self._running:
            return
        self._running.remove(contender)
        self._beaten.append(contender)
        if not (self._running or self._asking or self._left):
            self._tell(contender)
            return
        self.pipeline.planning.failed(contender.ex, status, fault, headers, is_theirs=True)
        contender.is_told = True
        contender.hop = {"from": contender.name, "to": "", "reason": reason}
        self.book(contender, spend)
        if not self._running and not self._asking:
            self._start_next()

    def book(self, contender: Contender, spend: Spend) -> None:
        """What one that has not won cost, as far as it is known now."""
        if self.ex.is_settled:
            return
        self.course.beside_nusd += spend[1] - contender.spent_nusd
        contender.spent_nusd = spend[1]
        contender.hop["cost_usd"] = usd(spend[1])
        branch = contender.ex
        count_quota(branch)
        if branch.taken is not None and self.ex.taken is None:  # it counts once, whoever answers, and if nobody does
            self.ex.taken, branch.taken = branch.taken, None
        elif branch.taken is not None:
            branch.taken.cancel()
            branch.taken = None
        if not spend[1]:
            let_go(branch)

    def over(self, contender: Contender, spend: Spend) -> None:
        """One that was cancelled has ended."""
        self.book(contender, spend)
        if contender in self._running:
            self._running.remove(contender)
        contender.release()
        if self._ending is not None and not self._running:
            ending, self._ending = self._ending, None
            ending()

    def _tell(self, contender: Contender) -> None:
        """Join the branch of `contender` to the exchange, cancel all others, and let its relay speak."""
        self._is_decided = True
        self._stop_asking()
        for other in list(self._running):
            if other is not contender:
                other.lose()
                self._tell_breaker(other)
        ex, branch, course = self.ex, contender.ex, self.course
        for name in _JOINED:
            setattr(ex, name, getattr(branch, name))
        if branch.taken is not None:
            if ex.taken is not None:
                ex.taken.cancel()
            ex.taken = branch.taken
        ex.is_stream = ex.is_stream or branch.is_stream
        branch.hold = branch.taken = branch.quota = None
        lane = contender.lane
        course.at, course.sent_at, course.is_told = lane.at, lane.sent_at, lane.is_told
        course.generation = -1 if contender.is_told else lane.generation
        course.peeked, course.retries = None, 0
        others = [one for one in (*self._beaten, *self._running) if one is not contender]
        course.beside = [one.ex for one in others]
        if contender.is_told:
            course.beside_nusd -= contender.spent_nusd  # its relay tells what it cost
        for one in others:
            one.hop["to"] = contender.name
            ex.hops.append(one.hop)
        ex.hops.extend(branch.hops)
        relay = contender.relay
        relay.ex = ex
        ex.relay = relay
        ex.reply.on_sent = relay.on_sent
        contender.release()
        self._dismiss_beaten()
        if contender in self._running:
            self._running.remove(contender)
        contender.speak()

    def _dismiss_beaten(self) -> None:
        for one in self._beaten:
            one.release()
        self._beaten.clear()

    def _tell_breaker(self, contender: Contender) -> None:
        self.pipeline.planning.health.tell(contender.name, contender.lane.generation, "unknown", random())

    def _stop_asking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._asking:
            if task is not asyncio.current_task():
                task.cancel()

    # === the client and the clock ===

    def on_left(self) -> None:
        """The client has gone: nobody is to go on."""
        if not self.is_client_gone:
            self.is_client_gone = True
            self._end(self._record_left)

    def end_early(self, error: GatewayError) -> None:
        if self.is_ended_by_us is None and not self.is_client_gone:
            self.is_ended_by_us = error
            self._end(partial(self.end_with, error, "cut", NOTHING, error.code))

    def on_bug(self, exc: Exception) -> None:
        for one in self._running:
            one.lose()
        self._stop_asking()
        self.course.beside = [one.ex for one in (*self._beaten, *self._running)]
        self._dismiss_beaten()
        super().on_bug(exc)

    def _end(self, ending: Callable[[], None]) -> None:
        if self._ending is not None:
            return  # and was told or recorded once
        self._stop_asking()
        self._ending = ending
        for one in self._running:
            one.lose()
            self._tell_breaker(one)
        self.course.beside = [one.ex for one in (*self._beaten, *self._running)]
        self._dismiss_beaten()
        if not self._running:
            self._ending = None
            ending()

    def _record_left(self) -> None:
        write_done(
            self.ex, self.pipeline.recorder, status=499, outcome="disconnected", error_code="client_disconnected"
        )
        self.finish()


def _hard(branch: Exchange) -> frozenset[object]:
    """The hard budgets that hold money for it."""
    return frozenset(branch.hold.charge.hard) if branch.hold is not None else frozenset()

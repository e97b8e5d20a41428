"""The guard's place on the road: what a request says is looked at once, before anything is planned, and all that follows gets what may leave.

A session is refused once for a text, on all workers of the node: which texts those were stands on the board, as hashes.
"""

import sys
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Final

from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.verdict import Action, Verdict
from gateway.base.storage.board import Board, board_key
from gateway.base.telemetry.log import log
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.route import Route
from gateway.dataplane.flow.waiting import ON_LOOP_BYTES
from gateway.dataplane.guard.answer import system_text
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.guard.request import Looked, look
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.wire import Peek, step_of

_ON_LOOP_NEW_BYTES: Final = 64 << 10
"""Text that is made to be slow takes some microseconds a byte."""
_REFUSED_MS: Final = 24 * 3_600_000
"""How long a session may rest and still go on. Later it is refused once more."""
_Clock = Callable[[], float]
"""Seconds. In another thread those of its CPU, since it waits for the loop's; on the loop the cheap ones."""
_COMPACT: Final = "/responses/compact"
_BESIDE: Final = ("title", "compaction")
"""What an agent asks on its own: it shows nobody the refusal, and the turn that follows would only be redacted."""


class Inspector:
    """One worker's."""

    def __init__(self, board: Board, key: bytes) -> None:
        """`key`: secret bytes that all workers and nodes share."""
        self._board, self._seed = board, int.from_bytes(key[:8])

    def inspect(self, ex: Exchange, route: Route, peeked: Peek, guard: Guard) -> Peek | None:
        """The request as it may leave; None where that is for `inspect_beside`. On the loop. Raises GuardrailBlocked."""
        if len(peeked.body) > ON_LOOP_BYTES:
            return None
        return self._inspected(ex, route, peeked, guard, guard.scan, perf_counter, _ON_LOOP_NEW_BYTES)

    def inspect_beside(self, ex: Exchange, route: Route, peeked: Peek, guard: Guard) -> Peek:
        """The request as it may leave, in another thread. Raises GuardrailBlocked."""
        with guard.scan_beside() as scan:
            leaves = self._inspected(ex, route, peeked, guard, scan, thread_time, sys.maxsize)
        assert leaves is not None
        return leaves

    def _inspected(
        self, ex: Exchange, route: Route, peeked: Peek, guard: Guard, scan: Scan, clock: _Clock, most_new_bytes: int
    ) -> Peek | None:
        leaves = self._looked(ex, route, peeked, guard, scan, clock, most_new_bytes) if guard.ran else peeked
        if leaves is None:
            return None
        if ex.inspection is None:
            ex.inspection = Inspection()
        if guard.answers is not None and guard.answers.wants_system:
            ex.inspection.system = system_text(leaves.body, route.dialect.name)
        return leaves

    def _looked(
        self, ex: Exchange, route: Route, peeked: Peek, guard: Guard, scan: Scan, clock: _Clock, most_new_bytes: int
    ) -> Peek | None:
        depth, now_ms = ex.policy.limits.json_depth, int(ex.started_at * 1000)

        def was_refused(match: str) -> bool:
            return bool(ex.session_id) and self._board.get(self._key(ex, match), now_ms) is not None

        def may_refuse() -> bool:
            if not route.is_turn:
                return route.is_billable and route.resource != _COMPACT
            return step_of(route.dialect.name, ex.family, ex.incoming.header, peeked.body) not in _BESIDE

        began = clock()
        try:
            looked = look(
                guard,
                scan,
                peeked.body,
                route.dialect.name,
                depth,
                was_refused,
                may_refuse,
                most_new_bytes=most_new_bytes,
            )
        except Exception as exc:  # noqa: BLE001 - policy says whether a request may leave that could not be looked at
            _failed(ex, guard, exc)
            return peeked
        if looked is None:
            return None
        ex.inspection = looked.inspection
        ex.inspection.cpu_us = int((clock() - began) * 1e6)
        if looked.refusal is not None:
            self._refuse(ex, looked, now_ms)
            raise looked.refusal
        if looked.body is peeked.body:
            return peeked
        leaves = route.dialect.peek(looked.body, depth)  # its spans have moved
        if leaves.model != peeked.model:
            ex.model_requested = leaves.model
        return leaves

    def _refuse(self, ex: Exchange, looked: Looked, now_ms: int) -> None:
        if any(verdict.place == "model" for verdict in looked.inspection.verdicts):
            ex.model_requested = ""  # the record has it
        for match in looked.refused:
            self._board.put(self._key(ex, match), 1, now_ms + _REFUSED_MS, now_ms)

    def _key(self, ex: Exchange, match: str) -> int:
        assert ex.grant is not None
        return board_key(f"refused\0{ex.grant.principal.key}\0{ex.session_id}\0{match}".encode(), self._seed)


def _failed(ex: Exchange, guard: Guard, exc: Exception) -> None:
    """Say so, and raise GuardrailBlocked where a scanner that is on fails closed. What the fault says may quote the text: its kind is told, and its place."""
    closed = [name for name in guard.ran if getattr(guard.config, name).fail == "closed"]
    action: Action = "block" if closed else "log"
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    log("error", "guard_failed", request_id=ex.request_id, fault=type(exc).__name__, where=where, action=action)
    verdicts = [Verdict(name, "fault", "block" if name in closed else "log", "request", "", "") for name in guard.ran]
    ex.inspection = Inspection(verdicts=verdicts)
    if closed:
        raise GuardrailBlocked(
            f"the guardrail `{closed[0]}` failed on this request, and policy says that then nothing leaves; "
            f"the gateway's log has the cause under {ex.request_id}",
            scanner=closed[0],
            rule="fault",
            place="",
        )

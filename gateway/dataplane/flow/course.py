"""An exchange's way through its plan: which deployment it asks now, and what those before have cost.

One deployment after the other, and only until content has gone to the client (wire/opening.py). The exchange stays one record: each hop with its
reason is in `hops`, and what a failed attempt may have cost is added to the cost of the one that served.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.base.core.plan import Deployment
from gateway.base.core.route import Plan

if TYPE_CHECKING:
    from gateway.dataplane.flow.route import Route
    from gateway.dataplane.flow.settle import Spend
    from gateway.dataplane.wire import Peek


class Course:
    """`at` counts attempts from 0; `sent_at` (`perf_counter()` seconds) and `generation` (of its breaker) are of the one that runs;
    `is_told`: its breaker knows that it answered.

    `failed`, `relay`, `reason` and `spent_nusd` are of the last that failed; `give_up` tells the client of it, where no other can be made.
    """

    __slots__ = (
        "at", "failed", "generation", "give_up", "is_sticky", "is_told", "peeked", "plan", "reason", "relay", "route", "sent_at", "spent_nusd", "sunk_nusd",
    )  # fmt: skip

    def __init__(self, plan: Plan, route: "Route", peeked: "Peek", *, is_sticky: bool) -> None:
        self.plan, self.route, self.is_sticky = plan, route, is_sticky
        self.peeked: Peek | None = peeked if len(plan.attempts) > 1 else None
        """What the next deployment is asked; forgotten where there is none."""
        self.at = self.generation = 0
        self.sent_at = 0.0
        self.is_told = False
        self.failed: Deployment | None = None
        self.relay: object = None
        self.reason = ""
        self.give_up: Callable[[], None] | None = None
        self.spent_nusd = self.sunk_nusd = 0
        """What the last that failed may have cost, and all of them together."""

    @property
    def deployment(self) -> Deployment:
        """What is asked now."""
        return self.plan.attempts[self.at].deployment

    @property
    def is_last(self) -> bool:
        """Whether no further deployment is left."""
        return self.at + 1 >= len(self.plan.attempts)

    @property
    def stays(self) -> bool:
        """Whether the session goes on with the deployment that answers."""
        return self.is_sticky and (self.at > 0 or self.plan.attempts[0].reason == "sticky")

    def total(self, spend: "Spend") -> "Spend":
        """What all attempts cost, where the last one's was `spend`; tokens are those of the last one."""
        usage, cost_nusd, basis = spend
        return (usage, cost_nusd + self.sunk_nusd, "estimated") if self.sunk_nusd else (usage, cost_nusd, basis)

"""An exchange's way through its plan: which deployment it asks now, and what those before have cost.

One attempt after the other, and only until content has gone to the client (wire/opening.py). The exchange stays one record: each hop with its
reason is in `hops`, and what a failed attempt may have cost is added to the cost of the one that served.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.base.config import TimeoutsConfig
from gateway.base.core.plan import Deployment
from gateway.base.core.route import Attempt, Plan
from gateway.dataplane.upstream import Handler

if TYPE_CHECKING:
    from gateway.dataplane.flow.exchange import Exchange
    from gateway.dataplane.flow.relay import Relay
    from gateway.dataplane.flow.route import Route
    from gateway.dataplane.flow.settle import Spend
    from gateway.dataplane.wire import Peek


class Course:
    """`at` counts attempts from 0; `sent_at` (`perf_counter()` seconds) and `generation` (of its breaker) are of the one that runs;
    `is_told`: its breaker knows that it answered.

    `failed`, `relay`, `reason` and `spent_nusd` are of the last that failed; `give_up` tells the client of it, where no other can be made.
    """

    __slots__ = (
        "at", "beside", "beside_nusd", "compared", "failed", "generation", "give_up", "is_sticky", "is_told", "peeked", "plan", "reason",
        "relay", "retried", "retries", "route", "sent_at", "spent_nusd", "sunk_nusd", "until",
    )  # fmt: skip

    def __init__(self, plan: Plan, route: "Route", peeked: "Peek", *, is_sticky: bool, retries: int = 0) -> None:
        self.plan, self.route, self.is_sticky = plan, route, is_sticky
        self.peeked: Peek | None = peeked
        """What the next attempt asks; forgotten where there can be none."""
        self.retries, self.retried = retries, 0
        """Further attempts of the same deployment: how many may yet be made, and were."""
        self.at = self.generation = 0
        self.sent_at = self.until = 0.0
        """`until`: when all attempts together must have ended (`perf_counter()` seconds); known from the first one on."""
        self.is_told = False
        self.failed: Deployment | None = None
        self.relay: object = None
        self.reason = ""
        self.give_up: Callable[[], None] | None = None
        self.spent_nusd = self.sunk_nusd = 0
        """What the last that failed may have cost, and all of them together."""
        self.beside: list[Exchange] = []
        """Branches that have lost a race: what they hold is given back when the cost of all is booked."""
        self.beside_nusd = 0
        """What these have cost; for one that still runs, what those beside it may come to."""
        self.compared: dict[str, str | int | float] | None = None
        """Where its shadow reads how the exchange went."""

    @property
    def deployment(self) -> Deployment:
        """What is asked now."""
        return self.plan.attempts[self.at].deployment

    @property
    def is_last(self) -> bool:
        """Whether no further deployment is left."""
        return self.at + 1 >= len(self.plan.attempts)

    @property
    def left(self) -> tuple[Attempt, ...]:
        """What may be asked after it."""
        return self.plan.attempts[self.at + 1 :]

    @property
    def may_go_on(self) -> bool:
        """Whether another attempt may be made after this one."""
        return self.retries > 0 or not self.is_last

    @property
    def is_further(self) -> bool:
        """Whether something was sent before."""
        return self.sent_at > 0

    def send(self, timeouts: TimeoutsConfig, now: float) -> TimeoutsConfig:
        """An attempt leaves: with how much patience. `total_ms` is that of all attempts together."""
        self.sent_at = now
        if not self.until:
            self.until = now + timeouts.total_ms / 1000
            return timeouts
        return replace(timeouts, total_ms=max(1, int((self.until - now) * 1000)))

    def handler(self, relay: "Relay") -> Handler:
        """Who hears the provider."""
        return relay

    @property
    def stays(self) -> bool:
        """Whether the session goes on with the deployment that answers."""
        return self.is_sticky and (self.at > 0 or self.plan.attempts[0].reason == "sticky")

    def total(self, spend: "Spend") -> "Spend":
        """What all attempts cost, where the last one's was `spend`; tokens are those of the last one."""
        usage, cost_nusd, basis = spend
        others = self.sunk_nusd + self.beside_nusd
        return (usage, cost_nusd + others, "estimated") if others else (usage, cost_nusd, basis)

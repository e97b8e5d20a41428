"""Load shedding: whom a worker refuses when it cannot keep up itself, batch work before interactive turns (docs/concepts/overload.md).

Three signs, each a share of its bound in `server.limits`: open exchanges, how late the event loop is, and what clients have not yet taken of their
answers. At three quarters of any bound batch work is refused, at one of the first two everything. A worker that is well pays one comparison for each exchange.
"""

from collections.abc import Sized
from random import randrange

from gateway.base.config import LimitsConfig
from gateway.base.core.errors import Overloaded
from gateway.base.core.principal import Priority
from gateway.dataplane.flow.exchange import Exchange

_BATCH_SHARE = 0.75
_BYTES_SHARE = 0.99
"""Never all of it: at the bound the largest answers are ended, and clients that do not read must not keep others out."""
_LAG_WEIGHT = 1 / 4
_LONGEST_LATE = 2
"""A single stall counts as twice the bound at most, and so never sheds interactive turns by itself."""
_PRIORITY = "x-agentcc-priority"
_RETRY_AFTER_S = {"interactive": (1, 5), "batch": (5, 21)}
"""At random, so that those who were refused together do not come back together."""


class Shedding:
    """One worker's. `calm` is how many exchanges may be open before anybody has to be asked: 0 while the worker is saturated otherwise."""

    __slots__ = ("_lag_ms", "_open", "_unfinished_bytes", "calm", "refused")

    def __init__(self, limits: LimitsConfig, open_exchanges: Sized) -> None:
        self._open = open_exchanges
        self._lag_ms = 0.0
        self._unfinished_bytes = 0
        self.refused = 0
        """Open exchanges that are refused already, and whose bodies are still read: they are no load, else strangers could keep developers out."""
        self.calm = 0
        self.look(limits, 0.0, 0)

    def look(self, limits: LimitsConfig, late_s: float, unfinished_bytes: int) -> None:
        """By the clock: how late its hand came, and how much of the answers is held for clients."""
        late_ms = min(late_s * 1000, _LONGEST_LATE * limits.loop_lag_ms)
        self._lag_ms += (late_ms - self._lag_ms) * _LAG_WEIGHT
        self._unfinished_bytes = unfinished_bytes
        is_well = max(self._lag_share(limits), self._bytes_share(limits)) < _BATCH_SHARE
        self.calm = int(limits.open_exchanges * _BATCH_SHARE) if is_well else 0

    def check(self, ex: Exchange) -> None:
        """Refuse `ex`, one of the open exchanges, where the worker is too busy for its priority. Raises Overloaded."""
        limits = ex.policy.limits
        share, reason = max(
            ((len(self._open) - 1 - self.refused) / limits.open_exchanges, "open_exchanges"),
            (self._lag_share(limits), "loop_lag"),
            (self._bytes_share(limits), "unfinished_bytes"),
        )
        priority = priority_of(ex)
        if share < (1.0 if priority == "interactive" else _BATCH_SHARE):
            return
        ex.shed = f"{priority} {reason}"
        after_s = randrange(*_RETRY_AFTER_S[priority])
        raise Overloaded(
            f"the gateway has too much to do just now; try again in {after_s} s",
            rule="overloaded",
            priority=priority,
            reason=reason,
            retry_after_s=after_s,
        )

    def _lag_share(self, limits: LimitsConfig) -> float:
        return self._lag_ms / limits.loop_lag_ms

    def _bytes_share(self, limits: LimitsConfig) -> float:
        return min(_BYTES_SHARE, self._unfinished_bytes / limits.unfinished_response_bytes)


def priority_of(ex: Exchange) -> Priority:
    """Its key's; a client's header can only lower it."""
    if ex.grant is not None and ex.grant.priority == "batch":
        return "batch"
    return "batch" if ex.incoming.header(_PRIORITY).strip().lower() == "batch" else "interactive"

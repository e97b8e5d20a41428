"""Hops of exchanges: who served in place of whom and why, as a counter; and a log line where one provider takes the place of another.

What is sent where changes with a provider's border (its terms, its region, its price), so somebody should hear of it: once a minute for each pair, with how
many there were.
"""

from collections.abc import Iterable
from time import monotonic

from msgspec import DecodeError
from msgspec.json import Decoder

from gateway.base.core.struct import Wire
from gateway.base.telemetry import metrics as m
from gateway.base.telemetry.log import log
from gateway.controlplane.projections.exchange import NO_HOPS, Exchange
from gateway.controlplane.projections.view import DoneView

_EVERY_S = 60.0
_CHOSEN = frozenset(
    {
        "affinity", "budget", "canary", "chain", "cost-optimized", "last_resort", "least-latency", "race", "race_lost", "requested", "sticky",
        "weighted",
    }
)  # fmt: skip
"""Reasons that are policy, not trouble; so are those that begin with `rule `."""


class Hop(Wire, rename={"origin": "from"}):
    """One of a record's."""

    origin: str = ""
    to: str = ""
    reason: str = ""

    @property
    def is_chosen(self) -> bool:
        """Whether policy wanted it, and nothing had failed."""
        return self.reason in _CHOSEN or self.reason.startswith("rule ")

    @property
    def providers(self) -> tuple[str, str]:
        """From whom to whom."""
        return self.origin.partition("/")[0], self.to.partition("/")[0]


_decode = Decoder(list[Hop]).decode


def hops_of(done: DoneView) -> list[Hop]:
    """The hops of an exchange; nearly always none, as where nobody can read them."""
    if done.hops in NO_HOPS:
        return []
    try:
        return _decode(done.hops)
    except DecodeError:
        return []


def labels_of(hop: Hop) -> tuple[str, str, str, str]:
    """What the counter calls it. Where nothing failed, `from` may be any name that a client wrote: that is `other`."""
    one, other = hop.providers
    origin = hop.origin if not hop.is_chosen else m.OTHER
    return origin, hop.to, hop.reason, "true" if one != other else "false"


class ProviderHops:
    """The log lines of one process. `since` (RFC 3339) leaves out those that began before: a ledger may be built anew."""

    def __init__(self, since: str) -> None:
        self._since = since
        self._counts: dict[tuple[str, str], int] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._told: dict[tuple[str, str], float] = {}

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Look at these."""
        for exchange in exchanges:
            for hop in hops_of(exchange.done):
                pair = hop.providers
                if pair[0] != pair[1] and not hop.is_chosen and exchange.done.ts >= self._since:
                    self._counts[pair] = self._counts.get(pair, 0) + 1
                    self._reasons[pair] = hop.reason

    def write(self) -> None:
        """Log what is due."""
        now = monotonic()
        for pair in list(self._counts):
            if now - self._told.get(pair, -_EVERY_S) >= _EVERY_S:
                self._told[pair] = now
                count, reason = self._counts.pop(pair), self._reasons.pop(pair)
                log("warning", "provider_hop", from_provider=pair[0], to_provider=pair[1], count=count, reason=reason)

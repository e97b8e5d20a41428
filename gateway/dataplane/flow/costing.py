"""What an answer cost: as the provider reported it, else estimated from what was seen of it; never too low."""

from gateway.base.core.usage import NO_USAGE, Usage
from gateway.dataplane.flow import gemini_array
from gateway.dataplane.flow.answer import answering_model, read_answer, reported_usage
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.settle import NOTHING, Spend, cost_of, estimated_usage
from gateway.dataplane.upstream import Captures
from gateway.dataplane.wire import Dialect
from gateway.dataplane.wire.anthropic_messages import ANTHROPIC_MESSAGES


class Costing:
    """What a relay knows of the cost of its exchange."""

    __slots__ = ()

    ex: Exchange
    dialect: Dialect
    """The provider's."""
    is_billable: bool
    raw: list[bytes] | None
    """A stream that nobody has looked at: a JSON array."""

    def spend_of_body(self, body: bytes) -> Spend:
        """Of a whole answer."""
        if not self.is_billable:
            return NO_USAGE, 0, "exact"
        usage, answered = read_answer(self.dialect, body)
        if usage is not None:
            return usage, cost_of(self.ex, usage, answered), "exact"
        return self._unreported(None, 0, len(body), answered)

    def spend_of(self, captures: Captures, terminal: bytes = b"") -> Spend:
        """Of a stream that has ended; `terminal` is the terminal event, where there is one."""
        found = self._reported(captures, terminal)
        if found is None:
            return self.estimate(captures)
        if captures[0] == "failed" and captures[2] is None and self.dialect is ANTHROPIC_MESSAGES:
            return self.estimate(captures)  # only what `message_start` said: the output since then was never counted
        return found, cost_of(self.ex, found, answering_model(captures)), "exact"

    def estimate(self, captures: Captures | None) -> Spend:
        """Of an answer that broke off: what was reported before, and the output that was seen."""
        if not self.is_billable:
            return NOTHING
        ex, seen, answered = self.ex, None, ""
        events, size = 0, ex.response_bytes
        if captures is not None:
            seen, answered = self._reported(captures), answering_model(captures)
            if self.raw is None:  # else nobody has looked at its events
                events, size = captures[5], captures[6]
        return self._unreported(seen, events, size, answered)

    def _unreported(self, seen: Usage | None, events: int, size: int, answered: str) -> Spend:
        """What is booked where the provider did not say all; under a hard budget what it can have come to at most."""
        ex = self.ex
        usage = estimated_usage(ex, seen, events, size)
        cost = cost_of(ex, usage, answered)
        if ex.reach is not None and ex.hold is not None:
            most = ex.hold.hard_nusd - (ex.course.sunk_nusd if ex.course is not None else 0)
            cost = most if seen is None else min(cost, most)
        return usage, cost, "estimated"

    def _reported(self, captures: Captures, terminal: bytes = b"") -> Usage | None:
        if self.raw:
            return gemini_array.usage_of(b"".join(self.raw))
        return reported_usage(self.dialect, captures, terminal)

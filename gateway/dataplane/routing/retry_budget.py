"""How many further attempts a worker makes when providers fail all around. Pure.

A plan asks each deployment at most once for an exchange, so it sends nobody more than the exchanges that there are. The first failover of an
exchange, to a deployment whose breaker is closed, is the one that an outage needs. It is free: a thousand streams that lose their provider at one
moment all move, and the breaker (five failures) keeps those that come after from the dead one. What makes a storm is the rest: second and
third failovers, and attempts where the breaker of the next deployment says that it fails too. Those are paid for from this budget, a share of
the exchanges, so that providers in trouble get at most a fifth more than their load.
"""

_SHARE = 0.2
_FLOOR = 10.0
_CAP = 100.0


class RetryBudget:
    """Each exchange earns a fifth of a further attempt; ten are there from the start, a hundred can be saved."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        self._saved = _FLOOR

    def earn(self) -> None:
        """An exchange has begun."""
        self._saved = min(_CAP, self._saved + _SHARE)

    def spend(self) -> bool:
        """Take one further attempt; False when none is left."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

"""How many attempts beside the first a worker makes: a share of its exchanges, so that an outage is not answered by a storm. Pure."""

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

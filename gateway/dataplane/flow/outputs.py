"""How much a key's turns with a model usually write, as this worker has seen it: what cost-optimized routing reckons with."""

_SHARE = 1 / 16
"""Of the newest turn in the average."""
_MOST = 4096
"""Names come from clients, so there is a bound."""


class Outputs:
    """Moving averages of output tokens by key and model asked for."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], float] = {}

    def learn(self, key: str, model: str, tokens: int) -> None:
        """A turn has written so much."""
        before = self._tokens.get((key, model))
        if before is None and len(self._tokens) >= _MOST:
            self._tokens.clear()
        self._tokens[key, model] = tokens if before is None else before + (tokens - before) * _SHARE

    def usual(self, key: str, model: str) -> int:
        """Tokens; 0 while nothing is known."""
        return int(self._tokens.get((key, model), 0.0))

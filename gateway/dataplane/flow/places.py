"""Where sessions are, on the node's board: one of few names (a model, a deployment) under a key of the session."""

from collections.abc import Iterable
from time import time

from gateway.base.storage.board import Board, board_key

KEPT_MS = 6 * 3_600_000
"""How long what a session did is remembered, after its last turn."""


class Places:
    """For one worker. Names come from the configuration."""

    def __init__(self, board: Board, seed: int) -> None:
        """`seed` keys the hashes: the same on all workers, unknown to clients."""
        self._board, self._seed = board, seed
        self._names: dict[int, str] = {}

    def get(self, key: int, names: Iterable[str]) -> str:
        """Which of `names` was put there last; '' where nobody knows, and for key 0."""
        found = self._board.get(key, int(time() * 1000)) if key else None
        if found is None:
            return ""
        if found not in self._names:
            self._names.update((self._word(name), name) for name in names)
        return self._names.get(found, "")

    def put(self, key: int, name: str) -> None:
        """Remember it; not under key 0."""
        if key:
            now_ms = int(time() * 1000)
            self._board.put(key, self._word(name), now_ms + KEPT_MS, now_ms)

    def _word(self, name: str) -> int:
        return board_key(name.encode(), self._seed) >> 1

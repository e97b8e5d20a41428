"""Where a session is at a provider with several deployments: its prompt cache is there, and what it thought can only be read there again."""

from collections.abc import Mapping
from time import time

from gateway.base.core.plan import Provider
from gateway.base.storage.board import Board, board_key

_KEPT_MS = 6 * 3_600_000
"""After the session's last turn there."""


class Homes:
    """On the node's board, one entry for each session and provider."""

    def __init__(self, board: Board, seed: int) -> None:
        """`seed` keys the hashes: the same on all workers, unknown to clients."""
        self._board, self._seed = board, seed

    def of(self, session: int, providers: Mapping[str, Provider], provider: str) -> str:
        """The deployment (`openai@eu`) that answered the session last; '' where nobody knows, or it is not there any more."""
        found = self._board.get(self._key(session, provider), int(time() * 1000)) if session else None
        if found is None:
            return ""
        return next((one.id for one in providers[provider].accounts if self._word(one.id) >> 1 == found), "")

    def keep(self, session: int, provider: Provider) -> None:
        """The deployment has answered."""
        if session:
            now_ms = int(time() * 1000)
            self._board.put(self._key(session, provider.name), self._word(provider.id) >> 1, now_ms + _KEPT_MS, now_ms)

    def _key(self, session: int, provider: str) -> int:
        return session ^ self._word(f"home\0{provider}")

    def _word(self, name: str) -> int:
        return board_key(name.encode(), self._seed)

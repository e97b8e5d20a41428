"""Client retries, and how many of them a session may make (DESIGN, "Denials"; decision 0013).

A retry is: the same key, the same client-sent session and turn id, the same body, and the answer before was an error or cut. Without client ids
nothing is a retry. What failed is on the node's board, so any worker knows it at the next request.
"""

from functools import lru_cache

from gateway import _native
from gateway.base.core.errors import RetriesExhausted
from gateway.base.core.session import RETRIES_OFF
from gateway.base.storage.board import Board, board_key
from gateway.dataplane.budget.refusal import utc_text

_SESSIONS = 4096
_FAILED_MS = 15 * 60_000
"""How long a failed turn is remembered: longer than any client's own back-off."""


class Attempt:
    """One exchange of a turn that the client has named. `retry` is 0 for its first try, n for the nth retry running of the session."""

    __slots__ = ("_board", "_name", "_seed", "_session", "has_failed", "retry")

    def __init__(self, board: Board, seed: int, session: int, name: bytes) -> None:
        """`name` tells the turn from all others; its hash is only made where something has failed, or fails."""
        self._board, self._seed, self._session, self._name = board, seed, session, name
        self.retry = 0
        self.has_failed = False
        """Whether something of the session had failed when it came."""

    @property
    def turn(self) -> int:
        """The board's key of the turn."""
        return board_key(self._name, self._seed)

    def begun(self, now_ms: int) -> None:
        """It is sent: the next one of the session is a further retry, also while nobody knows how this one ends."""
        if self.retry:
            self._board.put(self._session, self.retry, now_ms + _FAILED_MS, now_ms)

    def failed(self, now_ms: int) -> None:
        """The answer was an error, or was cut: the same again would be a retry."""
        until_ms = now_ms + _FAILED_MS
        self._board.put(self.turn, 1, until_ms, now_ms)
        retries = max(self.retry, self._board.get(self._session, now_ms) or 0)  # a new turn that fails forgives nothing
        self._board.put(self._session, retries, until_ms, now_ms)

    def succeeded(self, now_ms: int) -> None:
        """The session is well: what it retried is forgiven."""
        if self.has_failed:
            self._board.put(self._session, 0, now_ms + _FAILED_MS, now_ms)  # other turns of it have failed all the same
            self._board.put(self.turn, 0, 0, now_ms)


class Retries:
    """Recognises retries, for one worker. `seed` keys the hashes: the same on all workers, unknown to clients."""

    def __init__(self, board: Board, seed: int) -> None:
        self._board, self._seed = board, seed
        self._session_of = lru_cache(_SESSIONS)(self._session)

    def attempt(self, key: str, session_id: str, turn_id: str, body: bytes, most: int, now_ms: int) -> Attempt:
        """What this request is. Raises RetriesExhausted past `most` retries running (RETRIES_OFF: any number)."""
        board, seed = self._board, self._seed
        session = self._session_of(key, session_id)
        name = b"%b %b %b" % (session.to_bytes(8), turn_id.encode(), _native.digest(body, seed))
        attempt = Attempt(board, seed, session, name)
        retries = board.get(session, now_ms)
        if retries is None:  # nearly always: nothing of this session has failed
            return attempt
        attempt.has_failed = True
        if board.get(attempt.turn, now_ms) is not None:
            attempt.retry = retry = retries + 1
            if retry > most != RETRIES_OFF:
                raise exhausted(session_id, most, f"the same turn has failed {retry} times", now_ms + _FAILED_MS)
        return attempt

    def _session(self, key: str, session_id: str) -> int:
        return board_key(f"{key}\0{session_id}".encode(), self._seed)


def exhausted(session_id: str, most: int, what: str, until_ms: int = 0) -> RetriesExhausted:
    """The refusal of a session that has tried too often; `until_ms` 0: until something else is asked."""
    words = (
        f"retry budget exhausted: {what} in this session, and {most} retries running are allowed; "
        "ask for something else or begin a new session"
    )
    resets = {"resets_at": utc_text(until_ms), "resets_at_s": until_ms // 1000} if until_ms else {}
    return RetriesExhausted(words, level="session", id=session_id, limit=most, rule="retries_per_session", **resets)

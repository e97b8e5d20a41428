"""Which session and turn an exchange belongs to, and whether it is a retry (docs/concepts/sessions.md).

Agents name their session in a header of their own; sub-agents send that of their parent. For clients that name none it is derived: a keyed hash of
key, system instruction and first user item, which all turns of one conversation have in common.
"""

from hashlib import blake2b

from gateway import _native
from gateway.base.storage.board import Board
from gateway.dataplane.budget import Retries, exhausted
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.route import Route
from gateway.dataplane.wire import Peek, failed_streak

_PARTS = {
    "openai.responses": (b"instructions", b"input"),
    "openai.chat": (b"", b"messages"),
    "anthropic.messages": (b"system", b"messages"),
    "gemini.generate": (b"systemInstruction", b"contents"),
    "bedrock.converse": (b"system", b"messages"),
}
"""Where each dialect has its system instruction and its conversation."""
_ID_BYTES = 12


class Sessions:
    """Names sessions and counts their retries, for one worker."""

    def __init__(self, board: Board, key: bytes) -> None:
        """`key`: 32 secret bytes that all workers and nodes share."""
        self._key = key
        self._seed = int.from_bytes(key[:8])
        self._retries = Retries(board, int.from_bytes(key[8:16]))

    def recognise(self, ex: Exchange, route: Route, peeked: Peek) -> None:
        """Fill in session and turn. Raises RetriesExhausted when the session has retried enough."""
        grant = ex.grant
        assert grant is not None
        key = grant.principal.key
        if not ex.session_id:
            ex.session_id = self._derived(key, route, peeked.body)
            ex.session_basis = "derived" if ex.session_id else "none"
        rules = ex.policy.sessions
        most = rules.retries_per_session
        if most < 0 or not route.is_billable:
            return
        if rules.tool_failures != "off":
            is_any_call = rules.tool_failures == "same_tool"
            streak = failed_streak(route.dialect.name, peeked.body, most, is_any_call=is_any_call)
            if streak is not None:
                what = f"the tool `{streak.tool[:80]}` has failed {streak.failures} times running"
                raise exhausted(ex.session_id, most, what)
        if ex.turn_id and ex.session_basis == "client":
            now_ms = int(ex.started_at * 1000)
            ex.attempt = self._retries.attempt(key, ex.session_id, ex.turn_id, peeked.body, most, now_ms)

    def _derived(self, key: str, route: Route, body: bytes) -> str:
        digest = conversation_of(route, body, self._seed)
        if digest is None:
            return ""
        named = blake2b(digest + key.encode(), key=self._key, digest_size=_ID_BYTES)
        return f"derived-{named.hexdigest()}"


def conversation_of(route: Route, body: bytes, seed: int) -> bytes | None:
    """A hash that all turns of a conversation share; None where there is none."""
    parts = _PARTS.get(route.dialect.name)
    if parts is None or not route.is_turn:
        return None
    return _native.conversation_digest(body, *parts, seed)

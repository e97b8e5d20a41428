"""A deployment's rate-limit room as one 62-bit word: what is left of requests and tokens, and until when each holds. Pure."""

from gateway.dataplane.routing.ratelimit_headers import UNKNOWN, Room

_UNIT_MS = 250
_TIME = 1 << 14
"""Times are kept in units modulo this (68 min), and none is further away than half of it."""
MOST_SHORT_MS = _TIME // 2 * _UNIT_MS - 60_000
_ANY_REQUESTS, _ANY_TOKENS = (1 << 16) - 1, (1 << 18) - 1
_TOKENS_PER_UNIT = 64


def short_for_ms(room: Room) -> int:
    """How long the word is worth keeping; 0: there is plenty."""
    requests_ms = room.requests_reset_ms if room.requests != UNKNOWN else 0
    return min(max(requests_ms, room.tokens_reset_ms if room.tokens != UNKNOWN else 0), MOST_SHORT_MS)


def pack_room(room: Room, now_ms: int) -> int:
    """0 to 2^62 - 1."""
    requests = _ANY_REQUESTS if room.requests == UNKNOWN else min(room.requests, _ANY_REQUESTS - 1)
    tokens = _ANY_TOKENS if room.tokens == UNKNOWN else min(room.tokens // _TOKENS_PER_UNIT, _ANY_TOKENS - 1)
    ends = (_unit(now_ms + min(ms, MOST_SHORT_MS)) for ms in (room.requests_reset_ms, room.tokens_reset_ms))
    requests_end, tokens_end = ends
    return ((requests << 18 | tokens) << 14 | requests_end) << 14 | tokens_end


def has_room(word: int, tokens: int, now_ms: int) -> bool:
    """Whether a request with so many tokens fits, in each limit that has not been reset meanwhile."""
    if word >> 46 == 0 and _left_ms(word >> 14, now_ms) > 0:
        return False
    left = word >> 28 & _ANY_TOKENS
    return left == _ANY_TOKENS or tokens <= left * _TOKENS_PER_UNIT or _left_ms(word, now_ms) <= 0


def room_wait_ms(word: int, now_ms: int) -> int:
    """Until the last limit that is short is reset."""
    requests_ms = _left_ms(word >> 14, now_ms) if word >> 46 == 0 else 0
    return max(0, requests_ms, _left_ms(word, now_ms) if word >> 28 & _ANY_TOKENS != _ANY_TOKENS else 0)


def _unit(ms: int) -> int:
    return -(-ms // _UNIT_MS) % _TIME


def _left_ms(end: int, now_ms: int) -> int:
    units = (end - now_ms // _UNIT_MS + _TIME // 2) % _TIME - _TIME // 2
    return units * _UNIT_MS - now_ms % _UNIT_MS

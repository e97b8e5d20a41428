"""What all workers of a node know of deployments, on the node's board: breaker, pace (moving averages) and rate-limit room, an entry each. Pure:
the board, the clock and the hash of names come in.

An attempt asks `begin`, then tells how it went: `tell` (breaker), `took` (pace), `limits` (the provider's headers). A healthy deployment costs reads
only: the breaker writes on failures and till they are forgotten, pace at the 16th answer or after a second, room when it is short.
"""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Protocol

from gateway.dataplane.routing.breaker import (
    CLOSED,
    NEW,
    OPEN,
    TICK_MS,
    Observation,
    State,
    Verdict,
    allows,
    begin_probe,
    is_ailing,
    pack,
    remembered_ms,
    step,
    unpack,
    wait_ms,
)
from gateway.dataplane.routing.ratelimit_headers import Room, retry_after_ms, room_in
from gateway.dataplane.routing.room import has_room, pack_room, room_wait_ms, short_for_ms

_SMOOTHING = 1 / 8
_UNWRITTEN = 16
_STALE_MS = 1000
_PACE_KNOWN_MS = 5 * 60_000
"""Then a deployment is unknown again, and least-latency looks at it anew."""
_MS_BITS, _RATE_BITS, _RATE_UNITS = 22, 20, 16
_WITH_RETRY_AFTER = frozenset({429, 503, 529})
_REFUSED = Room(requests=0, requests_reset_ms=1000)
"""After a 429 that says nothing: a second without it."""


class Shelf(Protocol):
    """A board (base/storage/board.py): 64-bit key → 63-bit value with an end, whole or not at all, last writer wins."""

    def get(self, key: int, now_ms: int) -> int | None: ...

    def put(self, key: int, value: int, until_ms: int, now_ms: int) -> None: ...

    def learn(self, key: int, value: int, until_ms: int, now_ms: int) -> None:
        """As `put`, and other nodes are not told."""
        ...


class BoardHealth:
    """The Health of base/core/route.py, and where it is learned. One for each worker; names come from the configuration, so they are few."""

    def __init__(self, board: Shelf, key_of: Callable[[bytes], int], now_ms: Callable[[], int]) -> None:
        self._board, self._key_of, self._now_ms = board, key_of, now_ms
        self._known: dict[str, _Known] = {}

    def is_closed(self, deployment: str) -> bool:
        """Whether its breaker lets a request through now. Nothing closes one before its opening is over, so till then the board isn't asked."""
        now_ms = self._now_ms()
        known = self._known.get(deployment) or self._met(deployment)
        if known.opened_ms <= now_ms < known.open_until_ms:
            return False
        word = self._board.get(known.breaker, now_ms)
        known.is_ailing = word is not None and is_ailing(word, now_ms)
        if word is None or (left_ms := wait_ms(word, now_ms)) == 0:
            return True
        if word & 3 == OPEN:  # a half-open one may close at any moment
            known.opened_ms = now_ms
            known.open_until_ms = now_ms - now_ms % TICK_MS + left_ms  # it ends with a tick, on every worker alike
        return False

    def is_tripped(self, deployment: str) -> bool:
        """Whether its breaker is open or half-open, also when its time is over and nobody has asked it yet."""
        word = self._board.get((self._known.get(deployment) or self._met(deployment)).breaker, self._now_ms())
        return word is not None and word & 3 != CLOSED

    def is_ailing(self, deployment: str) -> bool:
        """Whether it fails so often that others should be asked first, though its breaker is closed: as `is_closed` has just read it."""
        return (self._known.get(deployment) or self._met(deployment)).is_ailing

    def has_headroom(self, deployment: str, tokens: int) -> bool:
        """Whether the provider's rate limits leave room for one more request with so many tokens."""
        now_ms = self._now_ms()
        word = self._board.get((self._known.get(deployment) or self._met(deployment)).room, now_ms)
        return word is None or has_room(word, tokens, now_ms)

    def first_byte_ms(self, deployment: str) -> float:
        """Moving average; 0 when nothing is known. At most a second behind what other workers wrote."""
        return self._fresh(deployment).first_byte_ms.value

    def tokens_per_s(self, deployment: str) -> float:
        """Moving average; 0 when nothing is known."""
        return self._fresh(deployment).tokens_per_s.value

    def wait_ms(self, deployment: str) -> int:
        """How long until its breaker lets the next request through, or what its rate limit lacks comes back; 0: now."""
        now_ms = self._now_ms()
        known = self._known.get(deployment) or self._met(deployment)
        word, room = self._board.get(known.breaker, now_ms), self._board.get(known.room, now_ms)
        breaker_ms = 0 if word is None else wait_ms(word, now_ms)
        return max(breaker_ms, 0 if room is None else room_wait_ms(room, now_ms))

    def begin(self, deployment: str) -> int | None:
        """An attempt goes out: its generation, for `tell`. None when the breaker lets none through, perhaps since somebody else's probe is out."""
        now_ms = self._now_ms()
        known = self._known.get(deployment) or self._met(deployment)
        word = self._board.get(known.breaker, now_ms)
        if word is None:
            return NEW.generation
        if not allows(word, now_ms):
            return None
        state = unpack(word)
        if state.phase != CLOSED:
            self._write(known, state, begin_probe(state, now_ms), now_ms)
        return state.generation

    def tell(self, deployment: str, generation: int, verdict: Verdict, dice: float, retry_after_ms: int = 0) -> None:
        """How an attempt of `begin` went (`verdict_of`): as soon as it is sure, so `ok` at the first content event (a probe keeps others waiting);
        a stream that breaks after that is told as well, as `failed`. `unknown`: it will never be sure. `retry_after_ms`: what `limits` gave.
        """
        now_ms = self._now_ms()
        known = self._known.get(deployment) or self._met(deployment)
        word = self._board.get(known.breaker, now_ms)
        if word is None and verdict != "failed" and not retry_after_ms:
            return  # nearly always
        state = NEW if word is None else unpack(word)
        after = step(state, Observation(verdict, generation, retry_after_ms), now_ms, dice)
        if after is not state:
            self._write(known, state, after, now_ms)

    def limits(self, deployment: str, status: int, headers: Iterable[tuple[str, str]]) -> int:
        """Note what an answer's headers (names in lower case) say of rate limits; gives the milliseconds of Retry-After, for `tell`.

        A 429 that says nothing of when is taken to mean a second.
        """
        now_ms = self._now_ms()
        room = room_in(headers, now_ms)
        asked_ms = retry_after_ms(headers, now_ms) if status in _WITH_RETRY_AFTER else 0
        if status == 429 and not asked_ms and (room is None or 0 not in {room.requests, room.tokens}):
            room = _REFUSED
        if room is not None:
            self._note(self._known.get(deployment) or self._met(deployment), room, now_ms)
        return asked_ms

    def took(self, deployment: str, first_byte_ms: float, tokens_per_s: float) -> None:
        """The pace of an answer; 0 where it says nothing (an answer too short to have a rate)."""
        now_ms = self._now_ms()
        known = self._known.get(deployment) or self._met(deployment)
        if first_byte_ms > 0:
            known.first_byte_ms.add(first_byte_ms)
        if tokens_per_s > 0:
            known.tokens_per_s.add(tokens_per_s)
        known.unwritten += 1
        if known.unwritten >= _UNWRITTEN or not 0 <= now_ms - known.synced_ms < _STALE_MS:
            self._sync(known, now_ms)

    def _met(self, deployment: str) -> "_Known":
        keys = (self._key_of(f"{what}\0{deployment}".encode()) for what in ("breaker", "room", "pace"))
        known = self._known[deployment] = _Known(*keys)
        return known

    def _write(self, known: "_Known", before: State, after: State, now_ms: int) -> None:
        """What a closed breaker counts stays on the node: a count that is told late would close the breaker that another node has opened."""
        word = pack(after)
        write = self._board.learn if before.phase == after.phase == CLOSED else self._board.put
        write(known.breaker, word, now_ms + remembered_ms(word, now_ms), now_ms)

    def _note(self, known: "_Known", room: Room, now_ms: int) -> None:
        short_ms = short_for_ms(room)
        if short_ms == 0:
            if known.short_until_ms > now_ms:  # there is more than was said: not until the reset then
                known.short_until_ms = 0
                self._board.put(known.room, 0, 0, now_ms)
            return
        is_known = known.short_until_ms > now_ms and 0 <= now_ms - known.noted_ms < _STALE_MS
        if (
            is_known
            and not _is_much_less(room.requests, known.noted.requests)
            and not _is_much_less(room.tokens, known.noted.tokens)
        ):
            return
        known.noted, known.noted_ms, known.short_until_ms = room, now_ms, now_ms + short_ms
        self._board.put(known.room, pack_room(room, now_ms), known.short_until_ms, now_ms)

    def _fresh(self, deployment: str) -> "_Known":
        known = self._known.get(deployment) or self._met(deployment)
        now_ms = self._now_ms()
        if not 0 <= now_ms - known.synced_ms < _STALE_MS:
            self._sync(known, now_ms)
        return known

    def _sync(self, known: "_Known", now_ms: int) -> None:
        """Take over what others wrote, and write what this worker saw since."""
        word = self._board.get(known.pace, now_ms) or 0
        known.first_byte_ms.meet(word >> _RATE_BITS)
        known.tokens_per_s.meet((word & (1 << _RATE_BITS) - 1) / _RATE_UNITS)
        known.synced_ms = now_ms
        if known.unwritten:
            known.unwritten = 0
            ms = min(ceil(known.first_byte_ms.value), (1 << _MS_BITS) - 1)
            rate = min(ceil(known.tokens_per_s.value * _RATE_UNITS), (1 << _RATE_BITS) - 1)
            self._board.put(known.pace, ms << _RATE_BITS | rate, now_ms + _PACE_KNOWN_MS, now_ms)
            known.first_byte_ms.rest()
            known.tokens_per_s.rest()


class _Average:
    """An exponential moving average that several workers move: what one saw since it last met the others' value is applied to theirs."""

    __slots__ = ("_kept", "_met", "value")

    def __init__(self) -> None:
        self.value = self._met = 0.0
        self._kept = 1.0

    def add(self, sample: float) -> None:
        self.value += (sample - self.value) * _SMOOTHING if self.value else sample
        self._kept *= 1 - _SMOOTHING

    def meet(self, theirs: float) -> None:
        """`theirs` 0: nobody knows."""
        if self._kept == 1.0:
            self.value = theirs
        elif theirs and self._met:
            self.value += (theirs - self._met) * self._kept
        elif theirs:
            self.value += (theirs - self.value) * self._kept
        self._met, self._kept = theirs, 1.0

    def rest(self) -> None:
        """The value was written for all."""
        self._met = self.value


class _Known:
    """One deployment, as this worker knows it."""

    __slots__ = (
        "breaker",
        "first_byte_ms",
        "is_ailing",
        "noted",
        "noted_ms",
        "open_until_ms",
        "opened_ms",
        "pace",
        "room",
        "short_until_ms",
        "synced_ms",
        "tokens_per_s",
        "unwritten",
    )

    def __init__(self, breaker: int, room: int, pace: int) -> None:
        self.breaker, self.room, self.pace = breaker, room, pace
        self.first_byte_ms, self.tokens_per_s = _Average(), _Average()
        self.unwritten = 0
        self.synced_ms = -_STALE_MS
        self.noted = Room()
        self.is_ailing = False
        self.noted_ms = self.short_until_ms = self.opened_ms = self.open_until_ms = 0


def _is_much_less(now: int, before: int) -> bool:
    """By an eighth, or down to nothing; unknown (-1) is more than any number."""
    return now >= 0 and (before < 0 or now * 8 < before * 7 or (now == 0 < before))

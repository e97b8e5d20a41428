"""What one node's board learns, told to all others through a Redis stream: failed turns, and whatever else heals by itself.

Each worker tells what it put and reads what others told, some twenty times a second. A Redis that is away delays the news and loses nothing else:
each node goes on with what it knows itself.

Words on the board may hold times, and machines' clocks differ: whoever writes such words adds `Board.ahead_ms`, which is kept up here, so that all
nodes write by Redis' clock.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic, time

import msgspec

from gateway.base.storage.board import Board, Entry
from gateway.base.storage.ports import StorageError
from gateway.base.storage.redis.scripts import Scripts

_EVERY_S = 0.05
_AWAY_S = 1.0
_KEPT = 10_000
"""Entries that wait for a Redis that is away, and about as many in the stream."""
_AT_ONCE = 500
_COMPARED_S = 60.0
"""How often our clock is compared with Redis', beside whenever it was set."""
_SAME_MS = 100
"""Clocks that differ by less are the same: nobody's times are finer, and the way to Redis takes as long."""
_News = tuple[str, list[Entry]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_News).decode


class RedisNews:
    """`teller` is the node: its workers share the board, so what one told the others know."""

    def __init__(
        self,
        url: str,
        board: Board,
        teller: str,
        namespace: str = "default",
        now_ms: Callable[[], int] = lambda: int(time() * 1000),
    ) -> None:
        """Raises StorageError when `url` is none. Connects when it runs."""
        self._scripts = Scripts(url, f"{{agentcc:{namespace}}}")
        self._board, self._teller, self._now_ms = board, teller, now_ms
        self._waiting: deque[Entry] = deque(maxlen=_KEPT)
        board.news = self._waiting
        self._read_to = "-"
        self._is_new = True
        self._compare_at = 0.0
        self._began_ms = 0.0
        """When `monotonic` began, by our clock: another time once somebody has set it."""
        self.problem = ""
        """Why the last exchange with Redis failed; empty when it went well."""

    async def run(self) -> None:
        """Tell and read until cancelled."""
        while True:
            try:
                await self.exchange()
                self.problem = ""
            except StorageError as exc:
                self.problem = str(exc)
            await asyncio.sleep(_AWAY_S if self.problem else _EVERY_S)

    async def exchange(self) -> None:
        """Tell what waits, read what is new. Raises StorageError."""
        if monotonic() >= self._compare_at or abs(self._beginning_ms() - self._began_ms) > _SAME_MS:
            await self._compare()
        while self._waiting:
            telling = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            try:
                payload = _encode((self._teller, telling))
                await self._scripts.read("XADD", ":news", "MAXLEN", "~", str(_KEPT), "*", "n", payload)
            except StorageError:
                self._waiting.extendleft(reversed(telling))
                raise
        told: dict[int, Entry] = {}
        read_to = self._read_to
        while found := await self._scripts.read("XRANGE", ":news", read_to, "+", "COUNT", str(_AT_ONCE)):
            for number, fields in found:
                read_to = "(" + number.decode()
                told.update((entry[0], entry) for entry in self._entries(fields.get(b"n", b"")))
            if len(found) < _AT_ONCE:
                break
        self._read_to = read_to
        now_ms = self._now_ms() + self._board.ahead_ms
        for entry in told.values():  # the last word of each key, so that nobody acts on one that is long out of date
            self._board.learn(*entry, now_ms)
        self._is_new = False

    async def _compare(self) -> None:
        """Learn how far Redis' clock is ahead of ours; a slow answer says nothing."""
        asked_ms = self._now_ms()
        theirs_ms = await self._scripts.time_ms()
        took_ms = self._now_ms() - asked_ms
        if not 0 <= took_ms <= _SAME_MS:
            return
        ahead_ms = theirs_ms - asked_ms - took_ms // 2
        if abs(ahead_ms - self._board.ahead_ms) > _SAME_MS:
            self._board.ahead_ms = ahead_ms
        self._compare_at, self._began_ms = monotonic() + _COMPARED_S, self._beginning_ms()

    def _beginning_ms(self) -> float:
        return self._now_ms() - monotonic() * 1000

    def _entries(self, payload: bytes) -> list[Entry]:
        """What another node told. Who begins anew takes his own node's words too: the last one counts, whosever it was."""
        try:
            teller, entries = _decode(payload)
        except msgspec.DecodeError:
            return []  # of another version
        return entries if teller != self._teller or self._is_new else []

    async def close(self) -> None:
        """Give connections back."""
        await self._scripts.close()

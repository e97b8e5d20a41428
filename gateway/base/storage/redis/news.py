"""What one node's board learns, told to all others through a Redis stream: failed turns, and whatever else heals by itself.

Each worker tells what it put and reads what others told, some twenty times a second. A Redis that is away delays the news and loses nothing else:
each node goes on with what it knows itself.
"""

import asyncio
import time
from collections import deque

import msgspec

from gateway.base.storage.board import Board, Entry
from gateway.base.storage.ports import StorageError
from gateway.base.storage.redis.scripts import Scripts

_EVERY_S = 0.05
_AWAY_S = 1.0
_KEPT = 10_000
"""Entries that wait for a Redis that is away, and about as many in the stream."""
_AT_ONCE = 500
_News = tuple[str, list[Entry]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_News).decode


class RedisNews:
    """`teller` is the node: its workers share the board, so what one told the others know."""

    def __init__(self, url: str, board: Board, teller: str, namespace: str = "default") -> None:
        """Raises StorageError when `url` is none. Connects when it runs."""
        self._scripts = Scripts(url, f"{{agentcc:{namespace}}}")
        self._board, self._teller = board, teller
        self._waiting: deque[Entry] = deque(maxlen=_KEPT)
        board.news = self._waiting
        self._read_to = "-"
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
        while self._waiting:
            told = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            try:
                payload = _encode((self._teller, told))
                await self._scripts.read("XADD", ":news", "MAXLEN", "~", str(_KEPT), "*", "n", payload)
            except StorageError:
                self._waiting.extendleft(reversed(told))
                raise
        while found := await self._scripts.read("XRANGE", ":news", self._read_to, "+", "COUNT", str(_AT_ONCE)):
            now_ms = int(time.time() * 1000)
            for number, fields in found:
                self._read_to = "(" + number.decode()
                self._learn(fields.get(b"n", b""), now_ms)
            if len(found) < _AT_ONCE:
                break

    def _learn(self, payload: bytes, now_ms: int) -> None:
        try:
            teller, entries = _decode(payload)
        except msgspec.DecodeError:
            return  # of another version
        if teller != self._teller:
            for key, value, until_ms in entries:
                self._board.learn(key, value, until_ms, now_ms)

    async def close(self) -> None:
        """Give connections back."""
        await self._scripts.close()

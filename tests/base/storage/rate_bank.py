"""Both rate stores behind one face without `await`, with a clock of the test's."""

import asyncio
import itertools
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from gateway.base.storage.rates import RateAsk, RateStore, RateTold, SlotAsk, SlotTold
from gateway.base.storage.redis import RedisRates
from gateway.base.storage.sqlite.rates import SqliteRates
from tests.base.storage.bank import START_MS
from tests.base.storage.redis_server import RedisServer

T = TypeVar("T")
_numbers = itertools.count(1)


class RateBank:
    """A store under test. `now_ms` moves only when the test says so."""

    def __init__(self, folder: Path, server: RedisServer | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder, self._server = folder, server
        self.namespace = f"rates{next(_numbers)}"
        self.now_ms = START_MS
        self.store = self.another_store()

    def another_store(self) -> RateStore:
        """The same limiters, as another worker has them."""
        if self._server:
            return RedisRates(self._server.url, self.namespace, is_callers_clock=True)
        return SqliteRates(self._folder)

    def do(self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self.do(self.store.close())
        self._loop.close()

    def lose_memory(self) -> None:
        """All state goes, under a running gateway."""
        if self._server:
            self._server.ask("FLUSHALL")
        else:
            for path in self._folder.glob("leases.sqlite3*"):
                path.unlink()

    def take(self, run: str, *asks: RateAsk | SlotAsk) -> tuple[list[RateTold], list[SlotTold]]:
        rates = [ask for ask in asks if isinstance(ask, RateAsk)]
        slots = [ask for ask in asks if isinstance(ask, SlotAsk)]
        return self.do(self.store.take(run, rates, slots, self.now_ms))

    def rate(self, ask: RateAsk, run: str = "a") -> RateTold:
        """The answer to one ask."""
        ((told,), _) = self.take(run, ask)
        return told

    def slot(self, ask: SlotAsk, run: str = "a") -> SlotTold:
        """The answer to one ask."""
        (_, (told,)) = self.take(run, ask)
        return told

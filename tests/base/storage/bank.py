"""Both lease stores behind one face without `await`, with a clock of the test's, and how each loses its memory."""

import asyncio
import itertools
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from gateway.base.core.budget import UNLIMITED
from gateway.base.storage.leases import Ask, Correction, Row, Told
from gateway.base.storage.redis import RedisLeases
from gateway.base.storage.sqlite.leases import SqliteLeases
from tests.base.storage.redis_server import RedisServer

T = TypeVar("T")
START_MS = 1_800_000_000_000
USD = 10**9
_numbers = itertools.count(1)


class Bank:
    """A store under test. `now_ms` moves only when the test says so."""

    def __init__(self, folder: Path, server: RedisServer | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder, self._server = folder, server
        self.namespace = f"test{next(_numbers)}"
        self.now_ms = START_MS
        self.store = RedisLeases(server.url, self.namespace, is_callers_clock=True) if server else SqliteLeases(folder)

    def do(self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Once or twice."""
        if self._loop.is_closed():
            return
        self.do(self.store.close())
        self._loop.close()

    def breathe(self) -> None:
        """Let the event loop see what came in, as it does all the time in a gateway: connections that were closed."""
        for _ in range(5):
            self.do(asyncio.sleep(0))

    def lose_memory(self) -> None:
        """All state goes, under a running gateway."""
        if self._server:
            self._server.ask("FLUSHALL")
        else:
            for path in self._folder.glob("leases.sqlite3*"):
                path.unlink()

    def begin_epoch(self) -> None:
        """The state stays, but may be older than what runs have been told. SQLite knows no such case."""
        if self._server:
            self._server.ask("HSET", f"{{agentcc:{self.namespace}}}:state", "server", "another")

    # === what callers say ===

    def sync(self, run: str, *asks: Ask, node: str = "n1") -> list[Told]:
        return self.do(self.store.sync(node, run, list(asks), self.now_ms))

    def one(self, run: str, ask: Ask, node: str = "n1") -> Told:
        (told,) = self.sync(run, ask, node=node)
        return told

    def post(
        self,
        totals: dict[str, int] | None = None,
        finished: tuple[str, ...] = (),
        adopted: tuple[tuple[str, str], ...] = (),
        node: str = "n1",
    ) -> None:
        self.do(self.store.post(node, totals or {}, list(finished), list(adopted), self.now_ms))

    def adopt(self, *buckets: str, node: str = "n1") -> None:
        """Post the periods of `buckets` as adopted, with no finished run."""
        self.post(adopted=tuple(period_of(bucket) for bucket in buckets), node=node)

    def register(self, node: str = "n1") -> None:
        self.do(self.store.register(node, self.now_ms))

    def adopted(self, node: str = "n1") -> set[tuple[str, str]]:
        return self.do(self.store.adopted(node))

    def rows(self, node: str = "") -> list[Row]:
        return self.do(self.store.rows(node))

    def put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        self.do(self.store.put_bases(run, bases))

    def correct(self, bucket: str, amount_nusd: int, reason: str = "credit") -> Correction:
        correction = Correction(bucket, amount_nusd, reason, "admin", self.now_ms)
        self.do(self.store.correct(correction))
        return correction

    def corrections(self, bucket: str = "") -> list[Correction]:
        return self.do(self.store.corrections(bucket))

    def prune(self, **before_label: str) -> int:
        return self.do(self.store.prune(before_label))


def name(account: str = "team:platform", kind: str = "monthly", label: str = "2027-01-01") -> str:
    """The name of a bucket."""
    return f"{account}||{kind}|UTC|{label}"


def period_of(bucket: str) -> tuple[str, str]:
    """Its window without the account's own id, as it happens, and label."""
    window, _, label = bucket.rpartition("|")
    return window, label


def ask(bucket: str, ceiling_nusd: int = UNLIMITED, **more: int | str | bool) -> Ask:
    """An ask that says nothing and wants nothing but `more`; `keep_nusd` is what is granted, unless it is said."""
    window, label = period_of(bucket)
    said = Ask(bucket, window, label, ceiling_nusd, 0, 0, 0, 0)
    said = replace(said, **more)
    return (
        said
        if "keep_nusd" in more
        else replace(said, keep_nusd=max(said.granted_nusd, said.spent_nusd + said.held_nusd))
    )

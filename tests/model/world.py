"""Nodes with real journals, ledgers, keepers and lease stores, and workers with real wallets, under one clock of the test's."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

import msgspec

from gateway._native import Hold
from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import Window
from gateway.base.core.errors import BudgetExceeded
from gateway.base.core.principal import Grant, Principal
from gateway.base.journal import open_run
from gateway.base.journal.line import rfc3339
from gateway.base.storage import StorageError
from gateway.base.storage.leases import Ask, LeaseBook, LeaseStore, Told
from gateway.controlplane.budgets.keeper import Keeper
from gateway.controlplane.budgets.runs import Runs
from gateway.controlplane.projections import Exporter, Projector
from gateway.controlplane.projections.spend import SpendReader
from gateway.dataplane.budget import Stage, Wallet
from gateway.dataplane.flow.admit import admit
from tests.base.journal.conftest import done_payload, open_payload
from tests.model.clock import Clock, ClockLoop

T = TypeVar("T")
_TICK_S = 0.05
_STEP_S = (0.5, 0.1)


class Store(LeaseStore, LeaseBook, Protocol):
    """Both sides of a lease store."""


class _Timeless:
    """A worker's way to the store; the clock stands still while it answers."""

    def __init__(self, store: Store, world: "World") -> None:
        self._store, self._world = store, world

    async def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        if self._world.is_down:
            raise StorageError("the store is down")
        with self._world.clock.stopped():
            return await self._store.sync(node, run, asks, now_ms)

    async def close(self) -> None:
        with self._world.clock.stopped():
            await self._store.close()


@dataclass(eq=False)
class Exchange:
    """One that is open. `is_hard` and `soft` buckets are those that it holds money of, by name."""

    request_id: str
    at_ms: int
    who: Grant
    model: str
    hold: Hold | None
    hold_nusd: int
    hard: frozenset[str]
    soft: frozenset[str]


class Node:
    """One data directory: its journal, its ledger, its control plane. `is_lagging` stops the ledger."""

    def __init__(self, world: "World", name: str, folder: Path) -> None:
        self.name, self.journal, self.is_lagging = name, folder / "journal", False
        self.journal.mkdir(parents=True)
        self._world, self.book = world, world.new_store()
        self._projector = Projector(self.journal, folder / "ledger.sqlite3", Exporter("t"))
        self.project()
        self._ledger = folder / "ledger.sqlite3"
        self.keeper = self.new_keeper()

    def new_keeper(self) -> Keeper:
        """As a control plane has it that was just started."""
        return Keeper(self.name, self.book, Runs(self.journal), SpendReader(self._ledger))

    def project(self) -> None:
        while self._projector.step():
            pass

    async def live(self) -> None:
        """As the control plane's process does."""
        while True:
            if not self.is_lagging:
                self.project()
            is_soon = False
            if not self._world.is_down:
                with self._world.clock.stopped():
                    is_soon = await self.keeper.step(self._world.clock.now_ms)
            await asyncio.sleep(_STEP_S[is_soon])

    async def close(self) -> None:
        self._projector.stop()
        with self._world.clock.stopped():
            await self.book.close()


class Worker:
    """One run in a slot of a node."""

    def __init__(self, world: "World", node: Node, slot: int, windows: tuple[Window, ...]) -> None:
        self._world, self.node, self.slot, self.windows = world, node, slot, windows
        world.births += 1
        self.run, self._written = f"{world.births:012x}", 0
        clock = world.clock
        self._journal, _ = open_run(node.journal, slot, run_id=self.run, version="t", now=clock.time)
        self.store = world.new_store()
        self.wallet = Wallet(_Timeless(self.store, world), node.name, self.run, lambda: self._written)
        self.wallet.use(Accounts(windows), clock.now_ms)
        self.open: list[Exchange] = []
        self._ids = 0
        self._clockwork = world.loop.create_task(self._tick())

    def use(self, windows: tuple[Window, ...]) -> None:
        self.windows = windows
        self.wallet.use(Accounts(windows), self._world.clock.now_ms)

    async def _tick(self) -> None:
        while True:
            self.wallet.tick(self._world.clock.perf_counter())
            await asyncio.sleep(_TICK_S)

    # === the road, as in flow/pipeline.py ===

    async def begin(self, who: Grant, model: str, hold_nusd: int, soft_nusd: int) -> Exchange:
        """Admit, hold, record. Raises BudgetExceeded, BudgetUnproven."""
        at_ms, wallet = self._world.clock.now_ms, self.wallet
        charge = wallet.charge_for(who, model, at_ms) if wallet.is_on else None
        if charge is not None:
            if not charge.is_known:
                await wallet.ask_about(charge)
            ex: Any = SimpleNamespace(started_at=at_ms / 1000, request_bytes=0, deployment=None)
            admit(ex, wallet, SimpleNamespace(name=model), charge, lambda name: SimpleNamespace(name=name))
        hold = None
        if charge is not None:
            hard_nusd = hold_nusd if charge.hard else 0
            hold = charge.hold(hard_nusd, soft_nusd) or await wallet.obtain(charge, hard_nusd, soft_nusd, hard_nusd)
        self._ids += 1
        request_id = f"req_{self.run}{self._ids:08x}"
        booked = hold_nusd if charge is not None and charge.hard else soft_nusd
        self._journal.append(_opened(request_id, at_ms, who, model, booked))
        names = [frozenset(b.name for b in side) for side in ((charge.hard, charge.soft) if charge else ((), ()))]
        exchange = Exchange(request_id, at_ms, who, model, hold, booked, *names)
        self.open.append(exchange)
        return exchange

    def settle(self, exchange: Exchange, cost_nusd: int) -> None:
        """Record, then count."""
        self.open.remove(exchange)
        principal = exchange.who.principal
        self._written += 1
        self._journal.append(
            done_payload(
                exchange.request_id, principal=exchange.who.principal_json, ts=rfc3339(exchange.at_ms / 1000),
                model_used=exchange.model, cost_nusd=cost_nusd,
            )
        )  # fmt: skip
        if exchange.hold is not None:
            if not exchange.hold.settle(cost_nusd):
                self.wallet.settle_anew(exchange.hold, cost_nusd, principal, exchange.model, exchange.at_ms)
        elif cost_nusd:
            self.wallet.count(exchange.who, exchange.model, exchange.at_ms, cost_nusd)

    async def die(self) -> None:
        """kill -9."""
        await self._world.cancel(self._clockwork)
        if self.wallet._task is not None:
            await self._world.cancel(self.wallet._task)
        self._journal.abandon()
        with self._world.clock.stopped():
            await self.store.close()

    async def stop(self) -> None:
        """As on SIGTERM, when nothing is open any more."""
        await self._world.cancel(self._clockwork)
        await self.wallet.close()
        self._journal.close()


@dataclass
class World:
    """`folder` is new and empty; `new_store` makes one more connection to the lease store."""

    clock: Clock
    folder: Path
    new_store: Callable[[], Store]
    is_down: bool = False
    """Whether nobody reaches the store."""
    births: int = 0
    nodes: list[Node] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    _lives: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = ClockLoop(self.clock)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """And nothing is left under way when the clock may jump."""
        busy = self.clock.busy
        found = self.loop.run_until_complete(work)
        while self.clock.busy > busy:
            self.loop.run_until_complete(asyncio.sleep(0))
        return found

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """What a store answers, at once."""
        with self.clock.stopped():
            return self.do(work)

    def add_node(self, name: str) -> Node:
        node = Node(self, name, self.folder / name)
        self.nodes.append(node)
        self._lives.append(self.loop.create_task(node.live()))
        return node

    def add_worker(self, node: Node, slot: int, windows: tuple[Window, ...]) -> Worker:
        worker = Worker(self, node, slot, windows)
        self.workers.append(worker)
        return worker

    def wait(self, seconds: float) -> None:
        """Everybody goes on with their work."""
        self.do(asyncio.sleep(seconds))
        for life in self._lives:
            if life.done():
                life.result()

    async def cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with self.clock.stopped(), contextlib.suppress(asyncio.CancelledError):
            await task

    def close(self) -> None:
        for life in self._lives:
            self.do(self.cancel(life))
        for worker in self.workers:
            self.do(worker.die())
        for node in self.nodes:
            self.do(node.close())
        self.loop.close()


def grant_of(principal: Principal) -> Grant:
    return Grant(principal, msgspec.Raw(msgspec.json.encode(principal)))


def _opened(request_id: str, at_ms: int, who: Grant, model: str, hold_nusd: int) -> bytes:
    frame: dict[str, Any] = msgspec.json.decode(open_payload(request_id, hold_nusd, rfc3339(at_ms / 1000)))
    return msgspec.json.encode(frame | {"principal": who.principal_json, "model_used": model})


__all__ = ["BudgetExceeded", "Exchange", "Node", "Stage", "Worker", "World", "grant_of"]

"""A journal that grows in the test's hands, its ledger, and a keeper that is stepped by hand."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.base.core.budget import UNLIMITED, Downgrade, Window
from gateway.base.journal import JournalWriter, open_run
from gateway.base.journal.line import rfc3339
from gateway.controlplane.budgets.keeper import Keeper
from gateway.controlplane.budgets.runs import Runs
from gateway.controlplane.projections import Exporter, Projector
from gateway.controlplane.projections.spend import SpendReader
from tests.base.journal.conftest import done_payload, open_payload
from tests.controlplane.budgets.fakes import FakeBook, SqliteBook

Book = FakeBook | SqliteBook

NOW_MS = 1_795_240_000_000  # 2026-11-21T05:46:40Z
_TERMS = {
    "models": "", "period": "monthly", "zone": "UTC", "limit_nusd": 10**10, "is_hard": True, "warn": 0.8,
    "downgrade": 0.95, "pause": 1.0, "cascade": Downgrade(10_000, ()),
}  # fmt: skip


def window(level: str, account_id: str, **terms: object) -> Window:
    """A hard monthly cap of $10, unless `terms` say otherwise."""
    return msgspec.convert({"level": level, "id": account_id, **msgspec.to_builtins({**_TERMS, **terms})}, Window)


def soft(level: str, account_id: str, **terms: object) -> Window:
    """The same that never refuses."""
    return window(level, account_id, is_hard=False, pause=UNLIMITED, **terms)


class Node:
    """One node: journal, ledger, keeper."""

    def __init__(self, directory: Path, book: Book, *windows: Window) -> None:
        self.journal = directory / "journal"
        self.journal.mkdir(parents=True, exist_ok=True)
        self.book = book
        self._projector = Projector(self.journal, directory / "ledger.sqlite3", Exporter("t"))
        self._keepers = 0
        self.now_ms = NOW_MS
        self.new_keeper(directory / "ledger.sqlite3")
        self.keeper.use(windows)
        self._ids = 0

    def new_keeper(self, ledger: Path) -> None:
        """As after a restart of the control plane."""
        before = self.keeper.windows if self._keepers else ()
        self.keeper = Keeper("n1", self.book, Runs(self.journal), SpendReader(ledger))
        self.keeper.use(before)
        self._keepers += 1

    def start(self, run: str, slot: int = 0) -> JournalWriter:
        return open_run(self.journal, slot, run_id=run.ljust(12, "0"), version="t", now=lambda: self.now_ms / 1000)[0]

    def spend(
        self, writer: JournalWriter, cost_nusd: int, *, at_ms: int = 0, model: str = "openai/gpt-5.1", **who: object
    ) -> None:
        """One exchange of key `alice` of team `platform`, unless `who` says otherwise."""
        principal = {"key": "alice", "org": "acme", "team": "platform", "user": "", "tags": {}, **who}
        ts = rfc3339((at_ms or self.now_ms) / 1000)
        self._ids += 1
        request_id = f"req_{writer.run_id}{self._ids:08x}"
        raw = msgspec.Raw(msgspec.json.encode(principal))
        writer.append(done_payload(request_id, principal=raw, ts=ts, model_used=model, cost_nusd=cost_nusd))

    def leave_open(self, writer: JournalWriter, hold_nusd: int) -> None:
        """An exchange that the crash will interrupt."""
        self._ids += 1
        writer.append(
            open_payload(f"req_{writer.run_id}{self._ids:08x}", hold_nusd, rfc3339(self.now_ms / 1000)).replace(
                b'"principal":{"org":"","team":"","user":"","key":""',
                b'"principal":{"org":"acme","team":"platform","user":"","key":"alice"',
            )
        )

    def project(self) -> None:
        while self._projector.step():
            pass

    def step(self, *, is_projected: bool = True) -> bool:
        """One step of the keeper, with the ledger up to date unless told otherwise."""
        if is_projected:
            self.project()
        return asyncio.run(self.keeper.step(self.now_ms))

    def steps(self) -> None:
        """Steps for some seconds, in which workers would have told what they know."""
        for _ in range(3):
            self.now_ms += 1_100
            self.step()

    def close(self) -> None:
        self._projector.stop()


@pytest.fixture(params=["memory", "sqlite"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """The keeper behaves alike on each."""
    if request.param == "memory":
        yield FakeBook()
        return
    found = SqliteBook(tmp_path)
    asyncio.run(found.rows())  # makes the file
    yield found
    asyncio.run(found.close())


@pytest.fixture
def node(tmp_path: Path, book: Book) -> Iterator[Callable[..., Node]]:
    """Makes the node, with these windows in force."""
    made: list[Node] = []

    def make(*windows: Window) -> Node:
        made.append(Node(tmp_path, book, *windows))
        return made[-1]

    yield make
    for one in made:
        one.close()

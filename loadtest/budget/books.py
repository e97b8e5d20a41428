"""What each side has written down: the simulator's bill, each node's journal (`agentcc journal export`), each node's ledger."""

import contextlib
import sqlite3
import time
from collections.abc import Iterable
from datetime import datetime

import httpx
import msgspec
from msgspec import Struct

from loadtest.budget.nodes import Stack
from loadtest.budget.prices import BillRow
from tests.harness import Gateway

_LEDGER = "ledger.sqlite3"
_POLL_S = 0.5


class Frame(Struct, frozen=True):
    """A line of the journal's export, of any kind."""

    k: str = ""
    run: str = ""
    request_id: str = ""
    ts: str = ""
    session_id: str = ""
    hold_nusd: int = 0
    model_used: str = ""
    status: int = 0
    outcome: str = ""
    error_code: str = ""
    cost_nusd: int = 0
    cost_basis: str = ""
    latency_ms: float = 0.0
    prev_hash: str = ""
    hash: str = ""

    @property
    def began(self) -> float:
        """Wall-clock seconds."""
        return datetime.fromisoformat(self.ts).timestamp()

    @property
    def ended(self) -> float:
        """Wall-clock seconds."""
        return self.began + self.latency_ms / 1000


class Entry(Struct, frozen=True):
    """A row of a ledger."""

    request_id: str
    cost_nusd: int
    cost_basis: str


class Books(Struct):
    """All of it, of all nodes. `runs`: the frames of each worker's life, in their order."""

    bill: list[BillRow]
    runs: list[list[Frame]]
    ledger: list[Entry]

    def done(self) -> list[Frame]:
        """The final records."""
        return [frame for run in self.runs for frame in run if frame.k == "done"]

    def opened(self) -> list[Frame]:
        """What was held for exchanges before they were sent."""
        return [frame for run in self.runs for frame in run if frame.k == "open"]

    def is_settled(self) -> bool:
        """Nothing is generating or open any more, and the ledgers have caught up with the journals."""
        done = {frame.request_id for frame in self.done()}
        return (
            not any(row.is_open for row in self.bill)
            and all(frame.request_id in done for frame in self.opened())
            and len(done) == len(self.ledger)
        )


def read_settled(running: Stack, timeout_s: float) -> Books:
    """The books once everything has recovered, or as they stand after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while True:
        books = read(running)
        if books.is_settled() or time.monotonic() > until:
            return books
        time.sleep(_POLL_S)


def read(running: Stack) -> Books:
    """All books as they stand."""
    bill = httpx.get(f"{running.simulator.url}/__sim/bill", timeout=60, trust_env=False).content
    books = Books(msgspec.json.decode(bill, type=list[BillRow]), [], [])
    for gateway in running.gateways:
        done = gateway.run_cli("journal", "export", "--all", "-c", str(gateway.file))
        books.runs += _runs(msgspec.json.decode(line, type=Frame) for line in done.stdout.splitlines())
        books.ledger += _ledger(gateway)
    return books


def _runs(frames: Iterable[Frame]) -> list[list[Frame]]:
    """The export merges all runs; each frame names the hash of the one before it in its own."""
    ends: dict[str, list[Frame]] = {}
    runs = []
    for frame in frames:
        run = ends.pop(frame.prev_hash, None)
        if run is None:
            run = []
            runs.append(run)
        run.append(frame)
        ends[frame.hash] = run
    return runs


def _ledger(gateway: Gateway) -> list[Entry]:
    uri = (gateway.data_dir / _LEDGER).absolute().as_uri() + "?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as db:
        rows = db.execute(
            "SELECT e.request_id, e.cost_nusd, t.cost_basis FROM exchanges e JOIN traits t ON t.id = e.trait"
        )
        return [Entry(*row) for row in rows]

"""Lease books for tests of the control plane alone: one in memory, as plain as the contract, and the SQLite store, seen through."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from gateway.base.storage import StorageError
from gateway.base.storage.leases import UNKNOWN_BASE, Correction, Row
from gateway.base.storage.sqlite.leases import SqliteLeases


class Seen:
    """What tests ask of any book. `kept` is by run (the node for its own rows) and bucket; `marks` are the adoptions."""

    kept: dict[tuple[str, str], Row]
    marks: dict[str, set[tuple[str, str]]]

    def total(self, bucket: str, node: str = "n1") -> int:
        row = self.kept.get((node, bucket))
        return row.spent_nusd if row else 0

    def committed(self, bucket: str) -> int:
        """What the contract says that is spoken for."""
        rows = [row for row in self.kept.values() if row.bucket == bucket]
        runs = sum(max(0, row.base_nusd) + max(row.granted_nusd, row.spent_nusd) for row in rows if row.run)
        return runs + sum(row.spent_nusd for row in rows if not row.run)


@dataclass
class FakeBook(Seen):
    """`have` gives a run a row, as a worker's sync would; `lose` forgets all, as a Redis that restarts might."""

    kept: dict[tuple[str, str], Row] = field(default_factory=dict)
    marks: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    entries: list[Correction] = field(default_factory=list)
    posts: int = 0
    is_down: bool = False

    def have(self, run: str, bucket: str, *, node: str = "n1", **values: int) -> None:
        row = Row(bucket, node, run, 0, 0, 0, 0, 0, 0)
        self.kept[run, bucket] = replace(row, **values)

    def lose(self) -> None:
        self.marks.clear()
        self.kept.clear()

    def _answer(self) -> None:
        if self.is_down:
            raise StorageError("the store is down")

    async def register(self, node: str, now_ms: int) -> None:
        self._answer()
        self.marks.setdefault(node, set())

    async def adopted(self, node: str) -> set[tuple[str, str]]:
        self._answer()
        return set(self.marks.get(node, set()))

    async def rows(self, node: str = "") -> list[Row]:
        self._answer()
        return [row for row in self.kept.values() if node in ("", row.node)]

    async def post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        self._answer()
        self.posts += 1
        missing = {row.bucket for row in self.kept.values() if row.run in finished} - totals.keys()
        assert not missing, "each bucket in which a finished run has a row must be in the totals"
        for bucket, total in totals.items():
            self.kept[node, bucket] = Row(bucket, node, "", 0, total, total, 0, 0, now_ms)
        for key in [key for key in self.kept if key[0] in finished]:
            del self.kept[key]
        self.marks.setdefault(node, set()).update(adopted)

    async def put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        self._answer()
        for bucket, (frames, base) in bases.items():
            row = self.kept[run, bucket]
            if row.base_nusd == UNKNOWN_BASE and row.first_frames == frames:
                self.kept[run, bucket] = replace(row, base_nusd=base)

    async def correct(self, correction: Correction) -> None:
        self._answer()
        self.entries.append(correction)

    async def corrections(self, bucket: str = "") -> list[Correction]:
        self._answer()
        return [entry for entry in self.entries if bucket in ("", entry.bucket)]

    async def prune(self, before_label: dict[str, str]) -> int:
        self._answer()
        return 0

    async def close(self) -> None:
        return None


class SqliteBook(SqliteLeases, Seen):
    """The same questions to `leases.sqlite3`, past its own code."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._path = directory / "leases.sqlite3"
        self.posts = 0
        self.is_down = False

    def have(self, run: str, bucket: str, *, node: str = "n1", **values: int) -> None:
        row = replace(Row(bucket, node, run, 0, 0, 0, 0, 0, 0), **values)
        numbers = row.base_nusd, row.granted_nusd, row.spent_nusd, row.held_nusd, row.first_frames, row.synced_ms
        with closing(sqlite3.connect(self._path)) as db, db:
            db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, 0)", (run, node))
            db.execute("INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", (bucket, run, *numbers))

    def lose(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    @property
    def kept(self) -> dict[tuple[str, str], Row]:
        return {(row.run or row.node, row.bucket): row for row in asyncio.run(self.rows())}

    @property
    def marks(self) -> dict[str, set[tuple[str, str]]]:
        return {"n1": asyncio.run(self.adopted("n1"))}

    async def register(self, node: str, now_ms: int) -> None:
        if self.is_down:
            raise StorageError("the store is down")
        await super().register(node, now_ms)

    async def post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        self.posts += 1
        await super().post(node, totals, finished, adopted, now_ms)

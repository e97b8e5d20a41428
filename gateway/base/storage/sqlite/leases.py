"""Leases of one node: LeaseStore and LeaseBook on `leases.sqlite3`, for its workers, control plane and command line at once."""

from pathlib import Path

from gateway.base.storage.leases import (
    FORGET_NODE_MS,
    FORGET_RUN_MS,
    UNKNOWN_BASE,
    Ask,
    Correction,
    Row,
    Told,
    is_forgotten,
)
from gateway.base.storage.sqlite.lease_file import LeaseFile
from gateway.base.storage.sqlite.lease_sync import answers, epoch, hear


class SqliteLeases:
    """See LeaseStore and LeaseBook. Opens the file with the first call; one object per process, made after a fork."""

    def __init__(self, data_dir: str | Path) -> None:
        self._file = LeaseFile(Path(data_dir))

    async def close(self) -> None:
        """See LeaseStore."""
        await self._file.close()

    # === LeaseStore ===

    async def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        """See LeaseStore."""
        return await self._file.run(self._sync, node, run, asks, now_ms)

    def _sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        with self._file.writing() as db:
            epoch_ms = epoch(db, now_ms)
            hear(db, node, now_ms)
            db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run, node, now_ms))
            return answers(db, run, asks, epoch_ms, now_ms) if asks else []

    # === LeaseBook ===

    async def register(self, node: str, now_ms: int) -> None:
        """See LeaseBook."""
        await self._file.run(self._register, node, now_ms)

    def _register(self, node: str, now_ms: int) -> None:
        with self._file.writing() as db:
            epoch(db, now_ms)
            hear(db, node, now_ms)
            db.execute(
                "DELETE FROM runs WHERE synced_ms < ? AND NOT EXISTS (SELECT 1 FROM shares WHERE shares.run = runs.run)",
                (now_ms - FORGET_RUN_MS,),
            )
            db.execute(
                "DELETE FROM nodes WHERE heard_ms < ? AND NOT EXISTS (SELECT 1 FROM totals WHERE totals.node = nodes.node)",
                (now_ms - FORGET_NODE_MS,),
            )

    async def adopted(self, node: str) -> set[tuple[str, str]]:
        """See LeaseBook."""
        return await self._file.run(self._adopted, node)

    def _adopted(self, node: str) -> set[tuple[str, str]]:
        with self._file.reading() as db:
            return set(
                db.execute(
                    "SELECT window, label FROM adopted JOIN epoch ON epoch_ms = began_ms WHERE node = ?", (node,)
                )
            )

    async def rows(self, node: str = "") -> list[Row]:
        """See LeaseBook."""
        return await self._file.run(self._rows, node)

    def _rows(self, node: str) -> list[Row]:
        with self._file.reading() as db:
            found = db.execute(
                "SELECT bucket, node, run, base_nusd, granted_nusd, spent_nusd, held_nusd, first_frames, shares.synced_ms"
                " FROM shares JOIN runs USING (run) WHERE node = ? OR ? = ''"
                " UNION ALL SELECT bucket, node, '', 0, total_nusd, total_nusd, 0, 0, 0"
                " FROM totals WHERE node != '' AND (node = ? OR ? = '') ORDER BY 1, 2, 3",
                (node, node, node, node),
            )
            return [Row(*values) for values in found]

    async def post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        """See LeaseBook."""
        await self._file.run(self._post, node, totals, finished, adopted, now_ms)

    def _post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        with self._file.writing() as db:
            epoch_ms = epoch(db, now_ms)
            hear(db, node, now_ms)
            db.executemany(
                "INSERT OR REPLACE INTO totals VALUES (?, ?, ?)",
                [(bucket, node, total) for bucket, total in totals.items()],
            )
            for table in ("shares", "runs"):
                db.executemany(f"DELETE FROM {table} WHERE run = ?", [(run,) for run in finished])
            db.executemany(
                "INSERT OR REPLACE INTO adopted VALUES (?, ?, ?, ?)",
                [(label, window, node, epoch_ms) for window, label in adopted],
            )

    async def put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        """See LeaseBook."""
        await self._file.run(self._put_bases, run, bases)

    def _put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        with self._file.writing() as db:
            db.executemany(
                "UPDATE shares SET base_nusd = ? WHERE bucket = ? AND run = ? AND first_frames = ? AND base_nusd = ?",
                [(base, bucket, run, frames, UNKNOWN_BASE) for bucket, (frames, base) in bases.items()],
            )

    async def correct(self, correction: Correction) -> None:
        """See LeaseBook."""
        await self._file.run(self._correct, correction)

    def _correct(self, correction: Correction) -> None:
        with self._file.writing() as db:
            db.execute(
                "INSERT INTO corrections (bucket, amount_nusd, reason, by, at_ms) VALUES (?, ?, ?, ?, ?)",
                (correction.bucket, correction.amount_nusd, correction.reason, correction.by, correction.at_ms),
            )
            db.execute(
                "INSERT INTO totals VALUES (?1, '', ?2) ON CONFLICT DO UPDATE SET total_nusd = total_nusd + ?2",
                (correction.bucket, correction.amount_nusd),
            )

    async def corrections(self, bucket: str = "") -> list[Correction]:
        """See LeaseBook."""
        return await self._file.run(self._corrections, bucket)

    def _corrections(self, bucket: str) -> list[Correction]:
        with self._file.reading() as db:
            found = db.execute(
                "SELECT bucket, amount_nusd, reason, by, at_ms FROM corrections WHERE bucket = ? OR ? = '' ORDER BY id",
                (bucket, bucket),
            )
            return [Correction(*values) for values in found]

    async def prune(self, before_label: dict[str, str]) -> int:
        """See LeaseBook."""
        return await self._file.run(self._prune, before_label)

    def _prune(self, before_label: dict[str, str]) -> int:
        with self._file.writing() as db:
            known = db.execute("SELECT bucket FROM shares UNION SELECT bucket FROM totals").fetchall()
            gone = [(bucket,) for (bucket,) in known if is_forgotten(bucket, before_label)]
            for table in ("shares", "totals", "wanted"):
                db.executemany(f"DELETE FROM {table} WHERE bucket = ?", gone)
            pairs = db.execute("SELECT DISTINCT window, label FROM adopted").fetchall()
            db.executemany(
                "DELETE FROM adopted WHERE window = ? AND label = ?",
                [pair for pair in pairs if is_forgotten("|".join(pair), before_label)],
            )
            return len(gone)

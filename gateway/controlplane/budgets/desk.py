"""Where people's questions about budgets are answered, for the admin API and the command line alike: list, show, correct."""

import time

from gateway.base.core.budget import Window
from gateway.base.storage.leases import Correction, LeaseBook
from gateway.controlplane.budgets.correct import bucket_of, correction
from gateway.controlplane.budgets.report import Report, reports


class Desk:
    """`windows` are those of the policy in force; set them anew when it changes. Every question raises StorageError."""

    def __init__(self, book: LeaseBook, windows: tuple[Window, ...]) -> None:
        self._book = book
        self.windows = windows

    async def reports(self) -> list[Report]:
        """Every bucket of the current periods."""
        return reports(self.windows, await self._book.rows(), await self._book.corrections(), now_ms())

    async def corrections(self, bucket: str = "") -> list[Correction]:
        """All entries, or those of one bucket, oldest first."""
        return await self._book.corrections(bucket)

    async def correct(
        self,
        amount: str,
        reason: str,
        by: str,
        *,
        bucket: str = "",
        account: str = "",
        period: str = "",
        models: str = "",
    ) -> Correction:
        """Change a bucket's spend. Raises BadCorrectionError."""
        found, others = await self.reports(), {row.bucket for row in await self._book.rows()} if bucket else ()
        meant = bucket_of(found, others, bucket=bucket, account=account, period=period, models=models)
        entry = correction(meant, amount, reason, by, now_ms())
        await self._book.correct(entry)
        return entry


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000

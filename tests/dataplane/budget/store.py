"""A lease store in memory, as small as the contract allows: no epochs, always ready. The real ones have their own suite."""

import asyncio

from gateway.base.core.budget import UNLIMITED
from gateway.base.storage import StorageError
from gateway.base.storage.grants import reported, rollover
from gateway.base.storage.leases import Ask, Told


class MemoryStore:
    """Buckets → rows of runs. `is_down` makes it fail, `is_ready` False holds hard money back."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Ask]] = {}
        self.granted: dict[tuple[str, str], int] = {}
        self.synced_ms: dict[str, int] = {}
        self.before: dict[str, int] = {}
        """Bucket → what other runs and nodes have spent for ever."""
        self.is_down, self.is_ready, self.syncs = False, True, 0

    def committed(self, bucket: str) -> int:
        return self.before.get(bucket, 0) + sum(self.granted[bucket, run] for run in self.rows.get(bucket, {}))

    def ceiling(self, ask: Ask) -> int:
        if not ask.rolls_from or ask.ceiling_nusd == UNLIMITED:
            return ask.ceiling_nusd
        return ask.ceiling_nusd + rollover(ask, self.committed(ask.rolls_from))

    async def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        del node
        await asyncio.sleep(0)
        if self.is_down:
            raise StorageError("the store is down")
        self.syncs += 1
        self.synced_ms[run] = now_ms
        for ask in asks:
            self.rows.setdefault(ask.bucket, {})[run] = ask
            known = 0 if ask.is_fresh else self.granted.get((ask.bucket, run), 0)
            self.granted[ask.bucket, run] = reported(ask, known)
        short = {
            ask.bucket
            for ask in asks
            if ask.need_nusd
            and ask.ceiling_nusd >= 0
            and self.committed(ask.bucket) + ask.need_nusd > self.ceiling(ask)
        }
        for ask in asks:
            left = self.ceiling(ask) - self.committed(ask.bucket) if ask.ceiling_nusd >= 0 else 1 << 60
            if short or not self.is_ready:
                continue
            extra = 0 if left - ask.need_nusd < 16 * ask.need_nusd else min(ask.extra_nusd, (left - ask.need_nusd) // 8)
            self.granted[ask.bucket, run] += ask.need_nusd + max(0, extra)
        return [self._told(ask, run, ask.bucket in short) for ask in asks]

    def _told(self, ask: Ask, run: str, is_refused: bool) -> Told:
        others = {
            other: self.granted[ask.bucket, other] - row.spent_nusd - row.held_nusd
            for other, row in self.rows[ask.bucket].items()
            if other != run
        }
        idle = {other: amount for other, amount in others.items() if amount > 0}
        committed = self.committed(ask.bucket)
        spent = self.before.get(ask.bucket, 0) + sum(row.spent_nusd for row in self.rows[ask.bucket].values())
        is_tight = ask.ceiling_nusd >= 0 and ask.ceiling_nusd - committed < ask.ceiling_nusd // 10
        return Told(
            ask.bucket,
            self.granted[ask.bucket, run],
            is_refused,
            self.is_ready,
            is_tight,
            spent,
            committed,
            self.ceiling(ask),
            sum(idle.values()),
            min((self.synced_ms[other] for other in idle), default=0),
        )

    async def close(self) -> None: ...

"""Leases of many nodes: LeaseStore and LeaseBook on one Redis 7. Each call is one Lua script, so one transaction.

All keys share one hash tag, so a cluster keeps them together. Time is Redis' own: those of nodes may differ. A report that comes
late, after a newer one of its run (it hung in a connection that was given up), is refused by its number.
"""

import time
from collections.abc import Iterable
from typing import TypeGuard

import msgspec

from gateway.base.core.budget import UNLIMITED
from gateway.base.storage.leases import UNKNOWN_BASE, Ask, Correction, Row, Told, is_forgotten
from gateway.base.storage.redis.scripts import Script, Scripts

_NANOS = 10**9
_Money = tuple[int, int]  # dollars, nanos: see common.lua
_TOLD = msgspec.msgpack.Decoder(list[tuple[_Money, bool, bool, bool, _Money, _Money, _Money | bool, _Money, int]])
_ROW = msgspec.msgpack.Decoder(tuple[_Money | bool, _Money, _Money, _Money, int, int, int])
_TOTAL = msgspec.msgpack.Decoder(_Money)
_CORRECTION = msgspec.json.Decoder(Correction)
_encode_json = msgspec.json.Encoder().encode


class RedisLeases:
    """See LeaseStore and LeaseBook. `namespace` tells gateways apart that share a Redis. Connects when used.

    With `is_callers_clock` (tests) `now_ms` counts instead of Redis' clock.
    """

    _SYNC, _REGISTER, _ADOPTED, _ROWS = Script("sync"), Script("register"), Script("adopted"), Script("rows")
    _POST, _PUT_BASES, _CORRECT, _PRUNE = Script("post"), Script("put_bases"), Script("correct"), Script("prune")

    def __init__(self, url: str, namespace: str = "default", *, is_callers_clock: bool = False) -> None:
        """Raises StorageError when `url` is none."""
        self._scripts = Scripts(url, f"{{agentcc:{namespace}}}")
        self._is_callers_clock = is_callers_clock

    async def close(self) -> None:
        """See LeaseStore."""
        await self._scripts.close()

    def _clock(self, now_ms: int) -> int | bool:
        return self._is_callers_clock and now_ms

    # === LeaseStore ===

    async def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        """See LeaseStore."""
        number = time.monotonic_ns() // 1000  # exact in Lua for 285 years of uptime; a run does not outlive its machine
        packed = [_packed(ask) for ask in asks]
        answer = await self._scripts.run(self._SYNC, node, run, number, now_ms, self._clock(now_ms), packed)
        return [_told(ask, values) for ask, values in zip(asks, _TOLD.decode(answer), strict=True)]

    # === LeaseBook ===

    async def register(self, node: str, now_ms: int) -> None:
        """See LeaseBook."""
        await self._scripts.run(self._REGISTER, node, self._clock(now_ms))

    async def adopted(self, node: str) -> set[tuple[str, str]]:
        """See LeaseBook."""
        periods: list[bytes] = await self._scripts.run(self._ADOPTED, node)
        pairs = (period.decode().split("|", 1) for period in periods)
        return {(window, label) for label, window in pairs}

    async def rows(self, node: str = "") -> list[Row]:
        """See LeaseBook."""
        found: list[tuple[bytes, bytes, list[bytes]]] = await self._scripts.run(self._ROWS, node)
        rows = [
            _row(owner.decode(), run.decode(), bucket.decode(), packed)
            for owner, run, pairs in found
            for bucket, packed in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        return sorted(rows, key=lambda row: (row.bucket, row.node, row.run))

    async def post(
        self, node: str, totals: dict[str, int], finished: list[str], adopted: list[tuple[str, str]], now_ms: int
    ) -> None:
        """See LeaseBook."""
        money = [(bucket, divmod(total, _NANOS)) for bucket, total in totals.items()]
        periods = [_period(window, label) for window, label in adopted]
        await self._scripts.run(self._POST, node, self._clock(now_ms), money, finished, periods)

    async def put_bases(self, run: str, bases: dict[str, tuple[int, int]]) -> None:
        """See LeaseBook."""
        money = [(bucket, frames, divmod(base, _NANOS)) for bucket, (frames, base) in bases.items()]
        await self._scripts.run(self._PUT_BASES, run, money)

    async def correct(self, correction: Correction) -> None:
        """See LeaseBook."""
        entry = _encode_json(correction).decode()
        await self._scripts.run(self._CORRECT, correction.bucket, divmod(correction.amount_nusd, _NANOS), entry)

    async def corrections(self, bucket: str = "") -> list[Correction]:
        """See LeaseBook."""
        found: list[bytes] = await self._scripts.read("LRANGE", ":corrections", "0", "-1")
        entries = map(_CORRECTION.decode, found)
        return [entry for entry in entries if bucket in {"", entry.bucket}]

    async def prune(self, before_label: dict[str, str]) -> int:
        """See LeaseBook."""
        buckets = _gone(await self._scripts.read("HKEYS", ":buckets"), before_label)
        periods: list[bytes] = await self._scripts.read("SMEMBERS", ":periods")
        names = {period: "|".join(reversed(period.decode().split("|", 1))) for period in periods}
        ended = [period.decode() for period, name in names.items() if is_forgotten(name, before_label)]
        if buckets or ended:
            await self._scripts.run(self._PRUNE, buckets, ended)
        return len(buckets)


def _gone(names: Iterable[bytes], before_label: dict[str, str]) -> list[str]:
    return [name.decode() for name in names if is_forgotten(name.decode(), before_label)]


def _period(window: str, label: str) -> str:
    return f"{label}|{window}"


def _packed(ask: Ask) -> tuple[object, ...]:
    """In the order of the names at the head of sync.lua."""
    return (
        ask.ceiling_nusd != UNLIMITED and divmod(ask.ceiling_nusd, _NANOS),
        divmod(ask.spent_nusd, _NANOS),
        divmod(ask.held_nusd, _NANOS),
        divmod(ask.granted_nusd, _NANOS),
        divmod(ask.keep_nusd, _NANOS),
        divmod(ask.need_nusd, _NANOS),
        divmod(ask.extra_nusd, _NANOS),
        divmod(ask.rolls_limit_nusd, _NANOS),
        divmod(ask.rolls_cap_nusd, _NANOS),
        ask.bucket,
        _period(ask.window, ask.label),
        ask.rolls_from,
        _period(ask.window, ask.rolls_from.rpartition("|")[2]),
        ask.first_frames,
        ask.is_fresh,
    )


def _told(ask: Ask, values: tuple[_Money, bool, bool, bool, _Money, _Money, _Money | bool, _Money, int]) -> Told:
    granted, is_refused, is_ready, is_tight, spent, committed, ceiling, idle, oldest_ms = values
    return Told(
        ask.bucket, _nusd(granted), is_refused, is_ready, is_tight, _nusd(spent), _nusd(committed),
        _nusd(ceiling) if _is_money(ceiling) else UNLIMITED, _nusd(idle), oldest_ms,
    )  # fmt: skip


def _row(node: str, run: str, bucket: str, packed: bytes) -> Row:
    if not run:
        total = _nusd(_TOTAL.decode(packed))
        return Row(bucket, node, "", 0, total, total, 0, 0, 0)
    base, granted, spent, held, first_frames, synced_ms, _ = _ROW.decode(packed)
    known = _nusd(base) if _is_money(base) else UNKNOWN_BASE
    return Row(bucket, node, run, known, _nusd(granted), _nusd(spent), _nusd(held), first_frames, synced_ms)


def _is_money(value: _Money | bool) -> TypeGuard[_Money]:
    """Lua has no None in a list: what is not there is false."""
    return value is not False


def _nusd(money: _Money) -> int:
    return money[0] * _NANOS + money[1]

"""Rate limits of many nodes: RateStore on one Redis 7. A take is one Lua script, so one transaction. Time is Redis' own."""

import msgspec

from gateway.base.storage.rates import RateAsk, RateTold, SlotAsk, SlotTold
from gateway.base.storage.redis.scripts import Script, Scripts

_TOLD = msgspec.msgpack.Decoder(tuple[list[tuple[int, int, int, int]], list[tuple[int, int, bool]]])


class RedisRates:
    """See RateStore. `namespace` tells gateways apart that share a Redis. Connects when used.

    With `is_callers_clock` (tests) `now_ms` counts instead of Redis' clock.
    """

    _TAKE = Script("rates")

    def __init__(self, url: str, namespace: str = "default", *, is_callers_clock: bool = False) -> None:
        """Raises StorageError when `url` is none."""
        self._scripts = Scripts(url, f"{{agentcc:{namespace}}}")
        self._is_callers_clock = is_callers_clock

    async def close(self) -> None:
        """See RateStore."""
        await self._scripts.close()

    async def take(
        self, run: str, rates: list[RateAsk], slots: list[SlotAsk], now_ms: int
    ) -> tuple[list[RateTold], list[SlotTold]]:
        """See RateStore."""
        # in the order of the names at the head of rates.lua
        asks = [(ask.limiter, ask.per_minute, ask.burst, ask.booked, ask.need, ask.extra) for ask in rates]
        slot_asks = [(ask.limiter, ask.limit, ask.keep, ask.need, ask.extra) for ask in slots]
        clock_ms = self._is_callers_clock and now_ms
        answer: bytes = await self._scripts.run(self._TAKE, run, clock_ms, asks, slot_asks)
        told, slots_told = _TOLD.decode(answer)
        return (
            [RateTold(ask.limiter, *values) for ask, values in zip(rates, told, strict=True)],
            [SlotTold(ask.limiter, *values) for ask, values in zip(slots, slots_told, strict=True)],
        )

"""What the worker's clock hand tells of itself."""

import asyncio
from time import perf_counter
from types import SimpleNamespace
from typing import Any, cast

from gateway.dataplane.flow import Pipeline, Sweep
from gateway.dataplane.flow.sweep import TICK_S


def test_it_knows_how_late_the_event_loop_is() -> None:
    """By the time that something else kept it from ticking."""
    late: list[float] = []

    async def main() -> None:
        ticked = asyncio.Event()

        def look(_limits: object, late_s: float, _unfinished_bytes: int) -> None:
            late.append(late_s)
            ticked.set()

        pipeline = SimpleNamespace(
            loop=asyncio.get_running_loop(), recorder=SimpleNamespace(retry=lambda: True), open_exchanges={},
            policy=SimpleNamespace(limits=None), unfinished_bytes=0, shedding=SimpleNamespace(look=look), now=0.0,
        )  # fmt: skip
        sweep = Sweep(cast(Pipeline, cast(Any, pipeline)))
        sweep.start()
        busy_until = perf_counter() + 10 * TICK_S
        while perf_counter() < busy_until:
            pass
        await ticked.wait()
        sweep.stop()

    asyncio.run(main())
    assert late[0] >= 9 * TICK_S * 0.99

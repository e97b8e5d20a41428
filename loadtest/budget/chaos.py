"""kill -9 of a random worker, of the control plane and of Redis, a few times each, while the clients go on."""

import asyncio
import os
import random
import signal
import time

from msgspec import Struct

from loadtest.budget.nodes import Redis, Stack

_DOWN_S = (0.2, 1.5)
"""How long Redis stays away."""


class Killed(Struct, frozen=True):
    """`node` is the number of the gateway, -1 for Redis; `at` is wall-clock seconds."""

    node: int
    name: str
    at: float


class Chaos:
    """`kills` of each kind, in random order, spread over `over_s` seconds."""

    def __init__(self, running: Stack, seed: int, kills: int, over_s: float) -> None:
        self._running, self._rng = running, random.Random(f"chaos {seed}")
        kinds = ["worker", "control-plane", *(["redis"] if running.redis else [])] * kills
        self._rng.shuffle(kinds)
        times = sorted(self._rng.uniform(0.08, 1.0) * over_s for _ in kinds)
        self._plan = list(zip(times, kinds, strict=True))
        self.killed: list[Killed] = []
        self.is_over = not kinds

    async def run(self) -> None:
        """Do it all; `is_over` when it is done and Redis is back."""
        began = time.monotonic()
        for at_s, kind in self._plan:
            await asyncio.sleep(max(0.0, began + at_s - time.monotonic()))
            if kind == "redis":
                assert self._running.redis is not None
                await self._kill_redis(self._running.redis)
            else:
                self._kill_child(kind)
        self.is_over = True

    def _kill_child(self, kind: str) -> None:
        node = self._rng.randrange(len(self._running.gateways))
        children = self._running.gateways[node].children()
        names = [name for name in sorted(children) if name.startswith(kind)]
        if not names:
            return  # it was killed a moment ago and is not back yet
        name = self._rng.choice(names)
        os.kill(children[name], signal.SIGKILL)
        self.killed.append(Killed(node, name, time.time()))

    async def _kill_redis(self, redis: Redis) -> None:
        redis.kill()
        self.killed.append(Killed(-1, "redis", time.time()))
        await asyncio.sleep(self._rng.uniform(*_DOWN_S))
        redis.restart()
        await asyncio.to_thread(redis.wait)

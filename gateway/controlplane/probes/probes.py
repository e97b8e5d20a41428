"""When a provider is asked, and what its answer is taken to mean.

Asked are providers with a `probe`: when the opening of one of their breakers is over, and with `always` by the clock too. An answer closes the breaker
on probation: it proves that somebody is there and takes our connection, not that turns are served, so the first turn that fails opens it again. A provider
that cannot be reached fails its turns too. What says nothing of turns (an error of the list itself) leaves the probe to the next turn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from random import random
from time import monotonic

from gateway.base.config import ProbeConfig
from gateway.base.core.plan import Provider
from gateway.base.telemetry.log import log
from gateway.dataplane.routing import REJECTIONS, BoardHealth, Verdict, verdict_of

Ask = Callable[[Provider, int], Awaitable[tuple[int, str]]]
"""Provider and time-out in milliseconds → the status of its answer, or 0 and a fault of the native client."""
_LOOK_S = 0.1
_LOOKS = 10
"""Looks at open breakers for one at all: an opening lasts some seconds, and a provider may have a thousand models."""


class Target:
    """One credential. `deployments` are the ids of all breakers that it has an effect on, `used` of those that the configuration names."""

    def __init__(
        self, provider: Provider, config: ProbeConfig, deployments: Iterable[str], used: Iterable[str]
    ) -> None:
        self.provider, self.config = provider, config
        self.deployments, self.used = tuple(deployments), tuple(used)
        self.tripped: tuple[str, ...] = ()
        self.next_s = 0.0
        self.asking: asyncio.Task[None] | None = None


class Probes:
    """All targets of one node."""

    def __init__(self, health: BoardHealth, ask: Ask) -> None:
        self._health, self._ask = health, ask
        self._targets: tuple[Target, ...] = ()

    def use(self, targets: Iterable[Target]) -> None:
        """Take those of a configuration in place of those before."""
        self._targets = tuple(targets)

    async def run(self) -> None:
        """Look and ask until cancelled."""
        while True:
            for target in self._targets:
                target.tripped = tuple(filter(self._health.is_tripped, target.deployments))
            for _ in range(_LOOKS):
                for target in self._targets:
                    self.look(target)
                await asyncio.sleep(_LOOK_S)

    def look(self, target: Target) -> None:
        """Ask it, where that is due."""
        if monotonic() < target.next_s or target.asking is not None:
            return
        begun = self._begun(filter(self._health.is_tripped, target.tripped))
        if not begun and target.config.always:
            begun = self._begun(one for one in target.used if not self._health.is_tripped(one))
        if begun:
            target.next_s = monotonic() + target.config.interval_s
            target.asking = asyncio.get_running_loop().create_task(self._probe(target, begun))

    def _begun(self, deployments: Iterable[str]) -> dict[str, int]:
        """Those whose breaker lets a probe through, with its generation; turns wait for its end."""
        attempts = ((one, self._health.begin(one)) for one in deployments)
        return {one: generation for one, generation in attempts if generation is not None}

    async def _probe(self, target: Target, begun: dict[str, int]) -> None:
        verdict: Verdict = "unknown"
        try:
            status, fault = await self._ask(target.provider, target.config.timeout_ms)
            verdict = means(status, fault, has_credential=bool(target.provider.headers or target.provider.sign))
            log(
                "info" if verdict == "reached" else "warning", "provider_probed",
                provider=target.provider.id, status=status, fault=fault, breakers=len(begun), verdict=verdict,
            )  # fmt: skip
        finally:
            for deployment, generation in begun.items():
                self._health.tell(deployment, generation, verdict, random())
            target.asking = None


def means(status: int, fault: str, *, has_credential: bool = True) -> Verdict:
    """What an answer to the question says of turns. A rejected credential of ours is rejected with them too."""
    if fault:
        return verdict_of(0, fault)
    if status in REJECTIONS and has_credential:
        return "failed"
    return "unknown" if status >= 500 else "reached"

"""When a provider is asked, what its answer means, and which breakers it concerns."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
import yaml

from gateway.base.config import Loaded, ProbeConfig, load
from gateway.base.core.plan import Provider
from gateway.controlplane.probes.probes import Probes, Target, means
from gateway.controlplane.probes.targets import targets_of
from gateway.dataplane.routing import BoardHealth, Verdict
from tests.dataplane.routing.world import DictBoard

A, B = "openai/a", "openai/b"


class World:
    """A worker's view of the node's board, and a provider that answers as the test says."""

    def __init__(self, *, always: bool = False) -> None:
        self.ms = 1_790_000_000_000
        self.health = BoardHealth(DictBoard(), crc32, lambda: self.ms)
        self.asked = 0
        self.answer: tuple[int, str] = (200, "")
        self.probes = Probes(self.health, self._ask)
        self.target = Target(Provider("openai", {}, ()), ProbeConfig(always=always), (A, B), (A,))
        self.target.tripped = (A, B)

    async def _ask(self, provider: Provider, timeout_ms: int) -> tuple[int, str]:
        self.asked += 1
        return self.answer

    def trip(self, name: str) -> None:
        for _ in range(5):
            generation = self.health.begin(name)
            assert generation is not None
            self.health.tell(name, generation, "failed", 0.0)

    async def look(self) -> None:
        self.probes.look(self.target)
        if self.target.asking is not None:
            await self.target.asking


def run(test: Callable[[World], object], **options: bool) -> None:
    async def main() -> None:
        await test(World(**options))  # type: ignore[misc]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("status", "fault", "verdict"),
    [
        (200, "", "reached"),
        (401, "", "failed"),
        (402, "", "failed"),
        (403, "", "reached"),
        (404, "", "reached"),
        (429, "", "reached"),
        (500, "", "unknown"),
        (503, "", "unknown"),
        (0, "connect", "failed"),
        (0, "timeout_first_byte", "failed"),
        (0, "cancelled", "unknown"),
    ],
)
def test_what_an_answer_says_of_turns(status: int, fault: str, verdict: Verdict) -> None:
    assert means(status, fault) == verdict


def test_a_provider_that_takes_the_clients_credential_rejects_ours() -> None:
    assert means(401, "", has_credential=False) == "reached"


def test_one_question_for_all_breakers_and_only_when_their_time_is_over() -> None:
    async def told(world: World) -> None:
        world.trip(A)
        world.trip(B)
        await world.look()
        assert world.asked == 0
        world.ms += 5000
        await world.look()
        assert world.asked == 1
        assert world.health.is_closed(A)
        assert world.health.is_closed(B)
        world.target.next_s = 0.0
        await world.look()
        assert world.asked == 1, "all are closed"

    run(told)


def test_it_is_asked_no_more_often_than_wanted() -> None:
    async def told(world: World) -> None:
        world.answer = (0, "connect")
        world.trip(A)
        world.ms += 5000
        await world.look()
        world.ms += 10_000
        await world.look()
        assert world.asked == 1
        world.target.next_s = 0.0
        await world.look()
        assert world.asked == 2

    run(told)


def test_by_the_clock_it_finds_an_outage_before_a_turn_does() -> None:
    async def told(world: World) -> None:
        world.answer = (0, "connect")
        for _ in range(5):
            assert world.health.is_closed(A)
            await world.look()
            world.target.next_s = 0.0
        assert not world.health.is_closed(A)
        assert world.health.is_closed(B), "a model that nothing names"

    run(told, always=True)


def loaded(tmp_path: Path, config: dict[str, object]) -> Loaded:
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return load(str(tmp_path / "gateway.yaml"))


def test_whose_breakers(tmp_path: Path) -> None:
    """Those of the catalogue's models and of what the file names, for each credential."""
    found = list(
        targets_of(
            loaded(
                tmp_path,
                {
                    "providers": {
                        "openai": {
                            "probe": {},
                            "deployments": [{"name": "eu", "api_key": "sk-1"}, {"name": "us", "api_key": "sk-2"}],
                        },
                        "lab": {"base_url": "http://127.0.0.1:9", "api_key": "none", "dialect": "openai.chat", "models": ["m"], "probe": {"interval_s": 9}},
                        "anthropic": {"api_key": "sk-3"},
                    },
                    "models": {"aliases": {"mine": "openai/of-our-own"}},
                    "routing": {"default": {"chain": ["mine", "anthropic/claude-sonnet-4-5"]}},
                },
            )
        )
    )  # fmt: skip
    assert [target.provider.id for target in found] == ["openai@eu", "openai@us", "lab"]
    eu, us, lab = found
    assert {"openai/gpt-4.1-mini@eu", "openai/of-our-own@eu"} <= set(eu.deployments)
    assert us.used == ("openai/of-our-own@us",)
    assert (lab.deployments, lab.used, lab.config.interval_s) == (("lab/m",), (), 9)
    assert not list(targets_of(loaded(tmp_path, {"providers": {"openai": {"api_key": "sk-1"}}})))

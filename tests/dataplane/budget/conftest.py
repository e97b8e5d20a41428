"""The rate limits' world: budgets have a store of their own, store.py."""

from collections.abc import Iterator

import pytest

from gateway.dataplane.budget import rates
from tests.dataplane.budget.rate_store import NOW_MS, World
from tests.model.clock import Clock, ClockLoop


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    clock = Clock(NOW_MS)
    monkeypatch.setattr(rates, "perf_counter", clock.perf_counter)
    monkeypatch.setattr(rates, "time", clock.time)
    made = World(clock, ClockLoop(clock))
    yield made
    made.close()

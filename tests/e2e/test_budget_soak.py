"""Hard budgets hold to the nano-dollar, and no disconnect goes unbooked; bounded versions of `make soak` (loadtest/README.md)."""

import shutil

import pytest

from loadtest.budget.judge import Verdict
from loadtest.budget.prices import NANO
from loadtest.budget_soak import run, run_aborts

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

_SECONDS = 6.0
_CLIENTS = 64


def check(verdict: Verdict) -> None:
    """Print what was seen; it helps to understand a failure."""
    print(verdict.text())
    assert not verdict.problems


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    """Each lease store that can run on this machine."""
    name: str = request.param
    if name == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    return name


def test_cap_holds_while_everything_is_killed(store: str) -> None:
    """64 clients spend a hard cap amid kill -9: the provider bills no more than it, and the ledger is the bill or above."""
    check(run(store, 7, _SECONDS, _CLIENTS, is_chaos=True))


def test_nobody_is_refused_while_there_is_room(store: str) -> None:
    """Without accidents the first refusal comes when not even one more hold fits, and no answer is a 503."""
    check(run(store, 8, _SECONDS, _CLIENTS, is_chaos=False))


@pytest.mark.parametrize("cap_usd", [0, 100_000], ids=["no budget", "hard budget"])
def test_each_disconnect_is_booked(cap_usd: int) -> None:
    """Aborts at random bytes: each exchange has its record, within what the provider billed or an estimate no lower."""
    check(run_aborts("sqlite", 9, 300, 32, cap_usd * NANO))

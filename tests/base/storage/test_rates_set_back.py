"""A clock that is set back, on the store that goes by its callers' clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.base.storage.rates import RateAsk, SlotAsk
from tests.base.storage.rate_bank import RateBank

_DAY_MS = 86_400_000


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[RateBank]:
    bank = RateBank(tmp_path / "data", None)
    yield bank
    bank.close()


def _requests(need: int) -> RateAsk:
    """One a second, ten at once."""
    return RateAsk("requests|team:a|", 60, 10, 0, need, 0)


def test_what_is_booked_drains_as_if_the_clock_had_not_been_set_back(bank: RateBank) -> None:
    assert bank.rate(_requests(10)).given == 10
    bank.now_ms -= _DAY_MS
    assert bank.rate(_requests(1)).wait_ms == 1000
    bank.now_ms += 1000
    assert bank.rate(_requests(1)).given == 1


def test_a_call_that_waited_for_the_file_gives_nothing_away(bank: RateBank) -> None:
    assert bank.rate(_requests(10)).given == 10
    bank.now_ms -= 5000
    assert bank.rate(_requests(1)).wait_ms == 6000


def test_a_dead_runs_slots_come_back(bank: RateBank) -> None:
    ask = SlotAsk("concurrency|team:a|", 1, 0, 1, 0)
    assert bank.slot(ask, "dead").granted == 1
    bank.now_ms -= _DAY_MS
    assert bank.slot(ask, "alive").is_refused
    bank.now_ms += 60_000
    assert bank.slot(ask, "alive").granted == 1

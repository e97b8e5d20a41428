"""Admit: a budget that is spent refuses, and hears of it when it is not spent any more."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.base.core.errors import BudgetExceeded
from gateway.dataplane.budget import Charge, Wallet
from gateway.dataplane.flow.admit import admit
from tests.dataplane.budget.store import MemoryStore
from tests.dataplane.budget.test_wallet import ALICE, NOW_MS, USD, settle, ticked, took, wallet_of, window

BUCKET = "team:platform||monthly|UTC|2026-11-01"


def admitted(wallet: Wallet) -> Charge | None:
    ex: Any = SimpleNamespace(grant=ALICE, started_at=NOW_MS / 1000, request_bytes=0, deployment=None)
    asked: Any = SimpleNamespace(name="openai/gpt-5")
    charge = wallet.charge_for(ALICE, asked.name, NOW_MS)
    assert charge is not None
    return admit(ex, wallet, asked, charge, lambda name: asked)[1]


@pytest.mark.parametrize("is_hard", [True, False], ids=["hard", "soft"])
def test_a_spent_budget_hears_of_money_that_was_given_back(is_hard: bool) -> None:
    """A correction in the store, or another worker's: whoever only refuses has nothing else to say to the store."""

    async def main() -> None:
        store = MemoryStore()
        wallet = wallet_of(store, window(10 * USD, is_hard=is_hard))
        store.before[BUCKET] = 11 * USD
        charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
        assert charge is not None
        await wallet.ask_about(charge)
        with pytest.raises(BudgetExceeded):
            admitted(wallet)
        await ticked(wallet)
        store.before[BUCKET] = 5 * USD
        with pytest.raises(BudgetExceeded):
            admitted(wallet)
        await ticked(wallet, 2.0)
        assert admitted(wallet) is not None
        settle(await took(wallet, 1 if is_hard else 0), 1)

    asyncio.run(main())


def test_what_was_just_spent_counts_for_the_next_request() -> None:
    """Before the worker's clock has ticked."""

    async def main() -> None:
        wallet = wallet_of(MemoryStore(), window(10 * USD, is_hard=False))
        for cost in (1, 11 * USD):
            assert admitted(wallet) is not None
            settle(await took(wallet, 0), cost)
            if cost == 1:
                await ticked(wallet)
        with pytest.raises(BudgetExceeded):
            admitted(wallet)

    asyncio.run(main())

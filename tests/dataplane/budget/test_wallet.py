import asyncio
import functools
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from gateway._native import Hold
from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import UNLIMITED, Downgrade, Window
from gateway.base.core.errors import BudgetExceeded, BudgetUnproven
from gateway.base.core.principal import Grant, Principal
from gateway.dataplane.budget import Stage, Wallet
from gateway.dataplane.budget.bucket import SYNC_S
from tests.dataplane.budget.store import MemoryStore

USD = 1_000_000_000
NOW_MS = 1_795_000_000_000
ALICE = Grant(Principal("alice", "acme", "platform", "alice@acme.dev", {"repo": "pay"}), Raw(b"{}"))


def looped(test: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def window(limit: int, *, is_hard: bool = True, level: Any = "team", id: str = "platform", **more: Any) -> Window:
    pause = UNLIMITED if is_hard else 1.1
    terms: dict[str, Any] = {
        "models": "", "period": "monthly", "zone": "UTC", "warn": 0.8, "downgrade": 0.95, "pause": pause,
        "cascade": Downgrade(10_000, ()), **more,
    }  # fmt: skip
    return Window(level=level, id=id, limit_nusd=limit, is_hard=is_hard, **terms)


def wallet_of(
    store: MemoryStore, *windows: Window, run: str = "run-1", written: Callable[[], int] = lambda: 0
) -> Wallet:
    made = Wallet(store, "node", run, written)
    made.use(Accounts(windows), NOW_MS)
    return made


async def took(wallet: Wallet, hard: int, soft: int = 0, least: int | None = None) -> Hold:
    charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
    assert charge is not None
    return charge.hold(hard, soft) or await wallet.obtain(charge, hard, soft, hard if least is None else least)


def settle(hold: Hold, cost: int) -> None:
    assert hold.settle(cost)


async def ticked(wallet: Wallet, later_s: float = 1.0) -> None:
    await ticked_at(wallet, perf_counter() + later_s)


async def ticked_at(wallet: Wallet, now_s: float) -> None:
    wallet.tick(now_s)
    if wallet._task is not None:
        await wallet._task


@looped
async def test_a_hold_comes_from_the_lease_and_goes_back_when_it_is_settled() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    hold = await took(wallet, USD // 100)
    (bucket,) = hold.charge.buckets
    assert bucket.held == USD // 100
    settle(hold, 7)
    assert (bucket.held, bucket.spent) == (0, 7)
    syncs = store.syncs
    for _ in range(5):
        settle(await took(wallet, USD // 100), 1)
    assert store.syncs == syncs, "money that is leased is spent without the store"


@looped
async def test_leases_of_two_workers_never_pass_the_ceiling_and_the_last_cents_are_found() -> None:
    store = MemoryStore()
    wallets = [wallet_of(store, window(10 * USD), run=f"run-{n}") for n in range(2)]
    spent = refused = 0
    for n in range(400):
        wallet = wallets[n % 2]
        attempt = asyncio.create_task(took(wallet, USD // 10))
        while not attempt.done():
            await asyncio.sleep(0)
            for each in wallets:
                if each is not wallet:
                    await ticked(each)
            await asyncio.sleep(0.005)
        if attempt.exception():
            assert isinstance(attempt.exception(), BudgetExceeded)
            refused += 1
            break
        settle(attempt.result(), USD // 10)
        spent += USD // 10
        assert store.committed(attempt.result().charge.buckets[0].name) <= 10 * USD
    assert refused
    assert spent == 10 * USD


@looped
async def test_the_refusal_names_level_limit_spent_and_reset() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD, alert_to=("em@acme.dev",)))
    settle(await took(wallet, 10 * USD), 10 * USD)
    with pytest.raises(BudgetExceeded) as found:
        await took(wallet, 1)
    assert found.value.details["level"] == "team"
    assert found.value.details["id"] == "platform"
    assert found.value.details["limit_usd"] == found.value.details["spent_usd"] == "10.000000"
    assert found.value.details["resets_at"] == "2026-12-01T00:00:00Z"
    assert found.value.message == (
        "The monthly budget of team platform is used up: $10.00 of $10.00 spent; it begins anew 2026-12-01 00:00 UTC. Alerted: em@acme.dev"
    )


@looped
async def test_a_refusal_stands_for_a_moment_without_asking_the_store() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(USD))
    settle(await took(wallet, USD), USD)
    with pytest.raises(BudgetExceeded):
        await took(wallet, 5)
    syncs = store.syncs
    for _ in range(50):
        with pytest.raises(BudgetExceeded):
            await took(wallet, 5)
    assert store.syncs == syncs


@looped
async def test_what_the_budget_can_still_pay_is_held_where_the_output_may_be_cut() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    settle(await took(wallet, 9 * USD), 9 * USD)
    hold = await took(wallet, 4 * USD, least=USD // 2)
    assert hold.hard_nusd == USD
    with pytest.raises(BudgetExceeded):
        await took(wallet, 4 * USD, least=USD // 2)


@looped
async def test_idle_money_goes_back_so_that_another_worker_gets_it() -> None:
    store = MemoryStore()
    one, two = (wallet_of(store, window(10 * USD), run=f"run-{n}") for n in range(2))
    settle(await took(one, USD // 10), 1)
    name = next(iter(store.rows))
    for _ in range(80):
        await ticked(one)
    assert store.granted[name, "run-0"] == 1
    assert (await took(two, 10 * USD - 1)).hard_nusd == 10 * USD - 1


@looped
async def test_levels_are_all_or_nothing() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD), window(USD, level="key", id="alice"))
    settle(await took(wallet, USD), USD)
    with pytest.raises(BudgetExceeded) as found:
        await took(wallet, USD // 2)
    assert found.value.details["level"] == "key"
    assert all(bucket.held == 0 for bucket in wallet._buckets.values())


@looped
async def test_a_store_that_is_down_stops_hard_budgets_only() -> None:
    store = MemoryStore()
    hard, soft = wallet_of(store, window(10 * USD)), wallet_of(store, window(10 * USD, is_hard=False), run="run-2")
    settle(await took(hard, USD // 100), 1)
    store.is_down = True
    settle(await took(hard, USD // 100), 1)  # from its lease
    with pytest.raises(BudgetUnproven):
        await took(hard, 5 * USD)
    settle(await took(soft, 0, USD), USD)  # only counted
    store.is_down = False
    await ticked(hard)
    assert (await took(hard, 5 * USD)).hard_nusd == 5 * USD
    await ticked(soft)
    assert sum(row.spent_nusd for row in store.rows["team:platform||monthly|UTC|2026-11-01"].values()) >= USD


@looped
async def test_a_hard_budget_waits_until_its_state_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.dataplane.budget.wallet._WAIT_S", 0.05)
    store = MemoryStore()
    store.is_ready = False
    with pytest.raises(BudgetUnproven):
        await took(wallet_of(store, window(10 * USD)), 1)
    monkeypatch.setattr("gateway.dataplane.budget.wallet._WAIT_S", 60.0)
    waiting = asyncio.create_task(took(wallet_of(store, window(10 * USD), run="run-2"), 1))
    while store.syncs < 3:  # noqa: ASYNC110 - the store is a fake that knows no event
        await asyncio.sleep(0.001)
    store.is_ready = True
    assert (await waiting).hard_nusd == 1


@looped
async def test_a_limit_is_edited_without_touching_what_was_spent() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    settle(await took(wallet, 10 * USD), 10 * USD)
    wallet.use(Accounts((window(12 * USD),)), NOW_MS + 1)
    hold = await took(wallet, 2 * USD)
    assert hold.charge.buckets[0].spent_by_all == 10 * USD
    settle(hold, 2 * USD)
    wallet.use(Accounts((window(5 * USD),)), NOW_MS + 2)
    with pytest.raises(BudgetExceeded) as found:
        await took(wallet, 1)
    assert found.value.details["spent_usd"] == "12.000000"


@looped
async def test_a_window_that_a_reload_adds_counts_the_run_from_there_on() -> None:
    store, frames = MemoryStore(), [0]
    wallet = wallet_of(store, window(10 * USD), written=lambda: frames[0])
    hold = await took(wallet, USD)
    frames[0] = 41
    wallet.use(Accounts((window(10 * USD), window(3 * USD, level="org", id=""))), NOW_MS + 60_000)
    assert not hold.settle(5)
    wallet.settle_anew(
        hold, 5, ALICE.principal, "openai/gpt-5", NOW_MS
    )  # ended after the reload: the new window counts it
    await ticked(wallet)
    org = store.rows["org:||monthly|UTC|2026-11-01"]["run-1"]
    assert (org.spent_nusd, org.first_frames, org.is_fresh) == (5, 41, True)
    await ticked(wallet, 2.0)
    settle(await took(wallet, 10), 1)
    await ticked(wallet, 3.0)
    assert store.rows["org:||monthly|UTC|2026-11-01"]["run-1"].is_fresh is False
    assert store.rows["team:platform||monthly|UTC|2026-11-01"]["run-1"].first_frames == 0


@looped
async def test_what_is_given_back_cannot_be_held_while_the_store_is_asked() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    settle(await took(wallet, USD // 100), 1)
    (bucket,) = wallet._buckets.values()
    bucket.is_tight = True
    wallet.tick(perf_counter() + 1)
    assert wallet._task is not None
    await asyncio.sleep(0)  # the ask is out, the answer is not here
    charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
    assert charge is not None
    assert not charge.take(1, 0)
    await wallet._task
    assert bucket.granted == bucket.spent


@pytest.mark.parametrize(
    ("is_hard", "spent", "stage"),
    [
        (True, 7.9, Stage.OK), (True, 8, Stage.WARN), (True, 9.5, Stage.DOWNGRADE), (True, 10, Stage.SPENT),
        (False, 9.5, Stage.DOWNGRADE), (False, 10, Stage.OVER), (False, 11, Stage.SPENT),
    ],
)  # fmt: skip
@looped
async def test_stages(is_hard: bool, spent: float, stage: Stage) -> None:
    store = MemoryStore()
    store.before["team:platform||monthly|UTC|2026-11-01"] = int(spent * USD)
    wallet = wallet_of(store, window(10 * USD, is_hard=is_hard))
    charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
    assert charge is not None
    settle(Hold(charge, 0, 0), 0)
    await ticked(wallet)
    assert charge.stage_at(NOW_MS) is stage


@looped
async def test_pause_off_only_counts() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, replace(window(USD, is_hard=False), pause=UNLIMITED))
    for _ in range(5):
        settle(await took(wallet, 0, USD), USD)
    await ticked(wallet)
    charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
    assert charge is not None
    assert charge.stage_at(NOW_MS) is Stage.OVER


@pytest.mark.parametrize("is_hard", [True, False], ids=["hard", "soft"])
@looped
async def test_what_rolled_over_is_part_of_the_limit(is_hard: bool) -> None:
    store = MemoryStore()
    store.before["team:platform||monthly|UTC|2026-10-01"] = 4 * USD
    wallet = wallet_of(store, window(10 * USD, is_hard=is_hard, rollover_nusd=5 * USD))
    store.before["team:platform||monthly|UTC|2026-11-01"] = 14 * USD
    settle(await took(wallet, 1 if is_hard else 0), 1)
    await ticked(wallet)
    (bucket,) = wallet._buckets.values()
    assert bucket.limit(NOW_MS) == 15 * USD
    assert bucket.stage_at(NOW_MS) is Stage.WARN


@looped
async def test_a_limit_that_is_edited_while_the_store_is_asked_rolls_nothing_over() -> None:
    store = MemoryStore()
    store.before["team:platform||monthly|UTC|2026-10-01"] = 18 * USD
    wallet = wallet_of(store, window(20 * USD, rollover_nusd=5 * USD))
    settle(await took(wallet, 1), 1)
    wallet.tick(perf_counter() + 1)
    await asyncio.sleep(0)  # the ask is out, the answer is not here
    wallet.use(Accounts((window(10 * USD, rollover_nusd=5 * USD),)), NOW_MS)
    assert wallet._task is not None
    await wallet._task
    (bucket,) = wallet._buckets.values()
    assert bucket.limit(NOW_MS) == 12 * USD


@looped
async def test_a_soft_budget_takes_no_lease_and_is_never_tight() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD, is_hard=False, rollover_nusd=5 * USD))
    for _ in range(8):  # far past its limit, with open exchanges
        settle(await took(wallet, 0, 3 * USD), 2 * USD)
        await took(wallet, 0, 3 * USD)
        await ticked(wallet)
        (bucket,) = wallet._buckets.values()
        (row,) = store.rows[bucket.name].values()
        assert (row.need_nusd, row.extra_nusd) == (0, 0)
    assert bucket.is_tight
    assert bucket.sync_every_s == SYNC_S


@looped
async def test_an_edit_begins_and_ends_rollover_in_the_middle_of_a_period() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    settle(await took(wallet, 1), 1)
    (bucket,) = wallet._buckets.values()
    wallet.use(Accounts((window(10 * USD, rollover_nusd=5 * USD),)), NOW_MS)
    settle(await took(wallet, 1), 1)
    await ticked(wallet)
    assert bucket.limit(NOW_MS) == 15 * USD
    wallet.use(Accounts((window(10 * USD),)), NOW_MS)
    settle(await took(wallet, 1), 1)
    await ticked(wallet, 2.0)
    assert bucket.limit(NOW_MS) == 10 * USD
    (row,) = store.rows[bucket.name].values()
    assert row.rolls_from == "", "else nothing is granted before the last period is adopted, which nobody does"


@looped
async def test_what_open_exchanges_hold_is_said_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that lost its memory must hear of it before it grants anything again."""
    store, now = MemoryStore(), [1_000.0]
    monkeypatch.setattr("gateway.dataplane.budget.wallet.perf_counter", lambda: now[0])
    wallet = wallet_of(store, window(10 * USD))
    (bucket,) = (await took(wallet, 10 * USD)).charge.buckets
    assert bucket.free == 0
    store.rows.clear()
    now[0] += 1.1
    await ticked_at(wallet, now[0])
    assert store.rows[bucket.name]["run-1"].held_nusd == 10 * USD


@looped
async def test_what_was_spent_while_the_store_was_down_is_told_when_it_is_back() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD, is_hard=False))
    settle(await took(wallet, 0, USD), USD)
    store.is_down = True
    await ticked(wallet)
    store.is_down = False
    await ticked(wallet, 2.0)
    (bucket,) = wallet._buckets.values()
    assert store.rows[bucket.name]["run-1"].spent_nusd == USD


@looped
async def test_a_budget_that_becomes_hard_counts_what_is_open_already() -> None:
    store = MemoryStore()
    one, two = (wallet_of(store, window(10 * USD, is_hard=False), run=f"run-{n}") for n in range(2))
    await took(one, 0, 9 * USD)
    for each in (one, two):
        each.use(Accounts((window(10 * USD),)), NOW_MS)
    await ticked(one)
    with pytest.raises(BudgetExceeded):
        await took(two, 2 * USD)
    await ticked(one, 2.0)  # gives back what it was given ahead
    assert (await took(two, USD)).hard_nusd == USD


@looped
async def test_what_an_exchange_from_before_the_budget_cost_is_not_paid_from_others_holds() -> None:
    """It holds nothing, and comes to more than the lease has free: the store hears of what is open besides."""
    store = MemoryStore()
    wallet = wallet_of(store)
    wallet.use(Accounts((window(10 * USD),)), NOW_MS)
    await took(wallet, 4 * USD)
    wallet.count(ALICE, "openai/gpt-5", NOW_MS, 3 * USD)
    await ticked(wallet)
    (bucket,) = wallet._buckets.values()
    assert store.committed(bucket.name) >= 7 * USD


@looped
async def test_a_window_that_comes_again_keeps_what_its_open_exchanges_hold() -> None:
    """And what they gave back when they ended takes nothing from what was counted since."""
    store, frames = MemoryStore(), [0]
    wallet = wallet_of(store, window(10 * USD), written=lambda: frames[0])
    hold = await took(wallet, 6 * USD)
    frames[0] = 3
    for windows in ((), (window(10 * USD),)):
        wallet.use(Accounts(windows), NOW_MS + 1)
        await ticked(wallet)
    with pytest.raises(BudgetExceeded):
        await took(wallet, 5 * USD)
    settle(await took(wallet, 3 * USD), 2 * USD)
    settle(hold, 0)
    for later_s in (2.0, 3.0, 4.0):
        await ticked(wallet, later_s)
        (row,) = store.rows["team:platform||monthly|UTC|2026-11-01"].values()
        assert (row.spent_nusd, row.first_frames) == (2 * USD, 3)


@looped
async def test_a_window_that_comes_again_while_the_store_is_asked_begins_anew() -> None:
    store, frames = MemoryStore(), [0]
    wallet = wallet_of(store, window(10 * USD), written=lambda: frames[0])
    settle(await took(wallet, 6 * USD), 5 * USD)
    open_hold = await took(wallet, USD)
    frames[0] = 1
    wallet.tick(perf_counter() + 1)
    await asyncio.sleep(0)  # the ask is out, the answer is not here
    for windows in ((), (window(10 * USD),)):
        wallet.use(Accounts(windows), NOW_MS + 1)
    charge = wallet.charge_for(ALICE, "openai/gpt-5", NOW_MS)
    assert charge is not None
    assert wallet._task is not None
    await wallet._task
    assert charge.buckets[0].free <= 0
    await ticked(wallet, 2.0)
    (row,) = store.rows[charge.buckets[0].name].values()
    assert (row.spent_nusd, row.held_nusd, row.first_frames, row.is_fresh) == (0, USD, 1, True)
    settle(open_hold, 0)


@looped
async def test_what_was_told_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the buckets of one exchange are not due at the same moment."""
    store, now = MemoryStore(), [1_000.0]
    monkeypatch.setattr("gateway.dataplane.budget.wallet.perf_counter", lambda: now[0])
    wallet = wallet_of(store, window(10 * USD, is_hard=False), window(10 * USD, is_hard=False, level="key", id="alice"))
    settle(await took(wallet, 0, USD), USD)
    next(iter(wallet._buckets.values())).synced_at = now[0] - 0.1
    asked: list[int] = []
    for _ in range(72):
        now[0] += 0.025
        await ticked_at(wallet, now[0])
        asked.append(store.syncs)
    assert asked[-1] - asked[35] <= 1, "a sign of life"


@looped
async def test_a_lease_goes_back_also_when_its_window_is_soft_and_goes() -> None:
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD))
    settle(await took(wallet, USD), 0)
    await ticked(wallet)
    (bucket,) = wallet._buckets.values()
    assert bucket.free > 0
    for windows in ((window(10 * USD, is_hard=False),), ()):
        wallet.use(Accounts(windows), NOW_MS)
    await ticked(wallet, 2.0)
    assert store.granted[bucket.name, "run-1"] == 0


@looped
async def test_what_rolls_over_is_asked_again_until_the_store_knows_it() -> None:
    store = MemoryStore()
    store.is_ready = False
    wallet = wallet_of(store, window(10 * USD, is_hard=False, rollover_nusd=5 * USD))
    settle(await took(wallet, 0), 1)
    await ticked(wallet)
    store.is_ready = True
    await ticked(wallet, 2.0)
    (bucket,) = wallet._buckets.values()
    assert bucket.limit(NOW_MS) == 15 * USD
    wallet.use(Accounts((window(10 * USD, is_hard=False, rollover_nusd=2 * USD),)), NOW_MS)
    assert bucket.limit(NOW_MS) == 12 * USD
    wallet.use(Accounts((window(USD, is_hard=False, rollover_nusd=2 * USD),)), NOW_MS)
    await ticked(wallet, 3.0)
    assert bucket.limit(NOW_MS) == 2 * USD


@looped
async def test_what_is_open_counts_as_soon_as_its_window_is_there_again() -> None:
    """Before the next exchange of its account, and where the window was soft when it went."""
    store = MemoryStore()
    wallet = wallet_of(store, window(10 * USD, is_hard=False))
    await took(wallet, 0, 4 * USD)
    for windows in ((), (window(10 * USD),)):
        wallet.use(Accounts(windows), NOW_MS + 1)
        await ticked(wallet)
    await ticked(wallet, 2.0)
    assert store.committed("team:platform||monthly|UTC|2026-11-01") >= 4 * USD

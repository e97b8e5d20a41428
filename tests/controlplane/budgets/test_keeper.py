"""The keeper: whatever happens, the store's rows of this node come to what the ledger says, and never to less in between."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.base.core.budget import Window
from gateway.base.storage import StorageError
from gateway.base.storage.leases import UNKNOWN_BASE
from gateway.controlplane.budgets.keeper import Keeper
from tests.controlplane.budgets.conftest import NOW_MS, Book, Node, soft, window

PLATFORM = "team:platform||monthly|UTC|2026-11-01"
PAIR = ("team:platform||monthly|UTC", "2026-11-01")
DAY_MS = 86_400_000
MakeNode = Callable[..., Node]


def test_a_new_window_counts_what_finished_runs_spent(node: MakeNode, book: Book) -> None:
    """Of this period only, of this account only; by the start of the exchange."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    one.spend(writer, 20, team="other")
    one.spend(writer, 300, at_ms=NOW_MS - 40 * DAY_MS)
    writer.close()
    one.step()
    assert book.total(PLATFORM) == 1_000
    assert PAIR in book.marks["n1"]
    assert "team:other||monthly|UTC|2026-11-01" not in {row.bucket for row in book.kept.values()}


def test_a_second_step_changes_nothing(node: MakeNode, book: Book, tmp_path: Path) -> None:
    """Nor does one of a restarted control plane."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    writer.close()
    one.step()
    posts, kept = book.posts, dict(book.kept)
    assert one.step() is False
    one.new_keeper(tmp_path / "ledger.sqlite3")
    one.step()
    assert (book.posts, book.kept) == (posts, kept)


def test_a_live_run_that_spent_before_the_window_is_counted_without_a_row(node: MakeNode, book: Book) -> None:
    """Nobody of the account came since the reload, so its worker has no row; others must not lease that money."""
    one = node()
    writer = one.start("a")
    one.spend(writer, 6_000)
    one.step()
    one.keeper.use((window("team", "platform"),))
    one.step()
    assert book.committed(PLATFORM) == 6_000
    one.spend(writer, 500)  # its worker has not seen the new file yet
    one.steps()
    assert book.committed(PLATFORM) == 6_500
    # now the worker counts it: its first three exchanges are from before
    one.spend(writer, 7)
    book.have(writer.run_id, PLATFORM, base_nusd=UNKNOWN_BASE, first_frames=3)
    one.step()
    assert book.kept[writer.run_id, PLATFORM].base_nusd == 6_507
    assert book.total(PLATFORM) == 0
    assert book.committed(PLATFORM) == 6_507
    writer.close()


def test_a_base_waits_for_the_ledger_and_stops_at_its_frames(node: MakeNode, book: Book) -> None:
    """Exchanges after the first `first_frames` are the row's own spend; those of other accounts are frames too."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    one.step()
    one.spend(writer, 20, team="other")
    one.spend(writer, 300)
    book.have(writer.run_id, PLATFORM, base_nusd=UNKNOWN_BASE, first_frames=2, granted_nusd=0)
    assert one.step(is_projected=False) is True
    assert book.kept[writer.run_id, PLATFORM].base_nusd == UNKNOWN_BASE
    assert book.committed(PLATFORM) == 1_000, "what the ledger knows is counted meanwhile"
    book.have(writer.run_id, PLATFORM, base_nusd=UNKNOWN_BASE, first_frames=2, granted_nusd=400, spent_nusd=300)
    assert one.step() is False
    assert book.kept[writer.run_id, PLATFORM].base_nusd == 1_000
    assert book.committed(PLATFORM) == 1_400
    writer.close()


def test_a_line_that_cannot_be_read_locks_no_budget(node: MakeNode, book: Book) -> None:
    """The ledger will never have so many exchanges: once it has read as far as the run had written, what it has is all."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.step()
    one.spend(writer, 1_000)
    writer.append(b'{"k":"done","no":"exchange"}')
    book.have(writer.run_id, PLATFORM, base_nusd=UNKNOWN_BASE, first_frames=2)
    one.step(is_projected=False)
    assert book.kept[writer.run_id, PLATFORM].base_nusd == UNKNOWN_BASE
    one.step()
    assert book.kept[writer.run_id, PLATFORM].base_nusd == 1_000
    writer.close()


def test_a_run_that_ended_is_folded_into_the_nodes_row(node: MakeNode, book: Book) -> None:
    """Its lease is free, its spend is not, in one transaction."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    book.have(writer.run_id, PLATFORM, granted_nusd=9_000, spent_nusd=900)
    one.step()
    assert book.committed(PLATFORM) == 9_000
    writer.close()
    one.step()
    assert (writer.run_id, PLATFORM) not in book.kept
    assert book.committed(PLATFORM) == 1_000


def test_a_killed_run_is_recovered_and_folded_at_its_holds(node: MakeNode, book: Book) -> None:
    """Its lease counts as spent until its open exchanges are recorded; no successor is needed for that."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    one.leave_open(writer, 70)
    book.have(writer.run_id, PLATFORM, granted_nusd=9_000, spent_nusd=900)
    one.step()
    writer.abandon()
    assert one.step() is True, "a dead run is awaited"
    assert book.committed(PLATFORM) == 9_000
    assert one.step() is False
    assert book.committed(PLATFORM) == 1_070
    assert not any(row.run for row in book.kept.values())


def test_crashed_records_in_a_successors_run_are_not_its_own(node: MakeNode, book: Book) -> None:
    """The worker that adopts a dead run counts from its own first exchange: its rows need no base for what it wrote down for others."""
    one = node(window("team", "platform"))
    dead = one.start("a")
    one.leave_open(dead, 70)
    dead.abandon()
    writer = one.start("b")
    one.spend(writer, 500)
    book.have(writer.run_id, PLATFORM, granted_nusd=600, spent_nusd=500)
    one.step()
    assert book.total(PLATFORM) == 70
    assert book.committed(PLATFORM) == 670
    book.have(writer.run_id, PLATFORM, base_nusd=UNKNOWN_BASE, first_frames=1)
    one.step()
    assert book.kept[writer.run_id, PLATFORM].base_nusd == 500
    writer.close()


def test_nothing_is_adopted_while_a_dead_run_is_not_recorded(node: MakeNode, book: Book) -> None:
    """What it left open is not in the ledger yet."""
    one = node(window("team", "platform"))
    dead = one.start("a")
    one.leave_open(dead, 70)
    dead.abandon()
    one.project()
    one.step(is_projected=False)
    assert not book.marks["n1"]
    one.step()
    assert PAIR in book.marks["n1"]
    assert book.total(PLATFORM) == 70


def test_a_window_is_adopted_once_the_ledger_has_read_what_was_written_before(node: MakeNode, book: Book) -> None:
    """Else money that a live run has just spent could be leased once more. What comes later is not waited for."""
    one = node()
    writer = one.start("a")
    one.spend(writer, 100)
    one.project()
    one.spend(writer, 6_000)
    one.keeper.use((window("team", "platform"),))
    assert one.step(is_projected=False) is True
    assert not book.marks["n1"]
    one.project()
    one.spend(writer, 10)
    assert one.step(is_projected=False) is False
    assert PAIR in book.marks["n1"]
    assert book.total(PLATFORM) == 6_100
    writer.close()


def test_editing_a_limit_and_taking_a_window_out_and_in_again_keeps_the_sum(node: MakeNode, book: Book) -> None:
    """State belongs to account, models, period and zone: what was spent while nobody capped it is counted too."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    writer.close()
    one.step()
    one.keeper.use((window("team", "platform", limit_nusd=5),))
    one.step()
    assert book.total(PLATFORM) == 1_000
    one.keeper.use(())
    writer = one.start("b")
    one.spend(writer, 30)
    one.step()
    writer.close()
    one.step()
    one.keeper.use((window("team", "platform"),))
    one.step()
    assert book.total(PLATFORM) == 1_030


def test_a_stale_row_is_made_up_for(node: MakeNode, book: Book) -> None:
    """A window went and came back: until its worker begins the row anew, the node's row holds the difference."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    book.have(writer.run_id, PLATFORM, granted_nusd=1_000, spent_nusd=1_000)
    one.step()
    one.keeper.use(())
    one.spend(writer, 400)
    one.steps()
    one.keeper.use((window("team", "platform"),))
    one.step()
    assert book.committed(PLATFORM) == 1_400
    writer.close()


def test_what_the_ledger_knows_before_the_row_is_not_counted_twice(node: MakeNode, book: Book) -> None:
    """A worker tells four times a second; only what it has still not told after a second or two is made up for."""
    one = node(soft("team", "platform"))
    writer = one.start("a")
    one.step()
    told = 0
    for _ in range(6):
        book.have(writer.run_id, PLATFORM, granted_nusd=told, spent_nusd=told)
        one.spend(writer, 100)
        one.now_ms += 500
        one.step()
        assert book.committed(PLATFORM) == told
        told += 100
    writer.close()


def test_nor_before_the_window_is_adopted(node: MakeNode, book: Book) -> None:
    """The first exchange ends before the keeper's first steps, as on a busy machine."""
    one = node(soft("team", "platform"))
    writer = one.start("a")
    for told in (0, 0, 100, 100):
        book.have(writer.run_id, PLATFORM, granted_nusd=told, spent_nusd=told, synced_ms=one.now_ms)
        if not told:
            one.spend(writer, 50)
        one.now_ms += 200
        one.step()
        assert book.committed(PLATFORM) == told
    writer.close()


def test_an_account_that_falls_under_the_wildcard_finds_its_sum(node: MakeNode, book: Book) -> None:
    """It was listed with another cap while the wildcard was adopted; then its entry is removed."""
    daily = window("team", "platform", period="daily")
    one = node(daily, window("team", "*"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    writer.close()
    one.step()
    one.keeper.use((window("team", "*"),))
    one.step()
    assert book.total(PLATFORM) == 1_000


@pytest.mark.parametrize(
    ("cap", "bucket"),
    [
        (soft("org", ""), "org:||monthly|UTC|2026-11-01"),
        (soft("team", "*", period="weekly"), "team:platform||weekly|UTC|2026-11-16"),
        (soft("key", "alice", period="daily", zone="Pacific/Auckland"), "key:alice||daily|Pacific/Auckland|2026-11-21"),
        (soft("tag", "repo=*", period="total"), "tag:repo=pay||total|UTC|total"),
        (soft("tag", "*"), "tag:repo=pay||monthly|UTC|2026-11-01"),
        (soft("user", "a|b:c"), "user:a|b:c||monthly|UTC|2026-11-01"),
        (soft("team", "platform", models="openai/*"), "team:platform|openai/*|monthly|UTC|2026-11-01"),
    ],
)
def test_every_kind_of_account_has_its_bucket(node: MakeNode, book: Book, cap: Window, bucket: str) -> None:
    """Levels, periods, zones, patterns of models, ids with the names' own separators."""
    one = node(cap)
    writer = one.start("a")
    one.spend(writer, 1_000, user="a|b:c", tags={"repo": "pay"})
    one.spend(
        writer, 7, team="", user="", key="", tags={}, model="anthropic/claude-opus-4-7", at_ms=NOW_MS - 90 * DAY_MS
    )
    writer.close()
    one.step()
    assert {row.bucket: row.spent_nusd for row in book.kept.values()} == {
        bucket: 1_007 if cap.period == "total" and cap.level == "org" else 1_000
    }


def test_the_next_period_is_adopted_a_day_ahead_and_the_last_one_where_its_rest_rolls_over(
    node: MakeNode, book: Book
) -> None:
    """So that at midnight nobody waits."""
    one = node(window("team", "platform", rollover_nusd=1), window("team", "platform", period="daily"))
    one.now_ms = NOW_MS
    one.step()
    assert book.marks["n1"] == {
        PAIR,
        ("team:platform||monthly|UTC", "2026-10-01"),
        ("team:platform||daily|UTC", "2026-11-21"),
        ("team:platform||daily|UTC", "2026-11-22"),
    }
    one.now_ms = NOW_MS + 9 * DAY_MS
    one.step()
    assert ("team:platform||monthly|UTC", "2026-12-01") in book.marks["n1"]


def test_a_new_epoch_is_adopted_again(node: MakeNode, book: Book) -> None:
    """The store's memory was lost: everything is posted from the ledger."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    one.spend(writer, 1_000)
    writer.close()
    one.step()
    book.lose()
    one.step()
    assert book.total(PLATFORM) == 1_000
    assert PAIR in book.marks["n1"]


def test_a_row_whose_journal_is_gone_is_let_go(node: MakeNode, book: Book) -> None:
    """Somebody removed the journal: nothing can come of that run any more."""
    one = node(window("team", "platform"))
    book.have("f" * 12, PLATFORM, granted_nusd=5_000)
    one.step()
    assert book.committed(PLATFORM) == 0


def test_the_store_may_be_down_at_any_point(node: MakeNode, book: Book) -> None:
    """What was read of the ledger meanwhile is not lost, and nothing is counted twice."""
    one = node(window("team", "platform"))
    writer = one.start("a")
    for cost in (1_000, 200, 30):
        one.spend(writer, cost)
        book.is_down = True
        with pytest.raises(StorageError):
            one.step()
        book.is_down = False
        one.steps()
    assert book.committed(PLATFORM) == 1_230
    writer.close()


@pytest.mark.parametrize("book", ["memory"], indirect=True)
def test_a_failing_store_does_not_end_the_keeper(book: Book, node: MakeNode) -> None:
    """It waits, tries again, and works at once when windows come."""
    one = node(window("team", "platform"))
    one.project()
    book.is_down = True

    async def go(keeper: Keeper) -> None:
        task = asyncio.create_task(keeper.run())
        await asyncio.sleep(0)
        book.is_down = False
        keeper.use(keeper.windows)
        async with asyncio.timeout(10):
            while PAIR not in book.marks.get("n1", set()):
                keeper.use(keeper.windows)
                await asyncio.sleep(0.005)
        task.cancel()

    asyncio.run(go(one.keeper))

"""What both lease stores promise (base/storage/leases.py)."""

import pytest

from gateway.base.core.budget import UNLIMITED
from gateway.base.storage.leases import LIVE_MS, RECOVER_MS, SETTLE_MS, UNKNOWN_BASE, WANTED_MS, Row, is_forgotten
from tests.base.storage.bank import START_MS, USD, Bank, ask, name, period_of

TEAM = name()
USER = name("user:alice")
LAST = name(label="2026-12-01")


@pytest.fixture
def open_bank(bank: Bank) -> Bank:
    """A bank that node n1 has adopted everything in."""
    bank.adopt(TEAM, USER, LAST)
    bank.now_ms += RECOVER_MS
    return bank


def committed(bank: Bank, bucket: str = TEAM) -> int:
    """As a run without a row of its own and without a bound sees it."""
    return bank.one("watcher", ask(bucket)).committed_nusd


# === before anything is granted ===


def test_nothing_is_granted_under_a_bound_before_the_node_has_adopted(bank: Bank) -> None:
    """The ledger may know of money that finished runs have spent. Not ready is no refusal."""
    bank.now_ms += RECOVER_MS
    told = bank.one("a", ask(TEAM, 10 * USD, need_nusd=USD))
    assert (told.is_ready, told.is_refused, told.is_tight, told.granted_nusd) == (False, False, False, 0)
    bank.adopt(TEAM)
    bank.now_ms += RECOVER_MS
    told = bank.one("a", ask(TEAM, 10 * USD, need_nusd=USD))
    assert (told.is_ready, told.granted_nusd, told.committed_nusd) == (True, USD, USD)


def test_an_adoption_is_of_one_window_and_one_period(open_bank: Bank) -> None:
    """A new month, or another window, waits for its own."""
    assert not open_bank.one("a", ask(name(label="2027-02-01"), USD, need_nusd=1)).is_ready
    assert not open_bank.one("a", ask(name("team:other"), USD, need_nusd=1)).is_ready
    assert open_bank.adopted() == {period_of(TEAM), period_of(USER), period_of(LAST)}
    assert open_bank.adopted("n2") == set()


def test_every_node_is_waited_for(open_bank: Bank) -> None:
    """A node counts from its first word, be it of its control plane or of one of its runs."""
    open_bank.register("n2")
    assert not open_bank.one("a", ask(TEAM, USD, need_nusd=1)).is_ready
    open_bank.adopt(TEAM, node="n2")
    assert open_bank.one("a", ask(TEAM, USD, need_nusd=1)).is_ready
    open_bank.sync("c", node="n3")
    assert not open_bank.one("a", ask(TEAM, USD)).is_ready


def test_a_silent_node_is_not_waited_for_for_ever(open_bank: Bank) -> None:
    """While it says anything, were it only one of its runs, its adoption is awaited."""
    open_bank.register("n2")
    open_bank.now_ms += RECOVER_MS
    open_bank.sync("b", node="n2")
    open_bank.now_ms += RECOVER_MS
    assert not open_bank.one("a", ask(TEAM, USD)).is_ready
    open_bank.now_ms += 1
    assert open_bank.one("a", ask(TEAM, USD)).is_ready


def test_a_bucket_without_a_bound_waits_for_nobody(bank: Bank) -> None:
    told = bank.one("a", ask(TEAM, spent_nusd=5 * USD, need_nusd=USD))
    assert (told.is_ready, told.is_refused, told.is_tight, told.ceiling_nusd) == (False, False, False, UNLIMITED)
    assert (told.granted_nusd, told.spent_nusd) == (6 * USD, 5 * USD)


# === granting ===


def test_a_need_is_given_in_full_and_more_as_a_share(open_bank: Bank) -> None:
    """A quarter of what is left is shared among the runs that have a row."""
    told = open_bank.one("a", ask(TEAM, 100 * USD, need_nusd=USD, extra_nusd=8 * USD))
    assert told.granted_nusd == 9 * USD
    told = open_bank.one("b", ask(TEAM, 100 * USD, need_nusd=USD, extra_nusd=80 * USD))
    assert told.granted_nusd == USD + (100 - 9 - 1) * USD // 8
    assert not told.is_tight


def test_slices_shrink_towards_the_ceiling_and_the_last_are_exact(open_bank: Bank) -> None:
    """In the end only needs are given, to the last nano-dollar, and nothing more."""
    ceiling, granted, extras = 100 * USD, 0, []
    while True:
        said = ask(TEAM, ceiling, granted_nusd=granted, spent_nusd=granted, need_nusd=USD, extra_nusd=20 * USD)
        told = open_bank.one("a", said)
        if told.is_refused:
            break
        extras.append(told.granted_nusd - granted - USD)
        granted = told.granted_nusd
    assert extras == sorted(extras, reverse=True)
    assert extras[0] == 20 * USD
    assert extras[-3:] == [0] * 3
    assert ceiling - granted < USD
    rest = ceiling - granted
    assert open_bank.one("a", ask(TEAM, ceiling, spent_nusd=granted, need_nusd=rest + 1)).is_refused
    told = open_bank.one("a", ask(TEAM, ceiling, spent_nusd=granted, need_nusd=rest))
    assert (told.is_refused, told.granted_nusd, told.committed_nusd) == (False, ceiling, ceiling)


def test_needs_are_given_all_or_none(open_bank: Bank) -> None:
    """The tightest level decides; who could have paid is not refused, and gives nothing either."""
    team, user = open_bank.sync(
        "a", ask(TEAM, 100 * USD, need_nusd=3 * USD, extra_nusd=USD), ask(USER, 2 * USD, need_nusd=3 * USD)
    )
    assert (team.is_refused, user.is_refused) == (False, True)
    assert (team.granted_nusd, user.granted_nusd) == (0, 0)
    assert (user.committed_nusd, user.ceiling_nusd) == (0, 2 * USD)


def test_a_bucket_that_is_not_ready_holds_the_others_back(open_bank: Bank) -> None:
    other = name("team:other")
    told = open_bank.sync("a", ask(TEAM, 100 * USD, need_nusd=USD), ask(other, 100 * USD, need_nusd=USD))
    assert [one.granted_nusd for one in told] == [0, 0]
    assert [one.is_refused for one in told] == [False, False]
    told = open_bank.sync("a", ask(TEAM, 100 * USD, need_nusd=USD), ask(other, 100 * USD))
    assert [one.granted_nusd for one in told] == [USD, 0]


def test_what_is_not_kept_goes_back(open_bank: Bank) -> None:
    """And to whoever asks next."""
    open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=10 * USD))
    assert open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=USD)).is_refused
    told = open_bank.one("a", ask(TEAM, 10 * USD, granted_nusd=10 * USD, spent_nusd=2 * USD, keep_nusd=4 * USD))
    assert (told.granted_nusd, told.spent_nusd, told.committed_nusd) == (4 * USD, 2 * USD, 4 * USD)
    assert open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=6 * USD)).granted_nusd == 6 * USD


def test_saying_it_twice_changes_nothing(open_bank: Bank) -> None:
    """An answer may be lost on its way: the same sync again gives the same."""
    said = ask(TEAM, 10 * USD, granted_nusd=0, need_nusd=3 * USD)
    assert open_bank.one("a", said) == open_bank.one("a", said)
    assert committed(open_bank) == 3 * USD


def test_a_store_that_lost_a_grant_learns_it_again(open_bank: Bank) -> None:
    """What a run was told it may spend; the ceiling is passed then, and nothing is given until it is not."""
    told = open_bank.one("a", ask(TEAM, 10 * USD, granted_nusd=12 * USD, spent_nusd=USD, held_nusd=USD))
    assert (told.granted_nusd, told.committed_nusd) == (12 * USD, 12 * USD)
    assert told.is_tight
    assert open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=1)).is_refused


def test_spend_without_a_grant_counts(open_bank: Bank) -> None:
    """A soft budget is trusted while the store is away."""
    told = open_bank.one("a", ask(TEAM, 10 * USD, granted_nusd=USD, spent_nusd=7 * USD))
    assert (told.granted_nusd, told.committed_nusd, told.spent_nusd) == (7 * USD,) * 3
    assert open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=3 * USD + 1)).is_refused


def test_a_dead_run_counts_as_granted_until_it_is_folded(open_bank: Bank) -> None:
    """Its journal says later what it really spent: in one step its row goes and the node's total comes."""
    open_bank.one("dead", ask(TEAM, 10 * USD, need_nusd=8 * USD))
    open_bank.now_ms += RECOVER_MS * 10
    assert open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=3 * USD)).is_refused
    open_bank.post({TEAM: 5 * USD}, finished=("dead",))
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=3 * USD))
    assert (told.granted_nusd, told.committed_nusd, told.spent_nusd) == (3 * USD, 8 * USD, 5 * USD)


def test_totals_are_set_not_added(open_bank: Bank) -> None:
    for total in (5 * USD, 7 * USD, 2 * USD):
        open_bank.post({TEAM: total})
        open_bank.post({TEAM: USD, USER: 3 * USD}, node="n2")
        assert committed(open_bank) == total + USD
    assert committed(open_bank, USER) == 3 * USD


# === bases ===


def test_a_row_that_begins_in_the_middle_waits_for_its_base(open_bank: Bank) -> None:
    """What the run spent before it counted this bucket is in the ledger."""
    said = ask(TEAM, 10 * USD, need_nusd=USD, first_frames=100, is_fresh=True)
    told = open_bank.one("a", said)
    assert (told.is_ready, told.granted_nusd, told.committed_nusd) == (False, 0, 0)
    assert not open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=USD)).is_ready
    assert {row.base_nusd for row in open_bank.rows() if row.run == "a"} == {UNKNOWN_BASE}
    open_bank.put_bases("a", {TEAM: (100, 4 * USD), USER: (100, USD)})
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=USD, first_frames=100))
    assert (told.is_ready, told.granted_nusd, told.committed_nusd, told.spent_nusd) == (True, USD, 5 * USD, 4 * USD)


def test_a_base_of_other_frames_is_not_taken(open_bank: Bank) -> None:
    """The run began anew while the ledger was read."""
    open_bank.one("a", ask(TEAM, 10 * USD, first_frames=100, is_fresh=True))
    open_bank.one("a", ask(TEAM, 10 * USD, first_frames=150, is_fresh=True))
    open_bank.put_bases("a", {TEAM: (100, USD)})
    assert not open_bank.one("a", ask(TEAM, 10 * USD, first_frames=150)).is_ready
    open_bank.put_bases("a", {TEAM: (150, 2 * USD)})
    open_bank.put_bases("a", {TEAM: (150, 9 * USD)})
    assert open_bank.one("a", ask(TEAM, 10 * USD, first_frames=150)).committed_nusd == 2 * USD


def test_a_fresh_row_forgets_the_old_one(open_bank: Bank) -> None:
    """What that one counted is among the frames of the new base."""
    open_bank.one("a", ask(TEAM, 10 * USD, spent_nusd=3 * USD, need_nusd=USD))
    told = open_bank.one("a", ask(TEAM, 10 * USD, first_frames=30, is_fresh=True))
    assert (told.granted_nusd, told.committed_nusd, told.spent_nusd, told.is_ready) == (0, 0, 0, False)
    open_bank.put_bases("a", {TEAM: (30, 3 * USD)})
    assert committed(open_bank) == 3 * USD


# === corrections ===


def test_corrections_count_and_are_kept(open_bank: Bank) -> None:
    open_bank.post({TEAM: 8 * USD})
    first = open_bank.correct(TEAM, -5 * USD, "billed twice, says “Ä|:\n”")
    second = open_bank.correct(USER, 2 * USD)
    third = open_bank.correct(TEAM, USD)
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=6 * USD))
    assert (told.is_refused, told.spent_nusd, told.committed_nusd) == (False, 4 * USD, 10 * USD)
    assert open_bank.corrections(TEAM) == [first, third]
    assert open_bank.corrections() == [first, second, third]


def test_a_correction_may_bring_spend_below_zero(open_bank: Bank) -> None:
    open_bank.correct(TEAM, -5 * USD - 1)
    assert committed(open_bank) == -5 * USD - 1
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=15 * USD + 1))
    assert (told.granted_nusd, told.committed_nusd) == (15 * USD + 1, 10 * USD)


# === rollover ===


def rolling(**more: int) -> dict[str, int | str]:
    return {"rolls_from": LAST, "rolls_limit_nusd": 10 * USD, "rolls_cap_nusd": 4 * USD, **more}


@pytest.mark.parametrize(("last_usd", "rest_usd"), [(0, 4), (6, 4), (7, 3), (10, 0), (12, 0)])
def test_the_last_periods_rest_is_added(open_bank: Bank, last_usd: int, rest_usd: int) -> None:
    """At most the cap; a period that went over takes nothing away."""
    open_bank.post({LAST: last_usd * USD})
    told = open_bank.one("a", ask(TEAM, 10 * USD, **rolling(need_nusd=USD)))
    assert (told.ceiling_nusd, told.granted_nusd) == ((10 + rest_usd) * USD, USD)
    assert open_bank.one("b", ask(TEAM, 10 * USD, **rolling(need_nusd=(9 + rest_usd) * USD + 1))).is_refused


def test_leases_of_the_last_period_do_not_roll_over(open_bank: Bank) -> None:
    """Nobody knows yet what its open exchanges will cost. The asking run's own count too."""
    open_bank.one("a", ask(LAST, 10 * USD, need_nusd=5 * USD))
    open_bank.one("b", ask(LAST, 10 * USD, need_nusd=4 * USD))
    assert open_bank.one("a", ask(TEAM, 10 * USD, **rolling())).ceiling_nusd == 11 * USD
    last, team = open_bank.sync("a", ask(LAST, 10 * USD, spent_nusd=USD), ask(TEAM, 10 * USD, **rolling()))
    assert (last.committed_nusd, team.ceiling_nusd) == (5 * USD, 14 * USD)


def test_rollover_waits_for_the_last_period(open_bank: Bank) -> None:
    older = name(label="2026-11-01")
    assert not open_bank.one("a", ask(TEAM, 10 * USD, **rolling(), need_nusd=1)).is_tight
    assert not open_bank.one("a", ask(TEAM, 10 * USD, **{**rolling(), "rolls_from": older})).is_ready
    open_bank.one("b", ask(LAST, 10 * USD, first_frames=3))
    assert not open_bank.one("a", ask(TEAM, 10 * USD, **rolling())).is_ready


def test_no_ceiling_stays_none_with_rollover(open_bank: Bank) -> None:
    assert open_bank.one("a", ask(TEAM, **rolling())).ceiling_nusd == UNLIMITED


# === the tight zone ===


def test_a_refused_need_makes_the_bucket_tight_for_all(open_bank: Bank) -> None:
    """Others learn it with their next sync, and get no more than they need, until it is met or forgotten."""
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=6 * USD))
    idle = ask(TEAM, 10 * USD, granted_nusd=6 * USD, spent_nusd=USD)
    assert not open_bank.one("b", idle).is_tight
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=5 * USD))
    assert (told.is_refused, told.is_tight, told.others_idle_nusd) == (True, True, 5 * USD)
    assert open_bank.one("b", idle).is_tight
    open_bank.now_ms += WANTED_MS
    assert not open_bank.one("b", idle).is_tight


def test_the_largest_refused_need_counts(open_bank: Bank) -> None:
    """A smaller one that was refused later does not hide it."""
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=6 * USD))
    assert open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=6 * USD)).is_refused
    assert open_bank.one("c", ask(TEAM, 10 * USD, need_nusd=5 * USD)).is_refused
    told = open_bank.one("b", ask(TEAM, 10 * USD, granted_nusd=6 * USD, keep_nusd=5 * USD))
    assert (told.granted_nusd, told.is_tight) == (5 * USD, True)


def test_a_need_that_nobody_could_meet_makes_nothing_tight(open_bank: Bank) -> None:
    """One absurd request must not slow the others down."""
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=USD))
    assert open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=50 * USD)).is_refused
    assert not open_bank.one("b", ask(TEAM, 10 * USD, granted_nusd=USD)).is_tight


def test_a_refusal_is_final_when_all_who_could_give_back_have_been_told(open_bank: Bank) -> None:
    """`oldest_sync_ms` is 0 while one with idle money has not synced since it was told."""
    wants = ask(TEAM, 10 * USD, need_nusd=5 * USD)
    idle = ask(TEAM, 10 * USD, granted_nusd=6 * USD, spent_nusd=USD)
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=6 * USD))
    open_bank.one("b", idle)
    open_bank.now_ms += 10
    assert open_bank.one("a", wants).oldest_sync_ms == 0
    open_bank.now_ms += 10
    open_bank.one("b", idle)  # learns that it is tight
    assert open_bank.one("a", wants).oldest_sync_ms == 0
    open_bank.now_ms += 10
    open_bank.one("b", idle)  # keeps it all the same
    open_bank.now_ms += 10
    told = open_bank.one("a", wants)
    assert (told.is_refused, told.others_idle_nusd, told.oldest_sync_ms) == (True, 5 * USD, open_bank.now_ms - 10)
    open_bank.one("b", ask(TEAM, 10 * USD, granted_nusd=6 * USD, spent_nusd=USD, keep_nusd=2 * USD))
    assert open_bank.one("a", wants).granted_nusd == 5 * USD


def test_money_of_a_silent_run_is_nothing_to_hope_for(open_bank: Bank) -> None:
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=6 * USD))
    open_bank.now_ms += LIVE_MS
    assert open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=5 * USD)).others_idle_nusd == 6 * USD
    open_bank.now_ms += 1
    told = open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=5 * USD))
    assert (told.is_refused, told.others_idle_nusd, told.oldest_sync_ms) == (True, 0, 0)


# === the book ===


def test_rows_show_what_was_said(open_bank: Bank) -> None:
    open_bank.one("a", ask(TEAM, 10 * USD, spent_nusd=USD, held_nusd=2 * USD, need_nusd=4 * USD, first_frames=0))
    open_bank.one("b", ask(USER, spent_nusd=5, first_frames=7), node="n2")
    open_bank.post({TEAM: 9 * USD}, node="n2")
    now = open_bank.now_ms
    assert open_bank.rows("n1") == [Row(TEAM, "n1", "a", 0, 5 * USD, USD, 2 * USD, 0, now)]
    assert open_bank.rows("n2") == [
        Row(TEAM, "n2", "", 0, 9 * USD, 9 * USD, 0, 0, 0),
        Row(USER, "n2", "b", UNKNOWN_BASE, 5, 5, 0, 7, now),
    ]
    assert len(open_bank.rows()) == 3


def test_an_empty_sync_is_a_sign_of_life(open_bank: Bank) -> None:
    assert open_bank.sync("a") == []
    assert open_bank.rows() == []


def test_names_may_hold_anything(bank: Bank) -> None:
    """Account ids come from people."""
    bucket = name("team:a|b:c \n\0 “ü” {agentcc:x} 🤖")
    bank.adopt(bucket)
    bank.now_ms += RECOVER_MS
    assert bank.one("a", ask(bucket, USD, need_nusd=1)).granted_nusd == 1
    assert [row.bucket for row in bank.rows()] == [bucket]
    assert bank.adopted() == {period_of(bucket)}
    bank.correct(bucket, 1)
    assert bank.prune(monthly="2027-02-01") == 1
    assert (bank.rows(), bank.adopted()) == ([], set())


def test_buckets_of_ended_periods_are_forgotten(open_bank: Bank) -> None:
    """By the kind of their period; `total` never ends. Corrections stay on record."""
    total, day = name(kind="total", label="total"), name(kind="daily", label="2027-01-05")
    open_bank.post({total: 1, LAST: 2, TEAM: 3, day: 4}, adopted=(period_of(total), period_of(day)))
    open_bank.one("a", ask(LAST, spent_nusd=5))
    corrections = [open_bank.correct(LAST, 6), open_bank.correct(TEAM, 7)]
    assert open_bank.prune(monthly="2027-01-01", weekly="2027-01-04", daily="2027-01-06") == 2
    assert {row.bucket for row in open_bank.rows()} == {total, TEAM}
    assert open_bank.corrections() == corrections
    assert open_bank.adopted() == {period_of(total), period_of(TEAM), period_of(USER)}
    assert committed(open_bank, LAST) == 0
    assert committed(open_bank) == 10


def test_forgetting_goes_by_kind_and_label() -> None:
    assert is_forgotten(LAST, {"monthly": "2027-01-01"})
    assert not is_forgotten(TEAM, {"monthly": "2027-01-01"})
    assert not is_forgotten(LAST, {"daily": "2027-01-01"})
    assert not is_forgotten(name(kind="total", label="total"), {"monthly": "2027-01-01"})


def test_runs_without_rows_are_forgotten_in_time(bank: Bank) -> None:
    """Else each restart of a worker would leave a name behind. Those with rows stay until they are folded."""
    bank.adopt(TEAM)
    bank.sync("idle")
    bank.one("counts", ask(TEAM, spent_nusd=1))
    bank.now_ms += 100 * RECOVER_MS
    bank.register()
    assert [row.run for row in bank.rows()] == ["counts"]


# === big money ===


def test_fifty_million_dollars_are_exact_to_the_nano(open_bank: Bank) -> None:
    """Lua's numbers are exact up to 2^53, which is 9 million dollars."""
    million = 1_000_000 * USD
    ceiling, total = 50 * million + 7, 40 * million + 3
    open_bank.post({TEAM: total, LAST: 20 * million + 1})
    told = open_bank.one("a", ask(TEAM, ceiling, need_nusd=9 * million + 1, spent_nusd=million))
    assert (told.granted_nusd, told.committed_nusd) == (10 * million + 1 - 0, total + 10 * million + 1)
    assert told.spent_nusd == 41 * million + 3
    assert open_bank.one("b", ask(TEAM, ceiling, need_nusd=4)).is_refused
    assert open_bank.one("b", ask(TEAM, ceiling, need_nusd=3)).committed_nusd == ceiling
    rolls = {"rolls_from": LAST, "rolls_limit_nusd": 50 * million, "rolls_cap_nusd": 900 * million}
    told = open_bank.one("b", ask(TEAM, ceiling, granted_nusd=3, **rolls))
    assert told.ceiling_nusd == ceiling + 30 * million - 1
    open_bank.correct(TEAM, -45 * million - 9)
    assert committed(open_bank) == ceiling - 45 * million - 9


# === epochs ===


def test_after_a_loss_nothing_is_granted_before_all_have_reported(open_bank: Bank) -> None:
    """Runs that the store forgot come back within SETTLE_MS; nodes have to adopt again."""
    open_bank.post({TEAM: USD})
    open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=2 * USD))
    open_bank.one("b", ask(TEAM, 10 * USD, need_nusd=3 * USD))
    open_bank.lose_memory()
    assert open_bank.adopted() == set()
    assert open_bank.rows() == []
    greedy = ask(TEAM, 10 * USD, granted_nusd=2 * USD, need_nusd=8 * USD)
    assert not open_bank.one("a", greedy).is_ready
    open_bank.post({TEAM: USD}, adopted=(period_of(TEAM),))
    open_bank.now_ms += SETTLE_MS - 1
    told = open_bank.one("a", greedy)
    assert (told.is_ready, told.is_refused, told.granted_nusd) == (False, False, 2 * USD)
    assert open_bank.one("b", ask(TEAM, 10 * USD, granted_nusd=3 * USD)).granted_nusd == 3 * USD
    open_bank.now_ms += 1
    told = open_bank.one("a", greedy)
    assert (told.is_ready, told.is_refused, told.committed_nusd) == (True, True, 6 * USD)


def test_after_a_loss_the_node_must_adopt_again(open_bank: Bank) -> None:
    open_bank.one("a", ask(TEAM, 10 * USD, need_nusd=USD))
    open_bank.lose_memory()
    for _ in range(4):
        assert not open_bank.one("a", ask(TEAM, 10 * USD, granted_nusd=USD, need_nusd=1)).is_ready
        open_bank.now_ms += RECOVER_MS
    open_bank.adopt(TEAM)
    assert open_bank.one("a", ask(TEAM, 10 * USD, granted_nusd=USD, need_nusd=1)).is_ready


def test_corrections_go_with_the_store(open_bank: Bank) -> None:
    """They are in no ledger yet; docs/decisions/0011-leases.md says so."""
    open_bank.correct(TEAM, USD)
    open_bank.lose_memory()
    assert open_bank.corrections() == []


def test_the_clock_of_the_start_does_not_matter(bank: Bank) -> None:
    """The first sync of a new store is not before any other."""
    assert bank.now_ms == START_MS
    bank.register()
    assert bank.adopted() == set()

"""Random lives of runs, nodes and stores, on both lease stores, against a ledger in plain Python.

The model knows what the store must answer (written from the contract, row by row) and what is true: what every run believes that
it may spend, and what it has spent. Whatever happens, the two together never pass the ceiling of a bounded bucket.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct

from gateway.base.core.budget import UNLIMITED
from gateway.base.storage.leases import LIVE_MS, RECOVER_MS, SETTLE_MS, WANTED_MS, Ask, Told
from tests.base.storage.bank import START_MS, Bank, ask, name, period_of
from tests.base.storage.redis_server import RedisServer, needs_redis

NODES = ("n1", "n2")
CEILINGS = {
    name(): 50_000_000_000_000_007,  # above 2^53
    name("user:alice", "daily", "2027-01-15"): 1_000,
    name("key:ci", "total", "total"): UNLIMITED,
}
BUCKETS = tuple(CEILINGS)
ROLLING = name(label="2027-02-01")
"""Its ceiling is 1000 and the rest of the first bucket, at most 500."""
ROLLS_CAP = 500
TOGETHER = (BUCKETS[:1], BUCKETS[1:2], BUCKETS[1:], BUCKETS, (ROLLING,), (BUCKETS[0], ROLLING))
"""What one sync asks for."""
PARTS = (0, 1, 50, 120, 300, 450, 700, 1000)
"""Amounts in thousandths of a ceiling: few different ones, so that they meet at the edge."""


class Line(Struct):
    """A row of a run."""

    first_frames: int
    base: int | None = 0
    granted: int = 0
    spent: int = 0
    held: int = 0
    synced_ms: int = 0
    tight_ms: int = 0


class Plain:
    """What a lease store is, as slow and as short as the contract allows."""

    def __init__(self) -> None:
        self.epoch_ms = -RECOVER_MS
        self.nodes: dict[str, int] = {}
        self.runs: dict[str, int] = {}
        self.adopted: dict[tuple[str, str], int] = {}
        self.lines: dict[tuple[str, str], Line] = {}
        self.fixed: dict[tuple[str, str], int] = {}
        self.wanted: dict[str, tuple[int, int]] = {}

    def of(self, bucket: str) -> dict[str, Line]:
        return {run: line for (where, run), line in self.lines.items() if where == bucket}

    def sum(self, bucket: str, field: str) -> int:
        fixed = sum(amount for (where, _), amount in self.fixed.items() if where == bucket)
        return fixed + sum((line.base or 0) + getattr(line, field) for line in self.of(bucket).values())

    def is_ready(self, bucket: str, now_ms: int) -> bool:
        age_ms = now_ms - self.epoch_ms
        return (
            age_ms >= SETTLE_MS
            and (age_ms >= RECOVER_MS or all(self.runs[run] > self.epoch_ms for _, run in self.lines))
            and all(line.base is not None for line in self.of(bucket).values())
            and all(
                self.adopted.get((bucket, node)) == self.epoch_ms
                for node, heard_ms in self.nodes.items()
                if now_ms - max(heard_ms, self.epoch_ms) <= RECOVER_MS
            )
        )

    def sync(self, node: str, run: str, asks: list[Ask], now_ms: int) -> list[Told]:
        self.nodes[node] = self.runs[run] = now_ms
        for one in asks:
            line = self.lines.get((one.bucket, run))
            if line is None or one.is_fresh:
                line = Line(one.first_frames, None if one.first_frames else 0)
            known = max(line.granted, one.granted_nusd)
            line.granted = max(one.spent_nusd, min(known, one.keep_nusd))
            line.spent, line.held, line.synced_ms = one.spent_nusd, one.held_nusd, now_ms
            self.lines[one.bucket, run] = line
        before = [(one, self.ceiling(one), self.is_open(one, now_ms), self.sum(one.bucket, "granted")) for one in asks]
        can_all = all(
            not one.need_nusd or ceiling is None or (is_open and committed + one.need_nusd <= ceiling)
            for one, ceiling, is_open, committed in before
        )
        return [self.tell(run, *values, can_all, now_ms) for values in before]

    def ceiling(self, one: Ask) -> int | None:
        if one.ceiling_nusd == UNLIMITED:
            return None
        rest = one.rolls_limit_nusd - self.sum(one.rolls_from, "granted") if one.rolls_from else 0
        return one.ceiling_nusd + max(0, min(rest, one.rolls_cap_nusd))

    def is_open(self, one: Ask, now_ms: int) -> bool:
        return all(self.is_ready(bucket, now_ms) for bucket in (one.bucket, one.rolls_from) if bucket)

    def tell(
        self, run: str, one: Ask, ceiling: int | None, is_open: bool, committed: int, can_all: bool, now_ms: int
    ) -> Told:
        line = self.lines[one.bucket, run]
        given = one.need_nusd if can_all else 0
        is_refused = is_tight = False
        idle, oldest = 0, 0
        if ceiling is not None and is_open:
            left = ceiling - committed
            is_refused = one.need_nusd > 0 and one.need_nusd > left
            share = (left - given) // (4 * len(self.of(one.bucket)))
            need, at_ms = self.wanted.get(one.bucket, (0, -WANTED_MS))
            wanted = need if now_ms < at_ms + WANTED_MS else 0
            is_tight = share < one.need_nusd or share < one.held_nusd or left - given < wanted
            if can_all and not is_tight:
                given += min(share, one.extra_nusd)
            if is_refused:
                idle, oldest = self.idle(one.bucket, run, now_ms)
                if one.need_nusd <= left + idle and one.need_nusd >= wanted:
                    self.wanted[one.bucket] = (one.need_nusd, now_ms)
        line.granted += given
        line.tight_ms = (line.tight_ms or now_ms) if is_tight else 0
        return Told(
            one.bucket, line.granted, is_refused, is_open, is_tight, self.sum(one.bucket, "spent"), committed + given,
            UNLIMITED if ceiling is None else ceiling, idle, oldest,
        )  # fmt: skip

    def idle(self, bucket: str, asking: str, now_ms: int) -> tuple[int, int]:
        idle, synced = 0, []
        for run, line in self.of(bucket).items():
            free = line.granted - line.spent - line.held
            if run != asking and free > 0 and now_ms - self.runs[run] <= LIVE_MS:
                idle += free
                synced.append(line.synced_ms if line.tight_ms and line.synced_ms > line.tight_ms else 0)
        return idle, min(synced, default=0)

    def fold(self, node: str, totals: dict[str, int], finished: str) -> None:
        for bucket, total in totals.items():
            self.fixed[bucket, node] = total
        self.lines = {key: line for key, line in self.lines.items() if key[1] != finished}
        self.runs.pop(finished, None)


class Run:
    """A worker as it sees itself."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.is_forgotten = False
        self.granted: dict[str, int] = {}
        self.spent: dict[str, int] = {}
        self.held: dict[str, int] = {}

    def free(self, bucket: str) -> int:
        return self.granted[bucket] - self.spent[bucket] - self.held[bucket]


class Lives(RuleBasedStateMachine):
    """`server` is set by the test."""

    server: RedisServer | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bank = Bank(self.folder, self.server)
        self.plain = Plain()
        self.alive: dict[str, Run] = {}
        self.dead: dict[str, Run] = {}
        self.ledger: dict[tuple[str, str], int] = {}
        """(bucket, node) → what finished runs have spent."""
        self.births = 0

    def teardown(self) -> None:
        self.bank.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        if self.server:  # its first epoch begins with the first word that anybody says
            self.plain.epoch_ms = START_MS
        for node in NODES:
            self.bank.register(node)
            self.plain.nodes[node] = START_MS
            self.adopt(node)
            self.start_run(node)
        self.a_while_passes()

    @rule(node=st.sampled_from(NODES))
    def adopt(self, node: str) -> None:
        """As the keeper does: not while the journal of a dead run that the store has forgotten is left to be read."""
        if any(run.node == node and run.is_forgotten for run in self.dead.values()):
            return
        totals = {bucket: amount for (bucket, owner), amount in self.ledger.items() if owner == node}
        buckets = (*BUCKETS, ROLLING)
        self.bank.post(totals, adopted=tuple(period_of(bucket) for bucket in buckets), node=node)
        self.plain.nodes[node] = self.bank.now_ms
        for bucket in buckets:
            self.plain.adopted[bucket, node] = self.plain.epoch_ms
        for bucket, total in totals.items():
            self.plain.fixed[bucket, node] = total

    def start_run(self, node: str) -> None:
        self.births += 1
        self.alive[f"run{self.births}"] = Run(node)

    @rule(data=st.data())
    def sync(self, data: st.DataObject) -> None:
        """Some money was spent, some exchanges are open, some is given back, some wanted."""
        for _ in range(data.draw(st.integers(1, 12))):
            run = data.draw(st.sampled_from(sorted(self.alive)))
            needs = data.draw(st.sampled_from(TOGETHER))
            self.say(run, [self.report(self.alive[run], bucket, data) for bucket in needs])
            self.bank.now_ms += 1

    def report(self, run: Run, bucket: str, data: st.DataObject) -> Ask:
        ceiling = CEILINGS.get(bucket, 1_000)
        amount = st.sampled_from([max(1_000, ceiling) * part // 1_000 for part in PARTS])
        for held in (run.granted, run.spent, run.held):
            held.setdefault(bucket, 0)
        run.held[bucket] = 0
        spent = data.draw(amount)
        run.spent[bucket] += spent if ceiling == UNLIMITED else min(spent, max(0, run.free(bucket)))
        run.held[bucket] = min(data.draw(amount), max(0, run.free(bucket)))
        if data.draw(st.booleans()):
            run.granted[bucket] = min(run.granted[bucket], run.spent[bucket] + run.held[bucket])
        more: dict[str, int | str | bool] = {}
        if bucket == ROLLING:
            more = {"rolls_from": BUCKETS[0], "rolls_limit_nusd": CEILINGS[BUCKETS[0]], "rolls_cap_nusd": ROLLS_CAP}
        return ask(
            bucket,
            ceiling,
            spent_nusd=run.spent[bucket],
            held_nusd=run.held[bucket],
            granted_nusd=run.granted[bucket],
            need_nusd=data.draw(amount),
            extra_nusd=data.draw(amount),
            **more,
        )

    def say(self, name: str, asks: list[Ask]) -> None:
        run = self.alive[name]
        wanted = self.plain.sync(run.node, name, asks, self.bank.now_ms)
        told = self.bank.sync(name, *asks, node=run.node)
        assert told == wanted
        for one in told:
            run.granted[one.bucket] = one.granted_nusd

    @rule(ms=st.integers(0, 1_000))
    def time_passes(self, ms: int) -> None:
        """Every living run says something once a second."""
        self.bank.now_ms += ms
        for own, run in self.alive.items():
            self.say(own, [self.again(run, bucket) for bucket in run.granted])

    def again(self, run: Run, bucket: str) -> Ask:
        return ask(
            bucket,
            CEILINGS.get(bucket, 1_000),
            spent_nusd=run.spent[bucket],
            held_nusd=run.held[bucket],
            granted_nusd=run.granted[bucket],
        )

    @rule()
    def a_while_passes(self) -> None:
        for _ in range(11):
            self.time_passes(1_000)
        for node in NODES:
            self.adopt(node)

    @rule(data=st.data(), is_read=st.booleans())
    def kill(self, data: st.DataObject, is_read: bool) -> None:
        """A worker dies and another takes its place; its journal may be read at once."""
        name = data.draw(st.sampled_from(sorted(self.alive)))
        self.dead[name] = self.alive.pop(name)
        self.start_run(self.dead[name].node)
        if is_read:
            self.fold(name)

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def fold_one(self, data: st.DataObject) -> None:
        self.fold(data.draw(st.sampled_from(sorted(self.dead))))

    def fold(self, name: str) -> None:
        """Its journal was read: open exchanges count as they were held."""
        run = self.dead.pop(name)
        for bucket in run.granted:
            cost = run.spent[bucket] + run.held[bucket]
            self.ledger[bucket, run.node] = self.ledger.get((bucket, run.node), 0) + cost
        totals = {bucket: self.ledger[bucket, run.node] for bucket in run.granted}
        self.bank.post(totals, finished=(name,), node=run.node)
        self.plain.nodes[run.node] = self.bank.now_ms
        self.plain.fold(run.node, totals, name)

    @rule(bucket=st.sampled_from(BUCKETS), amount=st.integers(0, 100))
    def correct(self, bucket: str, amount: int) -> None:
        self.bank.correct(bucket, amount)
        self.plain.fixed[bucket, ""] = self.plain.fixed.get((bucket, ""), 0) + amount

    @rule(is_lost=st.booleans(), wait=st.sampled_from((0, 2, 5, 12)))
    def mishap(self, is_lost: bool, wait: int) -> None:
        """The store starts again, or all of it is gone. Living runs are back within a second, and their control plane too."""
        if is_lost:
            self.bank.lose_memory()
            self.plain = Plain()
            for run in self.dead.values():
                run.is_forgotten = True
        elif self.server:
            self.bank.begin_epoch()
        if is_lost or self.server:
            self.plain.epoch_ms = max(self.bank.now_ms, self.plain.epoch_ms + 1)
        for node in NODES:
            self.bank.register(node)
            self.plain.nodes[node] = self.bank.now_ms
        self.time_passes(0)
        for node in NODES:
            self.adopt(node)
        for _ in range(wait):
            self.time_passes(1_000)

    @invariant()
    def never_past_the_ceiling(self) -> None:
        """What is spent for ever, and what anybody may still spend."""
        for bucket in (*BUCKETS, ROLLING):
            ceiling = CEILINGS.get(bucket, 1_000 + ROLLS_CAP)
            if ceiling != UNLIMITED:
                ended = sum(amount for (where, _), amount in self.ledger.items() if where == bucket)
                runs = (*self.alive.values(), *self.dead.values())
                assert ended + sum(run.granted.get(bucket, 0) for run in runs) <= ceiling

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        rows = {(row.bucket, row.run or row.node): row.granted_nusd for row in self.bank.rows()}
        lines = {key: line.granted for key, line in self.plain.lines.items()}
        totals = {key: amount for key, amount in self.plain.fixed.items() if key[1]}
        assert rows == lines | totals


LIVES = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("redis", marks=needs_redis)])
def test_grants_never_pass_the_ceiling_and_answers_are_those_of_the_model(
    store: str, request: pytest.FixtureRequest
) -> None:
    Lives.server = request.getfixturevalue("redis_server") if store == "redis" else None
    run_state_machine_as_test(Lives, settings=LIVES)

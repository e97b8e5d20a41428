"""Accounts × windows × clock × edits × crashes: real workers, journals, keepers and stores against a list of what was spent.

Always: what a hard bucket has spent and what its open exchanges hold never passes the ceiling that was in force when it was granted.
Once everybody has said what they know: the store's sum of each bucket is the list's to the nano-dollar, and what fits is granted.

A longer run: AGENTCC_MODEL_EXAMPLES=500 AGENTCC_MODEL_SEED=1 pytest tests/model
"""

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from msgspec.structs import replace

from gateway.base.core.budget import UNLIMITED, Downgrade, Raise, Window
from gateway.base.core.errors import BudgetExceeded, BudgetUnproven
from gateway.base.core.principal import Grant, Principal
from gateway.base.storage.leases import UNKNOWN_BASE, Correction
from gateway.base.storage.redis import RedisLeases
from gateway.base.storage.sqlite.leases import SqliteLeases
from tests.base.storage.conftest import redis_server  # noqa: F401 - a fixture
from tests.base.storage.redis_server import RedisServer, needs_redis
from tests.model.clock import AtOnce, Clock
from tests.model.reference import Bucket, Ledger, Spent, before, buckets_of
from tests.model.world import Exchange, Store, Worker, World, grant_of

START_MS = 1_792_878_600_000
"""2026-10-24T21:50Z: ten minutes before a day of 25 hours in Berlin, a week before a month's end."""
HOUR_MS = 3_600_000
PEOPLE = tuple(
    grant_of(Principal(key, "acme", team, user, tags))
    for key, team, user, tags in (
        ("k1", "a", "u1", {"repo": "x"}),
        ("k2", "a", "u2", {"repo": "y", "env": "ci"}),
        ("k3", "b", "u1", {}),
        ("k4", "", "", {"env": "ci"}),
    )
)
MODELS = ("openai/gpt-5", "openai/gpt-5-2026-04-15", "openai/gpt-5-mini", "anthropic/claude-opus-4-1")
CAPS = (
    ("org", "", "", "monthly", "UTC"),
    ("org", "", "openai/*", "daily", "Europe/Berlin"),
    ("team", "*", "", "monthly", "UTC"),
    ("team", "a", "", "monthly", "UTC"),
    ("team", "a", "", "daily", "America/New_York"),
    ("team", "a", "gpt-5", "daily", "UTC"),
    ("user", "*", "", "daily", "Europe/Berlin"),
    ("user", "u1", "", "daily", "Europe/Berlin"),
    ("user", "u1", "claude-*", "total", "UTC"),
    ("key", "*", "", "total", "UTC"),
    ("key", "k1", "", "weekly", "UTC"),
    ("tag", "*", "", "daily", "UTC"),
    ("tag", "repo=*", "", "monthly", "UTC"),
    ("tag", "repo=x", "", "monthly", "UTC"),
)
"""What may be capped, as a window's name says it; a policy has some of them."""
LIMITS = (20, 60, 100, 100, 200, 500, 1_000_000_000_000_007)
ROLLOVERS = (0, 40, 1_000)
PARTS = (0, 1, 50, 99, 100, 150)
"""What an exchange costs, in hundredths of its hold."""
RECOVERY_S = 4.0
"""So long after a loss of the store everybody is back."""

caps = st.integers(0, len(CAPS) - 1)
person, model = st.integers(0, 3), st.integers(0, 3)
index = st.integers(0, 11)
limits, usual = st.sampled_from(LIMITS), st.sampled_from(LIMITS[1:])
late = st.sampled_from((0, 0, 0, 1, 2, 4, 5))
hardness = st.sampled_from((True, True, True, False))


def window_of(cap: int, limit_nusd: int, *, is_hard: bool, rollover_nusd: int = 0) -> Window:
    level, account, pattern, period, zone = CAPS[cap]
    return Window(
        level, account, pattern, period, zone, limit_nusd, is_hard, 0.8, UNLIMITED, UNLIMITED if is_hard else 1.1,
        Downgrade(0, ()), rollover_nusd if period != "total" else 0,
    )  # fmt: skip


class Lives(RuleBasedStateMachine):
    """`server` is set by the test."""

    server: RedisServer | None = None
    clock: Clock
    _namespaces = 0

    def __init__(self) -> None:
        super().__init__()
        Lives._namespaces += 1
        self.folder = Path(tempfile.mkdtemp())
        type(self).clock = Clock(START_MS)
        self.world = World(self.clock, self.folder, self.new_store)
        self.store = self.new_store()
        self.ledger = Ledger()
        self.caps: list[int] = []
        self.policy: dict[int, Window] = {}
        self.bounds: dict[Bucket, int] = {}
        """The highest ceiling since the last calm, or what was spent and held by then."""
        self.loose: defaultdict[Bucket, int] = defaultdict(int)
        """What was spent since then by exchanges that held nothing of the bucket: nobody promised to bound them."""
        self.lost_at = -RECOVERY_S

    def new_store(self) -> Store:
        if self.server:
            return RedisLeases(self.server.url, f"model{self._namespaces}", is_callers_clock=True)
        store = SqliteLeases(self.folder)
        store._file._thread = AtOnce()
        return store

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(self.policy.values())

    @property
    def workers(self) -> list[Worker]:
        return self.world.workers

    def teardown(self) -> None:
        try:
            if self.workers:
                self.calm()
        finally:
            self.world.ask(self.store.close())
            self.world.close()
            shutil.rmtree(self.folder)

    @initialize(chosen=st.lists(st.tuples(caps, usual, hardness), min_size=2, max_size=4, unique_by=lambda one: one[0]))
    def begin_life(self, chosen: list[tuple[int, int, bool]]) -> None:
        """What this life's policies may cap: few, so that edits meet what was there before."""
        self.caps = [cap for cap, _, _ in chosen]
        self.policy = {cap: window_of(cap, limit, is_hard=is_hard) for cap, limit, is_hard in chosen[1:]}
        for name, slots in (("n1", 2), ("n2", 1)):
            node = self.world.add_node(name)
            node.keeper.use(self.windows)
            for slot in range(slots):
                self.world.add_worker(node, slot, self.windows)
        self.wait(RECOVERY_S if self.server else 1.0)  # a Redis begins with an epoch

    # === exchanges ===

    @rule(calls=st.lists(st.tuples(index, person, model, st.integers(1, 40), index), min_size=2, max_size=12))
    def traffic(self, calls: list[tuple[int, int, int, int, int]]) -> None:
        """Exchanges begin; of those that are open some end."""
        for at, who, model, hold, ends in calls:
            self.start(self.workers[at % len(self.workers)], PEOPLE[who], MODELS[model], hold)
            if ends < len(PARTS):
                self.settle(at, PARTS[ends])

    def start(self, worker: Worker, who: Grant, model: str, hold: int) -> None:
        self.note_bounds()
        try:
            exchange = self.world.do(worker.begin(who, model, hold, hold // 2))
        except (BudgetExceeded, BudgetUnproven):
            return
        self.check_begun(worker, exchange)

    def check_begun(self, worker: Worker, exchange: Exchange) -> None:
        """It is counted where it should be, and each hard bucket can pay for it."""
        self.note_bounds(exchange.at_ms)
        wanted = buckets_of(worker.windows, exchange.at_ms, exchange.who.principal, exchange.model)
        assert exchange.hard == {str(bucket) for bucket, window in wanted.items() if window.is_hard}
        assert exchange.soft == {str(bucket) for bucket, window in wanted.items() if not window.is_hard}
        for bucket, window in wanted.items():
            if window.is_hard and exchange.hold_nusd:
                most = self.bounds[bucket] + self.loose[bucket]
                assert self.ledger.of(bucket) + self.held(bucket) <= most, f"{bucket} went over {most}"

    @rule(at=index, part=st.sampled_from(PARTS))
    def settle(self, at: int, part: int) -> None:
        """What was held under a hard budget is never passed; else anything may come."""
        found = [(worker, one) for worker in self.workers for one in worker.open]
        if found:
            worker, exchange = found[at % len(found)]
            cost = exchange.hold_nusd * (min(part, 100) if exchange.hard else part) // 100
            self.book(exchange, cost)
            worker.settle(exchange, cost)

    def book(self, exchange: Exchange, cost_nusd: int) -> None:
        principal = exchange.who.principal
        self.ledger.spent.append(Spent(exchange.at_ms, principal, exchange.model, cost_nusd))
        every = tuple(window_of(cap, 0, is_hard=True) for cap in range(len(CAPS)))
        for window in every:
            for bucket in buckets_of((window,), exchange.at_ms, principal, exchange.model):
                if str(bucket) not in exchange.hard:
                    self.loose[bucket] += cost_nusd

    def held(self, bucket: Bucket, *, is_all: bool = False) -> int:
        """What open exchanges hold of it from leases; `is_all`: also what is only told to the store."""
        found = [one for worker in self.workers for one in worker.open]
        hard = sum(one.hold.hard_nusd for one in found if one.hold and str(bucket) in one.hard)
        soft = sum(one.hold.soft_nusd for one in found if one.hold and str(bucket) in one.soft)
        return hard + (soft if is_all else 0)

    def note_bounds(self, at_ms: int = 0) -> None:
        for windows in {self.windows, *(worker.windows for worker in self.workers)}:
            for bucket, window in self.in_force(windows, at_ms).items():
                self.bounds[bucket] = max(self.bounds.get(bucket, 0), self.ceiling(bucket, window))

    def in_force(self, windows: tuple[Window, ...], at_ms: int = 0) -> dict[Bucket, Window]:
        found: dict[Bucket, Window] = {}
        for who in PEOPLE:
            for model in MODELS:
                found |= buckets_of(windows, at_ms or self.clock.now_ms, who.principal, model)
        return found

    def ceiling(self, bucket: Bucket, window: Window, leased: Mapping[str, int] = MappingProxyType({})) -> int:
        """The limit, raises, and what rolled over; `leased` are amounts that are spoken for without being spent."""
        now_ms = self.clock.now_ms
        limit = window.limit_nusd + sum(
            one.amount_nusd for one in window.raises if one.from_ms <= now_ms < one.until_ms
        )
        if window.rollover_nusd and window.period != "total":
            last = before(bucket)
            rest = window.limit_nusd - self.ledger.of(last) - leased.get(str(last), 0)
            limit += max(0, min(rest, window.rollover_nusd))
        return limit

    # === edits ===

    @rule(
        what=st.sampled_from(("write", "write", "limit", "remove", "remove", "raise")),
        at=index, limit=limits, is_hard=hardness, rollover=st.sampled_from(ROLLOVERS), late=late,
    )  # fmt: skip
    def edit(self, what: str, at: int, limit: int, is_hard: bool, rollover: int, late: int) -> None:
        """A window comes, has another limit, goes, is raised for a while. `late` are the workers that read the file only when time passes."""
        cap = self.caps[at % len(self.caps)]
        found, now_ms = self.policy.get(cap), self.clock.now_ms
        if what == "write" or found is None:
            self.policy[cap] = window_of(cap, limit, is_hard=is_hard, rollover_nusd=rollover)
        elif what == "limit":
            pause = UNLIMITED if is_hard else 1.1
            self.policy[cap] = replace(found, limit_nusd=limit, is_hard=is_hard, pause=pause)
        elif what == "raise":
            raised = Raise(200, now_ms, now_ms + (1 + at) * HOUR_MS)
            self.policy[cap] = replace(found, raises=(raised,))
        else:
            del self.policy[cap]
        self.reload(late)

    def reload(self, late: int = 0) -> None:
        self.note_bounds()
        for node in self.world.nodes:
            node.keeper.use(self.windows)
        for number, worker in enumerate(self.workers):
            if not late & (1 << number):
                worker.use(self.windows)
        self.note_bounds()

    @rule(at=st.integers(0, 3), amount=st.sampled_from((-100, -7, 5, 80)))
    def correct(self, at: int, amount: int) -> None:
        found = sorted(self.in_force(self.windows), key=lambda one: (-self.ledger.of(one), str(one)))
        if found:
            bucket = found[at % len(found)]
            self.world.ask(self.store.correct(Correction(str(bucket), amount, "why", "me", self.clock.now_ms)))
            self.ledger.given[bucket] = self.ledger.given.get(bucket, 0) + amount
            self.loose[bucket] += max(0, amount)

    # === time ===

    @rule(
        seconds=st.sampled_from((0.04, 0.04, 0.3, 0.3, 1.0, 3.0)),
        hours=st.sampled_from((0, 0, 0, 1 / 6, 3, 24, 25, 160)),
    )
    def time_passes(self, seconds: float, hours: float) -> None:
        """In the `hours` nobody has the time to say anything, as when a machine sleeps."""
        for worker in self.workers:
            if worker.windows != self.windows:
                worker.use(self.windows)
        if hours:
            self.recover()
            self.clock.move(hours * 3_600)
            self.note_bounds()
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.note_bounds()
        self.world.wait(seconds)
        self.note_bounds()

    # === mishaps ===

    @rule(what=st.sampled_from(("death", "death", "stop", "restart", "lag", "outage", "loss", "loss")), at=index)
    def mishap(self, what: str, at: int) -> None:
        node = self.world.nodes[at % 2]
        if what in ("death", "stop"):
            self.end_worker(self.workers[at % len(self.workers)], is_killed=what == "death", is_followed=at % 2 == 0)
        elif what == "restart":  # of a control plane
            node.keeper = node.new_keeper()
            node.keeper.use(self.windows)
        elif what == "lag":
            node.is_lagging = not node.is_lagging
        elif what == "loss":
            self.lose_store(is_all_lost=at % 3 > 0)
        elif self.clock.perf_counter() - self.lost_at > RECOVERY_S:
            self.world.is_down = not self.world.is_down

    def end_worker(self, worker: Worker, *, is_killed: bool, is_followed: bool) -> None:
        """A worker dies, and what it had open is booked at its hold; or it stops when all of that has ended."""
        if not is_killed:
            for exchange in list(worker.open):
                self.book(exchange, exchange.hold_nusd // 2)
                worker.settle(exchange, exchange.hold_nusd // 2)
        for exchange in worker.open:
            self.book(exchange, exchange.hold_nusd)
        self.world.do(worker.die() if is_killed else worker.stop())
        self.workers.remove(worker)
        if not is_followed:
            self.wait(1.0)
        self.world.add_worker(worker.node, worker.slot, self.windows)

    def recover(self) -> None:
        """Wait until everybody is back from the last loss of the store: meanwhile the store trusts in runs that are not silent."""
        self.world.is_down = False
        self.wait(max(0.0, RECOVERY_S - (self.clock.perf_counter() - self.lost_at)))

    def lose_store(self, *, is_all_lost: bool) -> None:
        """Its memory is gone, or may be."""
        self.recover()
        if is_all_lost:
            for bucket, amount in self.ledger.given.items():
                self.loose[bucket] += max(0, -amount)
            self.ledger.given.clear()
        if self.server and is_all_lost:
            self.server.ask("FLUSHALL")
        elif self.server:
            self.server.ask("HSET", f"{{agentcc:model{self._namespaces}}}:state", "server", "another")
        elif is_all_lost:
            for path in self.folder.glob("leases.sqlite3*"):
                path.unlink()
        self.lost_at = self.clock.perf_counter()

    # === what must be true once everybody has said what they know ===

    @rule()
    def calm(self) -> None:
        for node in self.world.nodes:
            node.is_lagging = False
        self.reload()
        self.recover()
        self.wait(3.5)
        self.check_sums()
        self.loose.clear()
        self.bounds = {
            bucket: max(self.ceiling(bucket, window), self.ledger.of(bucket) + self.held(bucket))
            for bucket, window in self.in_force(self.windows).items()
        }
        for number, who in enumerate(PEOPLE):
            self.check_room(self.workers[number % len(self.workers)], who, MODELS[number])

    def check_sums(self) -> None:
        """The store's sum of each bucket in force is the ledger's."""
        sums: defaultdict[str, int] = defaultdict(int)
        for row in self.world.ask(self.store.rows()):
            assert row.base_nusd != UNKNOWN_BASE, row
            sums[row.bucket] += row.base_nusd + row.spent_nusd
        for one in self.world.ask(self.store.corrections()):
            sums[one.bucket] += one.amount_nusd
        wanted = {str(bucket): self.ledger.of(bucket) for bucket in self.in_force(self.windows)}
        assert {name: sums[name] for name in wanted} == wanted

    def check_room(self, worker: Worker, who: Grant, model: str) -> None:
        """What fits is granted to the last nano-dollar, and no more."""
        found, leased, left, is_paused = (
            buckets_of(self.windows, self.clock.now_ms, who.principal, model),
            self.leased(),
            [],
            False,
        )
        for bucket, window in found.items():
            ceiling, spent = self.ceiling(bucket, window, leased), self.ledger.of(bucket)
            if window.is_hard:
                left.append(ceiling - spent - self.held(bucket, is_all=True))
            else:
                is_paused = is_paused or spent >= int(ceiling * 1.1)
        room = min(left, default=1)
        if left:
            assert not self.is_granted(worker, who, model, max(1, room + 1), tries=2), f"{room} left"
        if is_paused:  # who was idle hears of what others spent when it spends itself; only hard budgets promise more
            self.is_granted(worker, who, model, max(1, room), tries=1)
            self.wait(0.6)
        is_granted = self.is_granted(worker, who, model, max(1, room), tries=6 if room > 0 and not is_paused else 1)
        assert is_granted == (room > 0 and not is_paused), f"{room} left, {is_paused=}"

    def leased(self) -> dict[str, int]:
        """Bucket → what its rows say beyond what is spent: leases of a period that has ended go back bit by bit."""
        found: defaultdict[str, int] = defaultdict(int)
        for row in self.world.ask(self.store.rows()):
            found[row.bucket] += row.granted_nusd - row.spent_nusd
        return found

    def is_granted(self, worker: Worker, who: Grant, model: str, hold_nusd: int, *, tries: int) -> bool:
        """Whether it is, at the latest when what was refused has made the worker ask."""
        for _ in range(tries):
            try:
                exchange = self.world.do(worker.begin(who, model, hold_nusd, 0))
            except BudgetExceeded:
                self.wait(0.6)
                continue
            self.book(exchange, 0)
            worker.settle(exchange, 0)
            return True
        return False


LIVES = settings(
    max_examples=int(os.environ.get("AGENTCC_MODEL_EXAMPLES", "25")),
    stateful_step_count=int(os.environ.get("AGENTCC_MODEL_STEPS", "30")),
    deadline=None,
    derandomize="AGENTCC_MODEL_SEED" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("redis", marks=needs_redis)])
def test_budgets_hold_whatever_happens(
    store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wallets ask the test's clock what time it is."""
    Lives.server = request.getfixturevalue("redis_server") if store == "redis" else None
    monkeypatch.setattr("gateway.dataplane.budget.wallet.time", lambda: Lives.clock.time())  # noqa: PLW0108 - each life has its own
    monkeypatch.setattr("gateway.dataplane.budget.wallet.perf_counter", lambda: Lives.clock.perf_counter())  # noqa: PLW0108
    options = LIVES if store == "sqlite" else settings(LIVES, max_examples=max(1, LIVES.max_examples // 3))
    lives = seed(int(os.environ["AGENTCC_MODEL_SEED"]))(Lives) if "AGENTCC_MODEL_SEED" in os.environ else Lives
    run_state_machine_as_test(lives, settings=options)

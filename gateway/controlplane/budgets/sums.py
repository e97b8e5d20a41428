"""What exchanges have cost, by run and bucket, for all accounts of one level in one period. Pure; fed from the ledger.

Each account has its bucket here, whether the policy lists it by name, or covers it by a wildcard, or does not cap it at all:
so one that is listed, or not listed any more, from tomorrow on finds its sum. `ids` says whose buckets are wanted today.

Of runs that go on, the sums of a moment ago are given: the ledger may know of an exchange before its worker has told the store,
which it does four times a second, and what both say would be counted twice. Only where a window begins to count, what runs have spent
that tell nothing of it counts at once.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

from gateway.base.core.accounts import Accounts
from gateway.base.core.budget import bucket_name
from gateway.controlplane.budgets.names import BucketName
from gateway.controlplane.projections.spend import Cost

FINISHED = ""
"""Stands for all runs whose sums will not change any more."""
_TOLD_WITHIN_MS = 1_000

_ByRun = Mapping[str, Mapping[str, int]]


class Sums:
    """`of` is a bucket's name for all accounts; `read_to` the ledger's last row that is counted."""

    __slots__ = (
        "_account_of",
        "_accounts",
        "_buckets",
        "_by_run",
        "_copied_ms",
        "_copies",
        "_found",
        "ids",
        "read_to",
        "span",
    )

    def __init__(self, of: BucketName) -> None:
        self.span = of.span()
        self.read_to = 0
        self.ids: set[str] = set()
        self._accounts = Accounts((of.window(),))
        self._by_run: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._buckets: dict[tuple[int, str], tuple[str, ...]] = {}
        self._account_of: dict[str, str] = {}
        self._copies: tuple[_ByRun, _ByRun] = {}, {}
        self._copied_ms = 0
        self._found: _ByRun | None = None
        """What was spent when a window began to count."""

    def add(self, costs: Iterable[Cost], read_to: int) -> None:
        """Count what the ledger has got since `read_to`."""
        for cost in costs:
            for bucket in self._buckets_of(cost):
                self._by_run[cost.run][bucket] += cost.cost_nusd
        self.read_to = read_to

    def finish(self, runs: set[str]) -> None:
        """These runs will record nothing more."""
        for run in self._by_run.keys() & runs:
            for bucket, cost in self._by_run.pop(run).items():
                self._by_run[FINISHED][bucket] += cost

    def of(self, run: str) -> Mapping[str, int]:
        """Bucket → sum of one run."""
        return self._by_run.get(run) or {}

    def age(self, now_ms: int, *, is_new: bool) -> None:
        """After each reading. `is_new`: a window begins to count these accounts."""
        is_due = now_ms - self._copied_ms >= _TOLD_WITHIN_MS
        if not (is_new or is_due or self._found is None):
            return
        copy = {run: dict(costs) for run, costs in self._by_run.items() if run != FINISHED}
        if is_new or self._found is None:
            self._found = copy
        if is_due:
            self._copies, self._copied_ms = (self._copies[1], copy), now_ms

    def wanted(self, telling: Container[tuple[str, str]] = ()) -> Iterator[tuple[str, str, int]]:
        """(run, bucket, sum) of the accounts in `ids`. `telling`: each (run, bucket) of which the store has heard a moment ago."""
        for run, costs in self._by_run.items():
            before, found = self._copies[0].get(run, {}), (self._found or {}).get(run, {})
            for bucket, cost in costs.items():
                if run != FINISHED:
                    cost = max(before.get(bucket, 0), 0 if (run, bucket) in telling else found.get(bucket, 0))
                if cost and self._is_wanted(self._account_of[bucket]):
                    yield run, bucket, cost

    def _is_wanted(self, account_id: str) -> bool:
        ids = self.ids
        return "*" in ids or account_id in ids or f"{account_id.partition('=')[0]}=*" in ids

    def _buckets_of(self, cost: Cost) -> tuple[str, ...]:
        key = cost.principal_id, cost.model_used
        found = self._buckets.get(key)
        if found is None:
            named = {
                bucket_name(window, account_id, self.span): account_id
                for window, account_id in self._accounts.matching(cost.principal, cost.model_used)
            }
            self._account_of |= named
            found = self._buckets[key] = tuple(named)
        return found

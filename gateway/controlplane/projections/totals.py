"""What the Prometheus counters and histograms add up to, as integers: exchange → increments. Pure.

A counter's key is (metric, label values); a histogram's has one more value, the bucket's upper bound as text, or `sum`.
The ledger stores them beside the exchanges they were counted from, in the same transaction, so that neither a restart
nor reading a line twice can make them differ.
"""

from bisect import bisect_left
from collections import defaultdict

from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections.view import DoneView

Key = tuple[str, tuple[str, ...]]
Totals = defaultdict[Key, int]

SUM = "sum"
_BOUNDS: dict[str, list[str]] = {
    metric.name: [*(f"{bound:g}" for bound in metric.buckets), "+Inf", SUM] for metric in m.METRICS if metric.buckets
}
_CACHE = {"hit": 7, "semantic": 7, "miss": 8}
_SUMS = 9


def new_totals() -> Totals:
    """Totals that start at zero."""
    return defaultdict(int)


def is_served(done: DoneView) -> bool:
    """Whether the exchange proves that its model exists: an answer, tokens or a price. Else a client chose the name."""
    usage = done.usage
    return done.outcome == "ok" or done.cost_nusd > 0 or usage.output_tokens > 0 or usage.input_tokens > 0


class Tally:
    """Adds up exchanges. Counts by group first and makes keys at the end: 2 us an exchange instead of 5."""

    __slots__ = ("_exchanges", "_spreads")

    def __init__(self) -> None:
        self._exchanges: dict[tuple[str, str, str, str], list[int]] = {}
        self._spreads: dict[tuple[str, tuple[str, ...]], list[int]] = {}

    def add(self, done: DoneView, virtual_key: str) -> None:
        """Count one finished exchange."""
        provider = done.provider or m.NONE
        model = done.model_used if done.model_used and is_served(done) else m.OTHER
        group = (provider, model, virtual_key or m.NONE, done.outcome)
        sums = self._exchanges.get(group)
        if sums is None:
            sums = self._exchanges[group] = [0] * _SUMS
        usage = done.usage
        sums[0] += 1
        sums[1] += done.cost_nusd
        sums[2] += usage.input_tokens
        sums[3] += usage.cache_read_tokens
        sums[4] += usage.cache_write_5m_tokens
        sums[5] += usage.cache_write_1h_tokens
        sums[6] += usage.output_tokens
        if done.cache in _CACHE:
            sums[_CACHE[done.cache]] += 1
        # Zero means not measured: a crashed exchange has no times, a refused one no first byte.
        if done.latency_ms > 0:
            self._observe(m.DURATION, (provider, model), done.latency_ms / 1e3)
        if done.ttfb_ms > 0:
            self._observe(m.FIRST_BYTE, (provider, model), done.ttfb_ms / 1e3)
        if done.overhead_us > 0:
            self._observe(m.OVERHEAD, (done.dialect or m.NONE,), done.overhead_us / 1e6)

    def _observe(self, metric: m.Metric, labels: tuple[str, ...], seconds: float) -> None:
        counts = self._spreads.get((metric.name, labels))
        if counts is None:
            counts = self._spreads[metric.name, labels] = [0] * (len(metric.buckets) + 2)
        counts[bisect_left(metric.buckets, seconds)] += 1
        counts[-1] += int(seconds * metric.per_unit + 0.5)

    def into(self, totals: Totals) -> None:
        """Add what was counted to `totals`."""
        for (*exchange, outcome), sums in self._exchanges.items():
            labels = tuple(exchange)
            totals[m.REQUESTS.name, (*labels, outcome)] += sums[0]
            totals[m.COST.name, labels] += sums[1]
            for kind, tokens in zip(m.TOKEN_KINDS, sums[2:7], strict=True):
                if tokens:
                    totals[m.TOKENS.name, (*labels, kind)] += tokens
            totals[m.CACHE_HITS.name, labels] += sums[7]
            totals[m.CACHE_MISSES.name, labels] += sums[8]
        for (name, labels), counts in self._spreads.items():
            for bound, count in zip(_BOUNDS[name], counts, strict=True):
                if count:
                    totals[name, (*labels, bound)] += count

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
_LE: dict[str, list[str]] = {
    metric.name: [*(f"{bound:g}" for bound in metric.buckets), "+Inf"] for metric in m.METRICS if metric.buckets
}
_CACHE = {"hit": (1, 0), "semantic": (1, 0), "miss": (0, 1)}


def new_totals() -> Totals:
    """Totals that start at zero."""
    return defaultdict(int)


def is_served(done: DoneView) -> bool:
    """Whether the exchange proves that its model exists: an answer, tokens or a price. Else a client chose the name."""
    usage = done.usage
    return done.outcome == "ok" or done.cost_nusd > 0 or usage.output_tokens > 0 or usage.input_tokens > 0


def count_done(done: DoneView, virtual_key: str, totals: Totals) -> None:
    """Add one finished exchange to `totals`."""
    provider = done.provider or m.NONE
    model = done.model_used if done.model_used and is_served(done) else m.OTHER
    exchange = (provider, model, virtual_key or m.NONE)
    totals[m.REQUESTS.name, (*exchange, done.outcome)] += 1
    totals[m.COST.name, exchange] += done.cost_nusd
    usage = done.usage
    counts = (
        usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens,
        usage.output_tokens,
    )  # fmt: skip
    for kind, count in zip(m.TOKEN_KINDS, counts, strict=True):
        if count:
            totals[m.TOKENS.name, (*exchange, kind)] += count
    hits, misses = _CACHE.get(done.cache, (0, 0))
    totals[m.CACHE_HITS.name, exchange] += hits
    totals[m.CACHE_MISSES.name, exchange] += misses
    _observe(m.DURATION, (provider, model), done.latency_ms / 1e3, totals)
    if done.ttfb_ms > 0:
        _observe(m.FIRST_BYTE, (provider, model), done.ttfb_ms / 1e3, totals)
    _observe(m.OVERHEAD, (done.dialect or m.NONE,), done.overhead_us / 1e6, totals)


def _observe(metric: m.Metric, labels: tuple[str, ...], seconds: float, totals: Totals) -> None:
    bound = _LE[metric.name][bisect_left(metric.buckets, seconds)]
    totals[metric.name, (*labels, bound)] += 1
    totals[metric.name, (*labels, SUM)] += round(seconds * metric.per_unit)

"""Totals → Prometheus text, through a registry of our own (never prometheus-client's global one)."""

import threading
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.base.telemetry import metrics as m
from gateway.controlplane.projections.totals import SUM, Totals, new_totals


class Exporter(Collector):
    """Holds the current totals and gauges; `add` is called by the projection's thread, `text` by any."""

    def __init__(self, version: str) -> None:
        self._lock = threading.Lock()
        self._totals = new_totals()
        self._gauges: dict[str, Mapping[tuple[str, ...], int]] = {m.LAG.name: {(): 0}, m.BUILD.name: {(version,): 1}}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def start_from(self, totals: Totals) -> None:
        """Replace all totals by what the ledger holds; errors are of this process, and stay."""
        with self._lock:
            errors = self._totals[m.PROJECTION_ERRORS.name, ()]
            self._totals = new_totals()
            self._totals.update(totals)
            self._totals[m.PROJECTION_ERRORS.name, ()] = errors

    def add(self, deltas: Totals) -> None:
        """Count what was just stored."""
        with self._lock:
            for key, value in deltas.items():
                self._totals[key] += value

    def set_lag(self, lag_bytes: int) -> None:
        """Journal bytes that are not projected yet."""
        self.set_gauge(m.LAG, {(): lag_bytes})

    def set_gauge(self, metric: m.Metric, values: Mapping[tuple[str, ...], int]) -> None:
        """Replace all series of a gauge: label values → its integer unit."""
        self._gauges[metric.name] = values

    def count_error(self) -> None:
        """The ledger could not be written once more."""
        with self._lock:
            self._totals[m.PROJECTION_ERRORS.name, ()] += 1

    def value(self, metric: m.Metric, *labels: str) -> int:
        """One total, in its integer unit; for tests and the admin API."""
        with self._lock:
            return self._totals.get((metric.name, labels), 0)

    def text(self) -> bytes:
        """The Prometheus exposition format, version 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Called by the registry."""
        by_metric: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        with self._lock:
            items = sorted(self._totals.items())
        for (name, labels), value in items:
            by_metric.setdefault(name, []).append((labels, value))
        for metric in m.METRICS:
            yield self._family(metric, by_metric.get(metric.name, []))

    def _family(self, metric: m.Metric, values: list[tuple[tuple[str, ...], int]]) -> Metric:
        if metric.kind == "histogram":
            return _histogram(metric, values)
        if metric.kind == "gauge":
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in self._gauges.get(metric.name, {}).items():
                gauge.add_metric(labels, value / metric.per_unit)
            return gauge
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        if not metric.labels and not values:
            values = [((), 0)]
        for labels, value in values:
            counter.add_metric(labels, value / metric.per_unit if metric.per_unit > 1 else value)
        return counter


def _histogram(metric: m.Metric, values: list[tuple[tuple[str, ...], int]]) -> HistogramMetricFamily:
    """Buckets are stored apart; Prometheus wants them added up. Bounds of another version count as the next larger."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    series: dict[tuple[str, ...], dict[str, int]] = {}
    for labels, value in values:
        series.setdefault(labels[:-1], {})[labels[-1]] = value
    for labels, buckets in series.items():
        total = buckets.pop(SUM, 0)
        family.add_metric(list(labels), list(_cumulative(metric, buckets)), total / metric.per_unit)
    return family


def _cumulative(metric: m.Metric, buckets: dict[str, int]) -> Iterator[tuple[str, float]]:
    counts = {float(bound): count for bound, count in buckets.items()}
    for bound in metric.buckets:
        yield f"{bound:g}", sum(count for at, count in counts.items() if at <= bound)
    yield "+Inf", sum(counts.values())

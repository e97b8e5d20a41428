"""Every metric of the gateway, once: the projections export from this list and docs/reference/metrics.md is made from it.

Names and labels are public (SPEC §5). Label values are bounded: `provider` and `virtual_key` come from the configuration
(`none` when nobody was recognised or nothing was sent), and `model` is a name that has really been served, else `other`.
"""

from typing import Literal

from gateway.base.core.struct import Record

Kind = Literal["counter", "gauge", "histogram"]

_EXCHANGE = ("provider", "model", "virtual_key")
_SECONDS = (
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    20.0,
    40.0,
    80.0,
    160.0,
    320.0,
    640.0,
    1800.0,
    3600.0,
)  # fmt: skip - coding agents' turns last from tens of milliseconds to an hour
_FIRST_BYTE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0, 600.0)
_OVERHEAD_SECONDS = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0,
)  # fmt: skip

OTHER = "other"
NONE = "none"
TOKEN_KINDS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
"""Kinds that do not overlap: their sum is all tokens. `input` is the uncached input; `output` includes reasoning."""


class Metric(Record, frozen=True):
    """One metric. `per_unit` is how many of the integer units we count make one exported unit (1e9 nano-USD, 1 USD)."""

    name: str
    kind: Kind
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    per_unit: int = 1


COST = Metric("agentcc_cost_total", "counter", "Cost of exchanges", "USD", _EXCHANGE, per_unit=1_000_000_000)
TOKENS = Metric(
    "agentcc_tokens_total", "counter", "Tokens of exchanges; the kinds do not overlap", "tokens", (*_EXCHANGE, "kind")
)
REQUESTS = Metric(
    "agentcc_requests_total", "counter", "Exchanges that ended, refusals included", "exchanges", (*_EXCHANGE, "outcome")
)
RETRIES = Metric(
    "agentcc_retries_total", "counter", "Exchanges in which a client tried a turn again; refused ones included",
    "exchanges", _EXCHANGE,
)  # fmt: skip
SHED = Metric(
    "agentcc_shed_total", "counter", "Exchanges that were refused because the gateway itself had too much to do", "exchanges",
    ("priority", "reason"),
)  # fmt: skip
HOPS = Metric(
    "agentcc_hops_total", "counter", "Times that one model served in place of another (from `other`: by policy, not since one "
    "failed)", "hops", ("from", "to", "reason", "crosses_provider"),
)  # fmt: skip
GUARD_VERDICTS = Metric(
    "agentcc_guardrail_verdicts_total", "counter", "Findings of the guard; `known`: an earlier request had the same text", "findings",
    ("scanner", "rule", "action", "side", "known"),
)  # fmt: skip
GUARD_EXCHANGES = Metric(
    "agentcc_guardrail_exchanges_total", "counter", "Exchanges by what the guard did: `clean`, `found`, `not_run` (refused before, or "
    "no text), `off`, `shadow`, `unknown` (its worker died)", "exchanges", ("dialect", "result"),
)  # fmt: skip
GUARD_CPU = Metric(
    "agentcc_guardrail_cpu_seconds_total", "counter", "CPU time of the guard", "seconds", per_unit=1_000_000
)
GUARD_BYTES = Metric("agentcc_guardrail_scanned_bytes_total", "counter", "Text that the guard looked at", "bytes")
GUARD_KNOWN = Metric(
    "agentcc_guardrail_known_bytes_total", "counter", "Bytes of requests that the guard knew from earlier ones", "bytes"
)
CACHE_HITS = Metric(
    "agentcc_cache_hits_total", "counter", "Exchanges answered from the gateway's cache", "exchanges", _EXCHANGE
)
CACHE_MISSES = Metric(
    "agentcc_cache_misses_total", "counter", "Exchanges that the gateway's cache was asked for in vain", "exchanges",
    _EXCHANGE,
)  # fmt: skip
DURATION = Metric(
    "agentcc_request_duration_seconds", "histogram", "From the request's first byte to the record of its end",
    "seconds", ("provider", "model"), _SECONDS, 1_000_000,
)  # fmt: skip
FIRST_BYTE = Metric(
    "agentcc_time_to_first_byte_seconds", "histogram", "From dispatch to the provider's first byte; only exchanges that "
    "had one", "seconds", ("provider", "model"), _FIRST_BYTE_SECONDS, 1_000_000,
)  # fmt: skip
OVERHEAD = Metric(
    "agentcc_overhead_seconds", "histogram", "The gateway's own time per exchange, waiting excluded", "seconds",
    ("dialect",), _OVERHEAD_SECONDS, 1_000_000,
)  # fmt: skip
RESTARTS = Metric(
    "agentcc_worker_restarts_total", "counter", "Worker starts after a predecessor that did not stop cleanly", "starts",
    ("slot",),
)  # fmt: skip
BAD_LINES = Metric(
    "agentcc_journal_bad_lines_total", "counter", "Journal lines that could not be read; `agentcc journal verify` says "
    "which", "lines",
)  # fmt: skip
LAG = Metric(
    "agentcc_journal_lag_bytes", "gauge", "Journal written but not yet in the ledger and these metrics", "bytes"
)
PROJECTION_ERRORS = Metric(
    "agentcc_projection_errors_total", "counter", "Times the ledger could not be written (a full disk); it is tried again",
    "errors",
)  # fmt: skip
_BUDGET = ("level", "account", "models", "period")
BUDGET_SPENT = Metric(
    "agentcc_budget_spent_usd", "gauge", "Spent of a budget's current period, corrections included", "USD", _BUDGET,
    per_unit=1_000_000_000,
)  # fmt: skip
BUDGET_LIMIT = Metric(
    "agentcc_budget_limit_usd", "gauge", "A budget's limit in force: with raises and what rolled over", "USD", _BUDGET,
    per_unit=1_000_000_000,
)  # fmt: skip
BUILD = Metric("agentcc_build_info", "gauge", "Always 1; the version is a label", "", ("version",))

METRICS: tuple[Metric, ...] = (
    COST, TOKENS, REQUESTS, RETRIES, HOPS, SHED, CACHE_HITS, CACHE_MISSES, DURATION, FIRST_BYTE, OVERHEAD, RESTARTS, BAD_LINES,
    GUARD_VERDICTS, GUARD_EXCHANGES, GUARD_CPU, GUARD_BYTES, GUARD_KNOWN, LAG, PROJECTION_ERRORS, BUDGET_SPENT, BUDGET_LIMIT, BUILD,
)  # fmt: skip

"""Money on the road: what a request may cost, what is left, what is held until it is settled."""

from gateway._native import Reach
from gateway.dataplane.budget.bound import (
    LEAST_OUTPUT_TOKENS,
    bound_nusd,
    payable_tokens,
    quick_bound_nusd,
    reach_of,
    text_reach,
)
from gateway.dataplane.budget.bucket import Bucket, Stage
from gateway.dataplane.budget.charge import Charge
from gateway.dataplane.budget.rates import Limits, Needs, Rates
from gateway.dataplane.budget.refusal import spent_out
from gateway.dataplane.budget.retries import Attempt, Retries, exhausted
from gateway.dataplane.budget.wallet import Wallet

__all__ = [
    "LEAST_OUTPUT_TOKENS",
    "Attempt",
    "Bucket",
    "Charge",
    "Limits",
    "Needs",
    "Rates",
    "Reach",
    "Retries",
    "Stage",
    "Wallet",
    "bound_nusd",
    "exhausted",
    "payable_tokens",
    "quick_bound_nusd",
    "reach_of",
    "spent_out",
    "text_reach",
]

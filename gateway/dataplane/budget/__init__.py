"""Money on the road: what a request may cost, what is left, what is held until it is settled."""

from gateway.dataplane.budget.bound import (
    LEAST_OUTPUT_TOKENS,
    Reach,
    bound_nusd,
    is_more_than_text,
    payable_tokens,
    quick_bound_nusd,
    reach_of,
    reach_of_text,
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
    "is_more_than_text",
    "payable_tokens",
    "quick_bound_nusd",
    "reach_of",
    "reach_of_text",
    "spent_out",
]

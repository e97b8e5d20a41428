"""Money on the road: what a request may cost, what is left, what is held until it is settled."""

from gateway.dataplane.budget.bound import (
    LEAST_OUTPUT_TOKENS,
    Reach,
    bound_nusd,
    payable_tokens,
    quick_bound_nusd,
    reach_of,
)
from gateway.dataplane.budget.bucket import Bucket, Stage
from gateway.dataplane.budget.charge import Charge
from gateway.dataplane.budget.rates import Limits, Needs, Rates, Taken
from gateway.dataplane.budget.refusal import spent_out
from gateway.dataplane.budget.retries import Attempt, Retries, exhausted
from gateway.dataplane.budget.wallet import Hold, Wallet

__all__ = [
    "LEAST_OUTPUT_TOKENS",
    "Attempt",
    "Bucket",
    "Charge",
    "Hold",
    "Limits",
    "Needs",
    "Rates",
    "Reach",
    "Retries",
    "Stage",
    "Taken",
    "Wallet",
    "bound_nusd",
    "exhausted",
    "payable_tokens",
    "quick_bound_nusd",
    "reach_of",
    "spent_out",
]

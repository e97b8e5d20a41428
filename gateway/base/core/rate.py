"""Rate limits as nouns: a rate is one limit of one account, a limiter is what counts it for one account id. Pure.

docs/concepts/rate-limits.md explains it. Accounts, wildcards and patterns of models are those of the budgets (accounts.py).
"""

from typing import Literal

from gateway.base.core.budget import Level
from gateway.base.core.struct import Record

RateKind = Literal["requests", "tokens", "input_tokens", "output_tokens", "concurrency"]
"""`tokens` are input and output together; `concurrency` counts what is open at one moment, the others a minute."""


class Rate(Record, frozen=True):
    """One limit: at most `amount` units a minute with `burst` units at once (GCRA), or, of `concurrency`, `amount` at a time.

    `level`, `id` and `models` are those of a budget's Window. `burst` is 0 for `concurrency`.
    """

    level: Level
    id: str
    models: str
    kind: RateKind
    amount: int
    burst: int


def limiter_name(rate: Rate, account_id: str) -> str:
    """`requests|team:platform|openai/*`: the key of a limiter in every store. State outlives an edit of the amount."""
    return f"{rate.kind}|{rate.level}:{account_id}|{rate.models}"

"""The quota of one deployment: what we send it at most, so that its provider need not refuse. Taken from the rate limits' store, so exact over all workers.

A token guess is corrected when the exchange is settled. Where nothing is left the plan's next deployment is asked (attempts.py).
"""

from collections.abc import Coroutine
from time import perf_counter

from gateway._native import Taken
from gateway.base.core.errors import GatewayError, RateLimited
from gateway.base.core.plan import Account, Deployment
from gateway.base.core.usage import USUAL_BYTES_PER_TOKEN
from gateway.dataplane.budget import Limits, Needs, Rates
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.wire import Peek

RULE = "quota"
_FULL_S = 0.1
"""How long one that has no place left is passed over at once: to ask whether another worker gives one back takes nearly as long."""


def take_quota(
    ex: Exchange, rates: Rates, deployment: Deployment, account: Account, peeked: Peek
) -> Coroutine[None, None, None] | None:
    """Take the exchange from the quota at once, and give None; or give what must be awaited. Raises RateLimited, now or later."""
    limits = rates.quota_of(account.quota)
    prompt_tokens, most = ex.request_bytes // USUAL_BYTES_PER_TOKEN + 1, peeked.max_output_tokens
    ex.quota = limits.take_turn(prompt_tokens, most, False, perf_counter())
    if ex.quota is not None:
        return None
    return _ask(ex, rates, deployment, limits, limits.needs(prompt_tokens, most, is_retry=False))


async def _ask(ex: Exchange, rates: Rates, deployment: Deployment, limits: Limits, needs: Needs) -> None:
    try:
        await rates.obtain(limits, needs, 0, 0)
    except RateLimited as error:
        now = perf_counter()
        if error.details["kind"] == "concurrency" and now > limits.dry_until:
            limits.dry_needs, limits.dry_until = (0, 0, 0, 0), now + _FULL_S
        raise _used_up(deployment, error) from None
    ex.quota = Taken(limits, needs, perf_counter())


def _used_up(deployment: Deployment, error: RateLimited) -> RateLimited:
    kind, limit, after_s = error.details["kind"], error.details["limit"], error.details["retry_after_s"]
    what = f"{limit} open requests" if kind == "concurrency" else f"{limit:,} {kind} a minute"
    return RateLimited(
        f"the gateway's quota of deployment `{deployment.id}` is used up ({what}), and no other can be asked; try again in {after_s} s",
        level="deployment",
        id=deployment.provider.id,
        models=deployment.provider.id,
        kind=kind,
        limit=limit,
        retry_after_s=after_s,
        rule=RULE,
    )


def sooner(first: GatewayError | None, error: GatewayError) -> GatewayError:
    """What a client is told of two refusals: the first, but of two used up quotas the one that has room sooner."""
    if first is None:
        return error
    if first.details.get("rule") == RULE == error.details.get("rule"):
        return min(first, error, key=_after_s)
    return first


def _after_s(error: GatewayError) -> int:
    after_s = error.details.get("retry_after_s")
    return after_s if isinstance(after_s, int) else 0

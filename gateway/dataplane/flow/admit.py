"""Admit, pace and hold: what budgets and rate limits say of an exchange before it is sent (SPEC §3, DESIGN idea 4).

Admit looks at how far the budgets are spent: nothing, or another model, or no. Pace asks the rate limits. Hold takes the money. All are arithmetic on what the
worker has in memory, for most exchanges in one step (`enter`); only a lease that is too small waits for the store.
"""

from collections.abc import Callable, Coroutine
from time import perf_counter

from gateway._native import Admission, Taken, TextReach
from gateway.base.core.errors import GatewayError
from gateway.base.core.plan import Deployment
from gateway.base.core.usage import USUAL_BYTES_PER_TOKEN
from gateway.dataplane.budget import (
    LEAST_OUTPUT_TOKENS,
    Bucket,
    Charge,
    Limits,
    Needs,
    Rates,
    Reach,
    Stage,
    Wallet,
    bound_nusd,
    payable_tokens,
    quick_bound_nusd,
    reach_of,
    spent_out,
    text_reach,
)
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.route import Route
from gateway.dataplane.flow.settle import estimated_prompt_tokens, hold_nusd
from gateway.dataplane.providers import vendor_of
from gateway.dataplane.wire import PathSays, Peek

Resolve = Callable[[str], Deployment]
"""A model's name → its deployment for this exchange's client and key. Raises GatewayError where there is none, or it is forbidden."""

_WITHOUT_OUTPUT = frozenset({"/embeddings", "embedContent", "batchEmbedContents"})
_USUAL_TURN = (10_000, 500)
"""Prompt and output tokens by which two models' prices are compared."""


def enter(ex: Exchange, rates: Rates, charge: Charge, route: Route, peeked: Peek) -> bool:
    """Admit, pace and hold in one step: what nearly all exchanges need, since nothing speaks against them. False, and nothing was taken,
    where one of the three has something to say."""
    admission = charge.admission
    if admission is None:
        admission = charge.admission = _admission_of(ex, rates, charge)
    entered = admission.admit(
        peeked.body,
        peeked.max_output_tokens,
        route.resource not in _WITHOUT_OUTPUT,
        ex.attempt is not None and ex.attempt.retry > 0,
        ex.course.sunk_nusd if ex.course is not None else 0,
        int(ex.started_at * 1000),
        perf_counter(),
    )
    if entered is None:
        return False
    ex.hold, ex.hold_nusd, ex.taken, ex.reach, ex.output_limit = entered
    ex.limits = admission.limits
    return True


def _admission_of(ex: Exchange, rates: Rates, charge: Charge) -> Admission:
    assert ex.grant is not None
    assert ex.deployment is not None
    return Admission(
        charge,
        rates.limits_of(ex.grant, ex.deployment.name) if rates.is_on else None,
        _text_of(charge, ex.deployment) if charge.hard else None,
        below_stage=Stage.DOWNGRADE,
        bytes_per_token=USUAL_BYTES_PER_TOKEN,
    )


def _text_of(charge: Charge, deployment: Deployment) -> TextReach:
    if charge.text is None:
        charge.text = text_reach(deployment)
    return charge.text


def admit(
    ex: Exchange, wallet: Wallet, asked: Deployment, charge: Charge, resolve: Resolve
) -> tuple[Deployment, Charge | None]:
    """The deployment that the budgets allow, and what it is counted in. Raises BudgetExceeded."""
    now_ms = int(ex.started_at * 1000)
    if charge.is_below(Stage.DOWNGRADE, now_ms) or (stage := charge.stage_at(now_ms)) < Stage.DOWNGRADE:
        return asked, charge
    charge.touch()  # nothing else asks the store about a budget that only refuses: it may have been corrected
    bucket = charge.worst(now_ms)
    if not bucket.window.is_hard or stage is not Stage.SPENT:
        found = _downgraded(ex, wallet, asked, charge, stage, resolve, now_ms)
        if found is not None:
            return found
    if stage is Stage.SPENT:
        raise spent_out(bucket, now_ms)
    return asked, charge


def _downgraded(
    ex: Exchange, wallet: Wallet, asked: Deployment, charge: Charge, stage: Stage, resolve: Resolve, now_ms: int
) -> tuple[Deployment, Charge | None] | None:
    """The first cheaper model that may serve, where a budget wants one; else None. Past `pause` only a budget of a model can be left."""
    for bucket in charge.buckets:
        its_stage = bucket.stage_at(now_ms)
        if its_stage < Stage.DOWNGRADE:
            continue
        rule = bucket.window.cascade
        is_small = estimated_prompt_tokens(ex, USUAL_BYTES_PER_TOKEN) < rule.max_input_tokens
        if not rule.cascade or (its_stage < Stage.OVER and not is_small):
            continue
        if stage is Stage.SPENT and not bucket.window.models:
            return None
        for name in _after(rule.cascade, asked, ex.model_requested):
            try:
                found = resolve(name)
            except GatewayError:
                continue  # forbidden to this key, or no longer there: the next may serve
            if found.name == asked.name or _is_dearer(found, asked):
                continue
            its = wallet.charge_for(ex.grant, found.name, now_ms) if ex.grant else None
            if its is not None and its.stage_at(now_ms) is Stage.SPENT:
                continue
            _note(ex, asked, found, bucket)
            return found, its
    return None


def _after(cascade: tuple[str, ...], asked: Deployment, requested: str) -> tuple[str, ...]:
    """What comes after the asked model in the cascade; all of it when it is not there."""
    for at, name in enumerate(cascade):
        if name in (asked.name, asked.model, requested):
            return cascade[at + 1 :]
    return cascade


def _is_dearer(found: Deployment, asked: Deployment) -> bool:
    """Whether an agent's usual turn costs no less there. An unpriced model costs nothing that we know of."""
    if found.bound is None or asked.bound is None:
        return False
    return found.bound.nusd(*_USUAL_TURN) >= asked.bound.nusd(*_USUAL_TURN)


def _note(ex: Exchange, asked: Deployment, found: Deployment, bucket: Bucket) -> None:
    """Say in the header and in the journal why another model serves."""
    window = bucket.window
    ex.hops.append(
        {"from": asked.name, "to": found.name, "reason": "budget", "level": window.level, "id": bucket.account_id}
    )


def pace(ex: Exchange, rates: Rates, peeked: Peek) -> Coroutine[None, None, None] | None:
    """Take the exchange from its rate limits at once, and give None; or give what must be awaited. Raises RateLimited, now or later."""
    grant, deployment = ex.grant, ex.deployment
    assert grant is not None
    assert deployment is not None
    limits = ex.limits = rates.limits_of(grant, deployment.name)
    if limits is None:
        return None
    prompt_tokens, most = len(peeked.body) // USUAL_BYTES_PER_TOKEN + 1, peeked.max_output_tokens
    is_retry = ex.attempt is not None and ex.attempt.retry > 0
    if not limits.waiting:
        ex.taken = limits.take_turn(prompt_tokens, most, is_retry, perf_counter())
        if ex.taken is not None:
            return None
    return _queue(ex, rates, limits, limits.needs(prompt_tokens, most, is_retry=is_retry))


async def _queue(ex: Exchange, rates: Rates, limits: Limits, needs: Needs) -> None:
    policy = ex.policy
    ex.queued_ms = await rates.obtain(limits, needs, policy.queue_ms, policy.queue_requests)
    ex.taken = Taken(limits, needs, perf_counter())


def hold(
    ex: Exchange, wallet: Wallet, charge: Charge, route: Route, peeked: Peek
) -> Coroutine[None, None, None] | None:
    """Hold the exchange's money at once, and give None; or give what must be awaited, where the lease is too small.

    Under a hard budget the hold is an upper bound of the cost; where the client set no limit to the output and the budget cannot pay
    for all that the model might write, `ex.output_limit` is what it can pay for. What failed attempts may have cost is part of it. Raises BudgetExceeded or BudgetUnproven, now or later.
    """
    deployment = ex.deployment
    assert deployment is not None
    sunk = ex.course.sunk_nusd if ex.course is not None else 0
    expected = ex.hold_nusd = charge.expected_nusd(0 if charge.mean else hold_nusd(ex, peeked.max_output_tokens)) + sunk
    if not charge.hard:
        ex.hold = charge.hold(0, expected)
        return None
    reach = _text_of(charge, deployment).of(
        peeked.body, peeked.max_output_tokens, route.resource not in _WITHOUT_OUTPUT
    )
    most_nusd = reach.text_nusd
    if reach.is_odd:
        path, vendor = PathSays(route.model, route.is_stream), vendor_of(deployment.provider.name, deployment.model)
        reach = reach_of(reach, peeked.body, route.dialect.name, path, deployment, vendor)
        most_nusd = quick_bound_nusd(reach, deployment)
    ex.hold = charge.hold(most_nusd + sunk, expected)
    if ex.hold is not None:
        ex.reach = reach
        if not reach.is_known:
            ex.output_limit = reach.output_tokens
        return None
    return _obtain(ex, wallet, charge, reach, expected, sunk)


async def _obtain(
    ex: Exchange, wallet: Wallet, charge: Charge, reach: Reach, expected_nusd: int, sunk_nusd: int
) -> None:
    deployment = ex.deployment
    assert deployment is not None
    most = bound_nusd(reach, deployment, reach.output_tokens) + sunk_nusd
    least = most
    if not reach.is_clients:
        least = bound_nusd(reach, deployment, min(LEAST_OUTPUT_TOKENS, reach.output_tokens)) + sunk_nusd
    ex.hold = held = await wallet.obtain(charge, most, expected_nusd, least)
    ex.reach = reach
    if held.hard_nusd < most:
        ex.output_limit = payable_tokens(reach, deployment, held.hard_nusd - sunk_nusd)
    elif not reach.is_known:
        ex.output_limit = reach.output_tokens

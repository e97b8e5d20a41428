"""Settle: one `done` frame per exchange, written before the last byte we send (DESIGN, idea 3).

Provider-reported usage wins. Where there is none (a cut, a client that left) the cost is an estimate that errs high:
a token to each byte of the request, as many output tokens as deltas were seen or half of their bytes, and what may have been thought
unseen; under a hard budget, whose promise is proven, all that the request can have come to.
"""

from datetime import UTC, datetime
from time import perf_counter, time

from msgspec import UNSET
from msgspec.json import Encoder

from gateway._native import Taken
from gateway.base.core.record import CostBasis, DoneFrame, NextFrame, OpenFrame, Outcome
from gateway.base.core.usage import NO_USAGE, Usage
from gateway.base.core.verdict import Verdict
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.recorder import Recorder
from gateway.dataplane.flow.verdicts import verdicts_at_open, verdicts_of

Spend = tuple[Usage, int, CostBasis]
"""What an exchange took, what that costs in nano-USD, and how that is known."""

NOTHING: Spend = (NO_USAGE, 0, "none")
_BYTES_PER_TOKEN = 3
"""What is expected: English and code come to about four bytes per token in the vendors' tokenizers."""
_LEAST_BYTES_PER_TOKEN = 2
"""Of an answer that nobody counted: hexadecimal text comes to two."""
_UNSEEN_TOKENS_PER_S = 500
"""What a model may think a second without a word to the client."""
_DEFAULT_OUTPUT_TOKENS = 4096
_encode = Encoder().encode


class Timestamps:
    """RFC 3339 in UTC with milliseconds; the second's text is kept, since most frames share it with the last one."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def text(self, at: float) -> str:
        """`at` is wall-clock seconds: 0.25 → `1970-01-01T00:00:00.250Z`."""
        second = int(at)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._prefix}{int((at - second) * 1000):03d}Z"


_timestamps = Timestamps()


def estimated_prompt_tokens(ex: Exchange, bytes_per_token: int = _BYTES_PER_TOKEN) -> int:
    """Tokens of the request, from its bytes; never more than the model's context window."""
    tokens = ex.request_bytes // bytes_per_token + 1
    price = ex.deployment.price if ex.deployment else None
    if price is not None and price.context_window_tokens:
        return min(tokens, price.context_window_tokens)
    return tokens


def hold_nusd(ex: Exchange, max_output_tokens: int) -> int:
    """What the exchange is expected to cost at most, before it is sent; 0 for an unpriced model."""
    if ex.deployment is None or ex.deployment.price is None or ex.deployment.bound is None:
        return 0
    price = ex.deployment.price
    output = max_output_tokens or _DEFAULT_OUTPUT_TOKENS
    if price.max_output_tokens:
        output = min(output, price.max_output_tokens)
    return ex.deployment.bound.nusd(estimated_prompt_tokens(ex), output)


def estimated_usage(ex: Exchange, seen: Usage | None, delta_events: int, delta_bytes: int) -> Usage:
    """Usage of an answer that broke off: what the provider said so far, and the output that was seen."""
    output = max(delta_events, delta_bytes // _LEAST_BYTES_PER_TOKEN, seen.output_tokens if seen else 0)
    output += int((perf_counter() - ex.started) * _UNSEEN_TOKENS_PER_S)
    prompt = estimated_prompt_tokens(ex, 1)
    if ex.reach is not None:
        prompt, output = ex.reach.prompt_tokens, ex.reach.most_output(ex.output_limit)
    if seen is not None and seen.prompt_tokens():
        return Usage(
            input_tokens=seen.input_tokens,
            cache_read_tokens=seen.cache_read_tokens,
            cache_write_5m_tokens=seen.cache_write_5m_tokens,
            cache_write_1h_tokens=seen.cache_write_1h_tokens,
            output_tokens=output,
            reasoning_tokens=seen.reasoning_tokens,
        )
    return Usage(input_tokens=prompt, output_tokens=output)


def cost_of(ex: Exchange, usage: Usage, answered: str = "") -> int:
    """Nano-USD of `usage` at the price of the model that answered (see Policy); 0 for an unpriced model."""
    return ex.policy.cost_of_answer(ex.deployment, answered, usage) if ex.deployment else 0


def write_open(ex: Exchange, recorder: Recorder) -> None:
    """Append the `open` frame; from here on the exchange costs money until proven otherwise.

    Raises JournalUnavailable.
    """
    deployment = ex.deployment
    assert deployment is not None
    assert ex.dialect is not None
    frame, hold = OpenFrame, ex.hold.hard_nusd if ex.reach is not None and ex.hold is not None else ex.hold_nusd
    if ex.course is not None:
        hold += ex.course.beside_nusd
        if ex.course.is_further:
            frame = NextFrame
    recorder.write_open(
        _encode(
            frame(
                ex.request_id,
                _timestamps.text(ex.started_at),
                ex.session_id,
                ex.principal,
                ex.dialect.name,
                ex.model_requested,
                deployment.name,
                deployment.provider.name,
                hold,
                ex.policy.version,
                ex.session_basis,
                ex.turn_id,
                ex.attempt.retry if ex.attempt is not None else 0,
                deployment.provider.account.name if deployment.provider.account else UNSET,
                ex.shadow_of or UNSET,
                verdicts_at_open(ex),
            )
        )
    )


def write_done(
    ex: Exchange,
    recorder: Recorder,
    *,
    status: int,
    outcome: Outcome,
    error_code: str = "",
    spend: Spend = NOTHING,
) -> None:
    """Append the one final record. A second call is a bug and does nothing."""
    if ex.is_settled:
        return
    ex.is_settled = True
    deployment = ex.deployment
    usage, cost, basis = spend if ex.course is None else ex.course.total(spend)
    frame = DoneFrame(
        ex.request_id,
        _timestamps.text(ex.started_at),
        ex.session_id,
        ex.principal,
        ex.dialect.name if ex.dialect else "",
        ex.incoming.method,
        ex.incoming.path[:200],
        ex.client,
        ex.model_requested[:200],
        deployment.name if deployment else "none",
        deployment.provider.name if deployment else "none",
        status,
        outcome,
        error_code,
        usage,
        cost,
        basis,
        ex.policy.price_version,
        ex.hops,
        verdicts_of(ex),
        ex.policy.version,
        round((perf_counter() - ex.started) * 1000, 3),
        ex.ttfb_us / 1000,
        int(ex.overhead * 1_000_000),
        ex.request_bytes,
        ex.response_bytes,
        ex.is_stream,
        "bypass",
        ex.session_basis,
        ex.turn_id,
        ex.attempt.retry if ex.attempt is not None else 0,
        ex.queued_ms,
        ex.shed or UNSET,
        deployment.provider.account.name if deployment and deployment.provider.account else UNSET,
        ex.shadow_of or UNSET,
        ex.compared or UNSET,
    )
    recorder.write_done(_encode(frame))
    if ex.inspection is not None and ex.inspection.kept:
        _keep(ex, recorder, ex.inspection.kept)
    _settle_hold(ex, recorder, cost)
    if ex.course is not None:
        for branch in ex.course.beside:
            let_go(branch)
        if ex.course.compared is not None:
            ex.course.compared.update(_result(frame))
    if ex.taken is not None:
        _settle_rates(ex.taken, outcome, usage)
    if ex.quota is not None:
        _settle_rates(ex.quota, outcome, usage)
    if ex.course is not None and recorder.planning is not None and outcome not in {"upstream_error", "cut"}:
        recorder.planning.served(ex, usage, is_ok=outcome == "ok")
    if ex.attempt is not None and outcome != "refused":
        now_ms = int(time() * 1000)
        if outcome == "ok":
            ex.attempt.succeeded(now_ms)
        else:
            ex.attempt.failed(now_ms)


def _keep(ex: Exchange, recorder: Recorder, kept: list[tuple[Verdict, bytes]]) -> None:
    """Copies for the quarantine."""
    config = ex.policy.config.guardrails.quarantine
    if recorder.quarantine is not None and config.enabled:
        key = ex.grant.principal.key if ex.grant is not None else ""
        recorder.quarantine.put(config, ex.request_id, int(ex.started_at * 1000), key, ex.session_id, kept)


def _result(frame: DoneFrame) -> dict[str, str | int | float]:
    """What a shadow's record says of the exchange beside its own fields of the same names."""
    return {
        "model_used": frame.model_used,
        "outcome": frame.outcome,
        "output_tokens": frame.usage.output_tokens,
        "cost_nusd": frame.cost_nusd,
        "latency_ms": frame.latency_ms,
        "ttfb_ms": frame.ttfb_ms,
    }


def let_go(ex: Exchange) -> None:
    """Give back the hold and the place in the rate limits of an attempt that has failed; what it may have cost is booked with the one that served."""
    if ex.hold is not None:
        ex.hold.settle(0)
        ex.hold = None
    if ex.taken is not None:
        ex.taken.cancel()
        ex.taken = None
    if ex.quota is not None:
        ex.quota.cancel()
        ex.quota = None


def count_quota(ex: Exchange) -> None:
    """An attempt has failed that was sent: it counts as a request in the quota of its deployment, and is open no more."""
    if ex.quota is not None:
        ex.quota.settle(0, 0)
        ex.quota = None


def _settle_rates(taken: Taken, outcome: Outcome, usage: Usage) -> None:
    """What was refused on a later stage has taken nothing."""
    if outcome == "refused":
        taken.cancel(perf_counter())
    else:
        taken.settle(usage.prompt_tokens(), usage.output_tokens)


def _settle_hold(ex: Exchange, recorder: Recorder, cost: int) -> None:
    """Give the hold back and count the cost in the budgets that are in force now."""
    held, deployment, grant = ex.hold, ex.deployment, ex.grant
    if held is not None and grant is not None:
        ex.hold = None
        if not held.settle(cost) and recorder.wallet is not None:
            name, at_ms = deployment.name if deployment else "", int(ex.started_at * 1000)
            recorder.wallet.settle_anew(held, cost, grant.principal, name, at_ms)
    elif cost and recorder.wallet is not None and grant is not None and deployment is not None:
        recorder.wallet.count(grant, deployment.name, int(ex.started_at * 1000), cost)

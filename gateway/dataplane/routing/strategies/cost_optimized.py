"""The cheapest first: what this request is estimated to cost at each deployment's own price."""

from collections.abc import Sequence

from gateway.base.core.price import Price, cost_nusd
from gateway.base.core.route import Health
from gateway.base.core.usage import Usage
from gateway.dataplane.routing.strategies.least_latency import expected_ms
from gateway.dataplane.routing.strategies.usable import Method, Ranked, Turn, Usable, as_ranked

_NEVER_KNOWN = 1 << 62


def estimate_nusd(price: Price | None, turn: Turn) -> int:
    """Nano-USD of a turn of that size, nothing of it cached; without a price more than any other."""
    if price is None:
        return _NEVER_KNOWN
    output = min(turn.output_tokens, price.max_output_tokens or turn.output_tokens)
    return cost_nusd(Usage(input_tokens=turn.input_tokens, output_tokens=output), price)


def rank(candidates: Sequence[Usable], turn: Turn, health: Health) -> Ranked:
    """By cost, then by latency (one of which nothing is known after the others), then as written."""
    keys = [
        (estimate_nusd(one.deployment.price, turn), expected_ms(one.name, health) or float("inf"), n)
        for n, one in enumerate(candidates)
    ]
    return Ranked(tuple(candidates[n] for _, _, n in sorted(keys)), len(candidates))


METHOD = Method(rank, as_ranked, is_by_size=True)

"""In which order the candidates of a block are tried: one module per strategy, each with `rank` and `order`, both pure."""

from gateway.base.core.route import Strategy
from gateway.dataplane.routing.strategies import cost_optimized, failover, least_latency, race, weighted
from gateway.dataplane.routing.strategies.usable import Method, Ranked, Turn, Usable, coarse_turn, usable

__all__ = ["METHODS", "Method", "Ranked", "Turn", "Usable", "coarse_turn", "usable"]

METHODS: dict[Strategy, Method] = {
    "failover": failover.METHOD,
    "weighted": weighted.METHOD,
    "least-latency": least_latency.METHOD,
    "cost-optimized": cost_optimized.METHOD,
    "race": race.METHOD,
}

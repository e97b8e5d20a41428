"""Decides where a request goes; pure."""

from gateway.dataplane.routing.breaker import REJECTIONS, Verdict, verdict_of
from gateway.dataplane.routing.health import BoardHealth
from gateway.dataplane.routing.plan import Planner
from gateway.dataplane.routing.resolve import Resolver
from gateway.dataplane.routing.retry_budget import RetryBudget
from gateway.dataplane.routing.rules import Rules
from gateway.dataplane.routing.strategies import coarse_turn
from gateway.dataplane.routing.strategies.cost_optimized import estimate_nusd

__all__ = [
    "REJECTIONS",
    "BoardHealth",
    "Planner",
    "Resolver",
    "RetryBudget",
    "Rules",
    "Verdict",
    "coarse_turn",
    "estimate_nusd",
    "verdict_of",
]

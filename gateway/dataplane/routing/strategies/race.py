"""The soonest done, as least-latency; the plan's `hedge_ms` makes a race of it: whoever answers first is taken."""

from gateway.dataplane.routing.strategies.least_latency import order, rank
from gateway.dataplane.routing.strategies.usable import Method

METHOD = Method(rank, order)

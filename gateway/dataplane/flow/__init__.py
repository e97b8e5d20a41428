"""The order of the road, and the building of a policy."""

from gateway.dataplane.flow.assemble import Policy, assemble
from gateway.dataplane.flow.deployments import ending, providers_of
from gateway.dataplane.flow.exchange import Headers, Incoming, Reply
from gateway.dataplane.flow.explain import Explained, Question, explain
from gateway.dataplane.flow.forward import forward_to_admin
from gateway.dataplane.flow.health import health_on
from gateway.dataplane.flow.pipeline import Pipeline
from gateway.dataplane.flow.route import served_routes
from gateway.dataplane.flow.sweep import Sweep

__all__ = [
    "Explained",
    "Headers",
    "Incoming",
    "Pipeline",
    "Policy",
    "Question",
    "Reply",
    "Sweep",
    "assemble",
    "ending",
    "explain",
    "forward_to_admin",
    "health_on",
    "providers_of",
    "served_routes",
]

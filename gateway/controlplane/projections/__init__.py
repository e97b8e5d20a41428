"""The journal as it is read by people and machines: a SQLite ledger and Prometheus metrics, both rebuilt at will."""

from gateway.controlplane.projections.ledger import Applied, Ledger, open_ledger
from gateway.controlplane.projections.prometheus import Exporter
from gateway.controlplane.projections.queries import Queries
from gateway.controlplane.projections.runner import Projector
from gateway.controlplane.projections.totals import Totals

__all__ = ["Applied", "Exporter", "Ledger", "Projector", "Queries", "Totals", "open_ledger"]

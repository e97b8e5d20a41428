"""Budgets, the control plane's side: keeps the lease store true to the ledger, tells people how they stand, and alerts."""

from gateway.controlplane.budgets.alerts import Alerts
from gateway.controlplane.budgets.correct import BadCorrectionError
from gateway.controlplane.budgets.desk import Desk
from gateway.controlplane.budgets.keeper import Keeper
from gateway.controlplane.budgets.report import Report, as_json, correction_as_json
from gateway.controlplane.budgets.runs import Runs

__all__ = ["Alerts", "BadCorrectionError", "Desk", "Keeper", "Report", "Runs", "as_json", "correction_as_json"]

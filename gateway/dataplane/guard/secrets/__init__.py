"""Secrets in text: which kinds there are, how they are found, what is let pass."""

from gateway.dataplane.guard.secrets.allow import fingerprint
from gateway.dataplane.guard.secrets.assignment import LEAST_VALUE_BYTES, NAMES
from gateway.dataplane.guard.secrets.baseline import read_baseline
from gateway.dataplane.guard.secrets.custom import CustomRule, checked
from gateway.dataplane.guard.secrets.scanner import Secrets, SecretScanner

__all__ = [
    "LEAST_VALUE_BYTES",
    "NAMES",
    "CustomRule",
    "SecretScanner",
    "Secrets",
    "checked",
    "fingerprint",
    "read_baseline",
]

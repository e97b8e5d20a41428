"""Secrets in text: which kinds there are, how they are found, what is let pass."""

from gateway.dataplane.guard.secrets.allow import fingerprint
from gateway.dataplane.guard.secrets.assignment import NAMES
from gateway.dataplane.guard.secrets.baseline import read_baseline
from gateway.dataplane.guard.secrets.custom import CustomRule, checked
from gateway.dataplane.guard.secrets.scanner import Secrets, SecretScanner

__all__ = ["NAMES", "CustomRule", "SecretScanner", "Secrets", "checked", "fingerprint", "read_baseline"]

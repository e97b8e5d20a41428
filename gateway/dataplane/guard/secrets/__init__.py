"""Secrets in text: which kinds there are, how they are found, what is let pass."""

from gateway.dataplane.guard.secrets.allow import fingerprint
from gateway.dataplane.guard.secrets.custom import CustomRule, checked
from gateway.dataplane.guard.secrets.detector import Detector
from gateway.dataplane.guard.secrets.finding import Confidence, Finding

__all__ = ["Confidence", "CustomRule", "Detector", "Finding", "checked", "fingerprint"]

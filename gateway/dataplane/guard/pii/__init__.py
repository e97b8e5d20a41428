"""Personal data in text: which kinds there are and how they are found."""

from gateway.dataplane.guard.pii.scanner import PII_KINDS, TITLES, Pii, PiiScanner

__all__ = ["PII_KINDS", "TITLES", "Pii", "PiiScanner"]

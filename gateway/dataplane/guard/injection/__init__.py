"""Instructions in text that nobody vouches for: how they are recognised."""

from gateway.dataplane.guard.injection.kinds import TITLES
from gateway.dataplane.guard.injection.scanner import Injection, InjectionScanner

__all__ = ["TITLES", "Injection", "InjectionScanner"]

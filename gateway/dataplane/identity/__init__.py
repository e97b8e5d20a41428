"""Virtual key → Grant: who is calling, and what the key allows."""

from gateway.dataplane.identity.allow import allows
from gateway.dataplane.identity.credential import credential
from gateway.dataplane.identity.entry import BadFieldError, network_of, time_ms
from gateway.dataplane.identity.identity import Identity

__all__ = ["BadFieldError", "Identity", "allows", "credential", "network_of", "time_ms"]

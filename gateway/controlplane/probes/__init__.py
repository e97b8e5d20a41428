"""Asks providers whose breakers are open whether they are back, so that no developer's turn has to find out (docs/concepts/routing.md)."""

from gateway.controlplane.probes.probing import Probing

__all__ = ["Probing"]

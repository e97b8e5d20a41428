"""Decides where a request goes; pure."""

from gateway.dataplane.routing.resolve import Resolver

__all__ = ["Resolver"]

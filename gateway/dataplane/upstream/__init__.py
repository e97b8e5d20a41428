"""Runs a plan: the only room that opens sockets to providers."""

from gateway.dataplane.upstream.client import Captures, Clients, Handler, Headers, UpstreamClient
from gateway.dataplane.upstream.headers import for_client, for_provider

__all__ = ["Captures", "Clients", "Handler", "Headers", "UpstreamClient", "for_client", "for_provider"]

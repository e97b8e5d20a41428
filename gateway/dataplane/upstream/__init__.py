"""Runs a plan: the only room that opens sockets to providers."""

from gateway.dataplane.upstream.client import Captures, Handler, Headers, UpstreamClient
from gateway.dataplane.upstream.headers import for_client, for_provider

__all__ = ["Captures", "Handler", "Headers", "UpstreamClient", "for_client", "for_provider"]

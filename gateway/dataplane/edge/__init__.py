"""The only room that knows ASGI and RSGI."""

from gateway.dataplane.edge.asgi import asgi_app
from gateway.dataplane.edge.rsgi import RsgiEdge

__all__ = ["RsgiEdge", "asgi_app"]

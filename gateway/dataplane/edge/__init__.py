"""The only room that knows ASGI and RSGI."""

from gateway.dataplane.edge.asgi import asgi_app
from gateway.dataplane.edge.rsgi import rsgi_app

__all__ = ["asgi_app", "rsgi_app"]

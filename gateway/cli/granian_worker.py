"""The one place that touches Granian's worker classes: one server on an inherited socket, in our own process and loop.

Granian's own supervisor is not used: it exits when a worker dies twice within 5.5 s (docs/decisions/0003). These names
are private to Granian and pinned by hash at 2.8.7; tests/cli/test_serve.py fails loudly when an upgrade moves them.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from granian._futures import _future_watcher_wrapper, _new_cbscheduler
from granian._granian import ASGIWorker, CallbackScheduler, RSGIWorker, SocketHolder, WorkerSignal
from granian.asgi import _callback_wrapper as _asgi_wrapper
from granian.http import HTTP1Settings, HTTP2Settings

from gateway.base.config import ServerConfig
from gateway.dataplane.edge import RsgiEdge

AsgiApp = Callable[..., Any]

_BACKLOG = 4096
_RUNTIME_THREADS = 1
_BLOCKING_THREADS = 1
_BLOCKING_IDLE_S = 30


class GranianServer:
    """Serves one application until `stop`; `stopped` is done when every connection has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, app: RsgiEdge | AsgiApp) -> None:
        self._loop = loop
        self._app = app
        self._signal = WorkerSignal()
        self._worker: Any = None
        self.stopped: asyncio.Future[None] = loop.create_future()

    def start(self, socket_fd: int, server: ServerConfig) -> None:
        """Begin accepting on the listening socket `socket_fd`, which Granian owns from here on."""
        tls = server.tls
        is_rsgi = isinstance(self._app, RsgiEdge)
        limits = server.limits
        self._signal.add_cb(lambda: self._loop.call_soon_threadsafe(self._on_stopped))
        worker_class = RSGIWorker if is_rsgi else ASGIWorker
        self._worker = worker_class(
            1,
            (None, SocketHolder(socket_fd, False, _BACKLOG)),
            None,
            _RUNTIME_THREADS,
            _BLOCKING_THREADS,
            1,
            _BLOCKING_IDLE_S,
            limits.connections,
            "auto" if tls else "1",
            HTTP1Settings(header_read_timeout=limits.header_timeout_ms, max_buffer_size=limits.header_bytes),
            HTTP2Settings(max_headers_size=limits.header_bytes),
            False,
            None,
            tls is not None,
            tls.cert if tls else None,
            tls.key if tls else None,
            None,
            "tls1.2",
            None,
            [],
            False,
            (None, None),
        )
        self._worker.serve_str(_scheduler(self._loop, self._app), self._loop, self._signal)

    def stop(self) -> None:
        """Accept no more; connections end after their current answer."""
        self._signal.set()

    def _on_stopped(self) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)


def _scheduler(loop: asyncio.AbstractEventLoop, app: RsgiEdge | AsgiApp) -> Any:
    """What Granian gives each request to, on its own thread with the GIL held."""
    if not isinstance(app, RsgiEdge):
        callback = _asgi_wrapper(app, {"url_path_prefix": None}, {}, None)
        return _new_cbscheduler(loop, _future_watcher_wrapper(callback), impl_asyncio=True)
    scheduler = CallbackScheduler(loop, None, None, None, None)
    scheduler._schedule_fn = app.schedule
    return scheduler

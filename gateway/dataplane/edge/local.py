"""What the edge answers by itself: probes, the WebSocket refusal, and the door to the control plane."""

from gateway.base.core.struct import Record
from gateway.dataplane.flow import Pipeline

_TEXT = [("content-type", "text/plain; charset=utf-8")]


class Local(Record, frozen=True):
    """An answer that needs no exchange."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


_ALIVE = Local(200, _TEXT, b"ok\n")
_READY = Local(200, _TEXT, b"ready\n")
_DRAINING = Local(503, [*_TEXT, ("retry-after", "1")], b"draining\n")
_NO_WEBSOCKET = Local(
    426,
    [("content-type", "application/json"), ("upgrade", "HTTP/2.0"), ("connection", "Upgrade")],
    b'{"error":{"message":"WebSocket is not served; use HTTP","type":"invalid_request_error","param":null,'
    b'"code":"websocket_not_served"}}',
)
"""Codex tries WebSocket first; only 426 sends it straight to HTTP (codex-wire §3)."""


def local_answer(pipeline: Pipeline, method: str, path: str, upgrade: str) -> Local | None:
    """The answer to a probe or an upgrade; None for everything that is an exchange."""
    if method == "POST":
        return None
    if upgrade and "websocket" in upgrade.lower():
        return _NO_WEBSOCKET
    if method not in ("GET", "HEAD"):
        return None
    if path == "/healthz":
        return _ALIVE
    if path == "/readyz":
        return _DRAINING if pipeline.is_draining else _READY
    if path == "/" or (method == "HEAD" and not path.startswith("/-/")):
        return _ALIVE
    return None

"""One cheap question to a provider: what costs no tokens, with its own credential."""

import asyncio
from time import time

from gateway.base.config import TimeoutsConfig
from gateway.base.core.plan import Provider
from gateway.dataplane.upstream import Captures, Headers, UpstreamClient

_RESOURCES = {"bedrock.converse": "/"}
"""Bedrock lists its models at another host; at this one anything that AWS answers says as much."""
_USUAL = "/models"
_EXTRA = {"anthropic.messages": [("anthropic-version", "2023-06-01")]}
_WINDOW_BYTES = 64 << 10


async def ask(client: UpstreamClient, provider: Provider, timeout_ms: int) -> tuple[int, str]:
    """The status of its answer; or 0 and the native client's word for what failed."""
    dialect, base = next(iter(provider.bases.items()))
    url = base + _RESOURCES.get(dialect, _USUAL)
    headers: Headers = [("accept", "application/json"), ("user-agent", "agentcc-probe"), *_EXTRA.get(dialect, ())]
    headers += provider.headers
    if provider.sign is not None:
        headers += provider.sign("GET", url, headers, b"", time())
    answer = _Answer()
    limits = TimeoutsConfig(connect_ms=timeout_ms, first_byte_ms=timeout_ms, idle_ms=timeout_ms, total_ms=timeout_ms)
    request = client.start(
        answer, "GET", url, headers, None, "none", drop_usage_chunk=False, collect=False, timeouts=limits,
        max_response_bytes=0, window_bytes=_WINDOW_BYTES,
    )  # fmt: skip
    try:
        return await answer.done
    finally:
        client.cancel(request)  # of the answer nobody wants more than its status


class _Answer:
    """Upstream handler that waits for the status."""

    def __init__(self) -> None:
        self.done: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        del headers, ttfb_us
        self._finish(status, "")

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        del message, captures
        self._finish(0, code)

    def on_bug(self, exc: Exception) -> None:
        self._finish(0, repr(exc))

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None: ...

    def on_data(self, data: bytes) -> None: ...

    def on_terminal(self, data: bytes, captures: Captures) -> None: ...

    def on_end(self, captures: Captures) -> None: ...

    def _finish(self, status: int, fault: str) -> None:
        if not self.done.done():
            self.done.set_result((status, fault))

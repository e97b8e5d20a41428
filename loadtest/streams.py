"""A load client on the native HTTP client: many streams at once in one thread, each told apart."""

import select
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway import _native

_TERMINAL = b"event: response.completed"


class Stream(msgspec.Struct):
    """One exchange as the client saw it. `end` is how it ended: completed, ended (without its last event), refused, failed."""

    began: float
    request_id: str = ""
    status: int = 0
    events: int = 0
    is_completed: bool = False
    end: str = ""
    why: str = ""
    first_event_s: float = 0.0
    took_s: float = 0.0


class Streams:
    """Sends requests, follows their answers. `on_end` is called for each that ended."""

    def __init__(self, url: str, on_end: Callable[[Stream], None]) -> None:
        self._client = _native.Upstream(pool_max_idle_per_host=4096, proxy_from_env=False)
        self._url = url
        self._on_end = on_end
        self._next_id = 0
        self.open: dict[int, Stream] = {}

    def send(self, headers: list[tuple[str, str]], body: bytes, due: float | None = None) -> None:
        """Begin one exchange; it counts from `due`, by default from now."""
        self._next_id = request = self._next_id + 1
        self.open[request] = Stream(due or time.perf_counter())
        self._client.start(request, "POST", self._url, headers, body, "none", False, False, 120_000, 120_000, 0, 0, 0)

    def pump(self, timeout_s: float) -> None:
        """Wait at most so long for news, and take them."""
        ready, _, _ = select.select([self._client.fileno()], (), (), max(0.0, timeout_s))
        if not ready:
            return
        completions: list[Any] = self._client.drain()
        for item in completions:
            stream = self.open.get(item[0])
            if stream is None:
                continue
            if item[1] in (1, 2):
                data: bytes = item[2]
                if not stream.events:
                    stream.first_event_s = time.perf_counter() - stream.began
                stream.events += data.count(b"\n\n")
                stream.is_completed |= _TERMINAL in data
            elif item[1] == 0:
                stream.status = item[2]
                stream.request_id = next((v for n, v in item[3] if n == "x-agentcc-request-id"), "")
            elif item[1] == 3:
                self._ended(
                    item[0], "completed" if stream.is_completed else "ended" if stream.status == 200 else "refused", ""
                )
            else:
                self._ended(item[0], "failed", f"{item[2]}: {item[3]}")

    def pump_for(self, seconds: float) -> None:
        """Follow the answers for so long."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.pump(left)

    def close(self) -> None:
        """Drop everything."""
        self._client.close()

    def _ended(self, request: int, end: str, why: str) -> None:
        stream = self.open.pop(request)
        stream.end, stream.why = end, why
        stream.took_s = time.perf_counter() - stream.began
        self._on_end(stream)

"""The road without sockets: a real Pipeline, with an edge and a provider that are plain calls."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter, time
from typing import Any

import yaml

from benchmarks import bodies
from benchmarks.systems import gateway_config
from gateway.base.config import load
from gateway.base.core.budget import Window
from gateway.base.core.period import span_at
from gateway.base.storage import open_keys
from gateway.base.storage.board import lone_board
from gateway.base.storage.leases import SETTLE_MS
from gateway.base.storage.open import Leases, open_leases, open_rates
from gateway.dataplane.flow import Pipeline, assemble
from gateway.dataplane.identity import Identity

_USAGE = (
    b'{"input_tokens":15342,"input_tokens_details":{"cached_tokens":14208},"output_tokens":412,'
    b'"output_tokens_details":{"reasoning_tokens":192},"total_tokens":15754}'
)
_WHOLE = b'{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.5","output":[{"type":"message","content":[{"text":"' + (
    b"done " * 60
) + b'"}]}],"usage":' + _USAGE + b"}"  # fmt: skip
_EVENT = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"some text ","item_id":"msg_1"}\n\n'
_CAPTURES = ("ok", _USAGE, None, b'"gpt-5.5"', None, 60, 600, True, 8000)
_ANSWER_HEADERS = [("content-type", "application/json"), ("x-request-id", "req_1"), ("openai-processing-ms", "1")]

_NODE = "bench"


class Incoming:
    """A request that is already here."""

    is_repeating = False
    is_here = True

    def __init__(self, body: bytes, is_stream: bool) -> None:
        self.arrived = perf_counter()
        self.method, self.path, self.query, self.client_ip = "POST", "/v1/responses", "", "127.0.0.1"
        self._headers = bodies.headers(is_stream=is_stream)
        get = dict(self._headers).get
        self.header = lambda name: get(name, "")
        self._body = body

    def headers(self) -> Iterable[tuple[str, str]]:
        return self._headers

    async def body(self, limit: int) -> bytes:
        del limit
        return self._body

    async def discard(self, limit: int) -> None:
        del limit


class Reply:
    """A client that takes everything."""

    is_waiting = False
    on_sent: Any = None

    def whole(self, status: int, headers: Any, body: bytes) -> None:
        if status != 200:
            raise RuntimeError(f"{status} {body[:300]!r}")

    def start(self, status: int, headers: Any) -> None:
        pass

    def write(self, data: bytes) -> None:
        pass

    def finish(self) -> None:
        pass

    def watch(self, on_left: Any) -> None:
        pass


class Provider:
    """Answers inside `start`: a whole body, or head, `events` pieces, the terminal event, end."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._head = [("content-type", "text/event-stream"), *_ANSWER_HEADERS[1:]]

    def start(self, handler: Any, *_args: Any, **_limits: Any) -> int:
        if not self._events:
            handler.on_body(200, _ANSWER_HEADERS, 1000, _WHOLE)
            return 1
        handler.on_head(200, self._head, 1000)
        for _ in range(self._events):
            handler.on_data(_EVENT)
        handler.on_terminal(_EVENT, _CAPTURES)
        handler.on_end(_CAPTURES)
        return 1

    def cancel(self, request: int) -> None:
        pass

    def ack(self, request: int, count: int) -> None:
        pass


class NoJournal:
    """Takes frames and forgets them."""

    def append(self, payload: bytes) -> None:
        del payload


@contextlib.contextmanager
def road(home: Path, budgets: dict[str, Any] | None = None, **sections: Any) -> Iterator[Pipeline]:
    """A pipeline with the configuration of the macro questions, these budgets, and other sections."""
    file = home / "gateway.yaml"
    config = gateway_config("http://127.0.0.1:9")
    config["server"]["data_dir"] = str(home / "data")
    file.write_text(yaml.safe_dump(config | ({} if budgets is None else {"budgets": budgets}) | sections))
    loaded = load(file)
    store = open_keys(home / "data")
    loop = asyncio.new_event_loop()
    policy = assemble(loaded, Identity(store, loaded.config.keys, loaded.source))
    leases, rates = open_leases(loaded.config), open_rates(loaded.config)
    try:
        loop.run_until_complete(_adopt(leases, policy.accounts.rules))
        yield Pipeline(loop, policy, NoJournal(), "0123456789ab", leases, rates, lone_board(), node=_NODE)
    finally:
        loop.run_until_complete(leases.close())
        loop.run_until_complete(rates.close())
        store.close()
        loop.close()


async def _adopt(leases: Leases, windows: Iterable[Window]) -> None:
    """What the control plane says of hard budgets before any is leased: nothing was spent before."""
    now_ms = int(time() * 1000)
    periods = [(window.name, span_at(window.period, window.zone, now_ms).label) for window in windows]
    await leases.register(_NODE, now_ms - SETTLE_MS - 1)
    await leases.post(_NODE, {}, [], periods, now_ms)


def walk(pipeline: Pipeline, body: bytes, events: int, times: int) -> None:
    """Send `times` requests down the road; each answer has `events` stream pieces, 0 for a whole one."""
    pipeline._clients[""] = Provider(events)  # type: ignore[assignment]

    async def go() -> None:
        handle = pipeline.handle
        for _ in range(times):
            await handle(Incoming(body, events > 0), Reply())

    pipeline.loop.run_until_complete(go())

"""The native client on the event loop: each handler gets its completions, whatever another one does."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.base.config import TimeoutsConfig
from gateway.dataplane.upstream import UpstreamClient
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import wait_until

OPTIONS: dict[str, Any] = {
    "drop_usage_chunk": False, "collect": True, "timeouts": TimeoutsConfig(), "max_response_bytes": 0, "window_bytes": 0,
}  # fmt: skip


class Told:
    """A handler that does with a whole answer what the test says, and then keeps what it is told of bugs."""

    def __init__(self, on_body: Callable[[bytes], None], on_bug: Callable[[Exception], None]) -> None:
        self._on_body, self.on_bug = on_body, on_bug

    def on_body(self, status: int, headers: object, ttfb_us: int, body: bytes) -> None:
        self._on_body(body)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"`{name}` was not expected")


def _fail(*args: object) -> None:
    raise RuntimeError("a bug")


def test_a_bug_in_what_a_bug_is_told_to_stops_no_other_exchange(capfd: pytest.CaptureFixture[str]) -> None:
    """Completions come in batches: those behind the broken exchange's are still given out."""
    fake = FakeUpstream()
    fake.default = json_answer(b"fine")

    async def run() -> bytes:
        loop = asyncio.get_running_loop()
        client = UpstreamClient(loop, TimeoutsConfig())
        got = loop.create_future()
        for count, handler in enumerate((Told(_fail, _fail), Told(got.set_result, _fail)), 1):
            client.start(handler, "POST", fake.url, [], b"", "none", **OPTIONS)
            # the loop stands still meanwhile, so both are in one batch, in this order
            wait_until(lambda count=count: client._native.stats()["queued"] == count, what="an answer")
        try:
            return await asyncio.wait_for(got, 5)
        finally:
            client.close()

    try:
        assert asyncio.run(run()) == b"fine"
    finally:
        fake.close()
    assert capfd.readouterr().err.count('"event":"bug"') == 1

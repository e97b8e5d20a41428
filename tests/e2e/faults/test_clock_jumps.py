"""The wall clock jumps, forth and back, while streams run and budgets, rate limits, breakers and sessions are live.

Nothing crashes, no time is negative, a period begins once, and nobody waits until the clock is again where it was.
"""

import json
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.faults.soak import some
from tests.e2e.wires import STREAMS, request
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer
from tests.harness import KEY, ROOT, Gateway, config_for, wait_until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which("cc") is None, reason="CLOCK JUMPS ARE NOT TESTED: they need a C compiler"),
]

_HOUR_S, _DAY_S = 3600, 86_400
_JUMPS = {
    "+1h": _HOUR_S,
    "+1d": _DAY_S,
    "+40d": 40 * _DAY_S,
    "-2h": -2 * _HOUR_S,
    "-1d": -_DAY_S,
    "-40d": -40 * _DAY_S,
}
_BOB, _CAROL = "sk-agentcc-test-bob-00001", "sk-agentcc-test-carol-01"
_WELL, _ILL = "openai/gpt-4.1-mini", "openai/gpt-4.1-nano"
_PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
_COST_USD = 0.04
"""Of one request of alice's, who has $0.10 a day: two are served, the third is not."""
_TOKENS = int(_COST_USD * 1e5)
_PATIENCE_S = 15.0
_SESSIONS = count()


class Clock:
    """The wall clock of whoever runs with `environ` (tests/fakes/clock.c); monotonic time goes on as it does."""

    def __init__(self, place: Path) -> None:
        self._file, library = place / "clock", place / "clock.so"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-o", library, ROOT / "tests" / "fakes" / "clock.c"], check=True
        )
        self._file.write_bytes(bytes(8))
        self.environ = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(self._file)}

    def set(self, ahead_s: int) -> None:
        """So far from the true time, at once."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("l", ahead_s))


class World:
    """A provider of which one model is ill until it is healed."""

    def __init__(self) -> None:
        self.fake = FakeUpstream()
        self.fake.choose = self._choose
        self.is_healed = False
        self.streams: list[Answer] = []

    def _choose(self, asked: Received) -> Answer:
        body = json.loads(asked.body)
        if body["model"] in _ILL and not self.is_healed:
            return json_answer(b'{"error":{"message":"boom","type":"server_error"}}', 500)
        if body.get("stream"):
            return self.streams.pop(0)
        tokens = body["max_output_tokens"]
        usage = {"input_tokens": 0, "output_tokens": tokens, "input_tokens_details": {"cached_tokens": 0}}
        said = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [], "usage": usage}
        return json_answer(json.dumps(said).encode())


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.fake.close()


def _config(upstream: str) -> dict[str, Any]:
    made = config_for(upstream, workers=2)
    made["models"]["prices"] = dict.fromkeys([_WELL, _ILL], _PRICE)
    made["keys"] |= {"bob": {"key": _BOB}, "carol": {"key": _CAROL}}
    made["budgets"] = {
        "keys": {
            "alice": {"limit": 0.1, "period": "daily", "hard": True, "concurrency": 4},
            "bob": {"rpm": 60, "burst_s": 5, "concurrency": 4},
        }
    }
    made["routing"] = {"default": {"chain": [_WELL]}}
    return made


def _ask(gateway: Gateway, key: str = KEY, model: str = _WELL, tokens: int = _TOKENS) -> httpx.Response:
    body = {"model": model, "input": "hi", "max_output_tokens": tokens}
    headers = {
        "authorization": f"Bearer {key}",
        "session-id": f"session-{next(_SESSIONS)}",
    }  # else it stays where it moved
    return httpx.post(f"{gateway.url}/v1/responses", json=body, headers=headers, timeout=30)


def _codes(answers: list[httpx.Response]) -> list[str]:
    return ["" if a.status_code == 200 else a.json()["error"]["agentcc"]["code"] for a in answers]


@pytest.mark.parametrize("jump", some(list(_JUMPS), "+1h", "+1d", "-2h", "-1d"))
def test_a_jump(world: World, tmp_path: Path, jump: str) -> None:
    """And back again: what was spent on the first day is still spent."""
    clock, ahead_s = Clock(tmp_path), _JUMPS[jump]
    gate = threading.Event()
    first, rest = STREAMS["openai.responses"][0], STREAMS["openai.responses"][1:]
    world.streams.append(Answer(200, [("content-type", "text/event-stream")], [first, gate, *rest]))
    gateway = Gateway(tmp_path / "gateway", _config(world.fake.url), environ=clock.environ)
    with ThreadPoolExecutor(1) as pool, gateway:
        children = gateway.children()
        stream = pool.submit(
            httpx.post,
            f"{gateway.url}/v1/responses",
            json=request("openai.responses"),
            headers={"authorization": f"Bearer {_BOB}"},
            timeout=30,
        )
        wait_until(lambda: world.fake.received, what="a stream runs")
        assert _codes([_ask(gateway) for _ in range(2)]) == ["", ""]
        wait_until(lambda: _codes([_ask(gateway, _BOB, tokens=1)]) == ["rate_limited"], what="bob's rate is used up")
        for _ in range(6):
            _ask(gateway, model=_ILL, tokens=1)
        ill = sum(b'"gpt-4.1-nano"' in r.body for r in world.fake.received)
        assert ill == 5, "the breaker is open"
        world.is_healed = True

        clock.set(ahead_s)
        codes = _codes([_ask(gateway) for _ in range(3)])
        if ahead_s >= _DAY_S:
            assert codes == ["", "", "budget_exceeded"], "a day of its own"
        assert codes.count("") <= 2, "a period begins once"
        wait_until(
            lambda: _codes([_ask(gateway, _BOB, tokens=1)]) == [""], _PATIENCE_S, "bob does not wait for the clock"
        )
        wait_until(
            lambda: _ask(gateway, _CAROL, _ILL, 1).headers.get("x-agentcc-model-used") == _ILL,
            _PATIENCE_S,
            "the breaker closes",
        )
        gate.set()
        whole = stream.result(20)
        assert rest[-1] in whole.content

        clock.set(0)
        assert _codes([_ask(gateway) for _ in range(2)]) == ["budget_exceeded"] * 2, "that day's money is spent"
        wait_until(
            lambda: _codes([_ask(gateway, _BOB, tokens=1)]) == [""],
            _PATIENCE_S,
            "bob does not wait for it to come back",
        )
        assert gateway.children() == children, "nothing has crashed"
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        records = gateway.records()
        assert len({record["request_id"] for record in records}) == len(records)
        for record in records:
            times = record["latency_ms"], record["ttfb_ms"], record["overhead_us"], record["queued_ms"]
            assert all(0 <= (one or 0) < 60_000_000 for one in times), record
            assert record["latency_ms"] < 60_000, record
        streamed = [record for record in records if record["is_stream"]]
        assert [(record["outcome"], record["cost_basis"]) for record in streamed] == [("ok", "exact")]
        assert not gateway.logs("bug")

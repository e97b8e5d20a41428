"""Redis down, slow, cut and flapping under two workers and a hard budget: nobody hangs, no nano-dollar goes over, and it recovers alone.

While the store cannot be asked an exchange is served from its worker's lease, or gets 503 `budget_unproven`
(docs/concepts/budgets.md, "A refusal").
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.base.storage.redis_server import RedisServer, needs_redis
from tests.e2e.faults.soak import some
from tests.fakes.fault_proxy import FaultProxy, needs_fault_proxy
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

pytestmark = [needs_redis, needs_fault_proxy, pytest.mark.chaos]

_PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
_CAP_USD = 3
_INPUT = 100
_CLIENTS = 6
_FAULT_S = 2.5
_PACE_S = 0.03
_BOUND_S = 8.0
"""The 2.5 s in which others may give money back, and a connection and commands of 1 s each, on a busy machine."""
_RECOVERY_S = 10.0
_SMALL, _LARGE = 100, 8_000
"""Output tokens: what is asked in the fault, and what spends the rest of the cap quickly."""

FAULTS: dict[str, dict[str, Any]] = {
    "down": {"up": False},
    "silent": {"always": {"kind": "stall"}},
    "slow": {"always": {"kind": "delay", "ms": 300}},
    "later than anybody waits": {"always": {"kind": "delay", "ms": 1500}},
    "byte by byte": {"always": {"kind": "drip", "every_ms": 5}},
    "flapping": {"flap": {"up_ms": 250, "down_ms": 250}},
    "cut in each answer": {"next": [{"kind": "reset", "after": n % 60} for n in range(2000)]},
    "cut in each command": {"next": [{"kind": "reset", "after": n % 60, "side": "request"} for n in range(2000)]},
    "no Redis": {"always": {"kind": "garbage"}},
}
_MAY_REFUSE = set(FAULTS) - {"slow"}
_WELL: dict[str, Any] = {"up": True, "always": None, "next": []}


def _cost_nusd(tokens: int) -> int:
    return (_INPUT + tokens * 10) * 1000


def _billed(request: Received) -> int:
    return int(json.loads(request.body)["max_output_tokens"])


def _answer(request: Received) -> Answer:
    """As many tokens as were allowed: a hold that is lost would be seen."""
    usage = {"input_tokens": _INPUT, "output_tokens": _billed(request), "input_tokens_details": {"cached_tokens": 0}}
    said = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [], "usage": usage}
    return json_answer(json.dumps(said).encode())


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@dataclass
class Clients:
    """They ask one thing after the other, each on a connection of its own, so that both workers have some."""

    url: str
    tokens: int = _SMALL
    seen: list[tuple[float, int, str, float]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(timeout=30, limits=limits, headers={"authorization": f"Bearer {KEY}"}) as http:
            while not self.is_over.wait(_PACE_S):
                began = time.monotonic()
                body = {
                    "model": "openai/gpt-4.1-mini",
                    "input": f"{number}" + "x" * 400,
                    "max_output_tokens": self.tokens,
                }
                got = http.post(f"{self.url}/v1/responses", json=body)
                code = "" if got.status_code == 200 else got.json()["error"]["agentcc"]["code"]
                now = time.monotonic()
                self.seen.append((now, got.status_code, code, now - began))

    def since(self, then: float) -> Counter[int]:
        return Counter(status for at, status, _, took_s in list(self.seen) if at - took_s > then)


@pytest.mark.parametrize("fault", some(list(FAULTS), "down", "silent", "flapping", "cut in each answer"))
def test_a_fault_of_redis(redis: RedisServer, tmp_path: Path, fault: str) -> None:
    redis.ask("FLUSHALL")
    fake = FakeUpstream()
    fake.choose = _answer
    with FaultProxy(f"127.0.0.1:{redis.port}") as proxy, ThreadPoolExecutor(_CLIENTS) as pool:
        config = config_for(fake.url, workers=2) | {"storage": {"redis": f"redis://127.0.0.1:{proxy.port}/0"}}
        config["models"]["prices"] = {"openai/gpt-4.1-mini": _PRICE}
        config["budgets"] = {"keys": {"alice": {"limit": _CAP_USD, "hard": True, "rpm": 1_000_000}}}
        with Gateway(tmp_path, config) as gateway:
            clients = Clients(gateway.url)
            running = [pool.submit(clients.run, n) for n in range(_CLIENTS)]
            try:
                wait_until(lambda: clients.since(0)[200] > 20, what="it is served")
                proxy.order(**FAULTS[fault])
                began = time.monotonic()
                wait_until(lambda: time.monotonic() > began + _FAULT_S, what="the fault")
                in_fault = clients.since(began)
                proxy.order(**_WELL)
                ended = time.monotonic()
                wait_until(lambda: clients.since(ended)[200] > 20, _RECOVERY_S, "it recovers alone")
                clients.tokens = _LARGE
                spent = time.monotonic()
                wait_until(lambda: clients.since(spent)[429] > 3 * _CLIENTS, 30, "the cap is spent")
            finally:
                clients.is_over.set()
            for one in running:
                one.result(30)
            bill = sum(_cost_nusd(_billed(request)) for request in fake.received)
            assert 0.9 * _CAP_USD * 10**9 < bill <= _CAP_USD * 10**9
            assert {(status, code) for _, status, code, _ in clients.seen} <= {
                (200, ""),
                (429, "budget_exceeded"),
                (503, "budget_unproven"),
            }
            assert max(took_s for *_, took_s in clients.seen) < _BOUND_S
            assert in_fault[429] == 0, "a store that cannot be asked is no spent budget"
            assert in_fault[200], "nobody is served in the fault, from leases neither"
            assert fault in _MAY_REFUSE or not in_fault[503]
            wait_until(lambda: _spent_nusd(gateway) == (bill, 0), 20, "the ledger is the bill, and nothing is held")
            assert gateway.stop() == 0
            gateway.run_cli("journal", "verify", "-c", str(gateway.file))
            records = gateway.records()
            assert len({record["request_id"] for record in records}) == len(records) == len(clients.seen)
            assert sum(record["cost_nusd"] for record in records) == bill
            assert not gateway.logs("bug")
    fake.close()


def _spent_nusd(gateway: Gateway) -> tuple[int, int]:
    listed = json.loads(gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout)
    return sum(int(row["spent_nusd"]) for row in listed), sum(int(row["held_nusd"]) for row in listed)

"""A full disk under the journal, and under what else the gateway keeps: nothing is sent that cannot be recorded, no money is lost.

tests/chaos/test_kill.py has the same for one client and for a limit of file sizes.
"""

import json
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.simulator import running
from tests.chaos.test_kill import fill, small_disk
from tests.e2e.faults.script import ASK, Script, load
from tests.e2e.matrix.cell import MODELS, WIRES, config_for
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer
from tests.harness import KEY, Gateway, wait_until

pytestmark = pytest.mark.chaos
_HTTP = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
"""A new connection each time, so that each worker has some."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, Script]]:
    with running() as simulator:
        yield load(simulator)


@pytest.fixture
def fake() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.close()


def _ask(gateway: Gateway, client: str, *, stream: bool) -> httpx.Response:
    wire, model = WIRES[client], MODELS[client]
    headers = {"content-type": "application/json", **wire.headers(KEY)}
    body = json.dumps(wire.body(ASK, model, stream=stream))
    return _HTTP.post(gateway.url + wire.path(model, stream=stream), content=body, headers=headers)


def test_the_journals_disk_is_full(scripts: dict[str, Script], fake: FakeUpstream, tmp_path: Path) -> None:
    """Every client, streamed and whole: 503 in its dialect and nothing sent; streams under way end well; it recovers alone."""
    data, gates = tmp_path / "data", {client: threading.Event() for client in WIRES}
    held = {client: [*s.text[:3], gates[client], *s.text[3:]] for client, s in scripts.items()}
    paths = {"/responses": 0, "/chat/completions": 1, "/messages": 2, "streamGenerateContent": 3, "/converse-stream": 4}

    def first_streams(asked: Received) -> Answer:
        """Of each client one stream that waits; after that whole answers."""
        client = next((list(WIRES)[n] for mark, n in paths.items() if mark in asked.path), "")
        if client and (body := held.pop(client, None)):
            return Answer(200, [("content-type", scripts[client].kind)], list(body))
        return json_answer(b'{"usage":{"input_tokens":10,"output_tokens":2}}')

    fake.choose = first_streams
    config = config_for(fake.url)
    config["server"]["data_dir"] = str(data)
    with small_disk(data), Gateway(tmp_path / "gateway", config) as gateway, ThreadPoolExecutor(5) as pool:
        streams = {client: pool.submit(_ask, gateway, client, stream=True) for client in WIRES}
        wait_until(lambda: len(fake.received) == len(WIRES), what="streams run")
        filler = fill(data)
        assert any(_ask(gateway, "openai.responses", stream=False).status_code == 503 for _ in range(1000))
        sent, refused = len(fake.received), []
        for client, wire in WIRES.items():
            for stream in (True, False):
                got = _ask(gateway, client, stream=stream)
                refused.append(got)
                assert got.status_code == 503, (client, got.text)
                assert "disk" in wire.trouble(got.status_code, got.headers, got.content).message
        assert len(fake.received) == sent, "sent without a record"
        for gate in gates.values():
            gate.set()
        for client, one in streams.items():
            got, wire = one.result(20), WIRES[client]
            seen, meant = wire.stream(got.content), scripts[client].seen(stream=True)
            assert (seen.text, seen.stop, seen.troubles) == (meant.text, "end", []), client
        filler.unlink()
        after = wait_until(
            lambda: (got := _ask(gateway, "openai.responses", stream=False)).status_code == 200 and got,
            5,
            "it recovers",
        )
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        outcomes = {record["request_id"]: record["outcome"] for record in gateway.records()}
        assert len(outcomes) == len(gateway.records())
        whole = [one.result().headers["x-agentcc-request-id"] for one in streams.values()]
        assert [outcomes[name] for name in [*whole, after.headers["x-agentcc-request-id"]]] == ["ok"] * 6
        assert {outcomes[got.headers["x-agentcc-request-id"]] for got in refused} == {"error"}
        assert not gateway.logs("bug")


@contextmanager
def _roomy(directory: Path) -> Iterator[None]:
    """Another disk inside the small one."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


_CAP_USD, _TOKENS = 1, 1000
_COST_NUSD = _TOKENS * 10_000


def _money(upstream: str, data: Path) -> dict[str, Any]:
    made = config_for(upstream)
    made["server"] |= {"data_dir": str(data), "workers": 2}
    made["models"]["prices"] = {"openai/gpt-5.5": {"input_per_mtok": 0, "output_per_mtok": 10}}
    made["budgets"] = {"keys": {"alice": {"limit": _CAP_USD, "hard": True}}}
    return made


def test_the_disk_of_ledger_and_leases_is_full(fake: FakeUpstream, tmp_path: Path) -> None:
    """The journal has a disk of its own: who has a lease is served, others get 503, and in the end all books agree."""
    usage = {"input_tokens": 0, "output_tokens": _TOKENS, "input_tokens_details": {"cached_tokens": 0}}
    said = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [], "usage": usage}
    fake.default = json_answer(json.dumps(said).encode())

    seen: set[tuple[int, str]] = set()

    def ask(gateway: Gateway) -> int:
        body = {"model": "openai/gpt-5.5", "input": "hi", "max_output_tokens": _TOKENS}
        headers = {"authorization": f"Bearer {KEY}"}
        got = _HTTP.post(f"{gateway.url}/v1/responses", json=body, headers=headers)
        seen.add((got.status_code, "" if got.status_code == 200 else got.json()["error"]["agentcc"]["code"]))
        return got.status_code

    data = tmp_path / "data"
    with (
        small_disk(data),
        _roomy(data / "journal"),
        Gateway(tmp_path / "gateway", _money(fake.url, data)) as gateway,
    ):
        children = gateway.children()
        assert [ask(gateway) for _ in range(4)] == [200] * 4
        filler = fill(data)
        assert 429 not in [ask(gateway) for _ in range(60)], "what cannot be asked is not spent"
        filler.unlink()
        wait_until(lambda: ask(gateway) == 429, 30, "it recovers, and the cap is spent")
        assert seen == {(200, ""), (503, "budget_unproven"), (429, "budget_exceeded")}
        bill = len(fake.received) * _COST_NUSD
        assert 0.9 * _CAP_USD * 10**9 < bill <= _CAP_USD * 10**9
        wait_until(lambda: _spent_nusd(gateway) == bill, 20, "the ledger is the bill")
        assert gateway.children() == children, "nothing has died"
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        assert sum(record["cost_nusd"] for record in gateway.records()) == bill
        assert not gateway.logs("bug")


def _spent_nusd(gateway: Gateway) -> int:
    listed = json.loads(gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout)
    return sum(int(row["spent_nusd"]) for row in listed)

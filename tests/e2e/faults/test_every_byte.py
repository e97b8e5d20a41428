"""A provider whose connection is reset at each byte of a small answer, head and body: no place of an answer is worse than another.

By default some 100 places of each answer, all of its head's first line and its end among them; `make soak` (AGENTCC_SOAK=1) takes each one.
"""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.simulator import running
from tests.e2e.faults.script import ASK, Script, load
from tests.e2e.faults.soak import SOAK
from tests.e2e.matrix.cell import WIRES
from tests.fakes.fault_proxy import FaultProxy, needs_fault_proxy
from tests.fakes.upstream import Answer, FakeUpstream
from tests.harness import KEY, Gateway

pytestmark = needs_fault_proxy

_LANES = 4
"""Each has a proxy of its own and asks one thing after the other, so that it is known at which byte each request broke."""
_PLACES = 100
_BOUND_S = 10.0
_PAIRS = {
    "passed": ("openai.chat", "openai.chat"),
    "passed, of named events": ("openai.responses", "openai.responses"),
    "translated": ("anthropic.messages", "openai.chat"),
    "translated from frames": ("openai.responses", "bedrock.converse"),
}
"""Client and faulty provider."""
_GOOD_NUSD = (3000, 30_000)


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, Script]]:
    with running() as simulator:
        yield load(simulator)


def _answer(script: Script, *, stream: bool) -> Answer:
    if stream:
        return Answer(200, [("content-type", script.kind)], list(script.text))
    return Answer(200, [("content-type", "application/json")], [script.whole])


def _size(url: str, last: bytes) -> int:
    """Of the whole answer as it is on the wire."""
    at, got = urlsplit(url), b""
    with socket.create_connection((at.hostname or "", at.port or 0), timeout=5) as one:
        one.sendall(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
        while not got.endswith(last):
            got += one.recv(1 << 16)
    return len(got)


def _places(size: int) -> list[int]:
    if SOAK:
        return list(range(size + 1))
    step = max(1, size // _PLACES)
    return sorted({*range(12), *range(0, size, step), *range(size - 8, size + 1)})


def _config(lanes: list[str], good: str, bad_dialect: str, good_dialect: str) -> dict[str, Any]:
    def provider(base: str, dialect: str) -> dict[str, str]:
        path = {"gemini.generate": "/v1beta", "bedrock.converse": "/."}.get(dialect, "/v1")
        more = {"region": "us-east-1"} if dialect == "bedrock.converse" else {}
        return {"api_key": "upstream", "base_url": base + path, "dialect": dialect, **more}

    return {
        "server": {"port": 0, "workers": 1, "drain_ms": 3000, "admin": {"port": 0}},
        "providers": {f"bad{i}": provider(url, bad_dialect) for i, url in enumerate(lanes)}
        | {"good": provider(good, good_dialect)},
        "models": {
            "unpriced": {"allow": ["bad*"]},
            "prices": {"good/good": {"input_per_mtok": 3, "output_per_mtok": 30}},
        },
        "keys": {"alice": {"key": KEY, "user": "alice@acme.dev"}},
        "routing": {"default": {"chain": ["good/good"]}},
    }


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("pair", _PAIRS)
def test_a_reset_at_each_byte(scripts: dict[str, Script], tmp_path: Path, pair: str, stream: bool) -> None:
    """Another model's answer until content has gone out, then one error event; one record each, and the second is billed once."""
    client, provider = _PAIRS[pair]
    wire, script = WIRES[client], scripts[provider]
    bad, good = FakeUpstream(), FakeUpstream()
    bad.default, good.default = _answer(script, stream=stream), _answer(scripts[client], stream=stream)
    size = _size(bad.url, b"0\r\n\r\n" if stream else script.whole)
    bad.clear()
    bad.default = _answer(script, stream=stream)
    places = _places(size)
    with ExitStack() as stack:
        stack.callback(bad.close)
        stack.callback(good.close)
        lanes = [stack.enter_context(FaultProxy(bad.url)) for _ in range(_LANES)]
        config = _config([lane.url for lane in lanes], good.url, provider, client)
        gateway = stack.enter_context(Gateway(tmp_path, config))
        pool = stack.enter_context(ThreadPoolExecutor(_LANES))

        def run(lane: int) -> list[tuple[int, httpx.Response, float]]:
            found = []
            with httpx.Client(timeout=_BOUND_S) as http:
                for place in places[lane::_LANES]:
                    lanes[lane].order(next=[{"kind": "reset", "after": place}])
                    model = f"bad{lane}/at-{place}"  # a breaker belongs to a model
                    body = wire.body(replace(ASK, prompt="hi"), model, stream=stream)
                    headers = {"content-type": "application/json", **wire.headers(KEY)}
                    began = time.monotonic()
                    url = gateway.url + wire.path(model, stream=stream)
                    got = http.post(url, content=json.dumps(body), headers=headers)
                    found.append((place, got, time.monotonic() - began))
            return found

        answers = sorted((one for lane in pool.map(run, range(_LANES)) for one in lane), key=lambda one: one[0])
        assert sum(lane.order()["fired"] for lane in lanes) == len(places)
        assert gateway.stop() == 0
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        records = {record["request_id"]: record for record in gateway.records()}
        assert not gateway.logs("bug")
    assert len(records) == len(gateway.records()) == len(places)
    assert len(bad.received) == len(places), "each was asked once"
    numbers = scripts[client].seen(stream=stream).numbers
    assert numbers is not None
    good_nusd = numbers.input * _GOOD_NUSD[0] + numbers.output * _GOOD_NUSD[1]
    said, meant = script.seen(stream=stream), scripts[client].seen(stream=stream)
    moved = []
    for place, got, took_s in answers:
        record = records[got.headers["x-agentcc-request-id"]]
        where = f"at byte {place} of {size}: {got.status_code} {got.content[-500:]!r} {record}"
        assert took_s < _BOUND_S / 2, where
        assert got.status_code == 200, where
        seen = wire.stream(got.content) if stream else wire.whole(got.content)
        if record["hops"]:
            moved.append(place)
            assert (record["outcome"], record["cost_nusd"]) == ("ok", good_nusd), where
            assert (seen.text, seen.stop, seen.troubles) == (meant.text, "end", []), where
        elif seen.troubles:
            assert len(seen.troubles) == 1, where
            assert said.text.startswith(seen.text), where
            assert not seen.stop or seen.text == said.text, where  # Chat says why it stopped before its last words
            assert record["outcome"] in ("cut", "upstream_error"), where
            assert stream, where
        else:
            assert (seen.text, seen.stop) == (said.text, "end"), where
            assert record["outcome"] == "ok", where
    assert moved == places[: len(moved)], "it is another model's answer up to some byte, and never after it"
    assert len(moved) > 12
    assert len(good.received) == len(moved)

"""What a hostile or unlucky client can try on races, shadows, deployments and shedding: nothing is gained, nothing leaks, nobody else feels it."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e import wires
from tests.e2e.test_failover import WHOLE
from tests.e2e.test_race import CHAT_WHOLE, SSE, A, B, ask, config, silent
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import DENIED, KEY, Gateway, config_for, wait_until

PATH = "/v1/chat/completions"


def connected(gateway: Gateway, key: str = KEY, *, length: int | None = None, said: str = "hi") -> socket.socket:
    """A request on a socket of its own; with a `length` its body never comes."""
    body = json.dumps({"model": A, "stream": True, "max_tokens": 100, "messages": [{"role": "user", "content": said}]})
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)))
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {length or len(body)}"
    client.sendall(f"{head}\r\n\r\n{'' if length else body}".encode())
    return client


def leave(gateway: Gateway, *asked: FakeUpstream) -> None:
    """A client that goes as soon as all of `asked` run, and its record is there."""
    before = len(gateway.records())
    with connected(gateway):
        for one in asked:
            assert one.got_request.acquire(timeout=20)
    wait_until(lambda: len(gateway.records()) == before + 1, what="one record more")


def test_a_race_that_is_left_counts_in_the_rate_limits(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    """Else whoever leaves before the first word asks two models as often as he likes."""
    (first.default, gate), (second.default, other) = silent(), silent(wires.MESSAGES[0])
    made = config(first, second, budgets={"keys": {"alice": {"rpm": 6}}})
    made["server"]["workers"] = 1
    with Gateway(tmp_path, made) as gateway:
        for _ in range(4):
            leave(gateway, first)
        first.default, second.default = sse(*wires.CHAT), sse(*wires.MESSAGES)
        said = [ask(gateway).status_code for _ in range(4)]
        assert said.count(429) >= 2, said
    gate.set()
    other.set()


def test_a_race_that_a_budget_sends_to_one_model_asks_it_once(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    cheap = "lab/cheap"
    first.default, second.default = CHAT_WHOLE, WHOLE
    made = config(first, second)
    made["server"]["workers"] = 1  # what one worker spent is news to the others a moment later
    made["models"]["prices"][cheap] = {"input_per_mtok": 0.1, "output_per_mtok": 1}
    made["providers"]["lab"] = {"api_key": "none", "base_url": f"{first.url}/v1", "dialect": "openai.chat"}
    made["budgets"] = {
        "keys": {"alice": {"limit": 0.00001, "stages": {"pause": "off"}, "downgrade": {"cascade": [A, B, cheap]}}}
    }
    with Gateway(tmp_path, made) as gateway:
        assert ask(gateway, stream=False).status_code == 200
        first.received.clear()
        gate = threading.Event()
        first.default = Answer(200, SSE, [gate, *wires.CHAT])
        threading.Timer(0.5, gate.set).start()
        got = ask(gateway)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, cheap), got.text
        assert len(first.received) == 1
        gate.set()


def test_a_name_that_no_model_can_have_makes_no_large_answer(first: FakeUpstream, tmp_path: Path) -> None:
    """A block's candidates serve any name, and the hops tell it: clients take some 8 KiB of headers."""
    first.default = CHAT_WHOLE
    made = config_for(first.url)
    made["routing"] = {"default": {"strategy": "weighted", "candidates": [A]}}
    with Gateway(tmp_path, made) as gateway:
        sent = {"model": "x" * 200_000, "messages": [{"role": "user", "content": "hi"}]}
        got = httpx.post(gateway.url + PATH, json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30)
        assert got.status_code == 200
        assert len(got.headers["x-agentcc-hops"]) < 1000
        assert len(json.dumps(gateway.records())) < 5000


def test_bodies_that_never_come_take_no_place_of_others(first: FakeUpstream, tmp_path: Path) -> None:
    """Those who are refused are read on for a moment, so that they read our words: strangers at no cost to developers."""
    first.default = CHAT_WHOLE
    made = config_for(first.url, limits={"open_exchanges": 8})
    with Gateway(tmp_path, made) as gateway, ExitStack() as strangers:
        for _ in range(12):
            strangers.enter_context(connected(gateway, DENIED, length=1_000_000))
        assert {ask(gateway, stream=False).status_code for _ in range(10)} == {200}


def rss_bytes(gateway: Gateway) -> int:
    status = Path(f"/proc/{gateway.children()['worker-0']}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


@pytest.mark.parametrize("kind", ["race", "quota", "refused", "refused race"])
def test_nothing_of_a_request_is_kept(first: FakeUpstream, second: FakeUpstream, tmp_path: Path, kind: str) -> None:
    """What refers to itself in a circle stays until the collector comes, and with it half a megabyte of each request."""
    first.default, second.default = CHAT_WHOLE, WHOLE
    made = config(first, second)
    made["server"]["workers"] = 1
    if kind == "quota":
        del made["routing"]
        base_url = f"{first.url}/v1"
        made["providers"]["openai"] = {
            "deployments": [
                {"name": "eu", "api_key": "x", "base_url": base_url, "rpm": 1, "weight": 9999},
                {"name": "us", "api_key": "y", "base_url": base_url},
            ]
        }
    elif "refused" in kind:
        made["budgets"] = {"org": {"limit": 0.000001, "hard": True}}
        if kind == "refused":
            del made["routing"]
    with Gateway(tmp_path, made) as gateway, httpx.Client(headers={"authorization": f"Bearer {KEY}"}) as client:
        for n in range(60):
            sent = {"model": A, "max_tokens": 9, "messages": [{"role": "user", "content": f"{n}" + "x" * 500_000}]}
            assert client.post(gateway.url + PATH, json=sent, timeout=30).status_code == (429 if "ref" in kind else 200)
            if n == 20:
                before = rss_bytes(gateway)
        assert rss_bytes(gateway) - before < 10 << 20


def test_who_leaves_the_queue_gives_the_probe_back(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """A breaker that was open lets one through, and nobody else until that one has told how it went."""
    made = config_for(first.url)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["routing"] = {"default": {"chain": [A], "retries": 0}}
    made["budgets"] = {"keys": {"alice": {"concurrency": 1}}, "queue_ms": 20_000}
    gate = threading.Event()
    first.default = json_answer(b'{"error":{"message":"boom"}}', 503, ("retry-after", "1"))
    second.default = Answer(200, SSE, [*wires.MESSAGES[:4], gate, *wires.MESSAGES[4:]])
    with Gateway(tmp_path, made) as gateway:
        assert ask(gateway, stream=False).status_code == 503
        first.default = CHAT_WHOLE
        sent = {"model": B, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with httpx.stream("POST", gateway.url + PATH, json=sent, headers={"authorization": f"Bearer {KEY}"}) as got:
            pieces = got.iter_raw()
            next(pieces)  # it has the only place
            time.sleep(1.1)  # the breaker's opening
            with connected(gateway):
                time.sleep(0.3)
            wait_until(lambda: len(gateway.records()) == 2, what="who stood in the queue has left")
            gate.set()
            b"".join(pieces)
        assert ask(gateway, stream=False).status_code == 200


def test_races_whose_models_fail_at_once_all_end(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """The last one may fail in the very turn of the loop in which it was asked; nobody is left then to end the exchange."""
    first.default = second.default = json_answer(b'{"error":{"message":"no"}}', 403)
    with Gateway(tmp_path, config(first, second, 20_000)) as gateway, ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda n: ask(gateway, messages=[{"role": "user", "content": f"{n}"}]), range(200)))
        assert {one.status_code for one in got} == {403}
        assert len(gateway.records()) == 200

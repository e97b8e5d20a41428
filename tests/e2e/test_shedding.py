"""A saturated worker: batch work is refused first, developers are served until its bound, and what it says of itself still answers."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

BATCH = "sk-agentcc-test-batch-0001"
CHAT = {"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]}
WHOLE = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
CHAT_PATH = "/v1/chat/completions"
PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": CHAT_PATH,
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/gemini-2.5-pro:generateContent",
    "bedrock.converse": "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
}


@pytest.fixture(scope="module", params=["rsgi", "asgi"])
def gateway(
    request: pytest.FixtureRequest, upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One worker with room for eight."""
    config = config_for(upstream.url, interface=request.param, limits={"open_exchanges": 8})
    config["keys"]["nightly"] = {"key": BATCH, "priority": "batch"}
    with Gateway(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running


def ask(gateway: Gateway, key: str = KEY, path: str = CHAT_PATH, body: Any = CHAT, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(gateway.url + path, json=body, headers=sent, timeout=15)


Fill = Callable[[int], None]


@pytest.fixture
def fill(gateway: Gateway, fake: FakeUpstream) -> Iterator[Fill]:
    """Opens so many streams that go on until the test is over. Whoever is asked after them gets a whole answer."""
    gate = threading.Event()
    with ExitStack() as streams:
        client = streams.enter_context(httpx.Client(timeout=15))

        def fill(number: int) -> None:
            fake.default = Answer(200, [("content-type", "text/event-stream")], [wires.CHAT[0], gate, *wires.CHAT[1:]])
            for _ in range(number):
                streams.enter_context(opened(client, gateway))
            fake.default = WHOLE

        streams.callback(gate.set)
        yield fill
        gate.set()
    wait_until(lambda: ask(gateway, BATCH).status_code == 200)  # those before have ended


@contextmanager
def opened(client: httpx.Client, gateway: Gateway) -> Iterator[None]:
    headers = {"authorization": f"Bearer {KEY}"}
    with client.stream("POST", gateway.url + CHAT_PATH, json={**CHAT, "stream": True}, headers=headers) as got:
        assert got.status_code == 200
        pieces = got.iter_raw()
        next(pieces)  # it is paced by the provider, and open
        yield
        del pieces  # httpx closes a stream with its iterator


def test_batch_is_refused_while_developers_are_served(gateway: Gateway, fake: FakeUpstream, fill: Fill) -> None:
    fill(5)
    assert ask(gateway, BATCH).status_code == 200, "five of eight"
    fill(1)
    asked = len(fake.received)
    refused = ask(gateway, BATCH)
    assert (refused.status_code, len(fake.received)) == (503, asked)
    assert 5 <= int(refused.headers["retry-after"]) <= 20
    error = refused.json()["error"]["agentcc"]
    assert (error["code"], error["rule"], error["priority"], error["reason"]) == (
        "overloaded", "overloaded", "batch", "open_exchanges"
    )  # fmt: skip
    record = gateway.record(refused.headers["x-agentcc-request-id"])
    assert (record["status"], record["outcome"], record["error_code"]) == (503, "refused", "overloaded")
    assert (record["shed"], record["cost_nusd"], record["principal"]["key"]) == ("batch open_exchanges", 0, "nightly")
    assert ask(gateway).status_code == 200
    lowered = ask(gateway, x_agentcc_priority="batch")
    assert lowered.status_code == 503
    assert ask(gateway, BATCH, x_agentcc_priority="interactive").status_code == 503, "it cannot be raised"
    served = gateway.record(ask(gateway).headers["x-agentcc-request-id"])
    assert "shed" not in served
    assert "x-agentcc-priority" not in dict(fake.received[-1].headers)


def test_past_the_bound_developers_wait_too_and_nothing_of_our_own_is_refused(gateway: Gateway, fill: Fill) -> None:
    before = shed(gateway)
    fill(8)
    refused = ask(gateway)
    assert refused.status_code == 503
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    for path in ("/healthz", "/readyz", "/v1/models"):
        assert httpx.get(gateway.url + path, headers={"authorization": f"Bearer {KEY}"}).status_code == 200, path
    assert ask(gateway, "sk-agentcc-nobody").status_code == 401, "who is nobody learns nothing of our load"
    wait_until(lambda: shed(gateway) == before + 1, what="agentcc_shed_total")


def shed(gateway: Gateway) -> int:
    """`agentcc_shed_total` of developers, through the public port's door to the control plane."""
    text = httpx.get(gateway.url + "/-/metrics", headers=admin(gateway)).text
    found = re.search(r'agentcc_shed_total\{priority="interactive",reason="open_exchanges"\} (\d+)', text)
    return int(found[1]) if found else 0


def admin(gateway: Gateway) -> dict[str, str]:
    return {"authorization": f"Bearer {(gateway.data_dir / 'admin.token').read_text().strip()}"}


@pytest.mark.parametrize("dialect", PATHS)
def test_each_client_is_told_in_its_own_words(gateway: Gateway, fill: Fill, dialect: str) -> None:
    fill(6)
    got = ask(gateway, BATCH, PATHS[dialect], {"large": "x" * 300_000})  # whatever it asks: nobody reads it
    assert got.status_code == 503, got.text
    after_s = got.headers["retry-after"]
    said = got.json()
    words = f"the gateway has too much to do just now; try again in {after_s} s"
    match dialect:
        case "anthropic.messages":
            assert (said["type"], said["error"]["message"]) == ("error", words)
        case "gemini.generate":
            assert (said["error"]["status"], said["error"]["message"]) == ("UNAVAILABLE", words)
            assert said["error"]["details"][1]["retryDelay"] == f"{after_s}s"
        case "bedrock.converse":
            assert said["message"] == words
            assert said["__type"].startswith("ServiceUnavailable")
        case _:
            assert (said["error"]["message"], said["error"]["code"]) == (words, "overloaded")


def test_a_batch_key_of_the_store(gateway: Gateway, fill: Fill) -> None:
    made = gateway.run_cli("keys", "create", "ci", "--priority", "batch", "-q", "-c", str(gateway.file))
    try:
        assert ask(gateway, made.stdout.strip()).status_code == 200
        fill(6)
        assert ask(gateway, made.stdout.strip()).status_code == 503
    finally:
        gateway.run_cli("keys", "revoke", "ci", "-c", str(gateway.file))

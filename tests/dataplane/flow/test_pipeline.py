"""An exchange before its dispatch: what ends it there, and what it must not do on the event loop."""

import asyncio
import base64
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest

from gateway.base.config import parse
from gateway.base.storage import open_keys
from gateway.base.storage.board import lone_board
from gateway.base.storage.open import open_leases, open_rates
from gateway.dataplane.flow import Headers, Pipeline, assemble
from gateway.dataplane.identity import Identity
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
PATIENCE_S = 10.0
AUTH = {"authorization": f"Bearer {KEY}"}
ANSWER = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "a cat"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12},
}


def picture(*, held: threading.Event | None = None) -> Answer:
    return Answer(200, [("content-type", "image/png")], [PNG, *([held] if held else [])])


def request(url: str, *, stream: bool = False, text: str = "what is it?") -> dict[str, Any]:
    """Of a Chat client, for a model whose provider takes images only inline."""
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    return {"model": "gemini/gemini-2.5-flash", "stream": stream, "messages": [{"role": "user", "content": content}]}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    provider, pictures = FakeUpstream(), FakeUpstream()
    yield provider, pictures
    provider.close()
    pictures.close()


@pytest.fixture
def provider(servers: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    servers[0].clear()
    return servers[0]


@pytest.fixture
def pictures(servers: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    servers[1].clear()
    while servers[1].got_request.acquire(blocking=False):
        pass
    return servers[1]


def configured(provider: FakeUpstream, interface: str, **limits: Any) -> dict[str, Any]:
    return config_for(
        provider.url, interface=interface, drain_ms=300, limits={"fetch_private": True, **limits},
        timeouts={"early_commit_ms": 50},
    )  # fmt: skip


@pytest.fixture(scope="module", params=["rsgi", "asgi"])
def gateway(
    request: pytest.FixtureRequest,
    servers: tuple[FakeUpstream, FakeUpstream],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    config = configured(servers[0], request.param)
    with Gateway(tmp_path_factory.mktemp(request.param), config) as running:
        yield running


def leave_during(gateway: Gateway, body: dict[str, Any], moment: threading.Semaphore) -> dict[str, Any]:
    """Ask, go away once `moment` has come, and give the record."""
    before = len(gateway.records())
    content = json.dumps(body).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        client.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(content) + content)
        assert moment.acquire(timeout=PATIENCE_S)
    record: dict[str, Any] = wait_until(lambda: gateway.records()[before:], what="the record")[0]
    return record


# === while something is fetched ===


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_who_leaves_meanwhile_costs_nothing(
    gateway: Gateway, provider: FakeUpstream, pictures: FakeUpstream, stream: bool
) -> None:
    """The fetch ends, the provider is never asked, and the record says that the client has gone."""
    held = threading.Event()
    pictures.default = picture(held=held)
    record = leave_during(gateway, request(pictures.url, stream=stream), pictures.got_request)
    assert (record["status"], record["outcome"], record["error_code"]) == (499, "disconnected", "client_disconnected")
    assert (record["model_used"], record["cost_nusd"], record["cost_basis"]) == ("none", 0, "none")
    assert pictures.disconnected.acquire(timeout=PATIENCE_S)
    held.set()
    assert provider.received == []


def test_who_leaves_after_it_is_seen_too(gateway: Gateway, provider: FakeUpstream, pictures: FakeUpstream) -> None:
    """The same watch serves the rest of the exchange: the provider's connection is closed."""
    pictures.default = picture()
    provider.default = Answer(hold_headers=threading.Event())
    while provider.got_request.acquire(blocking=False):
        pass
    record = leave_during(gateway, request(pictures.url, stream=True), provider.got_request)
    assert (record["status"], record["outcome"]) == (499, "disconnected")
    assert provider.disconnected.acquire(timeout=PATIENCE_S)


def test_what_was_fetched_is_sent_inline(gateway: Gateway, provider: FakeUpstream, pictures: FakeUpstream) -> None:
    pictures.default = picture()
    provider.default = json_answer(json.dumps(ANSWER).encode())
    got = httpx.post(f"{gateway.url}/v1/chat/completions", json=request(pictures.url), headers=AUTH)
    assert got.json()["choices"][0]["message"]["content"] == "a cat"
    parts = json.loads(provider.received[0].body)["contents"][0]["parts"]
    assert parts[1] == {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(PNG).decode()}}


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_the_drains_end_refuses_it(
    interface: str, provider: FakeUpstream, pictures: FakeUpstream, tmp_path: Path
) -> None:
    """As every other exchange that is still open then: 503, with its record, and the provider is not asked."""
    pictures.default = picture(held=threading.Event())
    with Gateway(tmp_path, configured(provider, interface)) as gateway, ThreadPoolExecutor(1) as pool:
        url = f"{gateway.url}/v1/chat/completions"
        asked = pool.submit(httpx.post, url, json=request(pictures.url), headers=AUTH, timeout=PATIENCE_S)
        assert pictures.got_request.acquire(timeout=PATIENCE_S)
        assert gateway.stop() == 0
        got = asked.result()
    assert (got.status_code, got.json()["error"]["agentcc"]["code"]) == (503, "overloaded")
    (record,) = gateway.records()
    assert (record["status"], record["outcome"], record["error_code"]) == (503, "error", "overloaded")
    assert provider.received == []


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_the_drains_end_refuses_a_body_that_does_not_come(
    interface: str, provider: FakeUpstream, tmp_path: Path
) -> None:
    """A large one: it may take longer than the drain does."""
    with Gateway(tmp_path, configured(provider, interface)) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            client.sendall(head.encode() + b"content-length: 300000\r\nexpect: 100-continue\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 100 ")  # its body is being read
            client.sendall(b"{")
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGTERM)
            assert client.recv(1000).startswith(b"HTTP/1.1 503 ")
        assert gateway.stop() == 0
    (record,) = gateway.records()
    assert (record["status"], record["error_code"]) == (503, "overloaded")


def test_a_reload_changes_what_may_be_reached(provider: FakeUpstream, pictures: FakeUpstream, tmp_path: Path) -> None:
    """`limits.fetch_private` is in force for the next request, both ways."""
    pictures.default = picture()
    provider.default = json_answer(json.dumps(ANSWER).encode())
    with Gateway(tmp_path, configured(provider, "rsgi")) as gateway:
        for times, is_private in enumerate((True, False, True)):
            gateway.config["server"]["limits"]["fetch_private"] = is_private
            gateway.write_config(gateway.config)
            wait_until(lambda times=times: len(gateway.logs("config_reloaded")) >= times, what="the reload")
            got = httpx.post(f"{gateway.url}/v1/chat/completions", json=request(pictures.url), headers=AUTH)
            assert got.status_code == (200 if is_private else 400)


# === what is much work ===


class Threads(ThreadPoolExecutor):
    """The loop's threads; counts what they are given to do."""

    def __init__(self) -> None:
        super().__init__(1)
        self.given: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.given.append(fn.__name__)
        return super().submit(fn, *args, **kwargs)


class Asked:
    """A request whose body is here."""

    method, query, is_repeating, is_here, client_ip = "POST", "", False, True, "127.0.0.1"

    def __init__(self, path: str, body: dict[str, Any]) -> None:
        self.path, self.arrived, self._body = path, perf_counter(), json.dumps(body).encode()
        self._headers = {"authorization": f"Bearer {KEY}"}

    def header(self, name: str) -> str:
        return self._headers.get(name, "")

    def headers(self) -> Iterable[tuple[str, str]]:
        return self._headers.items()

    async def body(self, limit: int) -> bytes:
        del limit
        return self._body

    async def discard(self, limit: int) -> None: ...


class Told:
    """Keeps the answer."""

    is_waiting = False
    on_sent: Callable[[int], None] | None = None
    answer: tuple[int, bytes] = (0, b"")

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        del headers
        self.answer = status, body

    def start(self, status: int, headers: Headers) -> None: ...

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None: ...

    def watch(self, on_left: Callable[[], None]) -> None: ...


class Lines:
    """A journal in memory."""

    def append(self, payload: bytes) -> str:
        del payload
        return ""


def given_to_threads(provider: FakeUpstream, tmp_path: Path, path: str, body: dict[str, Any]) -> list[str]:
    """What of one exchange, which must go well, did not run on the event loop."""
    threads, reply = Threads(), Told()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads)
        config = configured(provider, "rsgi", fetch_bytes=4 << 20)
        with closing(open_keys(tmp_path)) as keys:
            loaded = parse(json.dumps(config).encode())
            policy = assemble(loaded, Identity(keys, loaded.config.keys, loaded.source))
            pipeline = Pipeline(
                loop, policy, Lines(), "run", open_leases(loaded.config), open_rates(loaded.config), lone_board()
            )
            with closing(pipeline):
                async with asyncio.timeout(PATIENCE_S):
                    await pipeline.wait_end(await pipeline.handle(Asked(path, body), reply))

    asyncio.run(main())
    assert reply.answer[0] == 200, reply.answer
    return threads.given


LONG = "word " * 300_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": LONG}]}),
        ("/v1/responses/input_tokens", {"input": LONG}),
    ],
    ids=["messages", "responses"],
)
def test_a_large_count_does_not_stop_the_others(
    provider: FakeUpstream, tmp_path: Path, path: str, body: dict[str, Any]
) -> None:
    given = given_to_threads(provider, tmp_path, path, {"model": "gemini/gemini-2.5-flash", **body})
    assert given == ["_read", "inspect_beside", "counted"]


def test_a_small_count_needs_no_thread(provider: FakeUpstream, tmp_path: Path) -> None:
    body = {"model": "gemini/gemini-2.5-flash", "messages": [{"role": "user", "content": "hi"}]}
    assert given_to_threads(provider, tmp_path, "/v1/messages/count_tokens", body) == []


@pytest.mark.parametrize("size", [1000, 2 << 20], ids=["small", "large"])
def test_a_large_picture_does_not_stop_the_others(
    provider: FakeUpstream, pictures: FakeUpstream, tmp_path: Path, size: int
) -> None:
    """What was fetched counts, not what the client sent: base64 and the writing of it are done in a thread."""
    pictures.default = Answer(200, [("content-type", "image/png")], [PNG + b"x" * size])
    provider.default = json_answer(json.dumps(ANSWER).encode())
    given = given_to_threads(provider, tmp_path, "/v1/chat/completions", request(pictures.url))
    assert given == (["translate"] if size > 1000 else [])
    data = json.loads(provider.received[0].body)["contents"][0]["parts"][1]["inlineData"]["data"]
    assert len(base64.b64decode(data)) == size + len(PNG)

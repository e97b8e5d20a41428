"""What can happen on the way between two dialects besides an ordinary answer: late failures, waiting, odd forms of the same answer."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.dataplane.wire import DIALECTS
from gateway.simulator import running
from tests.e2e.matrix.cell import MODELS, WIRES, Cell, Got, Sites, config_for
from tests.e2e.matrix.nouns import Ask, Result, Round
from tests.e2e.matrix.talk import BASH
from tests.fakes.upstream import FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway

FOREIGN = [
    pytest.param(client, provider, id=f"{client}-{provider}")
    for client in WIRES
    for provider in WIRES
    if client != provider
]
OTHER = {client: "openai.chat" if client == "openai.responses" else "openai.responses" for client in WIRES}
"""For each client a provider of another dialect."""
TEXT = "This is the agentcc provider simulator."
KEEP_ALIVES = {
    "anthropic.messages": b"event: ping\n",
    "gemini.generate": b"\n",
    "bedrock.converse": DIALECTS["bedrock.converse"].keep_alive,
}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sites(fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with running() as simulator:
        config = config_for(simulator)
        config["server"]["timeouts"] = {"early_commit_ms": 200, "keep_alive_ms": 100}
        config["providers"] |= {
            "deepseek": {"api_key": "k", "base_url": f"{fake.url}/v1", "dialect": "openai.chat"},
            "late-chat": {"api_key": "k", "base_url": f"{fake.url}/v1", "dialect": "openai.chat"},
            "late-responses": {"api_key": "k", "base_url": f"{fake.url}/v1", "dialect": "openai.responses"},
        }
        for dialect in WIRES:
            row = {"api_key": "k", "base_url": f"{fake.url}/v1", "dialect": dialect}
            config["providers"]["broken-" + dialect.partition(".")[2]] = row
        with Gateway(tmp_path_factory.mktemp("edges"), config) as gateway:
            made = Sites(simulator, gateway, gateway, "")
            yield made
            made.close()


# === the same answer in other forms ===


@pytest.mark.parametrize(("client", "provider"), FOREIGN)
def test_a_whole_answer_to_a_stream(sites: Sites, client: str, provider: str) -> None:
    """Some providers answer with one JSON object although a stream was asked for: the client gets its stream."""
    cell = Cell(sites, client, provider, stream=True)
    assert cell.ask(Ask(prompt="[[sim:json]]")).seen.text.startswith(TEXT)


@pytest.mark.parametrize(("client", "provider"), FOREIGN)
def test_a_stream_without_usage(sites: Sites, client: str, provider: str) -> None:
    """The provider does not count: the stream is whole all the same."""
    got = Cell(sites, client, provider, stream=True).send(Ask(prompt="[[sim:no_usage]]"))
    assert got.seen.text.startswith(TEXT)
    assert got.seen.stop == "end"
    assert [one for one in got.seen.wrong if "usage" not in one] == []  # nobody knows it


@pytest.mark.parametrize(("client", "provider"), FOREIGN)
def test_bytes_that_come_one_by_one(sites: Sites, client: str, provider: str) -> None:
    """Calls side by side, with reasoning before them, cut at every byte."""
    cell = Cell(sites, client, provider, stream=True)
    got = cell.ask(Ask(prompt="[[sim:parallel chunk_bytes=1]]", tools=(BASH,)))
    assert [json.loads(call.arguments) for call in got.seen.calls] == [
        json.loads(call.arguments) for call in cell.truth().calls
    ]


@pytest.mark.parametrize("provider", [name for name in WIRES if name != "gemini.generate"])
def test_gemini_without_sse(sites: Sites, provider: str) -> None:
    """A stream without `alt=sse` is one JSON array of the same chunks; a failure is its last element."""
    url = f"{sites.gateway.url}/v1beta/models/{MODELS[provider]}:streamGenerateContent"

    def chunks(prompt: str) -> list[Any]:
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
        got = sites.http.post(url, json=body, headers={"x-goog-api-key": KEY})
        assert got.headers["content-type"].startswith("application/json")
        found: list[Any] = got.json()
        return found

    seen = WIRES["gemini.generate"].heard(chunks("[[sim:text]]"))
    assert (seen.text[: len(TEXT)], seen.stop, seen.wrong) == (TEXT, "end", [])
    broken = chunks("[[sim:cut after=6;token_ms=5]]")
    assert ["error" in chunk for chunk in broken] == [False] * (len(broken) - 1) + [True]


# === waiting ===


@pytest.mark.parametrize("client", WIRES)
def test_a_slow_provider(sites: Sites, client: str) -> None:
    """Keep-alives of the client's own form before and inside the stream; they are no part of the answer."""
    cell = Cell(sites, client, OTHER[client], stream=True)
    got = cell.ask(Ask(prompt="[[sim:slow_headers ms=450;base=text;first_token_ms=250;tokens=3;token_ms=150]]"))
    assert got.seen.text == "This is the"
    sign = KEEP_ALIVES.get(client, b": keep-alive\n\n")
    assert got.body.startswith(sign)
    assert got.body.count(sign) >= 3


@pytest.mark.parametrize("client", WIRES)
def test_a_failure_after_an_early_commit(sites: Sites, fake: FakeUpstream, client: str) -> None:
    """The headers had to leave before the provider refused: its words come as the one event of the stream."""
    fake.clear()
    answer = json_answer(b'{"error":{"message":"no room today","type":"server_error","code":null}}', 503)
    answer.hold_headers = threading.Event()
    fake.answers.append(answer)
    cell = Cell(sites, client, OTHER[client], stream=True)
    cell.model = "late-" + OTHER[client].partition(".")[2] + "/some-model"
    with cell.open(Ask(prompt="hi")) as stream:
        assert stream.status_code == 200
        time.sleep(0.05)
        answer.hold_headers.set()
        body = b"".join(stream.iter_raw())
    seen = cell.client.stream(body)
    assert len(seen.troubles) == 1
    assert "no room today" in seen.troubles[0].message
    assert seen.wrong == []


# === reasoning where it is a member of a Chat message ===

_HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "deepseek-reasoner"}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "bash", "arguments": '{"command":"ls"}'}}


def _thinking(*, stream: bool, calls: bool) -> Any:
    if not stream:
        message: dict[str, Any] = {"role": "assistant", "content": None, "reasoning_content": "Let me look."}
        message |= {"tool_calls": [_CALL]} if calls else {"content": "Done."}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        return json_answer(
            json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()
        )
    last: dict[str, Any] = {"tool_calls": [{"index": 0, **_CALL}]} if calls else {"content": "Done."}
    deltas = [{"role": "assistant", "reasoning_content": "Let "}, {"reasoning_content": "me look."}, last]
    chunks = [{**_HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
    chunks += [{**_HEAD, "choices": [end]}, {**_HEAD, "choices": [], "usage": _USAGE}]
    return sse(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("client", [name for name in WIRES if name != "openai.chat"])
def test_reasoning_content(sites: Sites, fake: FakeUpstream, client: str, stream: bool) -> None:
    """DeepSeek shows its thoughts there, and in a tool loop wants them back there: any client sees and returns them."""
    fake.clear()
    fake.answers += [_thinking(stream=stream, calls=True), _thinking(stream=stream, calls=False)]
    cell = Cell(sites, client, "openai.chat", stream=stream)
    cell.model = "deepseek/deepseek-reasoner"
    ask = Ask(prompt="look", tools=(BASH,), thinks=True)
    first = cell.ask(ask)
    assert first.seen.thoughts == "Let me look."
    (call,) = first.seen.calls
    got = cell.ask(replace(ask, rounds=(Round(first.seen.said, (Result(call, "README.md"),)),)))
    assert got.seen.text == "Done."
    said = json.loads(fake.received[1].body)["messages"][-2]
    assert said["reasoning_content"] == "Let me look."
    assert said["tool_calls"][0]["id"] == "call_1"


# === what a client may get wrong ===

_BROKEN: dict[str, tuple[Any, str]] = {
    # what each client sends, and the path that must be named
    "openai.responses": (
        {"input": [{"type": "message", "role": "robot", "content": "hi"}]},
        "input[0].role",
    ),
    "openai.chat": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]},
        "messages[0].content[0].text",
    ),
    "anthropic.messages": (
        {"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages[0].content[0].text",
    ),
    "gemini.generate": ({"contents": [{"role": "robot", "parts": [{"text": "hi"}]}]}, "contents[0].role"),
    "bedrock.converse": ({"messages": [{"role": "robot", "content": [{"text": "hi"}]}]}, "messages[0].role"),
}


@pytest.mark.parametrize(("client", "provider"), FOREIGN)
def test_a_wrong_request(sites: Sites, client: str, provider: str) -> None:
    """400 in the client's shape, with the JSON path of what is wrong; nothing is sent, nothing is billed."""
    cell = Cell(sites, client, provider, stream=False)
    body, path = _BROKEN[client]
    got = _post(cell, {"model": cell.model, **body})
    trouble = cell.client.trouble(got.status_code, got.headers, got.content)
    assert got.status_code == 400
    assert path in trouble.message
    assert sites.log() == []
    assert cell.record(Got(400, got.headers, b""))["outcome"] == "refused"


@pytest.mark.parametrize("provider", [name for name in WIRES if name != "openai.responses"])
def test_an_answer_that_another_provider_keeps(sites: Sites, provider: str) -> None:
    """`previous_response_id` means nothing elsewhere: it is refused by its name, not dropped."""
    cell = Cell(sites, "openai.responses", provider, stream=False)
    got = cell.send(Ask(prompt="hi", more={"previous_response_id": "resp_1"}))
    assert got.trouble is not None
    assert got.status == 400
    assert "previous_response_id" in got.trouble.message
    assert sites.log() == []


@pytest.mark.parametrize("provider", WIRES)
def test_counting_tokens(sites: Sites, provider: str) -> None:
    """A client's own count of a prompt is answered for any provider, by an estimate where that has no such route."""
    model, headers = MODELS[provider], {"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}
    hi: Any = [{"role": "user", "content": "How many tokens are these words?"}]
    google = {"contents": [{"role": "user", "parts": [{"text": hi[0]["content"]}]}]}
    for path, body, name in (
        ("/v1/messages/count_tokens", {"model": model, "messages": hi}, "input_tokens"),
        ("/v1/responses/input_tokens", {"model": model, "input": hi}, "input_tokens"),
        (f"/v1beta/models/{model}:countTokens", google, "totalTokens"),
    ):
        got = sites.http.post(sites.gateway.url + path, json=body, headers=headers)
        assert got.status_code == 200, got.text
        assert 3 < got.json()[name] < 100


@pytest.mark.parametrize("provider", [name for name in WIRES if name != "gemini.generate"])
def test_a_gemini_client_without_ids(sites: Sites, provider: str) -> None:
    """Older clients of Google send neither ids nor tell two calls of one tool apart: their order does."""
    cell = Cell(sites, "gemini.generate", provider, stream=False)
    ask = Ask(prompt="[[sim:parallel]]", tools=(BASH,))
    first = cell.ask(ask)
    for part in first.seen.said[0]["parts"]:
        part.get("functionCall", {}).pop("id", None)
    calls = [replace(call, id="") for call in first.seen.calls]
    got = cell.ask(
        replace(ask, rounds=(Round(first.seen.said, (Result(calls[0], "gave one"), Result(calls[1], "gave two"))),))
    )
    sent = cell.sent()[-1]
    assert [call.id for call in sent.calls] == [call_id for call_id, _ in sent.results]
    assert len({call.id for call in sent.calls}) == 2
    assert [text for _, text in sent.results] == ["gave one", "gave two"]
    assert "gave two" in got.seen.text


# === what a provider may get wrong ===


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("client", "provider"), FOREIGN)
@pytest.mark.parametrize(
    ("status", "body"),
    [(502, b"<html>Bad Gateway</html>"), (500, b""), (200, b"<html>Welcome</html>"), (200, b"{}"), (200, b"[]")],
    ids=["html-502", "empty-500", "html-200", "object-200", "array-200"],
)
def test_an_answer_that_is_none(
    sites: Sites, fake: FakeUpstream, client: str, provider: str, stream: bool, status: int, body: bytes
) -> None:
    """Whatever a provider sends in place of an answer becomes an error in the client's shape."""
    fake.clear()
    fake.default = json_answer(body, status)
    cell = Cell(sites, client, provider, stream=stream)
    cell.model = f"broken-{provider.partition('.')[2]}/some-model"
    got = cell.send(Ask(prompt="hi"))
    assert got.trouble is not None, got.body
    assert got.status == max(status, 502) or (status, got.status) == (500, 500)
    assert got.trouble.message


@pytest.mark.parametrize(("client", "provider"), FOREIGN)
def test_a_stream_that_ends_too_early_in_good_order(
    sites: Sites, fake: FakeUpstream, client: str, provider: str
) -> None:
    """Half of the events and then a regular end: one error event, for half an answer is none."""
    cell = Cell(sites, client, provider, stream=True)
    cell.ask(Ask(prompt="[[sim:text]]"))
    told = cell.told()
    split = sse_events if provider != "bedrock.converse" else frames
    pieces = split(told.content)
    answer = sse(*pieces[: len(pieces) // 2])
    answer.headers[0] = ("content-type", told.headers["content-type"])
    fake.clear()
    fake.answers.append(answer)
    cell.model = f"broken-{provider.partition('.')[2]}/some-model"
    got = cell.send(Ask(prompt="hi"))
    assert len(got.seen.troubles) == 1 or got.trouble is not None
    assert got.seen.wrong == []


def test_many_at_once(sites: Sites) -> None:
    """Exchanges of all pairs side by side: each client gets its own words."""
    pairs = [(client, provider) for client in WIRES for provider in WIRES]

    def one(pair: tuple[str, str]) -> bool:
        cell = Cell(sites, *pair, stream=True)
        words = f"for {pair[0]} from {pair[1]} " + "and so on " * 20
        return cell.ask(Ask(prompt=f"[[sim:text text={words};token_ms=2]]")).seen.text == words.strip()

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(one, pairs * 2)) == [True] * 2 * len(pairs)


def sse_events(stream: bytes) -> list[bytes]:
    """The bytes of each event."""
    end = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
    return [event + end for event in stream.split(end) if event]


def frames(stream: bytes) -> list[bytes]:
    """The bytes of each message of an AWS event stream."""
    found = []
    while stream:
        size = int.from_bytes(stream[:4])
        found.append(stream[:size])
        stream = stream[size:]
    return found


def _post(cell: Cell, body: dict[str, Any]) -> httpx.Response:
    url = cell.gateway.url + cell.client.path(cell.model, stream=False)
    return cell.sites.http.post(url, json=body, headers=cell.client.headers(KEY))

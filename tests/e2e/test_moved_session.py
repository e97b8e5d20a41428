"""A session begins on a model of another dialect and goes on on one whose provider speaks the client's own."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.simulator import running
from tests.e2e.matrix.cell import MODELS, WIRES, Cell, Sites, config_for
from tests.e2e.matrix.nouns import Ask, Result, Round
from tests.e2e.matrix.talk import BASH
from tests.harness import KEY, Gateway

MARK = "YWdlbnRjYw"
FIRST = {client: "anthropic.messages" if client.startswith("openai.") else "openai.responses" for client in WIRES}
"""For each client another vendor's provider, which reasons."""
THOUGHTS = {
    "openai.responses": "input.reasoning",
    "openai.chat": "messages.reasoning_content",
    "anthropic.messages": "messages.thinking",
    "gemini.generate": "contents.thought",
    "bedrock.converse": "messages.reasoningContent",
}
"""Where the client's own request has them: drops are named by it."""
STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
CLIENTS = pytest.mark.parametrize("client", WIRES)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    place = tmp_path_factory.mktemp("moved")
    with running() as simulator:
        strict = Gateway(place / "strict", config_for(simulator, translation="strict"))
        with Gateway(place / "report", config_for(simulator)) as gateway, strict:
            made = Sites(simulator, gateway, strict, "")
            yield made
            made.close()


def begun(sites: Sites, client: str, *, stream: bool) -> Ask:
    """What the client asks after a step on the first model: it gives back the thoughts and the result of a call."""
    first = Cell(sites, client, FIRST[client], stream=stream)
    ask = Ask(prompt="list the files here", tools=(BASH,), thinks=True)
    got = first.ask(ask)
    (call,) = got.seen.calls
    assert MARK in got.body.decode("latin-1")
    return replace(ask, rounds=(Round(got.seen.said, (Result(call, "README.md"),)),))


@STREAMS
@CLIENTS
def test_the_provider_gets_no_token(sites: Sites, client: str, stream: bool) -> None:
    """The call and its result are there; what the first model thought is not, and the client is told."""
    ask = begun(sites, client, stream=stream)
    cell = Cell(sites, client, client, stream=stream)
    got = cell.ask(ask)
    (entry,) = sites.log()
    (sent,) = cell.sent()
    assert MARK not in entry["body"]
    assert [text for _, text in sent.results] == ["README.md"]
    assert len(sent.calls) == 1
    assert got.drops[THOUGHTS[client]] == "other_vendor"
    assert cell.record(got)["outcome"] == "ok"
    if client in ("openai.responses", "openai.chat", "anthropic.messages"):
        assert json.loads(entry["body"])["model"] == MODELS[client].partition("/")[2]
    if client == "openai.chat" and stream:
        assert json.loads(entry["body"])["stream_options"] == {"include_usage": True}


@CLIENTS
def test_strict_refuses_it(sites: Sites, client: str) -> None:
    """400 in the client's shape; nothing is sent."""
    ask = begun(sites, client, stream=False)
    cell = Cell(sites, client, client, stream=False)
    cell.gateway = sites.strict
    got = cell.send(ask)
    assert got.trouble is not None
    assert got.status == 400
    assert "strict" in got.trouble.message
    assert sites.log() == []


@CLIENTS
def test_the_way_back_opens_it_again(sites: Sites, client: str) -> None:
    """The same history sent to the first model once more: nothing was lost meanwhile."""
    ask = begun(sites, client, stream=False)
    Cell(sites, client, client, stream=False).ask(ask)
    cell = Cell(sites, client, FIRST[client], stream=False)
    assert THOUGHTS[client] not in cell.ask(ask).drops
    assert cell.sent()[0].proofs


@CLIENTS
def test_words_that_mention_the_mark_pass_untouched(sites: Sites, client: str) -> None:
    """Byte by byte, but for the model's name."""
    cell = Cell(sites, client, client, stream=False)
    body = cell.client.body(Ask(prompt=f"what is {MARK}E= ?"), cell.model, stream=False)
    body["x_unknown"] = [1.50]
    content = json.dumps(body, indent=3).encode()
    url = sites.gateway.url + cell.client.path(cell.model, stream=False)
    got = sites.http.post(url, content=content, headers=cell.client.headers(KEY))
    assert got.status_code == 200
    assert sites.log()[0]["body"] == content.decode().replace(cell.model, MODELS[client].partition("/")[2])


def test_what_the_codec_cannot_read_is_the_providers_to_judge(sites: Sites) -> None:
    """A role that we do not know, and a mention of the mark: it goes on as it came."""
    cell = Cell(sites, "openai.chat", "openai.chat", stream=False)
    said = {"role": "robot", "content": f"{MARK}E"}
    body = {"model": cell.model, "messages": [said, {"role": "user", "content": "hi"}]}
    sites.http.post(sites.gateway.url + "/v1/chat/completions", json=body, headers=cell.client.headers(KEY))
    assert json.loads(sites.log()[0]["body"])["messages"][0] == said


@pytest.mark.parametrize(
    ("client", "path"),
    [
        ("anthropic.messages", "/v1/messages/count_tokens"),
        ("openai.responses", "/v1/responses/input_tokens"),
        ("openai.responses", "/v1/responses/compact"),
        ("gemini.generate", f"/v1beta/models/{MODELS['gemini.generate']}:countTokens"),
    ],
)
def test_counts_and_compaction_get_no_token_either(sites: Sites, client: str, path: str) -> None:
    """They carry the whole conversation too; Gemini's count wraps the request."""
    ask = begun(sites, client, stream=False)
    cell = Cell(sites, client, client, stream=False)
    body = cell.client.body(ask, cell.model, stream=False)
    for name in ("max_tokens", "stream"):
        body.pop(name, None)
    wrapped = {"generateContentRequest": {"model": "models/x", **body}} if client == "gemini.generate" else body
    got = sites.http.post(sites.gateway.url + path, json=wrapped, headers=cell.client.headers(KEY))
    (entry,) = sites.log()
    assert MARK not in entry["body"]
    under = "generateContentRequest." if client == "gemini.generate" else ""
    assert got.headers["x-agentcc-translation-drops"].startswith(under + THOUGHTS[client])
    sent = json.loads(entry["body"])
    assert sent.keys() == wrapped.keys()
    if client == "gemini.generate":
        assert sent["generateContentRequest"].keys() == {"model", *body}


def test_what_is_missing_without_the_thoughts_has_the_clients_own_path(sites: Sites) -> None:
    """The message of thoughts alone is gone, but the one that is at fault keeps its number."""
    ask = begun(sites, "anthropic.messages", stream=False)
    cell = Cell(sites, "anthropic.messages", "anthropic.messages", stream=False)
    body = cell.client.body(ask, cell.model, stream=False)
    said = next(turn for turn in body["messages"] if turn["role"] == "assistant")
    said["content"] = [part for part in said["content"] if MARK in json.dumps(part)]
    body["messages"] = [said, {"role": "user", "content": [{"type": "text", "text": ""}]}]
    got = sites.http.post(f"{sites.gateway.url}/v1/messages", json=body, headers=cell.client.headers(KEY))
    assert (got.status_code, sites.log()) == (400, [])
    assert "`messages[1].content` is empty" in got.json()["error"]["message"]

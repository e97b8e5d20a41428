"""The official SDKs of every client dialect on every provider dialect: the checks of tests/e2e/matrix, read by their types."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import boto3
import openai
import pydantic
import pytest
from botocore.config import Config
from google import genai
from google.genai import types

from gateway.simulator import running
from tests.clients.matrix.sdks import SDKS, Sdk
from tests.e2e.matrix.cell import MODELS, WIRES, Cell, Got, Sites, config_for
from tests.e2e.matrix.features import FEATURES
from tests.e2e.matrix.nouns import Ask
from tests.harness import KEY, Gateway

pytestmark = pytest.mark.clients

_CHECKS = (
    "text",
    "turns",
    "tool_loop",
    "parallel",
    "freeform",
    "namespaced",
    "thoughts",
    "proofs",
    "next_turn",
    "structured",
    "user_image",
    "result_image",
    "limit",
    "usage",
    "bad_request",
    "rate_limit",
    "overloaded",
    "late_overload",
    "cut",
    "closed",
)
_OF_BYTES = (
    "text",
    "turns",
    "limit",
    "usage",
    "bad_request",
    "rate_limit",
    "overloaded",
    "late_overload",
    "cut",
    "closed",
)
"""Where nothing is translated, what a request says is between the SDK and its provider."""
_CASES = [
    pytest.param(client, provider, mode, name, id=f"{client}-{provider}-{mode}-{name}")
    for client in WIRES
    for provider in WIRES
    for name in (_OF_BYTES if client == provider else _CHECKS)
    for mode in FEATURES[name].modes
]


class SdkCell(Cell):
    """A cell whose client is an official SDK."""

    def __init__(self, sites: Sites, sdk: Sdk, client: str, provider: str, *, stream: bool) -> None:
        super().__init__(sites, client, provider, stream=stream)
        self.sdk = sdk

    def send(self, ask: Ask) -> Got:
        body = self.client.body(ask, self.model, stream=self.stream)
        return self.sdk.send(body, self.model, stream=self.stream)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with running() as simulator, Gateway(tmp_path_factory.mktemp("sdks"), config_for(simulator)) as gateway:
        made = Sites(simulator, gateway, gateway, "")
        yield made
        made.close()


@pytest.fixture(scope="module")
def sdks(sites: Sites) -> Iterator[dict[str, Sdk]]:
    made = {name: sdk(sites.gateway.url, KEY) for name, sdk in SDKS.items()}
    yield made
    for sdk in made.values():
        sdk.close()


@pytest.mark.parametrize(("client", "provider", "mode", "name"), _CASES)
def test_cell(sites: Sites, sdks: dict[str, Sdk], client: str, provider: str, mode: str, name: str) -> None:
    """One feature of one pair."""
    FEATURES[name].check(SdkCell(sites, sdks[client], client, provider, stream=mode == "stream"))


# === what SDKs do beside sending and reading ===

_FOREIGN = [(client, provider) for client in WIRES for provider in WIRES if client != provider]
_TEXT = "This is the agentcc provider simulator."
_TOOL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


def _pairs(*clients: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("client", "provider"), [pair for pair in _FOREIGN if pair[0] in clients])


@_pairs("openai.responses")
def test_the_streaming_helper_of_responses(sites: Sites, client: str, provider: str) -> None:
    """`responses.stream` keeps a snapshot of the whole response and compares every event with it."""
    tools: Any = [{"type": "function", "name": "bash", "parameters": _TOOL, "strict": False}]
    asked: Any = {"model": MODELS[provider], "reasoning": {"effort": "high", "summary": "auto"}, "tools": tools}
    with openai.OpenAI(api_key=KEY, base_url=f"{sites.gateway.url}/v1", max_retries=0) as sdk:
        with sdk.responses.stream(**asked, input="[[sim:reasoning n=20]]") as events:
            final: Any = events.get_final_response()
        assert final.output_text.startswith(_TEXT)
        with sdk.responses.stream(**asked, input="[[sim:parallel]]") as events:
            calls: Any = [item for item in events.get_final_response().output if item.type == "function_call"]
    assert [json.loads(call.arguments)["command"][:9] for call in calls] == ["echo one ", "echo two "]


@_pairs("openai.chat")
def test_the_streaming_helper_of_chat(sites: Sites, client: str, provider: str) -> None:
    """`chat.completions.stream` adds up chunks and gives events of its own for text and arguments."""
    function: Any = {"type": "function", "function": {"name": "bash", "parameters": _TOOL}}
    asked: Any = {"model": MODELS[provider], "tools": [function], "stream_options": {"include_usage": True}}
    with openai.OpenAI(api_key=KEY, base_url=f"{sites.gateway.url}/v1", max_retries=0) as sdk:
        messages: Any = [{"role": "user", "content": "[[sim:reasoning n=20]]"}]
        with sdk.chat.completions.stream(**asked, messages=messages) as events:
            kinds = {event.type for event in events}
            final = events.get_final_completion()
        assert (final.choices[0].message.content or "").startswith(_TEXT)
        assert {"chunk", "content.delta", "content.done"} <= kinds
        assert final.usage is not None
        messages = [{"role": "user", "content": "[[sim:parallel]]"}]
        with sdk.chat.completions.stream(**asked, messages=messages) as events:
            calls: Any = events.get_final_completion().choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["command"][:9] for call in calls] == ["echo one ", "echo two "]


@_pairs("anthropic.messages")
def test_the_streaming_helper_of_messages(sites: Sites, client: str, provider: str) -> None:
    """`messages.stream` builds the message block by block."""
    tools: Any = [{"name": "bash", "input_schema": _TOOL}]
    asked: Any = {"model": MODELS[provider], "max_tokens": 8000, "tools": tools}
    asked["thinking"] = {"type": "enabled", "budget_tokens": 2000}
    with anthropic.Anthropic(api_key=KEY, base_url=sites.gateway.url, max_retries=0) as sdk:
        with sdk.messages.stream(**asked, messages=[{"role": "user", "content": "[[sim:reasoning n=20]]"}]) as events:
            text = "".join(events.text_stream)
            final: Any = events.get_final_message()
        assert text == "".join(block.text for block in final.content if block.type == "text")
        assert text.startswith(_TEXT)
        assert final.stop_reason == "end_turn"
        with sdk.messages.stream(**asked, messages=[{"role": "user", "content": "[[sim:parallel]]"}]) as events:
            calls: Any = [block for block in events.get_final_message().content if block.type == "tool_use"]
    assert [call.input["command"][:9] for call in calls] == ["echo one ", "echo two "]


@_pairs("gemini.generate")
def test_a_chat_session_of_google(sites: Sites, client: str, provider: str) -> None:
    """`chats` keeps every chunk as a content of its own; the provider reads the model's words in one piece all the same."""
    sites.reset()
    options = types.HttpOptions(base_url=sites.gateway.url)
    with genai.Client(api_key=KEY, http_options=options) as sdk:
        chat = sdk.chats.create(model=MODELS[provider])
        first = "".join(chunk.text or "" for chunk in chat.send_message_stream("[[sim:text]]"))
        assert first.startswith(_TEXT)
        assert "".join(chunk.text or "" for chunk in chat.send_message_stream("and then?"))
    sent = WIRES[provider].sent(json.loads(sites.log()[-1]["body"]))
    assert sent.said == first


class City(pydantic.BaseModel):
    """An answer with a form."""

    name: str
    inhabitants: int


@pytest.mark.parametrize("client", [name for name in WIRES if name != "bedrock.converse"])
@pytest.mark.parametrize(
    "provider", [name for name in WIRES if name != "bedrock.converse"]
)  # simulated without schemas
def test_parsing_helpers(sites: Sites, client: str, provider: str) -> None:
    """A pydantic model goes to any provider as its schema, and comes back as an object."""
    url, model = sites.gateway.url, MODELS[provider]
    asked: Any = {"model": model, "messages": [{"role": "user", "content": "a city"}]}
    made: Any
    if client == "gemini.generate":
        with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url)) as google:
            config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
            made = google.models.generate_content(model=model, contents="a city", config=config).parsed
    elif client == "anthropic.messages":
        with anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0) as messages:
            made = messages.messages.parse(**asked, max_tokens=200, output_format=City).parsed_output
    else:
        with openai.OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0) as sdk:
            if client == "openai.chat":
                made = sdk.chat.completions.parse(**asked, response_format=City).choices[0].message.parsed
            else:
                made = sdk.responses.parse(model=model, input="a city", text_format=City).output_parsed
    assert isinstance(made, City)


def test_async_clients(sites: Sites) -> None:
    """Streams of all four async SDKs at once, each on a provider of another dialect."""

    async def of_openai(sdk: openai.AsyncOpenAI) -> list[str]:
        events: Any = await sdk.responses.create(model=MODELS["anthropic.messages"], input="[[sim:text]]", stream=True)
        said = [event.delta async for event in events if event.type == "response.output_text.delta"]
        asked: Any = {"model": MODELS["gemini.generate"], "messages": [{"role": "user", "content": "[[sim:text]]"}]}
        chunks: Any = await sdk.chat.completions.create(**asked, stream=True)
        return ["".join(said), "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])]

    async def of_anthropic(sdk: anthropic.AsyncAnthropic) -> list[str]:
        asked: Any = {"model": MODELS["bedrock.converse"], "max_tokens": 100}
        async with sdk.messages.stream(**asked, messages=[{"role": "user", "content": "[[sim:text]]"}]) as events:
            return ["".join([text async for text in events.text_stream])]

    async def of_google(sdk: Any) -> list[str]:
        chunks = await sdk.models.generate_content_stream(model=MODELS["openai.responses"], contents="[[sim:text]]")
        return ["".join([chunk.text or "" async for chunk in chunks])]

    async def all_of_them() -> list[list[str]]:
        options = types.HttpOptions(base_url=sites.gateway.url)
        async with (
            openai.AsyncOpenAI(api_key=KEY, base_url=f"{sites.gateway.url}/v1") as first,
            anthropic.AsyncAnthropic(api_key=KEY, base_url=sites.gateway.url) as second,
            genai.Client(api_key=KEY, http_options=options).aio as third,
        ):
            return list(await asyncio.gather(of_openai(first), of_anthropic(second), of_google(third)))

    texts = [text for found in asyncio.run(all_of_them()) for text in found]
    assert [text.startswith(_TEXT) for text in texts] == [True] * 4


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_boto3_takes_our_key_from_the_environment(
    sites: Sites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AWS_BEARER_TOKEN_BEDROCK` is all that a program changes; boto3 sends bearer tokens over TLS only."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    config = config_for(sites.simulator)
    config["server"]["tls"] = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    with Gateway(tmp_path / "gateway", config) as gateway:
        sdk = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=gateway.url,
            verify=str(tmp_path / "cert.pem"),
            config=Config(retries={"total_max_attempts": 1}),
        )
        messages = [{"role": "user", "content": [{"text": "[[sim:text]]"}]}]
        made = sdk.converse(modelId=MODELS["openai.responses"], messages=messages)
        assert made["output"]["message"]["content"][0]["text"].startswith(_TEXT)
        streamed = sdk.converse_stream(modelId=MODELS["openai.responses"], messages=messages)
        deltas = [event["contentBlockDelta"]["delta"] for event in streamed["stream"] if "contentBlockDelta" in event]
        assert "".join(delta["text"] for delta in deltas).startswith(_TEXT)
        sdk.close()

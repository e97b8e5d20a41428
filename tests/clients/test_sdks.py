"""The official Python SDKs through a gateway onto the provider simulator: what a developer's own program sees."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import pydantic
import pytest
from google import genai
from google.genai import types

from gateway.simulator import running
from tests.clients.sdks import SDKS, Sdk
from tests.e2e.wires import PATHS, request
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import DENIED, KEY, Gateway, wait_until

pytestmark = pytest.mark.clients

TEXT = "the quick brown fox jumps over the lazy dog."
SLOW = "[[sim:slow_headers ms=800;first_token_ms=500]]"
"""Longer than `early_commit_ms` before the headers and than `keep_alive_ms` before the first token."""
KEEP_ALIVE = {"anthropic.messages": b"event: ping\n", "gemini.generate": b"\n"}


@pytest.fixture(scope="module")
def late() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def gateway(late: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running() as simulator:
        patience = {"keep_alive_ms": 150, "early_commit_ms": 300}
        config: dict[str, Any] = {
            "server": {"port": 0, "workers": 2, "drain_ms": 3000, "admin": {"port": 0}, "timeouts": patience},
            "providers": {
                name: {"api_key": f"upstream-{name}", "base_url": simulator}
                for name in ("openai", "anthropic", "gemini")
            },
            "models": {"unpriced": {"allow": ["late*"]}},
            "keys": {"alice": {"key": KEY, "user": "alice@acme.dev"}},
        }
        config["providers"] |= {
            "late": {
                "api_key": "none",
                "base_url": late.url,
                "dialect": ["openai.responses", "openai.chat"],
                "models": ["x"],
            },
            "late-a": {"api_key": "none", "base_url": late.url, "dialect": "anthropic.messages", "models": ["x"]},
        }
        with Gateway(tmp_path_factory.mktemp("sdks"), config) as started:
            yield started


@pytest.fixture(params=SDKS)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def sdk(gateway: Gateway, dialect: str) -> Iterator[Sdk]:
    made = SDKS[dialect](gateway.url, KEY)
    yield made
    made.close()


class _Journal:
    """The records that came since it was made."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._before = {r["request_id"] for r in gateway.records()}

    def new(self) -> list[dict[str, Any]]:
        return [r for r in self._gateway.records() if r["request_id"] not in self._before]


@pytest.fixture
def journal(gateway: Gateway) -> _Journal:
    return _Journal(gateway)


# === answers ===


def test_a_whole_answer(sdk: Sdk, journal: _Journal, dialect: str) -> None:
    """Text arrives; one record, with its cost."""
    assert sdk.ask("say it [[sim:text]]").endswith(TEXT)
    (record,) = journal.new()
    assert (record["outcome"], record["cost_basis"], record["cost_nusd"] > 0) == ("ok", "exact", True)
    assert (record["provider"], record["dialect"], record["is_stream"]) == (sdk.provider, dialect, False)
    assert record["principal"]["user"] == "alice@acme.dev"


def test_a_stream(sdk: Sdk, journal: _Journal) -> None:
    """Text arrives piece by piece; one record, with its cost."""
    pieces = [p for p in sdk.stream("say it [[sim:text]]") if p]
    assert len(pieces) > 5
    assert "".join(pieces).endswith(TEXT)
    (record,) = journal.new()
    assert (record["outcome"], record["cost_basis"], record["is_stream"]) == ("ok", "exact", True)


def test_async_clients(sdk: Sdk) -> None:
    """Eight exchanges at once on one event loop, whole and streamed."""

    async def streamed() -> str:
        return "".join([piece async for piece in sdk.stream_async("say it [[sim:text]]")])

    async def all_of_them() -> list[str]:
        asked = (sdk.ask_async("say it [[sim:text]]") for _ in range(4))
        return list(await asyncio.gather(*asked, *(streamed() for _ in range(4))))

    texts = asyncio.run(all_of_them())
    assert [text.endswith(TEXT) for text in texts] == [True] * 8


def test_parallel_tools(sdk: Sdk) -> None:
    """Two calls in one streamed answer, their results go back, and the model has seen both."""
    outputs = {
        f"echo {word} > parallel_sim_{n}.txt && cat parallel_sim_{n}.txt": word for n, word in ((1, "one"), (2, "two"))
    }
    commands, text = sdk.use_tools("do it [[sim:parallel]]", outputs)
    assert commands == list(outputs)
    assert text.startswith("SIM-DONE after 2 tool results")
    assert "one" in text
    assert "two" in text


class City(pydantic.BaseModel):
    """An answer with a form."""

    name: str
    inhabitants: int


def test_structured_output(gateway: Gateway) -> None:
    """A JSON schema of the SDK's own helper reaches the provider, and its answer is the typed object."""
    with openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1") as client:
        assert isinstance(client.responses.parse(model="gpt-5.5", input="a city", text_format=City).output_parsed, City)
        ask: Any = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "a city"}], "response_format": City}
        assert isinstance(client.chat.completions.parse(**ask).choices[0].message.parsed, City)
    with anthropic.Anthropic(api_key=KEY, base_url=gateway.url) as messages:
        ask = {"model": "claude-sonnet-4-6", "max_tokens": 200, "messages": [{"role": "user", "content": "a city"}]}
        assert isinstance(messages.messages.parse(**ask, output_format=City).parsed_output, City)
    with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url)) as gemini:
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
        made = gemini.models.generate_content(model="gemini-2.5-flash", contents="a city", config=config)
        assert isinstance(made.parsed, City)


def test_embeddings(gateway: Gateway, journal: _Journal) -> None:
    """Vectors arrive (the SDK asks for base64) and are priced by their input."""
    with openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1") as client:
        made = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=256)
    assert [len(row.embedding) for row in made.data] == [256, 256]
    (record,) = journal.new()
    assert (record["usage"]["input_tokens"], record["cost_nusd"] > 0) == (made.usage.prompt_tokens, True)


def test_lists_of_models(gateway: Gateway) -> None:
    """Each SDK pages through the same catalogue in its own form, and finds one by name."""
    with openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1") as client:
        assert "openai/gpt-5.5" in [m.id for m in client.models.list()]
        assert client.models.retrieve("openai/gpt-5.5").id == "openai/gpt-5.5"
    with anthropic.Anthropic(api_key=KEY, base_url=gateway.url) as messages:
        assert "anthropic/claude-sonnet-4-6" in [m.id for m in messages.models.list()]
        assert messages.models.retrieve("claude-sonnet-4-6").id == "claude-sonnet-4-6"
    with genai.Client(
        api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url, api_version="v1beta")
    ) as gemini:
        assert "models/gemini-2.5-flash" in [m.name for m in gemini.models.list()]


def test_google_lists_models_by_default(gateway: Gateway) -> None:
    """The path is OpenAI's too; the key's header (`x-goog-api-key`) tells whose SDK is asking."""
    with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url)) as gemini:
        assert "models/gemini-2.5-flash" in [m.name for m in gemini.models.list()]


def test_google_finds_a_model(gateway: Gateway) -> None:
    """One model in Google's own form."""
    with genai.Client(
        api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url, api_version="v1beta")
    ) as gemini:
        assert gemini.models.get(model="gemini-2.5-flash").name == "models/gemini-2.5-flash"


def test_counting_tokens_is_free(gateway: Gateway, journal: _Journal) -> None:
    """count_tokens of Anthropic and Google: an answer, a record, no cost."""
    with anthropic.Anthropic(api_key=KEY, base_url=gateway.url) as messages:
        counted = messages.messages.count_tokens(
            model="claude-sonnet-4-6", messages=[{"role": "user", "content": "hi"}]
        )
        assert counted.input_tokens > 0
    with genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=gateway.url)) as gemini:
        assert (gemini.models.count_tokens(model="gemini-2.5-flash", contents="hi").total_tokens or 0) > 0
    assert [(r["outcome"], r["cost_nusd"]) for r in journal.new()] == [("ok", 0)] * 2


# === errors ===


def _status(error: Any) -> int:
    return int(getattr(error, "status_code", 0) or getattr(error, "code", 0))


def test_a_wrong_key(gateway: Gateway, dialect: str, journal: _Journal) -> None:
    """The SDK's own exception with our words, and no second try although retries are allowed."""
    stranger = SDKS[dialect](gateway.url, DENIED, retries=2)
    with pytest.raises(stranger.refused, match="agentcc does not know this API key") as raised:
        stranger.ask("hello")
    stranger.close()
    assert _status(raised.value) == 401
    assert [(r["outcome"], r["error_code"], r["status"]) for r in journal.new()] == [("refused", "key_rejected", 401)]


def test_an_unknown_model(sdk: Sdk, journal: _Journal) -> None:
    """404 in the SDK's own exception, with the name that was asked for."""
    sdk.model = "nowhere/some-model"
    with pytest.raises(sdk.not_found, match="nowhere/some-model") as raised:
        sdk.ask("hello")
    assert _status(raised.value) == 404
    assert [r["error_code"] for r in journal.new()] == ["unknown_model"]


def test_a_rate_limit_with_retry_after_is_waited_for(gateway: Gateway, dialect: str, journal: _Journal) -> None:
    """The provider's 429 and Retry-After pass; the SDK waits as told and succeeds; both tries are recorded."""
    patient = SDKS[dialect](gateway.url, KEY, retries=2)
    assert patient.ask("say it [[sim:error status=429;retry_after=1;times=1]]").endswith(TEXT)
    patient.close()
    first, second = sorted(journal.new(), key=lambda r: str(r["ts"]))
    assert [(r["status"], r["outcome"]) for r in (first, second)] == [(429, "upstream_error"), (200, "ok")]
    assert first["cost_nusd"] == 0 < second["cost_nusd"]


def test_a_rate_limit_reaches_the_program(sdk: Sdk) -> None:
    """Without retries the provider's status and words are the exception's."""
    with pytest.raises(sdk.failed, match="slow down, please") as raised:
        sdk.ask("[[sim:error status=429;message=slow down, please]]")
    assert _status(raised.value) == 429


@pytest.mark.parametrize("dialect", [name for name in SDKS if name != "openai.responses"])
@pytest.mark.parametrize("fault", ["in_stream_error after=6;message=the model tripped", "cut after=6"])
def test_a_failure_in_mid_stream_is_raised(sdk: Sdk, journal: _Journal, fault: str) -> None:
    """The provider's error event, or ours for a stream that broke off, becomes the SDK's exception after the first text."""
    words = "the model tripped" if fault.startswith("in") else "closed the connection|before it was complete"
    pieces: list[str] = []
    with pytest.raises(sdk.failed, match=words):
        pieces.extend(sdk.stream(f"say it [[sim:{fault}]]"))
    assert any(pieces)
    (record,) = wait_until(journal.new)  # an SDK raises at the error's event, which is not the provider's last byte
    assert record["outcome"] == ("upstream_error" if fault.startswith("in") else "cut")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("in_stream_error after=6;message=the model tripped", "the model tripped"),
        ("cut after=6", "closed the connection"),
    ],
)
def test_a_failed_response_is_an_event(gateway: Gateway, fault: str, words: str) -> None:
    """The Responses API has a last event for it, `response.failed`, which its SDK hands over instead of raising."""
    with (
        openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0) as client,
        client.responses.create(model="gpt-5.5", input=f"say it [[sim:{fault}]]", stream=True) as events,
    ):
        seen = list(events)
    assert [e.type for e in seen].count("response.output_text.delta") >= 1
    last: Any = seen[-1]
    assert last.type == "response.failed"
    assert words in last.response.error.message


def test_the_streaming_helper_shows_why_a_response_failed(gateway: Gateway) -> None:
    """`client.responses.stream` checks that every response object of a stream has the id of the first."""
    with (
        openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0) as client,
        client.responses.stream(model="gpt-5.5", input="say it [[sim:cut after=6]]") as events,
    ):
        last: Any = list(events)[-1]
    assert "closed the connection" in last.response.error.message


# === time ===


def test_keep_alives_break_no_sdk(gateway: Gateway, sdk: Sdk, dialect: str) -> None:
    """Comments, pings and bare newlines, before and inside a slow stream, are not seen by the program, async or not."""
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}

    def raw() -> bytes:
        return httpx.post(
            gateway.url + PATHS[dialect], json=request(dialect, text=SLOW), headers=headers, timeout=20
        ).content

    async def text() -> str:
        return "".join([piece async for piece in sdk.stream_async(SLOW)])

    with ThreadPoolExecutor(3) as pool:  # at once, to be slow only once
        wire, plain = pool.submit(raw), pool.submit(lambda: "".join(sdk.stream(SLOW)))
        assert asyncio.run(text()).endswith(TEXT)
    assert plain.result().endswith(TEXT)
    sign = KEEP_ALIVE.get(dialect, b": keep-alive\n\n")
    assert wire.result().startswith(sign)
    assert wire.result().count(sign) >= 4


def test_a_whole_answer_may_be_slow(sdk: Sdk) -> None:
    """Nothing is sent early where no stream was asked for: status and headers stay true."""
    assert sdk.ask(SLOW).endswith(TEXT)


def test_a_failure_after_an_early_commit_is_raised(gateway: Gateway, late: FakeUpstream) -> None:
    """Headers had to leave before the provider refused: its words come as the stream's error event, and are raised."""
    late.clear()
    asked: Any = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    with openai.OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0) as client:
        refusal = _refused_late(late)
        with client.chat.completions.create(model="late/x", **asked) as chunks:
            refusal.set()
            with pytest.raises(openai.APIError, match="no room today"):
                list(chunks)
        refusal = _refused_late(late)
        with client.responses.create(model="late/x", input="hi", stream=True) as events:
            refusal.set()
            seen = list(events)
        assert [r.path for r in late.received] == ["/v1/chat/completions", "/v1/responses"]
        (last,) = seen
        assert last.type == "response.failed"
        assert "no room today" in str(last.response.error)
    with anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0) as messages:
        refusal = _refused_late(late)
        with messages.messages.create(model="late-a/x", max_tokens=9, **asked) as events:
            refusal.set()
            with pytest.raises(anthropic.APIStatusError, match="no room today"):
                list(events)


def _refused_late(late: FakeUpstream) -> threading.Event:
    """The next answer is a refusal, whose headers wait for the event."""
    answer = json_answer(b'{"type":"error","error":{"type":"overloaded_error","message":"no room today"}}', 503)
    answer.hold_headers = threading.Event()
    late.answers.append(answer)
    return answer.hold_headers


def test_a_stream_that_is_closed_early_is_recorded(sdk: Sdk, journal: _Journal) -> None:
    """A program that has read enough pays for what was streamed until then."""
    pieces = sdk.stream("[[sim:long n=2000;token_ms=20]]")
    assert next(piece for piece in pieces if piece)
    pieces.close()  # type: ignore[attr-defined]
    (record,) = wait_until(journal.new, what="the record")
    assert (record["outcome"], record["cost_basis"]) == ("disconnected", "estimated")
    assert record["cost_nusd"] > 0
    assert record["usage"]["output_tokens"] < 200

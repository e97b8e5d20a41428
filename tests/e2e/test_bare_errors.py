"""Google may tell an error in mid-stream as bare JSON, without `data:`; its own JS SDK looks for exactly that."""

import json
from pathlib import Path

import httpx
import pytest

from tests.e2e.wires import GEMINI, MESSAGES, PATHS, request
from tests.fakes.upstream import Answer, FakeUpstream, sse
from tests.harness import KEY, Gateway, config_for

WORDS = "The model is overloaded. Please try again later."
STREAM = GEMINI[0]
GOOGLES = "gemini/gemini-2.5-flash"
ENDS = [b"", b"\r\n\r\n"]


def bare(code: int = 503, status: str = "UNAVAILABLE", indent: int | None = None) -> bytes:
    """Google's error object."""
    return json.dumps({"error": {"code": code, "message": WORDS, "status": status}}, indent=indent).encode()


def record_of(gateway: Gateway, response: httpx.Response) -> dict:
    return gateway.record(response.headers["x-agentcc-request-id"])


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("indent", [None, 2])
def test_it_passes_as_it_came_and_is_the_records_failure(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, indent: int | None, end: bytes
) -> None:
    """A Gemini client reads what Google wrote, and nothing of ours after it."""
    error = bare(indent=indent) + end
    fake.answers.append(sse(STREAM, error))
    got = client.post(PATHS["gemini.generate"], json=request("gemini.generate"))
    assert got.content == STREAM + error
    record = record_of(gateway, got)
    assert (record["outcome"], record["error_code"]) == ("upstream_error", "upstream_failed")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("code", "status", "told"),
    [(503, "UNAVAILABLE", "overloaded_error"), (429, "RESOURCE_EXHAUSTED", "rate_limit_error")],
)
@pytest.mark.parametrize("chunk", [0, 7])
def test_a_messages_client_reads_its_words(
    gateway: Gateway,
    client: httpx.Client,
    fake: FakeUpstream,
    code: int,
    status: str,
    told: str,
    chunk: int,
    end: bytes,
) -> None:
    """In a translated stream it is the one terminal error, of its kind; whether or not a blank line follows it."""
    fake.answers.append(sse(STREAM, bare(code, status) + end, chunk=chunk))
    got = client.post(PATHS["anthropic.messages"], json=request("anthropic.messages") | {"model": GOOGLES})
    assert b'"Hel"' in got.content
    [last] = [part for part in got.content.split(b"\n\n") if part.startswith(b"event: error")]
    error = json.loads(last.partition(b"data: ")[2])["error"]
    assert error["type"] == told
    assert WORDS in error["message"]
    assert b"message_stop" not in got.content
    assert record_of(gateway, got)["outcome"] == "upstream_error"


@pytest.mark.parametrize("dialect", ["openai.responses", "openai.chat"])
def test_other_clients_read_its_words(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str) -> None:
    fake.answers.append(sse(STREAM, bare(), is_cut=True))
    got = client.post(PATHS[dialect], json=request(dialect) | {"model": GOOGLES})
    assert got.content.count(WORDS.encode()) == 1
    assert b"Hel" in got.content
    assert record_of(gateway, got)["outcome"] == "upstream_error"


def test_before_all_else_it_is_an_answer_with_its_status(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    fake.answers.append(sse(bare()))
    got = client.post(PATHS["anthropic.messages"], json=request("anthropic.messages") | {"model": GOOGLES})
    assert (got.status_code, got.json()["error"]["type"]) == (529, "overloaded_error")
    assert WORDS in got.json()["error"]["message"]


def test_the_array_form_stays_as_it_is(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Without `alt=sse` an error is an element of the array."""
    body = b'[{"candidates":[]},\n' + bare() + b"]"
    fake.answers.append(Answer(200, [("content-type", "application/json")], [body[:9], body[9:]]))
    got = client.post(PATHS["gemini.generate"].removesuffix("?alt=sse"), json=request("gemini.generate"))
    assert got.content == body
    assert record_of(gateway, got)["outcome"] == "upstream_error"


@pytest.mark.parametrize("dialect", ["gemini.generate", "anthropic.messages"])
def test_before_content_another_model_answers_in_its_place(fake: FakeUpstream, tmp_path: Path, dialect: str) -> None:
    """On both roads the client reads nothing of it."""
    config = config_for(fake.url)
    config["routing"] = {"default": {"chain": ["anthropic/claude-sonnet-4-5"]}}
    fake.answers += [sse(b'data: {"usageMetadata":{}}\r\n\r\n', bare()), sse(*MESSAGES)]
    with Gateway(tmp_path, config) as gateway:
        got = httpx.post(
            gateway.url + PATHS[dialect],
            json=request(dialect) | ({"model": GOOGLES} if dialect == "anthropic.messages" else {}),
            headers={"authorization": f"Bearer {KEY}"},
        )
    assert b"Hello" in got.content
    assert WORDS.encode() not in got.content
    assert got.headers["x-agentcc-model-used"] == "anthropic/claude-sonnet-4-5"

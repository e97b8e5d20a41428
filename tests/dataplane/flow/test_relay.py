"""What becomes of a provider's answer in its client's own dialect when the provider breaks its rules."""

import json
import threading
from typing import Any

import httpx
import pytest

from gateway import _native
from tests.dataplane.flow.asking import asked, cost_nusd, late, record_of, timed
from tests.e2e.wires import STREAMS
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import Gateway

DIALECTS = list(STREAMS)
SSE = ("content-type", "text/event-stream")
WORDS = b'{"error":{"message":"slow down","type":"rate_limit"}}'
WHOLE: dict[str, dict[str, Any]] = {
    "openai.responses": {"usage": {"input_tokens": 100, "output_tokens": 20}},
    "openai.chat": {"usage": {"prompt_tokens": 100, "completion_tokens": 20}},
    "anthropic.messages": {"usage": {"input_tokens": 100, "output_tokens": 20}},
    "gemini.generate": {"usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20}},
    "bedrock.converse": {"usage": {"inputTokens": 100, "outputTokens": 20}},
}
COST_NUSD = 100 * 1000 + 20 * 10_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_that_nobody_asked_for_is_an_error(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """A client that wants one JSON text never gets events; what the provider counted is paid, and the header says so."""
    fake.answers.append(sse(*STREAMS[dialect]))
    got = client.post(**asked(dialect, stream=False))
    assert (got.status_code, got.headers["content-type"]) == (502, "application/json")
    assert "event stream" in got.json()["error"]["message"]
    record = record_of(gateway, got)
    assert (record["status"], record["outcome"], record["cost_basis"]) == (502, "upstream_error", "exact")
    assert record["usage"]["output_tokens"] == 20
    assert cost_nusd(got) == record["cost_nusd"] > 0
    assert record["is_stream"] is False


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_an_error_told_as_an_event(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str, stream: bool
) -> None:
    """It is the provider's JSON error with its status and headers; nothing is charged."""
    answer = sse(b"event: error\ndata: " + WORDS + b"\n\n", headers=[("retry-after", "7")])
    answer.status = 429
    fake.answers.append(answer)
    got = client.post(**asked(dialect, stream=stream))
    assert (got.status_code, got.headers["retry-after"], got.content) == (429, "7", WORDS)
    assert got.headers["content-type"] == "application/json"
    record = record_of(gateway, got)
    assert (record["status"], record["outcome"], record["error_code"]) == (429, "upstream_error", "upstream_429")
    assert (record["cost_nusd"], record["cost_basis"]) == (0, "none")


def test_an_error_that_only_calls_itself_an_event_stream(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """Its words are not cut at an event's border that it does not have."""
    fake.answers.append(Answer(429, [SSE, ("retry-after", "7")], [WORDS]))
    got = client.post(**asked("openai.chat", stream=True))
    assert (got.status_code, got.headers["retry-after"], got.content) == (429, "7", WORDS)
    assert record_of(gateway, got)["error_code"] == "upstream_429"


def test_an_error_told_as_an_event_after_an_early_commit(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    answer = sse(b"event: error\ndata: " + WORDS + b"\n\n")
    answer.status = 429
    fake.answers.append(answer)
    got, body = late(client, asked("openai.responses", stream=True), answer)
    assert body.count(b"data: ") == 1
    assert b"response.failed" in body
    assert b'"slow down"' in body
    assert record_of(gateway, got)["error_code"] == "upstream_429"


@pytest.mark.parametrize(
    ("status", "error", "code", "words"),
    [
        (400, {"message": "no such tool"}, "invalid_prompt", "no such tool"),
        (400, {"message": "full", "code": "context_length_exceeded"}, "context_length_exceeded", "full"),
        (403, {"message": "not here"}, "inference_hook_denied", "not here"),
        (404, {"message": "no model", "code": "model_not_found"}, "model_not_found", "no model"),
        (429, {"message": "slow"}, "rate_limit_exceeded", "slow. Please try again in 7s."),
        (500, {"message": "sorry"}, "server_error", "sorry"),
        (400, {}, "invalid_prompt", "provider `openai` answered 400 without a word"),
    ],
)
def test_a_providers_error_after_an_early_commit_has_the_code_that_codex_obeys(
    client: httpx.Client, fake: FakeUpstream, status: int, error: dict[str, str], code: str, words: str
) -> None:
    """Its own status is lost with the head: without a code Codex would ask six times."""
    headers = [("retry-after", "7")] if status == 429 else []
    fake.answers.append(answer := json_answer(json.dumps({"error": error}).encode(), status, *headers))
    _, body = late(client, asked("openai.responses", stream=True), answer)
    told = json.loads(body.partition(b"data: ")[2])["response"]["error"]
    assert (told["code"], told["message"]) == (code, words)


# === one JSON text after an early commit ===


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_answer_after_an_early_commit_is_priced(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """The stream that was begun ends in one error event; the answer was made, so it is paid."""
    fake.answers.append(answer := json_answer(json.dumps(WHOLE[dialect]).encode()))
    got, body = late(client, asked(dialect, stream=True), answer)
    assert body.count(b"without the stream") == 1
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_nusd"], record["cost_basis"]) == ("upstream_error", COST_NUSD, "exact")


def test_an_early_commit_of_an_aws_event_stream(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Its type is told, what keeps it alive is a message of it, and so is its end."""
    fake.answers.append(answer := json_answer(json.dumps(WHOLE["bedrock.converse"]).encode()))
    answer.hold_headers = threading.Event()
    with client.stream("POST", **asked("bedrock.converse", stream=True)) as got:
        pieces = got.iter_raw()
        assert _native.split_eventstream(next(pieces))[0][1] == "keepAlive"
        answer.hold_headers.set()
        assert _native.split_eventstream(b"".join(pieces))[-1][0] == "exception"
    assert got.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert record_of(gateway, got)["cost_nusd"] == COST_NUSD


# === Gemini: an error counts only when it comes alone ===


@pytest.mark.parametrize("is_clean", [True, False], ids=["clean", "reset"])
def test_an_error_comes_alone(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, is_clean: bool) -> None:
    """Bare, in a chunk of its own, and late enough for a packet of its own: what Google's JS SDK reads at once must be JSON."""
    fake.answers.append(sse(STREAMS["gemini.generate"][0], is_cut=not is_clean))
    got, pieces = timed(client, asked("gemini.generate", stream=True))
    assert b"".join(piece for _, piece in pieces[:-1]) == STREAMS["gemini.generate"][0]
    assert next(iter(json.loads(pieces[-1][1]))) == "error"
    assert pieces[-1][0] - pieces[-2][0] > 0.1
    record = record_of(gateway, got)
    assert (record["outcome"], record["response_bytes"]) == ("cut", sum(len(piece) for _, piece in pieces))


# === Gemini without `alt=sse` ===

_FIRST = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
_USAGE = b'"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":20}'


def _array(*pieces: bytes, status: int = 200, is_cut: bool = False) -> Answer:
    return Answer(status, [("content-type", "application/json")], list(pieces), is_cut)


def test_an_error_in_an_array(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """It passes as it is, and is recorded as what it is."""
    pieces = (_FIRST, b',{"error":{"code":503,"message":"overloaded"},' + _USAGE + b"}]")
    fake.answers.append(_array(*pieces))
    got = client.post(**asked("gemini.generate", stream=True, is_array=True))
    assert got.content == b"".join(pieces)
    record = record_of(gateway, got)
    assert (record["outcome"], record["error_code"]) == ("upstream_error", "upstream_failed")
    assert record["cost_nusd"] == COST_NUSD


@pytest.mark.parametrize("is_clean", [True, False], ids=["clean", "reset"])
def test_an_array_that_is_never_closed(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, is_clean: bool
) -> None:
    """It gets an error as its last element, and its output is estimated from the bytes that came."""
    second = b',{"candidates":[{"content":{"parts":[{"text":"' + b"a" * 300 + b'"}]}}]}'
    fake.answers.append(_array(_FIRST, second, is_cut=not is_clean))
    got = client.post(**asked("gemini.generate", stream=True, is_array=True))
    chunks = got.json()
    assert ["error" in chunk for chunk in chunks] == [False, False, True]
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("cut", "estimated")
    assert record["usage"]["output_tokens"] >= 100


def test_an_error_in_place_of_an_array(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    body = b'[{"error":{"code":429,"message":"slow down"}}]'
    fake.answers.append(_array(body, b"\n", status=429))
    got = client.post(**asked("gemini.generate", stream=True, is_array=True))
    assert (got.status_code, got.content) == (429, body + b"\n")
    record = record_of(gateway, got)
    assert (record["status"], record["outcome"], record["cost_nusd"]) == (429, "upstream_error", 0)


# === words ===


@pytest.mark.parametrize("body", [[], [b'{"id":"r1"']], ids=["nothing", "half"])
def test_a_connection_that_closes_too_early_is_told_as_such(
    client: httpx.Client, fake: FakeUpstream, body: list[bytes]
) -> None:
    """Whether or not an answer had begun: nobody can say that it was in its middle."""
    fake.answers.append(Answer(200 if body else 0, body=list(body), is_cut=True))
    got = client.post(**asked("openai.responses", stream=False))
    assert "closed the connection before its answer was complete" in got.json()["error"]["message"]


@pytest.mark.parametrize("member", ["-3", '"many"', "true", '"-3"', '"12"'])
def test_a_count_that_cannot_be(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, member: str) -> None:
    """A usage whose main counts are no counts is none: the cost is an estimate and says so."""
    fake.answers.append(json_answer(b'{"usage":{"input_tokens":%s,"output_tokens":%s}}' % ((member.encode(),) * 2)))
    record = record_of(gateway, client.post(**asked("openai.responses", stream=False)))
    assert (record["cost_nusd"] > 0, record["cost_basis"]) == (True, "exact" if member == '"12"' else "estimated")

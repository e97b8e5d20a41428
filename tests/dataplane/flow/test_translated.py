"""What becomes of a provider's answer in another dialect than its client's when the provider breaks its rules."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from gateway import _native
from tests.dataplane.flow.asking import OWN, asked, cost_nusd, late, record_of, timed
from tests.e2e.test_bedrock import STREAM, streamed
from tests.e2e.wires import MESSAGES, event
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import Gateway

CLAUDE, GPT, NOVA = OWN["anthropic.messages"], OWN["openai.responses"], OWN["bedrock.converse"]
CLIENTS = [name for name in OWN if name != "anthropic.messages"]
"""Who speaks another dialect than Claude's provider."""
USAGE = {"input_tokens": 100, "output_tokens": 20}
WHOLE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "Hello"}], "usage": USAGE,
}  # fmt: skip
COST_NUSD = 100 * 1000 + 20 * 10_000
STREAM_COST_NUSD = COST_NUSD + 40 * 500
WORDS = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'


def whole() -> Answer:
    return json_answer(json.dumps(WHOLE).encode())


def text_of(dialect: str, answer: dict[str, Any]) -> str:
    """The words of a whole answer."""
    if dialect == "openai.responses":
        return str(answer["output"][0]["content"][0]["text"])
    if dialect == "openai.chat":
        return str(answer["choices"][0]["message"]["content"])
    if dialect == "gemini.generate":
        return str(answer["candidates"][0]["content"]["parts"][0]["text"])
    return str(answer["output"]["message"]["content"][0]["text"])


# === one answer in the other form ===


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_whole_answer_to_a_stream(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str) -> None:
    """It is told as a stream, whose headers leave when the cost is known: they say what the journal says."""
    fake.answers.append(whole())
    got = client.post(**asked(dialect, CLAUDE, stream=True))
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("ok", "exact")
    assert cost_nusd(got) == record["cost_nusd"] == COST_NUSD


@pytest.mark.parametrize("is_late", [True, False], ids=["late", "prompt"])
def test_a_whole_answer_to_an_array(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, is_late: bool) -> None:
    """A Gemini client without `alt=sse` gets a closed array, and its size is what the record says."""
    fake.answers.append(answer := whole())
    ask = asked("gemini.generate", CLAUDE, stream=True, is_array=True)
    got, body = late(client, ask, answer) if is_late else ((r := client.post(**ask)), r.content)
    assert json.loads(body)[-1]["candidates"][0]["finishReason"] == "STOP"
    assert record_of(gateway, got)["response_bytes"] == len(body.lstrip())


@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_stream_that_nobody_asked_for(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """Its events are put together to the one answer that the client wants."""
    fake.answers.append(sse(*MESSAGES))
    got = client.post(**asked(dialect, CLAUDE, stream=False))
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    assert text_of(dialect, got.json()) == "Hello"
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"], record["is_stream"]) == ("ok", "exact", False)
    assert cost_nusd(got) == record["cost_nusd"] == STREAM_COST_NUSD


@pytest.mark.parametrize("is_cut", [True, False], ids=["reset", "clean"])
def test_half_a_stream_that_nobody_asked_for(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, is_cut: bool
) -> None:
    """Half an answer is none; what the provider counted is booked, and the header says how much."""
    fake.answers.append(sse(*MESSAGES[:4], is_cut=is_cut))
    got = client.post(**asked("openai.chat", CLAUDE, stream=False))
    assert got.status_code == 502
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("cut", "estimated")
    assert cost_nusd(got) == record["cost_nusd"] > 100 * 1000


# === errors ===


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_an_error_told_as_an_event(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str, stream: bool
) -> None:
    """Its status, its words and when to try again reach the client as for any other error."""
    answer = sse(b"event: error\ndata: " + WORDS + b"\n\n", headers=[("retry-after", "7")])
    answer.status = 429
    fake.answers.append(answer)
    got = client.post(**asked(dialect, CLAUDE, stream=stream))
    assert (got.status_code, got.headers["retry-after"]) == (429, "7")
    assert "slow down" in got.text
    record = record_of(gateway, got)
    assert (record["status"], record["outcome"], record["error_code"]) == (429, "upstream_error", "upstream_429")
    assert (record["cost_nusd"], record["cost_basis"]) == (0, "none")


def test_an_error_that_only_calls_itself_an_event_stream(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """Its words are not cut at an event's border that it does not have."""
    fake.answers.append(Answer(429, [("content-type", "text/event-stream"), ("retry-after", "7")], [WORDS]))
    got = client.post(**asked("openai.chat", CLAUDE, stream=True))
    assert (got.status_code, got.headers["retry-after"]) == (429, "7")
    assert got.json()["error"]["message"] == "slow down"
    assert record_of(gateway, got)["error_code"] == "upstream_429"


FAILED = {
    "id": "resp_1",
    "status": "failed",
    "output": [],
    "error": {"code": "server_error", "message": "no luck"},
    "usage": USAGE,
}


def _failed() -> Answer:
    return json_answer(json.dumps(FAILED).encode())


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_failure_that_was_billed(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, stream: bool) -> None:
    """The provider says that it failed, and what it took all the same: that is booked, and the header says so."""
    fake.answers.append(_failed())
    got = client.post(**asked("anthropic.messages", GPT, stream=stream))
    assert got.status_code == 502
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("upstream_error", "exact")
    assert cost_nusd(got) == record["cost_nusd"] == COST_NUSD


def test_a_streamed_failure_that_was_billed(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    fake.answers.append(sse(event({"type": "response.failed", "response": FAILED}, "response.failed")))
    got = client.post(**asked("anthropic.messages", GPT, stream=True))
    assert got.status_code == 502
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("upstream_error", "exact")
    assert cost_nusd(got) == record["cost_nusd"] == COST_NUSD


def test_a_failure_at_once_costs_nothing(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Nothing was counted and nothing was said."""
    fake.answers.append(sse(b"event: error\ndata: " + WORDS + b"\n\n"))
    got = client.post(**asked("openai.chat", CLAUDE, stream=True))
    assert got.status_code == 429
    record = record_of(gateway, got)
    assert (record["cost_nusd"], record["cost_basis"]) == (0, "none")


@pytest.mark.parametrize("dialect", ["anthropic.messages", "gemini.generate", "bedrock.converse"])
def test_a_failure_in_place_of_a_stream_after_an_early_commit(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """Status 200, one JSON text that tells a failure: the stream that was begun ends in one error with its words."""
    fake.answers.append(answer := _failed())
    got, body = late(client, asked(dialect, GPT, stream=True), answer)
    assert body.count(b"no luck") == 1
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_nusd"]) == ("upstream_error", COST_NUSD)


def test_an_answer_that_is_none_but_was_billed(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    fake.answers.append(json_answer(json.dumps({"usage": USAGE}).encode()))
    got = client.post(**asked("openai.chat", CLAUDE, stream=False))
    assert got.status_code == 502
    record = record_of(gateway, got)
    assert (record["cost_nusd"], record["cost_basis"]) == (COST_NUSD, "exact")
    assert cost_nusd(got) == COST_NUSD


# === ends ===


@pytest.mark.parametrize("dialect", CLIENTS)
@pytest.mark.parametrize("keep", [1, 4])
def test_a_clean_end_before_the_answer_is_complete(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str, keep: int
) -> None:
    """It is a cut, as it is without translation, whether or not anything has reached the client."""
    fake.answers.append(sse(*MESSAGES[:keep]))
    got = client.post(**asked(dialect, CLAUDE, stream=True))
    record = record_of(gateway, got)
    assert (record["outcome"], record["error_code"], record["cost_basis"]) == ("cut", "cut", "estimated")
    assert record["cost_nusd"] > 0
    assert (got.status_code == 200) == (keep == 4)


_OVERLOADED = event({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "error")
_BROKEN = {
    "clean": sse(*MESSAGES[:4]),
    "reset": sse(*MESSAGES[:4], is_cut=True),
    "told": sse(*MESSAGES[:4], _OVERLOADED),
    "told at once": sse(b"".join([*MESSAGES[:4], _OVERLOADED])),
}


@pytest.mark.parametrize("how", _BROKEN)
def test_an_error_for_gemini_comes_alone(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, how: str) -> None:
    """Bare, in a chunk of its own, and late enough for a packet of its own: what Google's JS SDK reads at once must be JSON."""
    fake.answers.append(_BROKEN[how])
    got, pieces = timed(client, asked("gemini.generate", CLAUDE, stream=True))
    assert b"Hello" in b"".join(piece for _, piece in pieces[:-1])
    assert next(iter(json.loads(pieces[-1][1]))) == "error"
    assert pieces[-1][0] - pieces[-2][0] > 0.1
    assert record_of(gateway, got)["response_bytes"] == sum(len(piece) for _, piece in pieces)


@pytest.mark.parametrize("how", _BROKEN)
def test_an_error_in_an_array_of_gemini(gateway: Gateway, client: httpx.Client, fake: FakeUpstream, how: str) -> None:
    """It is the last element."""
    fake.answers.append(_BROKEN[how])
    got = client.post(**asked("gemini.generate", CLAUDE, stream=True, is_array=True))
    assert ["error" in chunk for chunk in got.json()] == [False, True]


# === frames that cannot be read ===


def _typed_as_sse() -> Answer:
    answer = streamed(b"".join(STREAM))
    answer.headers = [("content-type", "text/event-stream")]
    answer.body.append(b"\n\n")
    return answer


def _zipped() -> Answer:
    answer = streamed(gzip.compress(b"".join(STREAM)))
    answer.headers.append(("content-encoding", "gzip"))
    return answer


def _odd_headers() -> Answer:
    """A message of good checksums whose headers are none."""
    good = _native.eventstream_message([(":event-type", "x")], b"{}")
    headers = b"\x09bad"  # a name of nine bytes, of which three are there
    prelude = (16 + len(headers)).to_bytes(4) + len(headers).to_bytes(4)
    body = prelude + _crc(prelude) + headers
    assert _native.split_eventstream(good)
    return streamed(STREAM[0] + body + _crc(body))


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4)


@pytest.mark.parametrize("answer", [_typed_as_sse, _zipped, _odd_headers])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_frames_that_cannot_be_read(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, answer: Any, stream: bool
) -> None:
    """They are the provider's fault, and no bug of ours."""
    fake.answers.append(answer())
    got = client.post(**asked("openai.chat", NOVA, stream=stream))
    assert got.status_code == 502
    assert "event stream" in got.json()["error"]["message"]
    record = record_of(gateway, got)
    assert (record["outcome"], record["error_code"]) == ("cut", "upstream_protocol_error")
    assert gateway.logs("bug") == []

"""Bedrock as client and as provider: paths, signatures and event streams pass as AWS has them."""

import json

import httpx

from gateway import _native
from gateway.dataplane.providers import sign
from gateway.dataplane.providers.auth import AwsKeys
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import Gateway

MODEL = "test-claude-v1:0"
PATH = f"/model/bedrock%2F{MODEL.replace(':', '%3A')}/converse"
BODY = b'{"messages": [{"role":"user","content":[{"text":"h\\u00e9"}]}], "x_new": 1.50}'
USAGE = {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120}


def frame(kind: str, fields: dict, message_type: str = "event") -> bytes:
    """One message of the stream."""
    headers = [(f":{message_type}-type", kind), (":content-type", "application/json"), (":message-type", message_type)]
    return _native.eventstream_message(headers, json.dumps(fields).encode())


def streamed(data: bytes, chunk: int = 0) -> Answer:
    """An answer of these bytes, in pieces of `chunk`."""
    size = chunk or len(data)
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return Answer(200, [("content-type", "application/vnd.amazon.eventstream")], list(pieces))


STREAM = [
    frame("messageStart", {"role": "assistant"}),
    frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hällo"}, "p": "abc"}),
    frame("contentBlockStop", {"contentBlockIndex": 0}),
    frame("messageStop", {"stopReason": "end_turn"}),
    frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
]


def test_a_whole_answer_passes_and_the_request_is_signed(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    answer = json.dumps({"output": {"message": {"role": "assistant", "content": []}}, "usage": USAGE}).encode()
    fake.answers.append(json_answer(answer))
    got = client.post(PATH, content=BODY, headers={"content-type": "application/json"})
    assert (got.status_code, got.content) == (200, answer)
    sent = fake.received[0]
    assert sent.body == BODY
    assert sent.path == f"/model/{MODEL.replace(':', '%3A')}/converse"
    headers = [(n, v) for n, v in sent.headers if n not in ("authorization", "x-amz-date", "host", "content-length")]
    expected = dict(
        sign(
            "POST", fake.url + sent.path, headers, sent.body, AwsKeys("AKIDEXAMPLE", "not-a-real-secret"), "us-east-1",
            sent.header("x-amz-date"),
        )
    )  # fmt: skip
    assert sent.header("authorization") == expected["authorization"]
    record = gateway.record(got.headers["x-agentcc-request-id"])
    assert (record["usage"], record["cost_basis"]) == ({"input_tokens": 100, "output_tokens": 20}, "exact")


def test_an_event_stream_passes_byte_by_byte(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    for chunk in (0, 1, 7):
        fake.clear()
        fake.answers.append(streamed(b"".join(STREAM), chunk))
        got = client.post(PATH + "-stream", content=BODY)
        assert got.status_code == 200
        assert got.headers["content-type"] == "application/vnd.amazon.eventstream"
        assert got.content == b"".join(STREAM)
        record = gateway.record(got.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["usage"]["output_tokens"], record["cost_basis"]) == ("ok", 20, "exact")


def test_a_cut_event_stream_ends_in_one_exception(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    fake.answers.append(streamed(b"".join(STREAM[:2])))
    got = client.post(PATH + "-stream", content=BODY)
    messages = _native.split_eventstream(got.content)
    assert [kind for kind, _, _ in messages] == ["event", "event", "exception"]
    assert gateway.record(got.headers["x-agentcc-request-id"])["outcome"] == "cut"


def test_an_unknown_key_is_refused_as_the_sdks_read_it(gateway: Gateway, fake: FakeUpstream) -> None:
    got = httpx.post(gateway.url + PATH, content=BODY, headers={"authorization": "Bearer sk-agentcc-wrong"})
    assert got.status_code == 401
    assert got.json()["__type"] == "AccessDeniedException"
    assert not fake.received

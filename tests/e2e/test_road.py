"""What a client sees of one exchange, and what the journal keeps of it; same dialect on both sides."""

import gzip
import json
import socket
import threading
import time

import httpx
import pytest
import zstandard

from tests.e2e.wires import DIALECTS, MODELS, PATHS, RESPONSES, STREAMS, event, request, without_comments
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, wait_until

FIVE = ("x-agentcc-model-used", "x-agentcc-cost", "x-agentcc-latency-ms", "x-agentcc-provider", "x-agentcc-cache")
USAGE = b'"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":40},"output_tokens":20}'


def record_of(gateway: Gateway, response: httpx.Response) -> dict:
    return gateway.record(response.headers["x-agentcc-request-id"])


def test_a_whole_answer_passes_with_exact_cost(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Bytes of request and answer are the client's and the provider's own; cost is in the header and in the journal."""
    body = b'{ "model":"openai/gpt-4.1-mini",\t"input":"h\\u00e9", "x_new":1.50, "temperature":1e0}'
    answer = b'{"id":"r1", "x_unknown":[1.0],' + USAGE + b"}"
    fake.answers.append(json_answer(answer, 200, ("x-request-id", "req-upstream"), ("openai-model", "gpt-4.1-mini-x")))
    got = client.post("/v1/responses", content=body, headers={"content-type": "application/json", "x-custom": "yes"})
    assert (got.status_code, got.content) == (200, answer)
    sent = fake.received[0]
    assert sent.path == "/v1/responses"
    assert sent.body == body.replace(b'"openai/gpt-4.1-mini"', b'"gpt-4.1-mini"')
    assert sent.header("authorization") == "Bearer sk-upstream-openai"
    assert sent.header("x-custom") == "yes"
    assert KEY not in str(sent.headers)
    assert got.headers["x-request-id"] == "req-upstream"
    assert got.headers["openai-model"] == "openai/gpt-4.1-mini"
    # 60 uncached × 0.4 + 40 cached × 0.1 + 20 out × 1.6 USD per million
    assert got.headers["x-agentcc-cost"] == "0.000060"
    record = record_of(gateway, got)
    assert (record["cost_nusd"], record["cost_basis"], record["outcome"]) == (60_000, "exact", "ok")
    assert record["principal"]["user"] == "alice@acme.dev"
    assert (record["model_used"], record["provider"]) == ("openai/gpt-4.1-mini", "openai")
    assert (record["usage"]["input_tokens"], record["usage"]["cache_read_tokens"]) == (60, 40)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("chunk", [0, 1, 7])
def test_a_stream_passes_unchanged(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str, chunk: int
) -> None:
    """However the provider's bytes are cut, the client gets the same events, and usage is exact."""
    events = STREAMS[dialect]
    fake.answers.append(sse(*events, chunk=chunk))
    got = client.post(PATHS[dialect], json=request(dialect))
    assert got.status_code == 200
    assert without_comments(got.content) == b"".join(events)
    for name in FIVE:
        assert name in got.headers
    record = record_of(gateway, got)
    usage = record["usage"]
    assert (record["outcome"], record["cost_basis"], record["is_stream"]) == ("ok", "exact", True)
    assert (usage["cache_read_tokens"], usage["output_tokens"]) == (40, 20)
    assert usage["input_tokens"] == (100 if dialect == "anthropic.messages" else 60)
    if dialect != "gemini.generate":
        comment = got.content.split(b": x-agentcc-cost ")[1].split(b"\n")[0].decode()
        assert round(float(comment) * 1e9) == record["cost_nusd"] > 0
    else:
        assert b": " not in got.content.replace(b'": ', b"").replace(b"data: ", b"")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("keep", [1, 2])
def test_a_cut_stream_ends_in_one_error_event(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str, keep: int
) -> None:
    """After whole events and half of one, the client gets the whole ones and exactly one well-formed terminal event."""
    events = STREAMS[dialect]
    keep = min(keep, len(events) - 1)
    fake.answers.append(sse(*events[:keep], events[keep][: len(events[keep]) // 2], is_cut=True))
    got = client.post(PATHS[dialect], json=request(dialect))
    sent = b"".join(events[:keep])
    assert got.content.startswith(sent)
    tail = got.content[len(sent) :]
    if dialect != "gemini.generate":  # whose errors stand bare
        assert tail.count(b"data: ") == 1
        tail = tail.partition(b"data: ")[2]
    data = json.loads(tail)
    error = data["response"]["error"] if dialect == "openai.responses" else data["error"]
    assert "closed the connection" in error["message"] or "complete" in error["message"]
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_basis"]) == ("cut", "estimated")
    assert record["cost_nusd"] > 0


def test_an_early_eof_without_the_terminal_event_is_a_cut(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """A clean end of the body is not the end of a Responses stream."""
    fake.answers.append(sse(*RESPONSES[:3]))
    got = client.post("/v1/responses", json=request("openai.responses"))
    assert b"response.failed" in got.content
    assert record_of(gateway, got)["outcome"] == "cut"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_silent_stream_is_kept_alive_and_then_ended(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """Keep-alives come in the dialect's own form; they do not save a dead upstream from its idle timeout."""
    answer = sse(STREAMS[dialect][0])
    answer.body.append(threading.Event())  # never set
    fake.answers.append(answer)
    began = time.monotonic()
    got = client.post(PATHS[dialect], json=request(dialect))
    assert 1.0 < time.monotonic() - began < 5
    rest = got.content.removeprefix(STREAMS[dialect][0])
    alive = {"anthropic.messages": b"event: ping\ndata: {", "gemini.generate": b"\n"}.get(dialect, b": keep-alive\n\n")
    assert rest.startswith(alive)
    assert b"fell silent" in rest
    assert record_of(gateway, got)["outcome"] == "cut"


def test_a_slow_start_is_committed_early(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Headers leave after `early_commit_ms` with the planned model, keep-alives follow, then the stream as usual."""
    gate = threading.Event()
    answer = sse(*RESPONSES)
    answer.hold_headers = gate
    fake.answers.append(answer)
    with client.stream("POST", "/v1/responses", json=request("openai.responses")) as got:
        assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini"
        pieces = got.iter_raw()
        assert next(pieces).startswith(b": keep-alive")
        gate.set()
        rest = b"".join(pieces)
    assert rest.endswith(RESPONSES[-1])
    assert record_of(gateway, got)["outcome"] == "ok"


def test_a_failure_after_an_early_commit_is_an_error_event(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """The status can no longer tell, so the dialect's error event does, with the provider's words."""
    gate = threading.Event()
    answer = json_answer(b'{"error":{"message":"upstream says no"}}', 500)
    answer.hold_headers = gate
    fake.answers.append(answer)
    with client.stream("POST", "/v1/responses", json=request("openai.responses")) as got:
        gate.set()
        body = b"".join(got.iter_raw())
    assert got.status_code == 200
    assert b"response.failed" in body
    assert b"upstream says no" in body
    assert record_of(gateway, got)["outcome"] == "upstream_error"


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Answer(status=0), 502, "upstream_protocol_error"),
        (Answer(hold_headers=threading.Event()), 504, "upstream_timeout"),
    ],
    ids=["closed", "silent"],
)
def test_no_answer_is_a_gateway_error(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, answer: Answer, status: int, code: str
) -> None:
    """A provider that closes or stays silent becomes 502 or 504 in the client's dialect, with one record."""
    fake.default = answer
    got = client.post("/v1/responses", json=request("openai.responses", stream=False))
    assert (got.status_code, got.json()["error"]["agentcc"]["code"]) == (status, code)
    assert record_of(gateway, got)["error_code"] == code


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_error_passes_as_it_is(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, dialect: str
) -> None:
    """Status, body, Retry-After and rate-limit headers reach the client; nothing is charged."""
    body = b'{"error":{"message":"slow down","x":1}}'
    fake.answers.append(json_answer(body, 429, ("retry-after", "7"), ("x-ratelimit-remaining-tokens", "0")))
    got = client.post(PATHS[dialect], json=request(dialect))
    assert (got.status_code, got.content, got.headers["retry-after"]) == (429, body, "7")
    assert got.headers["x-ratelimit-remaining-tokens"] == "0"
    record = record_of(gateway, got)
    assert (record["outcome"], record["cost_nusd"], record["status"]) == ("upstream_error", 0, 429)


@pytest.mark.parametrize("moment", ["before the headers", "in the stream"])
def test_a_leaving_client_cancels_the_provider(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, moment: str
) -> None:
    """Within 100 ms of its leaving the upstream connection is closed, and the spend so far is booked."""
    answer = sse(*RESPONSES[:3])
    if moment == "before the headers":
        answer.hold_headers = threading.Event()
    else:
        answer.body.append(threading.Event())
    fake.answers.append(answer)
    before = len(gateway.records())
    while fake.disconnected.acquire(blocking=False):
        pass
    while fake.got_request.acquire(blocking=False):
        pass
    with raw_post(gateway, "/v1/responses", request("openai.responses")) as leaving:
        assert fake.got_request.acquire(timeout=5)
        if moment == "in the stream":
            assert b"text/event-stream" in leaving.recv(65536)
    left = time.monotonic()
    assert fake.disconnected.acquire(timeout=2)
    assert time.monotonic() - left < 0.15  # 100 ms and the clocks of two processes on a busy machine
    records = wait_until(lambda: (r := gateway.records()) and len(r) > before and r, what="the record")
    record = max(records, key=lambda r: r["ts"])
    assert (record["outcome"], record["cost_basis"]) == ("disconnected", "estimated")
    assert record["cost_nusd"] > 0


def raw_post(gateway: Gateway, path: str, body: dict) -> socket.socket:
    """A request on a socket of our own, which can be closed at any moment."""
    host, port = gateway.url.removeprefix("http://").split(":")
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(data)}\r\n\r\n"
    raw = socket.create_connection((host, int(port)), timeout=10)
    raw.sendall(head.encode() + data)
    return raw


def test_an_answer_past_the_limit_ends_with_one_error(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """`max_response_bytes` bounds what one answer may hold, streamed or whole."""
    big = b"event: response.x\ndata: " + json.dumps({"type": "response.x", "p": "y" * 60_000}).encode() + b"\n\n"
    fake.answers.append(sse(*[big] * 30))
    got = client.post("/v1/responses", json=request("openai.responses"))
    assert got.content.count(b"response.failed") == 2
    assert b"larger than the gateway allows" in got.content
    assert len(got.content) < 1_200_000
    fake.answers.append(json_answer(b'{"x":"' + b"y" * 2_000_000 + b'"}'))
    whole = client.post("/v1/responses", json=request("openai.responses", stream=False))
    assert (whole.status_code, whole.json()["error"]["agentcc"]["code"]) == (502, "response_too_large")


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_compressed_request_bodies_are_read(client: httpx.Client, fake: FakeUpstream, encoding: str) -> None:
    """A ChatGPT-login Codex compresses its bodies; the provider gets them plain."""
    plain = json.dumps(request("openai.responses", stream=False)).encode()
    packed = zstandard.compress(plain) if encoding == "zstd" else gzip.compress(plain)
    fake.answers.append(json_answer(b"{" + USAGE + b"}"))
    got = client.post("/v1/responses", content=packed, headers={"content-encoding": encoding})
    assert got.status_code == 200
    assert json.loads(fake.received[0].body)["input"] == "hi"
    assert fake.received[0].header("content-encoding") == ""


def test_a_chat_stream_reports_usage_that_the_client_did_not_ask_for(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """We ask the provider for the usage chunk and keep it from a client that would not expect it."""
    events = STREAMS["openai.chat"]
    fake.answers.append(sse(*events))
    body = request("openai.chat")
    del body["stream_options"]
    got = client.post("/v1/chat/completions", json=body)
    assert json.loads(fake.received[0].body)["stream_options"] == {"include_usage": True}
    assert without_comments(got.content) == b"".join(events[:3] + events[4:])
    assert record_of(gateway, got)["cost_basis"] == "exact"


def test_embeddings_and_aliases_and_count_tokens(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """The other routes take the same road."""
    fake.answers.append(json_answer(b'{"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}'))
    got = client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "x"})
    assert record_of(gateway, got)["usage"]["input_tokens"] == 8
    fake.answers.append(json_answer(b"{" + USAGE + b"}"))
    got = client.post("/openai/v1/responses", json={"model": "my-alias", "input": "x"})
    assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini"
    fake.answers.append(json_answer(b'{"input_tokens":5}'))
    got = client.post("/v1/messages/count_tokens?beta=true", json=request("anthropic.messages", stream=False))
    assert fake.received[-1].path == "/v1/messages/count_tokens?beta=true"
    assert (got.json(), record_of(gateway, got)["cost_nusd"]) == ({"input_tokens": 5}, 0)


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "authorization"])
def test_the_key_is_found_wherever_a_client_puts_it(gateway: Gateway, fake: FakeUpstream, header: str) -> None:
    """Bearer, x-api-key and x-goog-api-key name the same principal, and none of them reaches the provider."""
    fake.answers.append(json_answer(b"{}"))
    value = f"Bearer {KEY}" if header == "authorization" else KEY
    got = httpx.post(
        f"{gateway.url}/v1/messages", json=request("anthropic.messages", stream=False), headers={header: value}
    )
    assert got.status_code == 200
    assert KEY not in str(fake.received[0].headers)
    assert fake.received[0].header("x-api-key") == "sk-upstream-anthropic"


def test_models_are_listed_for_every_client(client: httpx.Client) -> None:
    """OpenAI's `data` and Codex's `models` in one answer; each name can be asked for."""
    got = client.get("/v1/models?client_version=0.169.0").json()
    names = {m["id"] for m in got["data"]}
    assert {"my-alias", "openai/gpt-4.1-mini"} <= names
    assert all(m["slug"].split("/")[0] != "openai" for m in got["models"])
    assert client.get("/v1/models/my-alias").json()["id"] == "my-alias"
    assert client.get("/v1beta/models").json()["models"][0]["name"].startswith("models/")
    assert MODELS["openai.chat"] in names


def test_a_gemini_stream_without_sse_passes_as_the_array_it_is(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream
) -> None:
    """Without `alt=sse` Gemini streams one JSON array; its pieces are not held back, and its usage is found."""
    gate = threading.Event()
    first = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    rest = b',\n{"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":20}}]'
    fake.answers.append(Answer(200, [("content-type", "application/json")], [first, gate, rest]))
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    with client.stream("POST", path, json=request("gemini.generate")) as got:
        pieces = got.iter_raw()
        assert next(pieces) == first
        gate.set()
        assert b"".join(pieces) == rest
    record = record_of(gateway, got)
    assert (record["usage"]["output_tokens"], record["cost_basis"], record["outcome"]) == (20, "exact", "ok")


def test_the_model_that_answered_sets_the_price(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """A name may be served by a snapshot of another price; what the operator wrote always stands."""
    usage = b'"usage":{"prompt_tokens":1000,"completion_tokens":0}}'
    costs = []
    for answered in (b"gpt-4o", b"gpt-4o-2024-05-13"):
        fake.answers.append(json_answer(b'{"model":"' + answered + b'",' + usage))
        got = client.post("/v1/chat/completions", json={"model": "openai/gpt-4o", "messages": []})
        costs.append(record_of(gateway, got)["cost_nusd"])
    assert costs == [2_500_000, 5_000_000]


@pytest.mark.parametrize("tier", ["flex", "priority", "default"])
def test_a_chat_stream_is_priced_by_its_service_tier(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, tier: str
) -> None:
    """As a whole answer is: every chunk names the tier that served it."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    fake.answers.append(json_answer(json.dumps({"usage": usage, "service_tier": tier}).encode()))
    body = {**request("openai.chat"), "model": "openai/gpt-5-mini"}
    whole = record_of(gateway, client.post("/v1/chat/completions", json={**body, "stream": False}))
    chunks = [event({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "service_tier": tier}),
              event({"choices": [], "service_tier": tier, "usage": usage}), b"data: [DONE]\n\n"]  # fmt: skip
    fake.answers.append(sse(*chunks))
    stream = record_of(gateway, client.post("/v1/chat/completions", json=body))
    assert (stream["cost_nusd"], stream["cost_basis"]) == (whole["cost_nusd"], "exact")
    assert stream["usage"].get("service_tier", "default") == tier
    assert (stream["cost_nusd"] == 450_000) == (tier == "default")


@pytest.mark.parametrize("is_stream", [False, True])
def test_an_advisor_is_priced_as_its_own_model(
    gateway: Gateway, client: httpx.Client, fake: FakeUpstream, is_stream: bool
) -> None:
    """Anthropic lists what the advisor took beside the messages, with its model."""
    rows = [{"type": "message", "input_tokens": 1000, "output_tokens": 0},
            {"type": "advisor_message", "model": "claude-opus-4-7", "input_tokens": 1000, "output_tokens": 0}]  # fmt: skip
    usage = {"input_tokens": 1000, "output_tokens": 0, "iterations": rows}
    events = [
        event({"type": "message_start", "message": {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 1000}}}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
        event({"type": "message_stop"}),
    ]
    whole = json_answer(json.dumps({"type": "message", "model": "claude-sonnet-4-5", "usage": usage}).encode())
    fake.answers.append(sse(*events) if is_stream else whole)
    record = record_of(gateway, client.post("/v1/messages", json=request("anthropic.messages", stream=is_stream)))
    assert (record["usage"]["input_tokens"], record["cost_basis"]) == (2000, "exact")
    assert record["cost_nusd"] == 1000 * 3000 + 1000 * 5000
    assert record["usage"]["others"] == [{"input_tokens": 1000, "model": "claude-opus-4-7"}]

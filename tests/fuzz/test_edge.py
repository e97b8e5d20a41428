"""The edge over raw sockets: whatever comes in gets an answer below 500 or a closed connection, and the worker lives."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for

CORPUS = [pytest.param(file, id=file.name) for file in sorted((Path(__file__).parent / "corpus" / "edge").iterdir())]
"""Requests as raw bytes; `$KEY` stands for a good key. Each ends the connection or says `connection: close`."""

BODY = b'{"model":"openai/gpt-4.1-mini","input":"x"}'
PATHS = (b"/v1/responses", b"/v1/chat/completions", b"/v1/messages", b"/v1/embeddings", b"/v1/models",
         b"/v1beta/models/gemini-2.5-flash:generateContent", b"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
         b"/v1/models/my-alias", b"/-/metrics", b"/readyz", b"/")  # fmt: skip
FEW = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", params=["rsgi", "asgi"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    fake = FakeUpstream()
    fake.default = json_answer(b'{"usage":{"input_tokens":1,"output_tokens":1}}')
    limits = {"body_timeout_ms": 700, "header_timeout_ms": 700, "body_bytes": 1 << 20}
    config = config_for(fake.url, interface=request.param, limits=limits)
    config["models"]["unpriced"]["allow"] = ["*"]
    with Gateway(tmp_path_factory.mktemp(request.param), config) as running:
        running.fake = fake  # type: ignore[attr-defined]
        yield running
    fake.close()


def send(gateway: Gateway, data: bytes) -> bytes:
    """All that comes back until the server closes."""
    host, port = gateway.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=2.5) as raw, contextlib.suppress(ConnectionError):
        raw.sendall(data)
        while chunk := raw.recv(65536):
            answer += chunk
    return answer


def statuses(answer: bytes) -> list[int]:
    """Of every answer on the connection."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def check(gateway: Gateway, data: bytes) -> list[int]:
    """Send it; no answer of the fault kind, and the next client is served."""
    codes = statuses(send(gateway, data))
    assert all(200 <= code < 500 or code == 503 for code in codes), (codes, data[:300])
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    return codes


def post(
    path: bytes = b"/v1/responses", *headers: bytes, body: bytes = BODY, method: bytes = b"POST", key: str = KEY
) -> bytes:
    """A request that closes its connection."""
    lines = [b"%s %s HTTP/1.1" % (method, path), b"host: x", b"connection: close", b"content-length: %d" % len(body)]
    if key:
        lines.append(b"authorization: Bearer " + key.encode())
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body


NAMES = st.sampled_from([
    b"authorization", b"x-api-key", b"x-goog-api-key", b"content-encoding", b"connection", b"user-agent", b"session-id",
    b"chatgpt-account-id", b"upgrade", b"x-agentcc-forwarded-for", b"x-agentcc-cost", b"openai-model", b"originator",
    b"expect", b"te", b"accept-encoding", b"x-new", b"cookie", b"content-type",
])  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=10).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"Bearer",
            b"Bearer  ",
            b"Bearer " + b"a" * 3000,
            b"close, authorization",
            b"gzip",
            b"100-continue",
            b"websocket",
        ]
    ),
)
HEADERS = st.lists(st.tuples(NAMES, VALUES).map(b": ".join), max_size=4)


@FEW
@given(
    st.sampled_from(PATHS),
    HEADERS,
    st.one_of(st.just(BODY), st.binary(max_size=40)),
    st.binary(max_size=4),
    st.integers(0),
)
def test_mutated_requests(
    gateway: Gateway, path: bytes, headers: list[bytes], body: bytes, noise: bytes, place: int
) -> None:
    """Headers, path and body of a good request, changed at random, one byte range overwritten."""
    data = bytearray(post(path, *headers, body=body))
    at = place % len(data)
    data[at : at + len(noise)] = noise
    check(gateway, bytes(data))


@FEW
@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["generateContent", "streamGenerateContent"]),
)
def test_model_names_in_paths(gateway: Gateway, name: str, action: str) -> None:
    """No name gets another path, query or host at the provider."""
    fake: FakeUpstream = gateway.fake  # type: ignore[attr-defined]
    fake.clear()
    fake.default = json_answer(b"{}")
    path = "".join(f"%{byte:02X}" for byte in f"gemini/{name}".encode())
    check(gateway, post(f"/v1beta/models/{path}:{action}".encode(), body=b"{}"))
    for sent in fake.received:
        assert re.fullmatch(rf"/v1beta/models/[A-Za-z0-9@~._%/-]+:{action}", sent.path), sent.path
        assert ".." not in sent.path
        assert "//" not in sent.path


@pytest.mark.parametrize("file", CORPUS)
def test_the_corpus_is_replayed(gateway: Gateway, file: Path) -> None:
    """What once was trouble, or looked like it. A name says what must come: `400-…`, `close-…`, `any-…`."""
    codes = check(gateway, file.read_bytes().replace(b"$KEY", KEY.encode()))
    expected = file.name.partition("-")[0]
    if expected == "close":
        assert not codes or codes == [400]
    elif expected != "any":
        assert codes == [int(expected)], codes


def test_a_smuggled_request_is_one_request(gateway: Gateway) -> None:
    """Content-length against transfer-encoding: framing is never ambiguous, and nothing reaches a provider twice."""
    fake: FakeUpstream = gateway.fake  # type: ignore[attr-defined]
    fake.clear()
    fake.default = json_answer(b"{}")
    inner = post(body=BODY)
    for headers in ([b"transfer-encoding: chunked"], [b"Transfer-Encoding: chunked", b"content-length: 4"]):
        data = post(b"/v1/responses", *headers, body=b"0\r\n\r\n" + inner)
        codes = check(gateway, data)
        assert codes
        assert codes[0] == 400
        assert len(codes) == 1, "connection: close, so what follows is never a request"
    assert not fake.received


def test_what_a_client_sends_cannot_break_a_header_upstream(gateway: Gateway) -> None:
    """No value brings a line break, no Connection list takes a credential away, ours are never the client's."""
    fake: FakeUpstream = gateway.fake  # type: ignore[attr-defined]
    fake.clear()
    fake.default = json_answer(b"{}")
    for value in (b"a\rX-B: c", b"a\r\n X-B: c", b"a\0b"):
        check(gateway, post(b"/v1/responses", b"x-a: " + value))
    check(gateway, post(b"/v1/responses", b"connection: authorization, content-type, host", b"x-api-key: client-key"))
    check(gateway, post(b"/v1/responses", b"x-agentcc-request-id: mine", b"x-forwarded-for: 1.2.3.4", b"cookie: a=b"))
    assert fake.received
    for sent in fake.received:
        names = [name for name, _ in sent.headers]
        assert "x-b" not in names
        assert sent.header("authorization") == "Bearer sk-upstream-openai"
        assert names.count("authorization") == 1
        assert not {"x-api-key", "cookie", "x-forwarded-for", "x-agentcc-request-id"} & set(names)


@pytest.mark.parametrize("key", ["", "no-key-at-all"])
def test_a_body_that_never_comes_is_not_waited_for(gateway: Gateway, key: str) -> None:
    """Also where it is refused before it is read: a client without a key must not hold a place for ever."""
    head = post(key=key, body=b"").replace(b"content-length: 0", b"content-length: 100")
    assert statuses(send(gateway, head + b"{")) in ([401], [408])


def test_a_body_that_cannot_fit_is_refused_at_once(gateway: Gateway) -> None:
    """A length of 100 GB is a 413 in words, with a record, not a fault."""
    answer = send(gateway, post(body=b"{").replace(b"content-length: 1", b"content-length: 99999999999"))
    assert statuses(answer) in ([413], [400], [408]), answer[:200]
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert gateway.record(error["agentcc"]["request_id"])["outcome"] == "refused"

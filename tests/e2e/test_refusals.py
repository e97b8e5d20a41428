"""Bad input and refusals: a clear answer in the client's dialect and form, a record, and an unharmed worker."""

import contextlib
import json
import socket
from typing import Any

import httpx
import pytest

from tests.e2e.wires import request
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import DENIED, KEY, Gateway

CODEX = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}
CLAUDE = {"user-agent": "claude-cli/2.1.197 (external, sdk-cli)"}
GEMINI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux; x64; terminal)"}
GEMINI_PATH = "/v1beta/models/gemini-2.5-flash:generateContent"


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/responses", CODEX, 403, "inference_hook_denied"),
        ("/v1/responses", {}, 401, "invalid_api_key"),
        ("/v1/chat/completions", {}, 401, "invalid_api_key"),
        ("/v1/messages", CLAUDE, 403, "permission_error"),
        ("/v1/messages", {}, 401, "authentication_error"),
        (GEMINI_PATH, GEMINI, 403, "PERMISSION_DENIED"),
        (GEMINI_PATH, {}, 401, "UNAUTHENTICATED"),
    ],
)
def test_an_unknown_key_is_refused_in_the_clients_form(
    gateway: Gateway, fake: FakeUpstream, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    """DESIGN's table: the status and code that make that very client show our words once."""
    got = httpx.post(
        gateway.url + path, json={"model": "gpt-4.1-mini"}, headers={**headers, "authorization": f"Bearer {DENIED}"}
    )
    error = got.json()["error"]
    assert (got.status_code, error.get("status") or (error["type"] if "messages" in path else error["code"])) == (
        status,
        code,
    )
    assert "does not know" in error["message"] or "key" in error["message"]
    assert DENIED not in got.text
    assert (got.headers["x-agentcc-provider"], got.headers["x-agentcc-cost"]) == ("none", "0.000000")
    assert not fake.received
    record = gateway.record(got.headers["x-agentcc-request-id"])
    assert (record["outcome"], record["error_code"], record["status"]) == ("refused", "key_rejected", status)


DEEP = b'{"model":"openai/gpt-4.1-mini","input":' + b"[" * 600 + b"]" * 600 + b"}"
BAD_BODIES: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("empty", b"", {}, 400, "empty"),
    ("malformed", b'{"model":', {}, 400, "not valid JSON"),
    ("trailing", b'{"model":"x"} x', {}, 400, "not valid JSON"),
    ("array", b"[]", {}, 400, "must be a JSON object"),
    ("utf8", b'{"model":"openai/gpt-4.1-mini","input":"\xff"}', {}, 400, "not valid UTF-8"),
    ("deep", DEEP, {}, 400, "nests deeper than 512"),
    ("duplicate", b'{"model":"a","mod\\u0065l":"b"}', {}, 400, "twice"),
    ("model type", b'{"model":5}', {}, 400, "`model` must be a string, not `5`"),
    ("stream type", b'{"model":"openai/gpt-4.1-mini","stream":"yes"}', {}, 400, "`stream` must be true or false"),
    ("no model", b'{"input":"x"}', {}, 404, "names no `model`"),
    ("unknown model", b'{"model":"gpt-4.1-minu"}', {}, 404, "Did you mean"),
    (
        "other dialect",
        b'{"model":"anthropic/claude-sonnet-4-5","input":[{"role":"king","content":"x"}]}',
        {},
        400,
        "`input[0]",
    ),
    (
        "stateful",
        b'{"model":"anthropic/claude-sonnet-4-5","input":"x","previous_response_id":"r"}',
        {},
        400,
        "another provider keeps",
    ),
    ("unpriced", b'{"model":"openai/some-model-nobody-priced"}', {}, 403, "no price"),
    ("zstd cut", b"\x28\xb5\x2f\xfd\x04\x58\x09", {"content-encoding": "zstd"}, 400, "zstd request body"),
    ("gzip garbage", b"not gzip at all", {"content-encoding": "gzip"}, 400, "gzip request body"),
    ("brotli", b"x", {"content-encoding": "br"}, 400, "content-encoding `br` is not served"),
    ("too large", b'{"model":"' + b"x" * (1 << 20) + b'"}', {}, 413, "at most"),
]


@pytest.mark.parametrize(("name", "body", "headers", "status", "words"), BAD_BODIES, ids=[b[0] for b in BAD_BODIES])
def test_bad_bodies_get_a_clear_4xx(
    gateway: Gateway,
    client: httpx.Client,
    fake: FakeUpstream,
    name: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    words: str,
) -> None:
    """What is wrong, where, the value, the way out; nothing is sent to a provider; the worker serves on."""
    got = client.post("/v1/responses", content=body, headers=headers)
    assert got.status_code == status, name
    assert words in got.json()["error"]["message"]
    assert not fake.received
    assert gateway.record(got.headers["x-agentcc-request-id"])["outcome"] == "refused"


def test_a_lone_surrogate_passes(client: httpx.Client, fake: FakeUpstream) -> None:
    """JavaScript clients emit them; JSON allows them; the provider gets the same bytes."""
    body = b'{"model":"openai/gpt-4.1-mini","input":"\\ud800 x"}'
    fake.answers.append(json_answer(b"{}"))
    assert client.post("/v1/responses", content=body).status_code == 200
    assert b"\\ud800 x" in fake.received[0].body


@pytest.mark.parametrize(
    ("key", "model", "code"),
    [
        ("sk-agentcc-test-limited-1", "openai/gpt-5.5", "model_forbidden"),
        ("sk-agentcc-test-expired-1", "openai/gpt-4.1-mini", "key_rejected"),
        ("", "openai/gpt-4.1-mini", "key_rejected"),
    ],
)
def test_limits_of_keys(gateway: Gateway, fake: FakeUpstream, key: str, model: str, code: str) -> None:
    """A key's own models and expiry are enforced; no key is a refusal too."""
    headers = {**CODEX, "authorization": f"Bearer {key}"} if key else CODEX
    got = httpx.post(f"{gateway.url}/v1/responses", json={"model": model, "input": "x"}, headers=headers)
    assert (got.status_code, got.json()["error"]["agentcc"]["code"]) == (403, code)
    assert got.json()["error"]["code"] == "inference_hook_denied"


@pytest.mark.parametrize(
    ("method", "path", "shape"),
    [
        ("POST", "/v1/images/generations", "openai"),
        ("POST", "/v1/completions", "openai"),
        ("GET", "/v1/responses", "openai"),
        ("POST", "/v1/messages/batches", "anthropic"),
        ("POST", "/v1beta/models/x:predict", "gemini"),
        ("DELETE", "/nothing/here", "openai"),
    ],
)
def test_unknown_paths_are_404_in_the_dialect_of_the_path(
    client: httpx.Client, fake: FakeUpstream, method: str, path: str, shape: str
) -> None:
    """Billable routes that are not served never pass through."""
    got = client.request(method, path)
    body = got.json()
    assert got.status_code == 404
    assert ("type" in body) == (shape == "anthropic")
    assert ("status" in body["error"]) == (shape == "gemini")
    assert path.split("?", maxsplit=1)[0] in body["error"]["message"]
    assert not fake.received


def test_probes_and_upgrades(gateway: Gateway, client: httpx.Client) -> None:
    """HEAD / for Claude Code, probes for orchestrators, 426 for Codex's WebSocket."""
    assert client.head("/").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.head("/v1/responses").status_code == 200
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "x" * 22 + "==",
        "sec-websocket-version": "13",
    }
    assert client.get("/v1/responses", headers=upgrade).status_code == 426


RAW: list[tuple[str, bytes]] = [
    (
        "header flood",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 400) for i in range(300))
        + b"\r\n",
    ),
    ("bad header name", b"GET /healthz HTTP/1.1\r\nHost: x\r\nbad header: 1\r\n\r\n"),
    ("not http", b"\x16\x03\x01\x02\x00garbage\r\n\r\n"),
    ("bad length", b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n"),
    (
        "cut body",
        b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{"
        % KEY.encode(),
    ),
]


@pytest.mark.parametrize(("name", "data"), RAW, ids=[r[0] for r in RAW])
def test_broken_http_leaves_the_worker_unharmed(gateway: Gateway, client: httpx.Client, name: str, data: bytes) -> None:
    """A 4xx or a close, and the next request is served."""
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(data)
        answer = b""
        with contextlib.suppress(OSError):  # a close with our bytes unread arrives as a reset
            raw.shutdown(socket.SHUT_WR)
            while chunk := raw.recv(65536):
                answer += chunk
    assert not answer or answer.split(b" ")[1].startswith(b"4"), name
    assert client.get("/healthz").status_code == 200


def test_a_slow_body_times_out(gateway: Gateway) -> None:
    """A body that dribbles is refused with 408 and a record, and holds nothing up."""
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{"
            % KEY.encode()
        )
        answer = raw.recv(65536)
    assert answer.split(b" ")[1] == b"408"
    body: Any = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert gateway.record(body["error"]["agentcc"]["request_id"])["error_code"] == "body_timeout"


def test_a_key_is_never_logged_or_journaled(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Neither secrets nor bodies reach logs and journal."""
    fake.answers.append(json_answer(b'{"output":"ANSWER-TEXT"}'))
    client.post("/v1/responses", json={**request("openai.responses", stream=False), "input": "PROMPT-TEXT"})
    kept = gateway.stderr() + json.dumps(gateway.records())
    for secret in (KEY, DENIED, "sk-upstream-openai", "PROMPT-TEXT", "ANSWER-TEXT"):
        assert secret not in kept


def test_a_repeated_credential_is_refused(gateway: Gateway, fake: FakeUpstream) -> None:
    """Which of two keys counts is nobody's to guess."""
    headers = [("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {DENIED}")]
    got = httpx.post(f"{gateway.url}/v1/responses", json=request("openai.responses"), headers=headers)
    assert (got.status_code, fake.received) == (400, [])
    assert "`authorization` is there 2 times" in got.json()["error"]["message"]


def test_what_is_for_us_alone_never_crosses(gateway: Gateway, client: httpx.Client, fake: FakeUpstream) -> None:
    """Credentials in the query, headers that any Connection line names, and where the client sits stay here."""
    fake.answers.append(json_answer(b"{}"))
    query = f"?k%65y={KEY}&access_token=t&%24httpHeaders=h&alt=json"
    headers = [
        ("connection", "x-secret"),
        ("connection", "keep-alive"),
        ("x-secret", "1"),
        ("x-forwarded-for", "10.0.0.1"),
    ]
    client.post(GEMINI_PATH + query, json={"contents": []}, headers=headers)
    sent = fake.received[0]
    assert sent.path == f"{GEMINI_PATH}?alt=json"
    assert sent.header("x-secret") == sent.header("x-forwarded-for") == ""

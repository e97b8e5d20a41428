"""A secret in each place of a request, in each client dialect, whatever becomes of it: afterwards it is nowhere.

One gateway in the default profile (with a quarantine) gets them all; then everything that it sent, wrote, logged or answers is searched.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from gateway import _native
from tests.e2e import wires
from tests.e2e.canary import Hunt, canary, files_of, upstream_bytes
from tests.e2e.guarded import PATHS, PLACES, body
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer, sse
from tests.harness import KEY, ROOT, Gateway, config_for, wait_until

pytestmark = pytest.mark.slow
CHAINED = "sk-agentcc-test-chained-1"
STREAMED = {
    **PATHS,
    "gemini.generate": wires.PATHS["gemini.generate"],
    "bedrock.converse": "/model/bedrock%2Ftest-claude/converse-stream",
}
FOREIGN = {
    "openai.responses": "anthropic/claude-sonnet-4-5",
    "openai.chat": "anthropic/claude-sonnet-4-5",
    "anthropic.messages": "openai/gpt-4.1-mini",
    "gemini.generate": "openai/gpt-4.1-mini",
    "bedrock.converse": "anthropic/claude-sonnet-4-5",
}
WAYS = ("whole", "stream", "translated", "error", "cut", "leaves", "failover", "unknown model", "counted")
COUNTED = {
    "openai.responses": "/v1/responses/input_tokens",
    "anthropic.messages": "/v1/messages/count_tokens",
    "gemini.generate": "/v1beta/models/gemini-2.5-flash:countTokens",
}


def planted(dialect: str, way: str, place: str) -> str:
    return canary(f"{dialect} {way} {place}")


SECRETS = {f"{d}, {w}, {p}": planted(d, w, p) for d in PATHS for w in WAYS for p in PLACES}
EARLY = {
    name: canary(name) for name in ("key", "route", "json", "utf8", "model", "stream", "encoding", "large", "cut off")
}
ANSWERED = {f"said by {dialect}": canary(f"answer {dialect}") for dialect in wires.STREAMS}
BUGS = {
    f"{where} {place}": canary(f"bug {where} {place}")
    for where in ("BUG-READ", "BUG-LOOK", "BUG-PASS")
    for place in PLACES
}
"""By the part of the road that fails on them."""
_FAULTS = """
import sys
sys.path.insert(0, {root!r})
import gateway.dataplane.flow.inspect as inspect
import gateway.dataplane.flow.pipeline as pipeline

def faulty(work, mark, text_of):
    def call(*args, **named):
        text = text_of(args)
        if mark in text:
            raise UnicodeDecodeError("utf-8", text, 0, 1, text.decode())
        return work(*args, **named)
    return call

pipeline._read = faulty(pipeline._read, b"BUG-READ", lambda args: args[0])
inspect.look = faulty(inspect.look, b"BUG-LOOK", lambda args: args[2])
pipeline.passed_body = faulty(pipeline.passed_body, b"BUG-PASS", lambda args: args[1].body)
"""
"""A `sitecustomize` for the gateway's processes: faults that quote what they were given, where a text asks for one."""


def _path(dialect: str, path: str, model: str) -> str:
    """`path` for another model, where the path says it."""
    if dialect == "gemini.generate":
        return path.replace("gemini-2.5-flash", model)
    return path.replace("bedrock%2Ftest-claude", quote(model, safe=""))


def _converse(name: str, payload: dict[str, Any]) -> bytes:
    head = [(":message-type", "event"), (":event-type", name), (":content-type", "application/json")]
    return _native.eventstream_message(head, json.dumps(payload).encode())


CONVERSE = [
    _converse("messageStart", {"role": "assistant"}),
    _converse("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hi"}}),
    _converse("contentBlockStop", {"contentBlockIndex": 0}),
    _converse("messageStop", {"stopReason": "end_turn"}),
    _converse("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}),
]


class Provider:
    """Answers each request in the dialect of its path; says back, in its errors, all that it was sent."""

    def __init__(self) -> None:
        self.fake, self.way, self.is_first = FakeUpstream(), "whole", False
        self.fake.choose = self.answer
        self.said: dict[str, str] = {}

    def answer(self, got: Received) -> Answer | None:
        dialect = next(
            (d for d, part in (("anthropic.messages", "/messages"), ("gemini.generate", ":"), ("openai.chat", "/chat"))
             if part in got.path), "openai.responses",
        )  # fmt: skip
        if self.way == "error" or (self.way == "failover" and self.is_first):
            echo = json.dumps({"error": {"message": "what is " + got.body.decode(), "type": "x", "code": "y"}})
            return json_answer(echo.encode(), 500 if self.way == "failover" else 400)
        if "converse" in got.path and self.way in ("stream", "cut", "leaves", "failover"):
            return Answer(
                200,
                [("content-type", "application/vnd.amazon.eventstream")],
                list(CONVERSE),
                self.way in ("cut", "leaves"),
            )
        events = wires.STREAMS[dialect]
        if self.way in ("cut", "leaves"):
            return sse(*events[:2], is_cut=True)
        if "converse" in got.path or self.way in ("whole", "counted"):
            return json_answer(b'{"ok":true,"input_tokens":1}')
        if said := self.said.get(dialect):
            events = [one.replace(b"Hello", said.encode()).replace(b"Hel", said.encode()) for one in events]
            events = [one.replace(b"H\\u00e4llo", said.encode()) for one in events]
        return sse(*events)


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[Provider, Provider]]:
    made = Provider(), Provider()
    made[0].is_first = True
    yield made
    for one in made:
        one.fake.close()


@pytest.fixture(scope="module", params=["rsgi", "asgi"])
def hunted(
    request: pytest.FixtureRequest, providers: tuple[Provider, Provider], tmp_path_factory: pytest.TempPathFactory
) -> Hunt:
    """All of it, done once: what was found where."""
    directory: Path = tmp_path_factory.mktemp(f"canary-{request.param}")
    first, second = providers
    config = config_for(first.fake.url, interface=request.param, workers=2, limits={"body_bytes": 1 << 20})
    config["providers"]["lab"]["base_url"] = second.fake.url
    config["providers"]["claude"] = {
        "api_key": "sk-upstream-claude", "base_url": second.fake.url, "dialect": "anthropic.messages",
    }  # fmt: skip
    config["models"]["unpriced"] = {"allow": ["*"]}
    config["guardrails"] = {"quarantine": {"enabled": True}}
    config["routing"] = {"chained": {"chain": ["lab/other"]}}
    config["keys"]["chained"] = {"key": CHAINED, "route": "chained"}
    (directory / "faults").mkdir()
    (directory / "faults" / "sitecustomize.py").write_text(_FAULTS.format(root=str(ROOT)))
    hunt = Hunt({**SECRETS, **EARLY, **ANSWERED, **BUGS})
    for provider in providers:
        provider.fake.clear()
    with Gateway(directory, config, environ={"PYTHONPATH": str(directory / "faults")}) as gateway:
        for way in WAYS:
            for provider in providers:
                provider.way = way
            cells = [(dialect, way, place) for dialect in PATHS for place in PLACES]
            with ThreadPoolExecutor(5) as pool:
                list(pool.map(lambda cell: _ask(gateway, hunt, *cell), cells))
        for provider in providers:
            provider.way = "stream"
        _ask_badly(gateway, hunt)
        _meet_bugs(gateway, hunt)
        _hear(gateway, first)
        _search_living(gateway, hunt)
        hunt.look("stdout of the supervisor", _stop(gateway).encode() or b"nothing")
    _search_dead(gateway, hunt)
    for provider in providers:
        for where, data in upstream_bytes(provider.fake):
            hunt.look(where, data)
        redacted = [got for got in provider.fake.received if b"<SECRET_github-personal-token_" in got.body]
        assert len(redacted) >= (100 if provider.is_first else 20), "what was redacted did get there"
    return hunt


def _stop(gateway: Gateway) -> str:
    """As `stop`; what it has said on its standard output since it was ready."""
    assert gateway.process is not None
    gateway.process.terminate()
    said, _ = gateway.process.communicate(timeout=20)
    assert gateway.process.returncode == 0
    return said


def _ask(gateway: Gateway, hunt: Hunt, dialect: str, way: str, place: str) -> None:
    """One request with a secret in one place."""
    said = body(dialect, **{place: f"it is {planted(dialect, way, place)} ok"})
    path = PATHS[dialect] if way in ("whole", "unknown model") else STREAMED[dialect]
    if "model" in said:
        said["stream"] = path is STREAMED[dialect] and way != "whole"
    if way == "counted":
        if dialect not in COUNTED:
            return
        path = COUNTED[dialect]
        said.pop("stream", None)
    if way in ("translated", "unknown model"):
        model = FOREIGN[dialect] if way == "translated" else "nobody/has-this"
        if "model" in said:
            said["model"] = model
        path = _path(dialect, path, model)
    headers = {
        "authorization": f"Bearer {CHAINED if way == 'failover' else KEY}",
        "x-agentcc-session-id": f"{dialect}-{way}-{place}",
    }
    where = f"answer to {dialect}, {way}, {place}"
    ask = partial(httpx.stream, "POST", gateway.url + path, json=said, headers=headers, timeout=20)
    with contextlib.suppress(httpx.RemoteProtocolError), ask() as got:
        hunt.look(where, str(got.headers).encode())
        if way == "leaves":
            next(got.iter_raw(), b"")
            return
        data = got.read()
        hunt.look(where, data)
        if place == "user" and way not in ("unknown model", "counted"):
            assert got.status_code == 400, (where, got.status_code, data[:300])
            assert "guardrail" in got.text
            assert got.headers["x-agentcc-guardrails"] == "secrets:block:github-personal-token"
        elif way != "unknown model":
            assert got.headers["x-agentcc-guardrails"] == "secrets:redact:github-personal-token", where


def _ask_badly(gateway: Gateway, hunt: Hunt) -> None:
    """Requests that are refused before the guard's turn, and what is no part of a conversation."""
    ok = {"authorization": f"Bearer {KEY}"}

    def ask(name: str, path: str = "/v1/responses", headers: dict[str, str] = ok, **sent: Any) -> None:
        got = httpx.post(gateway.url + path, headers=headers, timeout=20, **sent)
        assert got.status_code >= 400, (name, got.status_code)
        hunt.look(f"answer to {name}", str(got.headers).encode() + got.content)

    def text(name: str) -> dict[str, Any]:
        return {"model": "openai/gpt-4.1-mini", "input": EARLY[name]}

    ask("key", headers={"authorization": "Bearer sk-agentcc-nobody"}, json=text("key"))
    ask("route", "/v1/images/generations", json=text("route"))
    ask("json", content=b'{"model":"openai/gpt-4.1-mini","input":"' + EARLY["json"].encode() + b'"')
    ask("utf8", content=b'{"model":"openai/gpt-4.1-mini","input":"\xff' + EARLY["utf8"].encode() + b'"}')
    ask("model", json={"model": [EARLY["model"]], "input": "x"})
    ask("stream", json={"model": "openai/gpt-4.1-mini", "stream": EARLY["stream"], "input": "x"})
    ask("encoding", headers={**ok, "content-encoding": "br"}, json=text("encoding"))
    ask(
        "large",
        content=b'{"model":"openai/gpt-4.1-mini","input":"' + EARLY["large"].encode() + b" " * (1 << 20) + b'"}',
    )
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as conn:  # the client goes in the middle of its body
        content = b'{"model":"openai/gpt-4.1-mini","input":"' + EARLY["cut off"].encode()
        head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 90000\r\n\r\n"
        conn.sendall(head.encode() + content)


def _meet_bugs(gateway: Gateway, hunt: Hunt) -> None:
    """Faults of ours before the guard, in it, and behind it."""
    for name, secret in BUGS.items():
        mark, place = name.split()
        said = body("openai.chat", **{place: f"it is {secret} ok", "history" if place == "system" else "system": mark})
        got = httpx.post(
            gateway.url + PATHS["openai.chat"], json=said, headers={"authorization": f"Bearer {KEY}"}, timeout=20
        )
        hunt.look(f"answer to {name}", str(got.headers).encode() + got.content)
        assert got.status_code == (400 if mark == "BUG-LOOK" or (mark == "BUG-PASS" and place == "user") else 500), name
    assert len(gateway.logs("bug")) == 9
    assert len(gateway.logs("guard_failed")) == 5


def _hear(gateway: Gateway, provider: Provider) -> None:
    """The model itself says a secret: by default the client hears it, and nothing else holds it."""
    for dialect in wires.STREAMS:
        provider.said = {dialect: ANSWERED[f"said by {dialect}"]}
        said = wires.request(dialect)
        got = httpx.post(
            gateway.url + wires.PATHS[dialect], json=said, headers={"authorization": f"Bearer {KEY}"}, timeout=20
        )
        assert ANSWERED[f"said by {dialect}"] in got.text
    provider.said = {}


def _search_living(gateway: Gateway, hunt: Hunt) -> None:
    """What the running gateway tells: metrics, admin API, commands."""
    token = (gateway.data_dir / "admin.token").read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    total = len(gateway.records())

    def get(path: str) -> bytes:
        got = httpx.get(f"{gateway.url}/-/{path}", headers=headers, timeout=20)
        assert got.status_code == 200, (path, got.text)
        return got.content

    wait_until(lambda: len(json.loads(get("exchanges?limit=10000"))["rows"]) >= total, 20, "the ledger")
    for path in (
        "metrics", "exchanges?limit=10000", "sessions?limit=10000", "spend", "budgets", "guardrails",
        "guardrails/findings?limit=10000", "quarantine?limit=10000",
    ):  # fmt: skip
        hunt.look(f"admin {path}", get(path))
    rules = {(row["scanner"], row["rule"], row["action"]) for row in json.loads(get("guardrails"))["rows"]}
    assert {("secrets", "github-personal-token", "block"), ("secrets", "github-personal-token", "redact")} <= rules
    assert json.loads(get("quarantine"))["rows"], "there is something to be found there"
    file = str(gateway.file)
    for command in (
        ["check", "-c", file], ["journal", "export", "--all", "-c", file], ["journal", "tail", "-n", "1000", "-c", file],
        ["journal", "verify", "-c", file], ["sessions", "list", "-c", file], ["keys", "list", "-c", file],
    ):  # fmt: skip
        done = gateway.run_cli(*command)
        hunt.look(f"command {' '.join(command[:2])}", (done.stdout + done.stderr).encode())


def _search_dead(gateway: Gateway, hunt: Hunt) -> None:
    """Every file that is left, the log among them."""
    for where, data in files_of(gateway.directory):
        hunt.look(where, data)


def test_no_secret_is_anywhere(hunted: Hunt) -> None:
    """Not upstream, not in journal, log, metrics, errors, SQLite, commands or the quarantine's file; and all of these were searched."""
    assert hunted.found == []
    assert set(hunted.looked) >= {"answer", "admin", "command", "file", "sqlite", "upstream", "stdout"}
    assert hunted.looked["upstream"] > 50_000
    assert hunted.looked["file"] > 200_000

"""What a newcomer sees after `make run`: the real agents, started by `agentcc launch`, work on the provider simulator.

The gateway runs on the very file that `agentcc serve` writes when it finds neither configuration nor provider keys; only
the control plane's port is a free one.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
import zstandard

from gateway.cli.defaults import default_file
from gateway.simulator import running
from tests.clients.agents import (
    HELLO,
    PYTHON,
    SETTINGS,
    UNASKED,
    Done,
    Runs,
    agentcc,
    fixtures,
    program_of,
    repository,
    run,
    selected,
)
from tests.e2e.wires import RESPONSES, without_comments
from tests.fakes.upstream import FakeUpstream, json_answer, sse
from tests.harness import DENIED, KEY, Gateway

pytestmark = pytest.mark.clients

CODEX = ("exec", *UNASKED["codex"])
WORK = {
    # agent, model, its own arguments
    "gpt-5.5": ("codex", "gpt-5.5", CODEX),
    "gpt-5": ("codex", "gpt-5", CODEX),  # unknown to Codex 0.169.0: it has no apply_patch tool then
    "gpt-6.1-sol": ("codex", "gpt-6.1-sol", CODEX),  # code mode: the model writes JavaScript
    "claude": ("claude", "", (*UNASKED["claude"], "-p")),
    "gemini": ("gemini", "gemini-2.5-flash", (*UNASKED["gemini"], "-p")),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def gateway(simulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("make-run")
    file, needs_simulator = default_file(place / "data", 0)
    if not needs_simulator:
        pytest.skip("MAKE RUN WAS NOT TRIED: a provider's key is set in this environment")
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    config["server"] |= {"admin": {"port": 0}, "workers": 2, "drain_ms": 3000}
    with Gateway(place, config, environ={"AGENTCC_SIMULATOR_URL": simulator}) as started:
        yield started


@dataclass(frozen=True)
class Work:
    """What an agent did: its output, its folder, and what the journal holds of it."""

    done: Done
    folder: Path
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def works(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs[Work]]:
    place = tmp_path_factory.mktemp("work")
    key = gateway.config["keys"]["dev"]["key"]

    def work(name: str) -> Work:
        agent, model, args = WORK[name]
        program = program_of(agent)
        home = place / f"{name}-home"
        folder = repository(place / name)
        env = {**PYTHON, **SETTINGS}
        if agent == "gemini":  # nothing but its settings file says how it logs in
            run(agentcc("setup", "gemini", "--base-url", gateway.url), home, cwd=folder, env=env)
        launch = agentcc("launch", agent, "--base-url", gateway.url, "--key", key, "--bin", program)
        launch += [*(("--model", model) if model else ()), "--", *args, HELLO]
        done = run(launch, home, cwd=folder, env=env)
        return Work(done, folder, [r for r in gateway.records() if r["outcome"] != "refused"])

    runs = Runs(selected(request, "name"), work)
    yield runs
    runs.close()


@pytest.mark.parametrize("name", WORK)
def test_an_agent_finishes_its_work(works: Runs[Work], name: str) -> None:
    """The file is on disk, it was run, its output is shown, and the calls are priced."""
    work = works[name]
    agent, model, _ = WORK[name]
    assert work.done.code == 0, work.done.shown[-3000:]
    assert (work.folder / "hello.py").read_text().strip() == 'print("hello from the simulator")'
    assert "Done: I created hello.py" in work.done.out
    assert "Reconnecting" not in work.done.shown
    provider = {"codex": "openai", "claude": "anthropic", "gemini": "gemini"}[agent]
    calls = [r for r in work.records if r["provider"] == provider and (not model or r["model_requested"] == model)]
    assert len(calls) >= 3  # look or write, run, sum up
    assert all(r["outcome"] == "ok" and r["cost_basis"] == "exact" and r["cost_nusd"] > 0 for r in calls)
    assert {r["principal"]["key"] for r in calls} == {"dev"}
    if agent != "gemini":  # which names no session
        assert len({r["session_id"] for r in calls}) == 1
        assert re.fullmatch(r"[0-9a-f-]{36}", calls[0]["session_id"])


# === Codex alone: probes, refusals, logins ===


def _codex(gateway: Gateway, tmp_path: Path, *args: str, key: str = "", config: tuple[str, ...] = ()) -> Done:
    program = program_of("codex")
    entry = f'model_providers.gw={{name="gw",base_url="{gateway.url}/v1",env_key="GW_KEY"}}'
    settings = [part for value in config or ('model_provider="gw"', entry) for part in ("-c", value)]
    folder = repository(tmp_path / "repository")
    home = tmp_path / "home"
    (home / ".codex").mkdir(parents=True, exist_ok=True)
    env = {"CODEX_HOME": str(home / ".codex"), **({"GW_KEY": key} if key else {})}
    return run([program, args[0], *settings, *args[1:]], home, cwd=folder, env=env, timeout_s=60)


def test_codex_doctor_finds_the_gateway(gateway: Gateway, tmp_path: Path) -> None:
    """Its probes (HEAD /v1/responses, GET /v1/models, both without a key) say that the gateway is there."""
    done = _codex(gateway, tmp_path, "doctor", "--network-only", "--ascii", key=KEY)
    assert "active provider endpoints are reachable over HTTP" in done.shown
    assert "route exists" in done.shown


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/", 200), ("HEAD", "/v1/responses", 200), ("HEAD", "/v1/models", 200), ("GET", "/v1/models", 403)],
)
def test_probes_without_a_key_are_answered(gateway: Gateway, method: str, path: str, status: int) -> None:
    """As Codex's doctor and Claude Code send them."""
    got = httpx.request(
        method, gateway.url + path, headers={"user-agent": "codex_cli_rs/0.169.0", "originator": "codex_cli_rs"}
    )
    assert got.status_code == status
    assert method != "GET" or got.json()["error"]["agentcc"]["reason"] == "missing"


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-6.1-sol"])
def test_codex_with_an_unknown_key_asks_once(gateway: Gateway, tmp_path: Path, model: str) -> None:
    """One request in the journal, our words on the terminal, and an end at once."""
    before = {r["request_id"] for r in gateway.records()}
    done = _codex(gateway, tmp_path, *CODEX, "-m", model, "hello", key=DENIED)
    assert done.code == 1
    assert "agentcc does not know this API key (sk-agentcc-nob…)" in done.err
    assert "Reconnecting" not in done.err
    new = [r for r in gateway.records() if r["request_id"] not in before and r["error_code"] == "key_rejected"]
    assert [(r["method"], r["path"], r["status"]) for r in new] == [("POST", "/v1/responses", 403)]


@pytest.fixture(scope="module")
def recorder() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def login_gateway(
    recorder: FakeUpstream, simulator: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Two providers that take the client's own ChatGPT login, and one that has a key of ours."""
    config = {
        "server": {"port": 0, "workers": 1, "drain_ms": 3000, "admin": {"port": 0}},
        "providers": {
            "openai": {"api_key": "client", "base_url": recorder.url, "headers": {"x-org": "acme"}},
            "sim": {
                "api_key": "client",
                "base_url": simulator,
                "dialect": "openai.responses",
                "models": ["gpt-5.5-sim"],
            },
            "keyed": {"api_key": "sk-ours", "base_url": recorder.url, "dialect": "openai.responses", "models": ["x"]},
        },
        "models": {"unpriced": {"allow": ["*"]}},
        "keys": {"alice": {"key": KEY, "user": "alice@acme.dev", "chatgpt_account": "acct-fake"}},
    }
    with Gateway(tmp_path_factory.mktemp("login"), config) as started:
        yield started


def _jwt(account: str) -> str:
    """A token of the form that OpenAI signs; only OpenAI can tell that this one is not theirs."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    auth = {"chatgpt_account_id": account, "chatgpt_plan_type": "pro", "chatgpt_user_id": "u", "user_id": "u"}
    claims = {"exp": 4_102_444_800, "email": "a@acme.dev", "https://api.openai.com/auth": auth}
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{part('signature')}"


def _captured_login(model: str, token: str) -> tuple[bytes, bytes, list[tuple[str, str]]]:
    """The captured request: its body, the same as zstd, and its headers with `token` in place of the masked one."""
    captured = json.loads(fixtures("clients/codex/chatgpt-login-zstd.json").read_text())
    plain = json.dumps({**captured["body"], "model": model}).encode()
    skipped = ("host", "content-length", "authorization")
    headers = [(n, v) for n, v in captured["headers"] if n not in skipped]
    return plain, zstandard.compress(plain), [*headers, ("authorization", f"Bearer {token}")]


def test_a_captured_chatgpt_login_reaches_only_its_own_provider(login_gateway: Gateway, recorder: FakeUpstream) -> None:
    """zstd body and account id: the principal is the account's, the provider gets the client's bearer, nothing of ours."""
    recorder.clear()
    recorder.answers.append(sse(*RESPONSES))
    token = _jwt("acct-fake")
    plain, packed, headers = _captured_login("gpt-5.5", token)
    got = httpx.post(f"{login_gateway.url}/v1/responses", content=packed, headers=headers)
    assert got.status_code == 200
    assert without_comments(got.content) == b"".join(RESPONSES)
    (sent,) = recorder.received
    assert sent.body == plain
    assert [v for n, v in sent.headers if n == "authorization"] == [f"Bearer {token}"]
    assert [v for n, v in sent.headers if n == "chatgpt-account-id"] == ["acct-fake"]
    assert sent.header("content-encoding") == ""
    assert sent.header("session-id") == dict(headers)["session-id"]
    assert not [n for n, _ in sent.headers if n.startswith("x-agentcc") or n == "x-org"]
    record = login_gateway.record(got.headers["x-agentcc-request-id"])
    assert (record["principal"]["user"], record["session_id"]) == ("alice@acme.dev", dict(headers)["session-id"])
    assert (record["cost_basis"], record["cost_nusd"] > 0) == ("exact", True)


@pytest.mark.parametrize(
    ("model", "claimed", "words"),
    [
        ("keyed/x", "acct-fake", "can only reach a provider with `api_key: client`"),
        ("gpt-5.5", "acct-other", "its token is not for the account"),
    ],
)
def test_a_chatgpt_login_never_spends_a_key_of_ours(
    login_gateway: Gateway, recorder: FakeUpstream, model: str, claimed: str, words: str
) -> None:
    """A provider with our key is closed to it, and so is an account that its token does not name."""
    recorder.clear()
    _, packed, headers = _captured_login(model, _jwt(claimed))
    got = httpx.post(f"{login_gateway.url}/v1/responses", content=packed, headers=headers)
    assert (got.status_code, got.json()["error"]["code"]) == (403, "inference_hook_denied")
    assert words in got.json()["error"]["message"]
    assert not recorder.received


def test_a_key_of_ours_never_travels_to_a_client_key_provider(login_gateway: Gateway, recorder: FakeUpstream) -> None:
    """With a virtual key instead of a login there is no bearer that may pass, so none is sent."""
    recorder.clear()
    recorder.answers.append(json_answer(b"{}"))
    body = {"model": "gpt-5.5", "input": "x"}
    httpx.post(f"{login_gateway.url}/v1/responses", json=body, headers={"authorization": f"Bearer {KEY}"})
    for sent in recorder.received:
        assert KEY not in str(sent.headers)


def test_codex_signed_in_with_chatgpt_works(
    login_gateway: Gateway, recorder: FakeUpstream, simulator: str, tmp_path: Path
) -> None:
    """The real Codex with a ChatGPT login: it finishes its work, and each call carries its own token to the provider."""
    recorder.clear()
    recorder.default = json_answer(b"{}", 404)  # what it asks of chatgpt.com besides
    token = _jwt("acct-fake")
    login = {"id_token": token, "access_token": token, "refresh_token": "none", "account_id": "acct-fake"}
    home = tmp_path / "home/.codex"
    home.mkdir(parents=True)
    (home / "auth.json").write_text(
        json.dumps({"auth_mode": "chatgpt", "tokens": login, "last_refresh": "2026-11-21T00:00:00Z"})
    )
    config = (f'openai_base_url="{login_gateway.url}/v1"', f'chatgpt_base_url="{recorder.url}/"')
    done = _codex(login_gateway, tmp_path, *CODEX, "-m", "gpt-5.5-sim", HELLO, config=config)
    assert done.code == 0, done.shown[-3000:]
    assert (tmp_path / "repository/hello.py").read_text().strip() == 'print("hello from the simulator")'
    log = httpx.get(f"{simulator}/__sim/log").json()
    mine = [
        r for r in log if r["credential"] and r["credential"]["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    ]
    calls = [r for r in login_gateway.records() if r["provider"] == "sim"]
    assert len(mine) == len(calls) >= 3
    assert {r["principal"]["user"] for r in calls} == {"alice@acme.dev"}

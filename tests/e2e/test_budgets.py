"""Budgets as their users meet them: counted on every route, refused in the client's form, another model past 95 %."""

import copy
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.wires import request
from tests.fakes.upstream import Answer, FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

CODEX = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)"}
CLAUDE = {"user-agent": "claude-cli/2.1.197 (external, sdk-cli)"}
GEMINI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux; x64; terminal)"}
PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
CHEAP = {"input_per_mtok": 0.1, "output_per_mtok": 1}
USAGE = {"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"cached_tokens": 0}}
COST_NUSD = 1000 * 1000 + 100 * 10_000
"""What an answer with USAGE costs at PRICE: $0.002."""


def answer(input_tokens: int = 1000, output_tokens: int = 100) -> Answer:
    usage = {**USAGE, "input_tokens": input_tokens, "output_tokens": output_tokens}
    said = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [], "usage": usage}
    return json_answer(json.dumps(said).encode())


def config(upstream: str, budgets: dict[str, Any], **server: Any) -> dict[str, Any]:
    made = config_for(upstream, **server)
    made["models"]["prices"] = {"openai/gpt-4.1-mini": PRICE, "openai/gpt-4.1-nano": CHEAP, "lab/small": CHEAP}
    made["models"]["prices"] |= {"anthropic/claude-sonnet-4-5": PRICE, "gemini/gemini-2.5-flash": PRICE}
    made["budgets"] = budgets
    return made


def ask(gateway: Gateway, *, tokens: int = 1000, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    """One Responses request with an output limit, so that holds are small."""
    sent = {"model": "openai/gpt-4.1-mini", "input": "hi", "max_output_tokens": tokens, **body}
    sent = {name: value for name, value in sent.items() if value is not None}
    return httpx.post(
        f"{gateway.url}/v1/responses",
        json=sent,
        headers={"authorization": f"Bearer {KEY}", **(headers or {})},
        timeout=30,
    )


def spend(gateway: Gateway, fake: FakeUpstream, usd: float) -> None:
    """Let one answer cost so much at PRICE: its prompt is as long as it says."""
    tokens = round(usd * 1e6)
    fake.answers.append(answer(tokens, 0))
    got = ask(gateway, input="x" * tokens)
    assert got.status_code == 200, got.text


@pytest.fixture
def fake(fake: FakeUpstream) -> FakeUpstream:
    """One that says what it took."""
    fake.default = answer()
    return fake


def started(tmp_path: Path, fake: FakeUpstream, budgets: dict[str, Any], **server: Any) -> Gateway:
    return Gateway(tmp_path, config(fake.url, budgets, **server))


# === hard ===


def test_a_hard_cap_is_never_passed_and_the_refusal_says_all(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(
        tmp_path, fake, {"teams": {"platform": {"limit": 0.05, "hard": True, "alert_to": ["em@acme.dev"]}}}
    ) as gateway:
        served = 0
        while (got := ask(gateway, tokens=100)).status_code == 200:
            served += 1
            assert served < 100
        error = got.json()["error"]
        assert got.status_code == 429
        assert (error["code"], got.headers["x-should-retry"]) == ("budget_exceeded", "false")
        assert "retry-after" not in got.headers
        details = error["agentcc"]
        assert (details["level"], details["id"], details["limit_usd"]) == ("team", "platform", "0.050000")
        assert details["spent_usd"] == f"{served * COST_NUSD / 1e9:.6f}"
        assert details["resets_at"].endswith("T00:00:00Z")
        assert details["alerted"] == ["em@acme.dev"]
        assert "team platform" in error["message"]
        assert "em@acme.dev" in error["message"]
        record = gateway.record(got.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["error_code"], record["cost_nusd"]) == ("refused", "budget_exceeded", 0)
        total = sum(row["cost_nusd"] for row in gateway.records())
        assert 0.05e9 - 0.006e9 < total <= 0.05e9
        assert len(fake.received) == served


@pytest.mark.parametrize(
    ("path", "headers", "status", "kind"),
    [
        ("/v1/responses", CODEX, 429, "usage_limit_reached"),
        ("/v1/responses", {}, 429, "rate_limit_error"),
        ("/v1/chat/completions", {}, 429, "rate_limit_error"),
        ("/v1/messages", CLAUDE, 429, "rate_limit_error"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", GEMINI, 403, "PERMISSION_DENIED"),
    ],
)  # fmt: skip
def test_the_refusal_has_the_clients_form(
    fake: FakeUpstream, tmp_path: Path, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    dialect = {"responses": "openai.responses", "completions": "openai.chat", "messages": "anthropic.messages"}.get(
        path.rpartition("/")[2], "gemini.generate"
    )
    with started(tmp_path, fake, {"org": {"limit": 0.000001, "hard": True}}) as gateway:
        got = httpx.post(
            gateway.url + path, json=request(dialect), headers={**headers, "authorization": f"Bearer {KEY}"}, timeout=30
        )
        error = got.json()["error"]
        assert (got.status_code, error.get("status") or error["type"]) == (status, kind)
        if headers is CODEX:
            assert "budget of org is used up" in got.headers["x-codex-promo-message"]
            assert isinstance(error["resets_at"], int)
        assert not fake.received


def test_without_a_limit_the_provider_is_given_what_the_budget_can_pay(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"keys": {"alice": {"limit": 0.05, "hard": True}}}) as gateway:
        got = ask(gateway, max_output_tokens=None)
        assert got.status_code == 200, got.text
        limit = int(got.headers["x-agentcc-max-output-tokens"])
        assert json.loads(fake.received[0].body)["max_output_tokens"] == limit
        assert 4000 < limit < 5000  # $0.05 at $10 a million, less the prompt's bound
        assert ask(gateway, tokens=100).headers.get("x-agentcc-max-output-tokens") is None


def test_parallel_requests_together_stay_below_the_cap(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"org": {"limit": 0.1, "hard": True}}, workers=2) as gateway:
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda _: ask(gateway, tokens=100).status_code, range(120)))
        assert set(statuses) == {200, 429}
        total = sum(row["cost_nusd"] for row in gateway.records())
        assert total == statuses.count(200) * COST_NUSD
        assert 0.1e9 - 0.006e9 < total <= 0.1e9


def left_in_the_middle(gateway: Gateway, fake: FakeUpstream, *rest: bytes) -> dict[str, Any]:
    """The record of a stream whose client leaves after the first event; then the provider sends `rest` and ends."""
    go_on = threading.Event()
    head = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n'
    fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [head, go_on, *rest]))
    sent = {"model": "openai/gpt-4.1-mini", "input": "hi", "max_output_tokens": 1000, "stream": True}
    before = len(gateway.records())
    with httpx.stream(
        "POST", f"{gateway.url}/v1/responses", json=sent, headers={"authorization": f"Bearer {KEY}"}
    ) as got:
        next(got.iter_raw())
    refused = wait_until(lambda: (r := ask(gateway, tokens=1500)).status_code == 429 and r, what="the hold's effect")
    assert float(refused.json()["error"]["agentcc"]["spent_usd"]) == 0, "what it cost is not known yet"
    go_on.set()
    found = wait_until(
        lambda: [row for row in gateway.records()[before:] if row["outcome"] == "disconnected"], what="the record"
    )
    record: dict[str, Any] = found[0]
    return record


def test_who_leaves_pays_what_the_provider_says_in_the_end(fake: FakeUpstream, tmp_path: Path) -> None:
    done = {"id": "r", "object": "response", "status": "completed", "model": "m", "output": [], "usage": USAGE}
    last = b"event: response.completed\ndata: " + json.dumps({"type": "response.completed", "response": done}).encode()
    with started(tmp_path, fake, {"org": {"limit": 0.02, "hard": True}}) as gateway:
        record = left_in_the_middle(gateway, fake, last + b"\n\n")
        assert (record["status"], record["cost_basis"], record["cost_nusd"]) == (499, "exact", COST_NUSD)
        assert ask(gateway, tokens=1000).status_code == 200


def test_who_leaves_before_the_provider_says_anything_pays_what_it_can_have_cost(
    fake: FakeUpstream, tmp_path: Path
) -> None:
    with started(tmp_path, fake, {"org": {"limit": 0.02, "hard": True}}) as gateway:
        record = left_in_the_middle(gateway, fake)
        assert (record["status"], record["cost_basis"]) == (499, "estimated")
        assert 0.01e9 < record["cost_nusd"] < 0.02e9
        assert ask(gateway, tokens=1000).status_code == 429


@pytest.mark.parametrize("headers", [CODEX, {}], ids=["codex", "sdk"])
def test_a_provider_that_runs_over_the_limit_is_stopped(
    fake: FakeUpstream, tmp_path: Path, headers: dict[str, str]
) -> None:
    """In the middle of its stream, by one well-formed last event that makes the client stop."""
    head = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n'
    delta = (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"m","delta":"x"}\n\n'
    )
    stop = threading.Event()
    fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [head, delta * 400, delta * 400, stop]))
    with started(tmp_path, fake, {"org": {"limit": 0.02, "hard": True}}) as gateway:
        sent = {"model": "openai/gpt-4.1-mini", "input": "hi", "max_output_tokens": 100, "stream": True}
        got = httpx.post(
            f"{gateway.url}/v1/responses", json=sent, headers={**headers, "authorization": f"Bearer {KEY}"}, timeout=20
        )
        stop.set()
        last = json.loads(got.text.rstrip().rpartition("data: ")[2])
        assert last["type"] == "response.failed"
        assert last["response"]["id"] == "r"
        assert last["response"]["error"]["code"] == ("inference_hook_denied" if headers else "budget_exceeded")
        record = wait_until(gateway.records, what="the record")[0]
        assert (record["outcome"], record["error_code"], record["cost_basis"]) == (
            "cut",
            "budget_exceeded",
            "estimated",
        )


# === soft ===


def test_the_three_stages_of_a_soft_cap(fake: FakeUpstream, tmp_path: Path) -> None:
    budgets = {
        "teams": {"platform": {"limit": 1}},
        "downgrade": {"max_input_tokens": 1000, "cascade": ["openai/gpt-4.1-nano"]},
    }
    with started(tmp_path, fake, budgets) as gateway:
        spend(gateway, fake, 0.85)
        got = ask(gateway)
        assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini", "at 80 % nobody feels anything"
        spend(gateway, fake, 0.12)
        small, large = ask(gateway), ask(gateway, input="word " * 3000)
        assert small.headers["x-agentcc-model-used"] == "openai/gpt-4.1-nano"
        hop = json.loads(small.headers["x-agentcc-hops"])[0]
        assert hop == {
            "from": "openai/gpt-4.1-mini",
            "to": "openai/gpt-4.1-nano",
            "reason": "budget",
            "level": "team",
            "id": "platform",
        }
        assert gateway.record(small.headers["x-agentcc-request-id"])["hops"] == [hop]
        assert json.loads(fake.received[-2].body)["model"] == "gpt-4.1-nano"
        assert large.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini", "the flagship stays for hard turns"
        spend(gateway, fake, 0.04)
        assert ask(gateway, input="word " * 3000).headers["x-agentcc-model-used"] == "openai/gpt-4.1-nano"
        spend(gateway, fake, 0.9)  # at a tenth of the price now
        refused = ask(gateway)
        assert refused.status_code == 429
        assert refused.json()["error"]["agentcc"]["level"] == "team"


def test_a_downgrade_crosses_providers_but_never_the_keys_whitelist(fake: FakeUpstream, tmp_path: Path) -> None:
    cascade = ["anthropic/claude-haiku-4-5", "openai/gpt-4.1-nano"]
    budgets = {"org": {"limit": 1}, "downgrade": {"cascade": cascade}}
    made = config(fake.url, budgets)
    made["keys"]["alice"]["models"] = ["openai/*"]
    with Gateway(tmp_path, made) as gateway:
        spend(gateway, fake, 0.97)
        assert ask(gateway).headers["x-agentcc-model-used"] == "openai/gpt-4.1-nano"


# === state ===


def test_an_edit_and_a_restart_neither_forget_nor_double(fake: FakeUpstream, tmp_path: Path) -> None:
    budgets = {"teams": {"platform": {"limit": 0.05, "hard": True}}}
    made = config(fake.url, budgets)
    gateway = Gateway(tmp_path, made)
    with gateway:
        spend(gateway, fake, 0.03)
        fake.default = answer(1, 1)  # asking costs next to nothing
        changed = copy.deepcopy(made)
        changed["budgets"]["teams"]["platform"]["limit"] = 0.031
        gateway.write_config(changed)
        wait_until(lambda: ask(gateway, tokens=100).status_code == 429, what="the lower limit")
        gateway.write_config(made)
        got = wait_until(lambda: (r := ask(gateway, tokens=10)).status_code == 200 and r, what="the higher limit again")
        assert got.status_code == 200
    with gateway:
        refused = ask(gateway, tokens=4000)
        assert refused.status_code == 429
        total = sum(row["cost_nusd"] for row in gateway.records())
        assert float(refused.json()["error"]["agentcc"]["spent_usd"]) == total / 1e9


def test_a_cap_made_in_mid_period_knows_what_was_spent(fake: FakeUpstream, tmp_path: Path) -> None:
    made = config(fake.url, {"enabled": True})
    with Gateway(tmp_path, made) as gateway:
        for _ in range(5):
            ask(gateway)
        changed = copy.deepcopy(made)
        changed["budgets"] = {"users": {"*": {"limit": 0.011, "hard": True}}}
        gateway.write_config(changed)
        refused = wait_until(lambda: (r := ask(gateway, tokens=100)).status_code == 429 and r, what="the cap")
        spent = float(refused.json()["error"]["agentcc"]["spent_usd"])
        assert spent == sum(row["cost_nusd"] for row in gateway.records()) / 1e9

"""Further attempts: of the same model after a pause, of the next one where the first refuses, and never past the total time."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.e2e.test_failover import BROKEN, WHOLE, ask
from tests.e2e.test_race import CHAT_WHOLE, ROLE, SSE
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import Gateway, config_for

A, B = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"


def alone(upstream: FakeUpstream, **block: Any) -> dict[str, Any]:
    """One model, and nobody else."""
    made = config_for(upstream.url, workers=2)
    made["routing"] = {"default": {"strategy": "weighted", "candidates": [A], **block}}
    return made


def hops(got: httpx.Response) -> list[tuple[str, str, str]]:
    listed = json.loads(got.headers.get("x-agentcc-hops", "[]"))
    return [(hop["from"], hop["to"], hop["reason"]) for hop in listed]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_what_passes_is_not_felt(first: FakeUpstream, tmp_path: Path, status: int) -> None:
    first.answers.append(json_answer(b'{"error":{"message":"boom"}}', status))
    first.default = CHAT_WHOLE
    with Gateway(tmp_path, alone(first)) as gateway:
        got = ask(gateway)
        assert got.status_code == 200
        assert hops(got) == [(A, A, f"upstream_{status}")]
        (record,) = gateway.records()
        assert (record["outcome"], record["model_used"], len(first.received)) == ("ok", A, 2)
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))


@pytest.mark.parametrize("opening", [[], [ROLE]], ids=["nothing", "frames"])
def test_a_stream_that_breaks_before_it_says_anything(
    first: FakeUpstream, tmp_path: Path, opening: list[bytes]
) -> None:
    first.answers.append(sse(*opening, is_cut=True))
    first.default = sse(*wires.CHAT)
    with Gateway(tmp_path, alone(first)) as gateway:
        got = ask(gateway, stream=True)
        assert got.status_code == 200
        assert got.text.count("data: [DONE]") == 1
        assert len(first.received) == 2


@pytest.mark.parametrize(("status", "told"), [(400, 400), (401, 403), (404, 404), (422, 422)])
def test_what_will_not_pass_is_told_at_once(first: FakeUpstream, tmp_path: Path, status: int, told: int) -> None:
    first.default = json_answer(b'{"error":{"message":"boom"}}', status)
    with Gateway(tmp_path, alone(first)) as gateway:
        assert ask(gateway).status_code == told
        assert len(first.received) == 1


def test_a_short_retry_after_is_obeyed(first: FakeUpstream, tmp_path: Path) -> None:
    first.answers.append(json_answer(b'{"error":{"message":"slow down"}}', 429, ("retry-after", "1")))
    first.default = CHAT_WHOLE
    with Gateway(tmp_path, alone(first)) as gateway:
        began = time.monotonic()
        assert ask(gateway).status_code == 200
        assert time.monotonic() - began >= 1


def test_a_long_retry_after_is_the_clients(first: FakeUpstream, tmp_path: Path) -> None:
    first.default = json_answer(b'{"error":{"message":"slow down"}}', 429, ("retry-after", "30"))
    with Gateway(tmp_path, alone(first)) as gateway:
        got = ask(gateway)
        assert (got.status_code, got.headers["retry-after"]) == (429, "30")
        assert len(first.received) == 1


def test_retries_may_be_switched_off(first: FakeUpstream, tmp_path: Path) -> None:
    first.default = BROKEN
    with Gateway(tmp_path, alone(first, retries=0)) as gateway:
        assert ask(gateway).status_code == 503
        assert len(first.received) == 1


def test_a_provider_that_is_down_for_all_sees_no_storm(first: FakeUpstream, tmp_path: Path) -> None:
    """A fifth more than was asked of it, and the ten of each worker's start; its breaker keeps most from it altogether."""
    first.default = BROKEN
    count = 120
    with Gateway(tmp_path, alone(first, retries=5)) as gateway, ThreadPoolExecutor(12) as pool:
        got = list(pool.map(lambda n: ask(gateway, messages=[{"role": "user", "content": f"{n}"}]), range(count)))
        assert {one.status_code for one in got} == {503}
        assert len(first.received) <= count * 1.2 + 20


def test_the_total_time_is_that_of_all_attempts(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """The first one falls silent for most of it; the second gets the rest and not a moment more."""
    gate = threading.Event()
    first.default = Answer(200, SSE, [ROLE, gate])
    second.default = Answer(200, SSE, [wires.MESSAGES[0], gate])
    made = config_for(first.url)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["server"]["timeouts"] = {"idle_ms": 1500, "total_ms": 3000}
    made["routing"] = {"default": {"chain": [B]}}
    with Gateway(tmp_path, made) as gateway:
        began = time.monotonic()
        got = ask(gateway, stream=True)
        took = time.monotonic() - began
        assert got.status_code == 504, got.text
        assert len(second.received) == 1
        assert 2.5 < took < 4, took
        gate.set()


def test_with_too_little_time_left_nobody_is_asked(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    first.default = Answer(200, SSE, [ROLE, gate])
    second.default = WHOLE
    made = config_for(first.url)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["server"]["timeouts"] = {"idle_ms": 1500, "total_ms": 2000}
    made["routing"] = {"default": {"chain": [B]}}
    with Gateway(tmp_path, made) as gateway:
        assert ask(gateway, stream=True).status_code == 504
        assert not second.received
        gate.set()


def refusing(first: FakeUpstream, second: FakeUpstream, budgets: dict[str, Any]) -> dict[str, Any]:
    made = config_for(first.url)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["routing"] = {"default": {"chain": [B]}}
    made["budgets"] = budgets
    return made


def test_a_budget_of_the_first_model_moves_the_exchange(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    second.default = WHOLE
    budgets = {"org": {"limit": 100, "models": {A: {"limit": 0.000001, "hard": True}}}}
    with Gateway(tmp_path, refusing(first, second, budgets)) as gateway:
        got = ask(gateway)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, B), got.text
        assert hops(got) == [(A, B, "budget_exceeded")]
        assert not first.received


def test_a_rate_limit_of_the_first_model_moves_the_exchange(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    first.default, second.default = CHAT_WHOLE, WHOLE
    budgets = {"org": {"limit": 100, "models": {A: {"rpm": 1}}}}
    with Gateway(tmp_path, refusing(first, second, budgets)) as gateway:
        assert ask(gateway).headers["x-agentcc-model-used"] == A
        got = ask(gateway, messages=[{"role": "user", "content": "again"}])
        assert (got.status_code, hops(got)) == (200, [(A, B, "rate_limited")])


def test_where_all_refuse_the_client_reads_of_the_first(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    budgets = {"org": {"limit": 100, "models": {A: {"limit": 0.000001, "hard": True}, B: {"rpm": 1}}}}
    second.default = WHOLE
    with Gateway(tmp_path, refusing(first, second, budgets)) as gateway:
        assert ask(gateway).headers["x-agentcc-model-used"] == B
        got = ask(gateway, messages=[{"role": "user", "content": "again"}])
        assert (got.status_code, got.json()["error"]["code"]) == (429, "budget_exceeded")
        assert "x-agentcc-hops" not in got.headers


def test_what_the_account_may_not_is_asked_of_nobody(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, refusing(first, second, {"org": {"limit": 0.000001, "hard": True}})) as gateway:
        assert ask(gateway).status_code == 429
        assert not first.received
        assert not second.received

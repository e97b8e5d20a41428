"""Shadows: another model gets the request too, and the developer never knows; the journal has both to compare."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.e2e.test_failover import BROKEN, WHOLE
from tests.e2e.test_race import CHAT_WHOLE, PRICE, held_nusd
from tests.fakes.upstream import Answer, FakeUpstream, sse
from tests.harness import KEY, Gateway, config_for, wait_until

A, B = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"


@pytest.fixture(autouse=True)
def answers(first: FakeUpstream, second: FakeUpstream) -> None:
    first.default, second.default = CHAT_WHOLE, WHOLE


def config(first: FakeUpstream, second: FakeUpstream, percent: int = 100, **rest: Any) -> dict[str, Any]:
    made = config_for(first.url, workers=2)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["models"]["prices"] = dict.fromkeys([A, B], PRICE)
    made["routing"] = {"default": {"shadow": {"model": B, "percent": percent}}}
    return {**made, **rest}


def ask(gateway: Gateway, *, stream: bool = False, said: str = "hi") -> httpx.Response:
    sent = {"model": A, "stream": stream, "max_tokens": 100, "messages": [{"role": "user", "content": said}]}
    headers = {"authorization": f"Bearer {KEY}", "session-id": "s-1"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=sent, headers=headers, timeout=30)


def both(gateway: Gateway) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record of the exchange, and that of its shadow."""
    records = wait_until(lambda: len(found := gateway.records()) == 2 and found, what="two records")
    main, shadow = sorted(records, key=lambda record: "shadow_of" in record)
    return main, shadow


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_shadow_is_recorded_and_not_felt(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, stream: bool
) -> None:
    if stream:
        first.default, second.default = sse(*wires.CHAT), sse(*wires.MESSAGES)
    with Gateway(tmp_path, config(first, second)) as gateway:
        got = ask(gateway, stream=stream)
        assert got.status_code == 200
        assert got.headers["x-agentcc-model-used"] == A
        assert "x-agentcc-hops" not in got.headers
        main, shadow = both(gateway)
        assert shadow["shadow_of"] == main["request_id"] == got.headers["x-agentcc-request-id"]
        assert (shadow["outcome"], shadow["model_used"], shadow["session_id"]) == ("ok", B, "")
        assert shadow["cost_nusd"] > 0
        assert shadow["usage"]["output_tokens"] > 0
        assert main["model_used"] == A
        assert "shadow_of" not in main
        assert (len(first.received), len(second.received)) == (1, 1)
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))


def test_the_shadow_says_how_the_other_one_went(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    second.default = Answer(200, body=list(WHOLE.body), hold_headers=gate)
    with Gateway(tmp_path, config(first, second)) as gateway:
        assert ask(gateway).status_code == 200
        gate.set()
        main, shadow = both(gateway)
        assert shadow["compared"] == {
            "model_used": A, "outcome": "ok", "output_tokens": main["usage"]["output_tokens"], "cost_nusd": main["cost_nusd"],
            "latency_ms": main["latency_ms"], "ttfb_ms": main["ttfb_ms"],
        }  # fmt: skip


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "broken"])
def test_a_shadow_in_trouble_is_nobodys_trouble(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, is_silent: bool
) -> None:
    gate = threading.Event()
    second.default = Answer(hold_headers=gate) if is_silent else BROKEN
    with Gateway(tmp_path, config(first, second)) as gateway:
        began = time.monotonic()
        for n in range(12):
            assert ask(gateway, said=f"{n}").status_code == 200
        assert time.monotonic() - began < 10
        assert len([record for record in gateway.records() if "shadow_of" not in record]) == 12
        gate.set()


def test_only_so_many_shadows_are_open(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    second.default = Answer(200, body=list(WHOLE.body), hold_headers=gate)
    made = config(first, second)
    made["server"]["workers"] = 1
    with Gateway(tmp_path, made) as gateway:
        for n in range(30):
            assert ask(gateway, said=f"{n}").status_code == 200
        wait_until(lambda: len(second.received) == 16)
        gate.set()
        wait_until(lambda: len(gateway.records()) == 46)
        assert len(second.received) == 16


def test_a_shadow_is_counted_in_the_budget(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(first, second, budgets={"keys": {"alice": {"limit": 1, "hard": True}}})) as gateway:
        assert ask(gateway).status_code == 200
        cost = sum(record["cost_nusd"] for record in both(gateway))

        def spent() -> bool:
            rows = json.loads(gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout)
            return all(int(row["spent_nusd"]) == cost for row in rows)

        wait_until(spent, what="both are counted")
        wait_until(lambda: held_nusd(gateway) == 0, what="nothing is held")


@pytest.mark.parametrize(
    "budgets",
    [
        {"org": {"limit": 100, "models": {B: {"limit": 0.000001, "hard": True}}}},
        {"keys": {"alice": {"rpm": 1}}},
        {"keys": {"alice": {"rpm": 1}}, "queue_ms": 5000},
    ],
    ids=["budget", "rate", "queue"],
)
def test_a_shadow_that_would_be_refused_is_left_out(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, budgets: dict[str, Any]
) -> None:
    with Gateway(tmp_path, config(first, second, budgets=budgets)) as gateway:
        assert ask(gateway).status_code == 200
        assert gateway.stop() == 0
        (record,) = gateway.records()
        assert "shadow_of" not in record
        assert not second.received


def test_a_shadow_moves_no_session(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    made = config(first, second)
    made["routing"]["default"]["sticky_session"] = True
    with Gateway(tmp_path, made) as gateway:
        for _ in range(4):
            assert ask(gateway).headers["x-agentcc-model-used"] == A


def test_a_stop_waits_for_the_shadow(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    second.default = Answer(200, body=list(WHOLE.body), hold_headers=gate)
    with Gateway(tmp_path, config(first, second)) as gateway:
        assert ask(gateway).status_code == 200
        assert second.got_request.acquire(timeout=5)
        threading.Timer(0.5, gate.set).start()
        assert gateway.stop() == 0
        _, shadow = both(gateway)
        assert shadow["outcome"] == "ok"


def test_no_share_no_shadow(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(first, second, percent=0)) as gateway:
        for n in range(5):
            assert ask(gateway, said=f"{n}").status_code == 200
        assert not second.received

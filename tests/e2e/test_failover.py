"""Failover as a developer meets it, which is not at all: another model answers, and only the headers and the journal tell."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.e2e.wires import request
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

BROKEN = json_answer(b'{"error":{"message":"boom","type":"server_error"}}', 503)
CHAIN = ["anthropic/claude-sonnet-4-5", "openai/gpt-4.1-nano"]
STREAMS = {"openai.responses": wires.RESPONSES, "openai.chat": wires.CHAT, "anthropic.messages": wires.MESSAGES}


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    made = FakeUpstream(), FakeUpstream()
    yield made
    for one in made:
        one.close()


@pytest.fixture
def first(providers: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    providers[0].clear()
    return providers[0]


@pytest.fixture
def second(providers: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    providers[1].clear()
    return providers[1]


def config(first: FakeUpstream, second: FakeUpstream, **block: Any) -> dict[str, Any]:
    made = config_for(first.url)
    made["providers"]["anthropic"] = {"api_key": "sk-x", "base_url": second.url}
    made["routing"] = {"default": {"chain": ["anthropic/claude-sonnet-4-5"], **block}}
    return made


@pytest.fixture
def gateway(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path, config(first, second)) as made:
        yield made


def ask(
    gateway: Gateway, *, stream: bool = False, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    sent = {"model": "openai/gpt-4.1-mini", "stream": stream, "messages": [{"role": "user", "content": "hi"}], **body}
    return httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json=sent,
        headers={"authorization": f"Bearer {KEY}", **(headers or {})},
        timeout=30,
    )


WHOLE = json_answer(
    json.dumps(
        {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "from the second"}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    ).encode()
)  # fmt: skip


@pytest.mark.parametrize("status", [401, 429, 500, 503, 529])
def test_a_provider_that_refuses_is_not_felt(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway, status: int
) -> None:
    first.default, second.default = replace(BROKEN, status=status), WHOLE
    got = ask(gateway)
    assert got.status_code == 200, got.text
    assert got.json()["choices"][0]["message"]["content"] == "from the second"
    assert got.headers["x-agentcc-model-used"] == "anthropic/claude-sonnet-4-5"
    hops = json.loads(got.headers["x-agentcc-hops"])
    assert hops == [
        {"from": "openai/gpt-4.1-mini", "to": "anthropic/claude-sonnet-4-5", "reason": f"upstream_{status}"}
    ]
    (record,) = gateway.records()
    assert record["hops"] == hops
    assert (record["outcome"], record["model_used"]) == ("ok", "anthropic/claude-sonnet-4-5")
    assert (len(first.received), len(second.received)) == (1, 1)


@pytest.mark.parametrize("status", [400, 404 - 0, 413, 422])
def test_what_is_the_requests_own_fault_goes_to_nobody_else(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway, status: int
) -> None:
    first.default, second.default = replace(BROKEN, status=status), WHOLE
    got = ask(gateway)
    assert got.status_code == (200 if status == 404 else status)
    assert len(second.received) == (1 if status == 404 else 0)


def test_a_provider_that_cannot_be_reached(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    made = config(first, second)
    made["providers"]["openai"]["base_url"] = "http://127.0.0.1:9/v1"
    second.default = WHOLE
    with Gateway(tmp_path, made) as gateway:
        got = ask(gateway)
        assert got.status_code == 200
        assert json.loads(got.headers["x-agentcc-hops"])[0]["reason"] == "connect"


@pytest.mark.parametrize("cut_after", [0, 1])
def test_a_stream_that_breaks_before_it_says_anything(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway, cut_after: int
) -> None:
    role = wires.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    first.default = sse(*[role][:cut_after], is_cut=True)
    second.default = sse(*wires.MESSAGES)
    got = ask(gateway, stream=True)
    assert got.status_code == 200
    assert got.headers["x-agentcc-model-used"] == "anthropic/claude-sonnet-4-5"
    assert got.text.count('"role":"assistant"') == 1
    assert got.text.rstrip().endswith("data: [DONE]")
    (record,) = gateway.records()
    assert record["outcome"] == "ok"
    assert record["cost_basis"] == "estimated"  # what the first one took, nobody knows
    assert len(second.received) == 1


def test_after_the_first_word_nobody_else_answers(first: FakeUpstream, second: FakeUpstream, gateway: Gateway) -> None:
    first.default = sse(wires.CHAT[0], is_cut=True)
    got = ask(gateway, stream=True)
    assert got.status_code == 200
    assert '"content":"Hel"' in got.text.replace(" ", "")
    assert "error" in got.text
    assert not second.received
    (record,) = gateway.records()
    assert record["outcome"] == "cut"


def test_frames_that_say_nothing_wait_until_something_is_said(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway
) -> None:
    gate = threading.Event()
    role = wires.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    first.default = Answer(200, [("content-type", "text/event-stream")], [role, gate, *wires.CHAT])
    gate.set()
    got = ask(gateway, stream=True)
    assert got.text.count("data: [DONE]") == 1
    assert got.text.index('"role"') < got.text.index("Hel")
    assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini"
    assert not second.received


def test_when_all_fail_the_client_reads_of_the_last(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway
) -> None:
    first.default = BROKEN
    second.default = json_answer(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 529)
    got = ask(gateway)
    assert got.status_code in {503, 529}
    assert "Overloaded" in got.text
    (record,) = gateway.records()
    assert record["outcome"] == "upstream_error"
    assert [hop["reason"] for hop in record["hops"]] == ["upstream_503", "upstream_529"]
    assert len(second.received) == 2, "the last one is asked again after a pause"


def test_a_client_may_ask_for_no_other_model(first: FakeUpstream, second: FakeUpstream, gateway: Gateway) -> None:
    first.default = BROKEN
    got = ask(gateway, headers={"x-agentcc-no-fallback": "1"})
    assert got.status_code == 503
    assert not second.received


def test_a_session_stays_where_it_moved(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    made = config(first, second, sticky_session=True)
    made["server"]["workers"] = 2
    first.default, second.default = BROKEN, WHOLE
    with Gateway(tmp_path, made) as gateway:
        assert ask(gateway).status_code == 200
        assert len(first.received) == 1
        first.default = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
        for _ in range(6):  # a connection each: any worker
            assert ask(gateway).headers["x-agentcc-model-used"] == "anthropic/claude-sonnet-4-5"
        assert len(first.received) == 1
        other = ask(gateway, messages=[{"role": "user", "content": "another session"}])
        assert other.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini"


def test_a_breaker_acts_on_the_next_request_of_any_worker(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    made = config(first, second)
    made["server"]["workers"] = 2
    first.default, second.default = BROKEN, WHOLE
    with Gateway(tmp_path, made) as gateway:
        for i in range(12):
            assert ask(gateway, messages=[{"role": "user", "content": f"{i}"}]).status_code == 200
        assert len(first.received) == 5
        skipped = ask(gateway)
        assert json.loads(skipped.headers["x-agentcc-hops"]) == [
            {"from": "openai/gpt-4.1-mini", "to": "anthropic/claude-sonnet-4-5", "reason": "breaker_open"}
        ]
        first.default = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
        wait_until(lambda: ask(gateway).headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini", timeout_s=15)
        again = [ask(gateway) for _ in range(4)]
        assert [one.headers.get("x-agentcc-hops", "") for one in again] == [""] * 4


@pytest.mark.parametrize("dialect", ["openai.responses", "anthropic.messages"])
def test_other_clients_stream_through_it_too(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, dialect: str
) -> None:
    made = config_for(first.url)
    made["providers"]["other"] = {"api_key": "x", "base_url": f"{second.url}/v1", "dialect": dialect, "models": ["m"]}
    made["models"]["unpriced"] = {"allow": ["other/*"]}
    made["routing"] = {"default": {"chain": ["other/m"]}}
    path = {"openai.responses": "/v1/responses", "anthropic.messages": "/v1/messages"}[dialect]
    events = STREAMS[dialect]
    first.default = sse(events[0], is_cut=True)
    second.default = sse(*events)
    with Gateway(tmp_path, made) as gateway:
        body = {**request(dialect), "model": "openai/gpt-4.1-mini" if dialect == "openai.responses" else "anthropic/claude-sonnet-4-5"}  # fmt: skip
        got = httpx.post(gateway.url + path, json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=30)
        assert got.headers["x-agentcc-model-used"] == "other/m", got.text
        assert wires.without_comments(got.content).count(events[0][:30]) == 1
        assert gateway.records()[0]["outcome"] == "ok"


def test_a_provider_that_says_why_and_resets_is_passed_on_as_it_is(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway
) -> None:
    error = wires.event({"error": {"message": "overloaded just now", "type": "server_error"}})
    first.default = sse(wires.CHAT[0], error, is_cut=True)
    got = ask(gateway, stream=True)
    assert got.text.count('"error"') == 1
    assert "overloaded just now" in got.text
    (record,) = gateway.records()
    assert (record["outcome"], record["error_code"]) == ("upstream_error", "upstream_failed")


def test_hops_that_led_nowhere_are_not_told(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """The second one, and the cheaper model that its budget wants in its place, were never asked."""
    made = config(first, second)
    cheap = "anthropic/claude-haiku-4-5"
    made["budgets"] = {
        "downgrade": {"cascade": [cheap]},
        "org": {"limit": 100, "models": {cheap: {"rpm": 1}}},
    }
    first.default, second.default = BROKEN, WHOLE
    with Gateway(tmp_path, made) as gateway:
        gateway.run_cli("budgets", "correct", "org", "97", "--reason", "test", "-c", str(gateway.file))
        served = ask(gateway)
        assert served.headers["x-agentcc-model-used"] == cheap
        assert [hop["reason"] for hop in json.loads(served.headers["x-agentcc-hops"])] == ["upstream_503", "budget"]
        got = ask(gateway, messages=[{"role": "user", "content": "again"}])
        assert got.status_code == 503
        assert "x-agentcc-hops" not in got.headers
        assert gateway.record(got.headers["x-agentcc-request-id"])["hops"] == []


def test_a_provider_that_fails_a_third_of_the_time_is_asked_last(
    first: FakeUpstream, second: FakeUpstream, gateway: Gateway
) -> None:
    """Its breaker stays closed: never five failures running, never half of all."""
    well = json_answer(json.dumps({"id": "c", "object": "chat.completion", "choices": []}).encode())
    second.default = WHOLE
    first.answers.extend([BROKEN, well, well] * 10)
    first.default = well
    for _ in range(30):
        assert ask(gateway).status_code == 200
    hops = json.loads(ask(gateway).headers["x-agentcc-hops"])
    assert [hop["reason"] for hop in hops] == ["failing"]
    assert len(first.received) < 30
    second.default = BROKEN
    assert ask(gateway).headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini", "it is asked where others fail more"


def test_a_hop_over_a_providers_border_is_told(first: FakeUpstream, second: FakeUpstream, gateway: Gateway) -> None:
    """In the log, and as a counter."""
    first.default, second.default = BROKEN, WHOLE
    assert ask(gateway).status_code == 200
    (line,) = wait_until(lambda: gateway.logs("provider_hop"))
    assert (line["level"], line["from_provider"], line["to_provider"]) == ("warning", "openai", "anthropic")
    assert (line["count"], line["reason"]) == (1, "upstream_503")


@pytest.mark.parametrize("size", [100_000, 400_000, 1_200_000])
def test_a_long_opening_stops_nobody(first: FakeUpstream, second: FakeUpstream, gateway: Gateway, size: int) -> None:
    """Two events repeat the instructions and tools; together they are longer than what is read ahead."""
    said = {"id": "resp_1", "object": "response", "status": "in_progress", "instructions": "x" * size, "output": []}
    opening = [
        f"event: {kind}\ndata: {json.dumps({'type': kind, 'response': said})}\n\n".encode()
        for kind in ("response.created", "response.in_progress")
    ]
    first.default = sse(*opening, *wires.RESPONSES)
    got = httpx.post(
        f"{gateway.url}/v1/responses",
        json={"model": "openai/gpt-4.1-mini", "stream": True, "input": "hi"},
        headers={"authorization": f"Bearer {KEY}"},
        timeout=30,
    )
    assert got.headers["x-agentcc-model-used"] == "openai/gpt-4.1-mini"
    assert got.content.startswith(b"".join((*opening, *wires.RESPONSES[:-1])))
    assert b"response.completed" in got.content

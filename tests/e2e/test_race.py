"""Races as a developer meets them: the faster model answers, and the journal tells who ran, who won, and what the others cost."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dataplane.flow.asking import OWN, asked
from tests.e2e import wires
from tests.e2e.test_failover import BROKEN, WHOLE
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

A, B, LAB = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5", "lab/m"
PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
SSE = [("content-type", "text/event-stream")]
ROLE = wires.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
CHAT_WHOLE = json_answer(
    json.dumps(
        {
            "id": "c", "object": "chat.completion", "model": "gpt-4.1-mini", "usage": wires.CHAT_USAGE,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "from the first"}, "finish_reason": "stop"}],
        }
    ).encode()
)  # fmt: skip


def streamed(gateway: Gateway) -> AbstractContextManager[httpx.Response]:
    """A stream that the test reads as it likes."""
    body = {"model": A, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def config(
    first: FakeUpstream, second: FakeUpstream, hedge_ms: int = 0, *candidates: str, **rest: Any
) -> dict[str, Any]:
    made = config_for(first.url, workers=2)
    made["providers"]["anthropic"]["base_url"] = second.url
    made["providers"]["lab"]["base_url"] = second.url
    made["models"]["prices"] = dict.fromkeys([A, B, LAB], PRICE)
    block = {"strategy": "race", "candidates": list(candidates or (A, B)), "hedge_ms": hedge_ms}
    made["routing"] = {"default": block}
    return {**made, **rest}


def ask(gateway: Gateway, *, stream: bool = True, **body: Any) -> httpx.Response:
    sent = {"model": A, "stream": stream, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **body}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=sent, headers=headers, timeout=30)


def silent(frame: bytes = ROLE) -> tuple[Answer, threading.Event]:
    """A stream that begins and says nothing."""
    gate = threading.Event()
    return Answer(200, SSE, [frame, gate]), gate


def set_after(event: threading.Event, *seen: threading.Semaphore, pause_s: float = 0) -> None:
    """Set it once each of `seen` was released, and a pause later; whoever waits in vain keeps no run from its end."""

    def wait() -> None:
        if all(one.acquire(timeout=30) for one in seen):
            time.sleep(pause_s)
            event.set()

    threading.Thread(target=wait, daemon=True).start()


def the_record(gateway: Gateway) -> dict[str, Any]:
    (record,) = gateway.records()
    return record


def held_nusd(gateway: Gateway) -> int:
    listed = gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout
    return sum(int(row["held_nusd"]) for row in json.loads(listed))


def test_the_first_content_wins_and_the_other_is_left_at_once(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    first.default, gate = silent()
    said = threading.Event()
    second.default = Answer(200, SSE, [said, *wires.MESSAGES])
    with Gateway(tmp_path, config(first, second)) as gateway:
        set_after(said, first.got_request, second.got_request)
        got = ask(gateway)
        assert got.status_code == 200
        assert got.headers["x-agentcc-model-used"] == B
        assert got.text.count("data: [DONE]") == 1
        assert first.disconnected.acquire(timeout=5)
        record = the_record(gateway)
        assert (record["outcome"], record["model_used"], record["cost_basis"]) == ("ok", B, "estimated")
        (hop,) = record["hops"]
        assert (hop["from"], hop["to"], hop["reason"]) == (A, B, "race_lost")
        assert float(hop["cost_usd"]) > 0
        usage = record["usage"]
        own = (usage["input_tokens"] + usage["cache_read_tokens"]) * 1000 + usage["output_tokens"] * 10_000
        assert record["cost_nusd"] == own + round(float(hop["cost_usd"]) * 1e9)
    gate.set()


def test_the_loser_is_left_within_fifty_milliseconds(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, gate = silent()
    hold = threading.Event()
    second.default = Answer(200, SSE, [*wires.MESSAGES[:4], hold, *wires.MESSAGES[4:]])
    with Gateway(tmp_path, config(first, second)) as gateway:
        took: list[float] = []
        for _ in range(5):
            hold.clear()
            with streamed(gateway) as got:
                pieces = got.iter_raw()
                next(pieces)
                began = time.monotonic()
                assert first.disconnected.acquire(timeout=5)
                took.append(time.monotonic() - began)
                hold.set()
                for _ in pieces:
                    pass
        assert sorted(took)[2] < 0.05, took
    gate.set()


def test_whole_answers_race_too(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    first.default = Answer(200, body=[CHAT_WHOLE.body[0]], hold_headers=gate)
    second.default = WHOLE
    with Gateway(tmp_path, config(first, second)) as gateway:
        got = ask(gateway, stream=False)
        assert got.json()["choices"][0]["message"]["content"] == "from the second"
        assert first.disconnected.acquire(timeout=5)
        assert [hop["reason"] for hop in the_record(gateway)["hops"]] == ["race_lost"]
        assert json.loads(got.headers["x-agentcc-hops"])[0]["to"] == B
    gate.set()


def test_who_answers_in_time_runs_alone(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, second.default = sse(*wires.CHAT), sse(*wires.MESSAGES)
    with Gateway(tmp_path, config(first, second, 5000)) as gateway:
        got = ask(gateway)
        assert got.headers["x-agentcc-model-used"] == A
        record = the_record(gateway)
        assert (record["hops"], record["cost_basis"]) == ([], "exact")
        assert not second.received


def test_the_hedge_starts_after_its_time(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, gate = silent()
    second.default = sse(*wires.MESSAGES)
    with Gateway(tmp_path, config(first, second, 300)) as gateway:
        began = time.monotonic()
        assert ask(gateway).headers["x-agentcc-model-used"] == B
        assert time.monotonic() - began >= 0.3
    gate.set()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_when_the_first_fails_the_next_starts_at_once(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, stream: bool
) -> None:
    first.default, second.default = BROKEN, sse(*wires.MESSAGES) if stream else WHOLE
    with Gateway(tmp_path, config(first, second, 20_000)) as gateway:
        began = time.monotonic()
        got = ask(gateway, stream=stream)
        assert got.headers["x-agentcc-model-used"] == B
        assert time.monotonic() - began < 10
        (hop,) = the_record(gateway)["hops"]
        assert (hop["from"], hop["to"], hop["reason"]) == (A, B, "upstream_503")


def test_a_hedge_that_fails_stops_nobody(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    gate = threading.Event()
    first.default = Answer(200, SSE, [gate, *wires.CHAT])
    second.default = BROKEN
    with Gateway(tmp_path, config(first, second)) as gateway:
        set_after(gate, second.got_request, pause_s=0.1)
        got = ask(gateway)
        assert got.headers["x-agentcc-model-used"] == A
        (hop,) = the_record(gateway)["hops"]
        assert (hop["from"], hop["to"], hop["reason"]) == (B, A, "upstream_503")


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_when_all_fail_the_client_reads_of_one_of_them(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, stream: bool
) -> None:
    first.default = second.default = BROKEN
    with Gateway(tmp_path, config(first, second)) as gateway:
        got = ask(gateway, stream=stream)
        assert got.status_code == 503
        assert "boom" in got.text
        record = the_record(gateway)
        assert (record["outcome"], record["cost_nusd"], len(record["hops"])) == ("upstream_error", 0, 1)


def test_what_is_the_requests_own_fault_is_the_answer(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    first.default = json_answer(b'{"error":{"message":"no such thing","type":"invalid_request_error"}}', 400)
    second.default, gate = silent(wires.MESSAGES[0])
    with Gateway(tmp_path, config(first, second)) as gateway:
        got = ask(gateway)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (400, A)
    gate.set()


def test_a_client_that_leaves_ends_all_of_it(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    (first.default, gate), (second.default, other) = silent(), silent(wires.MESSAGES[0])
    budgets = {"keys": {"alice": {"limit": 100, "hard": True}}}
    with Gateway(tmp_path, config(first, second, budgets=budgets)) as gateway:
        body = json.dumps(
            {"model": A, "stream": True, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
        )
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}"
            client.sendall(f"{head}\r\n\r\n{body}".encode())
            assert first.got_request.acquire(timeout=20)
            assert second.got_request.acquire(timeout=20)
        assert first.disconnected.acquire(timeout=5)
        assert second.disconnected.acquire(timeout=5)
        record = wait_until(lambda: gateway.records() and gateway.records()[0])
        assert (record["outcome"], record["cost_basis"]) == ("disconnected", "estimated")
        assert record["cost_nusd"] > 0
        assert len(gateway.records()) == 1
        wait_until(lambda: held_nusd(gateway) == 0, what="nothing is held")
    gate.set()
    other.set()


def test_a_hard_budget_holds_the_sum(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    """Each may cost 0.003 USD and something: a budget of 0.005 pays for one, so the hedge is not asked."""
    first.default, second.default = sse(*wires.CHAT), sse(*wires.MESSAGES)
    second.default, gate = silent(wires.MESSAGES[0])
    budgets = {"keys": {"alice": {"limit": 0.005, "hard": True}}}
    with Gateway(tmp_path, config(first, second, budgets=budgets)) as gateway:
        got = ask(gateway)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, A), got.text
        assert not second.received
        assert the_record(gateway)["hops"] == []
    gate.set()


def test_all_that_ran_is_booked_in_the_budget(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, gate = silent()
    second.default = sse(*wires.MESSAGES)
    budgets = {"keys": {"alice": {"limit": 1, "hard": True}}}
    with Gateway(tmp_path, config(first, second, 100, budgets=budgets)) as gateway:
        assert ask(gateway).headers["x-agentcc-model-used"] == B
        cost = the_record(gateway)["cost_nusd"]
        assert cost > 1_000_000, "under a hard budget the loser is booked at all that it could have come to"

        def spent() -> bool:
            rows = json.loads(gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout)
            return all(int(row["spent_nusd"]) == cost and int(row["held_nusd"]) == 0 for row in rows)

        wait_until(spent, what="what is spent is what the record says")
    gate.set()


def test_many_races_never_pass_a_hard_budget(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, gate = silent()
    second.default = sse(*wires.MESSAGES)
    limit_nusd = 50_000_000
    made = config(first, second, budgets={"org": {"limit": 0.05, "hard": True}})
    made["server"]["timeouts"] = {
        "idle_ms": 1000
    }  # at last the budget pays for the first alone, which never says anything
    with (
        Gateway(tmp_path, made) as gateway,
        ThreadPoolExecutor(10) as pool,
    ):
        got = list(pool.map(lambda n: ask(gateway, messages=[{"role": "user", "content": f"{n}"}]), range(60)))
        assert {200, 429} <= {one.status_code for one in got} <= {200, 429, 504}
        costs = [record["cost_nusd"] for record in gateway.records()]
        assert len(costs) == 60
        assert limit_nusd / 2 < sum(costs) <= limit_nusd
        wait_until(lambda: held_nusd(gateway) == 0, what="nothing is held")
        rows = json.loads(gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout)
        assert [int(row["spent_nusd"]) for row in rows] == [sum(costs)]
    gate.set()


def test_a_race_with_tools_of_another_dialect(first: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    first.default, gate = silent(wires.RESPONSES[0])
    call = [
        {"id": "c2", "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]}}]},
        {"id": "c2", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]  # fmt: skip
    second.default = sse(*map(wires.event, call), b"data: [DONE]\n\n")
    made = config(first, second, 0, A, LAB)
    made["providers"]["lab"]["dialect"] = "openai.chat"
    with Gateway(tmp_path, made) as gateway:
        tools = [{"name": "look", "input_schema": {"type": "object"}}]
        sent = {
            "model": A,
            "stream": True,
            "max_tokens": 99,
            "tools": tools,
            "messages": [{"role": "user", "content": "hi"}],
        }
        got = httpx.post(
            f"{gateway.url}/v1/messages", json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30
        )
        assert got.headers["x-agentcc-model-used"] == LAB, got.text
        assert '"tool_use"' in got.text
        assert got.text.count("event: message_stop") == 1
    gate.set()


def test_keep_alives_come_while_nobody_has_said_anything(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    first.default, gate = silent()
    second.default = Answer(200, SSE, [gate, *wires.MESSAGES])
    made = config(first, second)
    made["server"]["timeouts"] = {"early_commit_ms": 200, "keep_alive_ms": 100}
    with Gateway(tmp_path, made) as gateway:
        with streamed(gateway) as got:
            pieces = got.iter_raw()
            assert next(pieces).startswith(b":")
            gate.set()
            assert b"".join(pieces).count(b"data: [DONE]") == 1
        assert the_record(gateway)["outcome"] == "ok"


@pytest.mark.parametrize(
    ("dialect", "form"), [*((d, form) for d in OWN for form in ("stream", "whole")), ("gemini.generate", "array")]
)
def test_every_client_gets_the_winners_answer(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, dialect: str, form: str
) -> None:
    """Also where the winner speaks the client's own dialect and the loser does not, and the other way round."""
    made = config_for(first.url)
    made["providers"]["other"] = {"api_key": "x", "base_url": f"{second.url}/v1", "dialect": "anthropic.messages"}
    made["models"]["unpriced"] = {"allow": ["*"]}
    made["routing"] = {"default": {"strategy": "race", "candidates": [OWN[dialect], "other/m"], "hedge_ms": 0}}
    gate = threading.Event()
    first.default = Answer(200, SSE, hold_headers=gate)
    second.default = WHOLE if form == "whole" else sse(*wires.MESSAGES)
    with Gateway(tmp_path, made) as gateway:
        sent = asked(dialect, stream=form != "whole", is_array=form == "array")
        with httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {KEY}"}, timeout=30) as client:
            got = client.post(**sent)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, "other/m"), got.text
        if form == "array":
            assert isinstance(json.loads(got.text), list)
        record = the_record(gateway)
        assert (record["outcome"], [hop["reason"] for hop in record["hops"]][-1]) == ("ok", "race_lost")
        assert first.disconnected.acquire(timeout=5)
    gate.set()


@pytest.mark.parametrize("is_array", [True, False], ids=["array", "events"])
def test_a_gemini_client_keeps_its_providers_own_bytes(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, is_array: bool
) -> None:
    made = config(first, second, 0, "gemini/gemini-2.5-flash", B)
    second.default, gate = silent(wires.MESSAGES[0])
    whole = b'[{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}]}]'
    first.default = json_answer(whole) if is_array else sse(*wires.GEMINI)
    with Gateway(tmp_path, made) as gateway:
        sent = asked("gemini.generate", stream=True, is_array=is_array)
        with httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {KEY}"}, timeout=30) as client:
            got = client.post(**sent)
        assert got.headers["x-agentcc-model-used"] == "gemini/gemini-2.5-flash", got.text
        assert got.content == whole if is_array else b"".join(wires.GEMINI) == wires.without_comments(got.content)
        assert the_record(gateway)["outcome"] == "ok"
    gate.set()

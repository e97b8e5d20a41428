"""What failovers cost and how many there may be, beyond what the matrix of faults shows."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.fakes.upstream import Answer, FakeUpstream, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

_PRICE = {"input_per_mtok": 1, "output_per_mtok": 10}
_ROLE = wires.event({"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
_WHOLE = json_answer(
    json.dumps({"id": "c", "object": "chat.completion", "choices": [], "usage": wires.CHAT_USAGE}).encode()
)
_GEMINI, _BACKUP = "gemini/gemini-2.5-flash", "lab/backup"
_PICTURE = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/private.png"}}
"""Nobody may fetch it, so no provider that wants pictures inside the request can be asked."""


def _gateway(first: FakeUpstream, second: FakeUpstream, place: Path, *chain: str) -> Gateway:
    made = config_for(first.url)
    made["providers"]["lab"]["base_url"] = made["providers"]["gemini"]["base_url"] = second.url
    made["models"]["prices"] = dict.fromkeys(["openai/gpt-4.1-mini", _GEMINI, _BACKUP], _PRICE)
    made["routing"] = {"default": {"chain": list(chain)}}
    made["budgets"] = {"keys": {"alice": {"concurrency": 100, "limit": 100}}}
    return Gateway(place, made)


def _ask(
    gateway: Gateway, content: Any = "hi", *, stream: bool = False, model: str = "openai/gpt-4.1-mini", **headers: str
) -> httpx.Response:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": content}]}
    told = {"authorization": f"Bearer {KEY}", **headers}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=told, timeout=30)


def _held_nusd(gateway: Gateway) -> int:
    listed = gateway.run_cli("budgets", "list", "--json", "-c", str(gateway.file)).stdout
    return sum(int(row["held_nusd"]) for row in json.loads(listed))


def test_all_that_lose_their_provider_at_one_moment_move(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    """An outage is no storm: each asks the second once."""
    count, outage = 60, threading.Event()
    first.default = Answer(200, [("content-type", "text/event-stream")], [_ROLE, outage], is_cut=True)
    second.default = sse(*wires.CHAT)
    with _gateway(first, second, tmp_path, _BACKUP) as gateway, ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(_ask, gateway, f"{n}", stream=True) for n in range(count)]
        wait_until(lambda: len(first.received) == count, what="all are with the first one")
        outage.set()
        got = [one.result() for one in asked]
        assert [one.status_code for one in got] == [200] * count
        assert len(second.received) == count


def test_when_the_next_cannot_even_be_asked_the_failure_is_booked_once(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    """The client reads of the failure that was, and pays for no more than without a second model."""
    first.default = sse(_ROLE, is_cut=True)
    content = [{"type": "text", "text": "x" * 3000}, _PICTURE]
    with _gateway(first, second, tmp_path, _GEMINI) as gateway:
        alone = _ask(gateway, content, stream=True, **{"x-agentcc-no-fallback": "1"})
        got = _ask(gateway, content, stream=True)
        assert got.status_code == 502
        assert "openai" in got.json()["error"]["message"]
        assert not second.received
        costs = [gateway.record(one.headers["x-agentcc-request-id"])["cost_nusd"] for one in (alone, got)]
        assert costs[0] > 0
        assert costs[1] < 1.5 * costs[0]
        wait_until(lambda: _held_nusd(gateway) == 0, what="nothing is held")


def test_an_attempt_that_was_never_sent_gives_back_what_it_held(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    """Of three deployments the second can't take the request: it is passed over, and its money is free again."""
    first.default, second.default = json_answer(b'{"error":{"message":"boom"}}', 503), _WHOLE
    with _gateway(first, second, tmp_path, _GEMINI, _BACKUP) as gateway:
        got = _ask(gateway, [{"type": "text", "text": "hi"}, _PICTURE])
        assert got.status_code == 200, got.text
        assert got.headers["x-agentcc-model-used"] == _BACKUP
        assert [hop["to"] for hop in json.loads(got.headers["x-agentcc-hops"])] == [_BACKUP]
        wait_until(lambda: _held_nusd(gateway) == 0, what="nothing is held")


_ERROR = {"error": {"message": "the model tripped", "type": "server_error"}}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", ["openai/gpt-4.1-mini", "anthropic/claude-sonnet-4-5"], ids=["passed", "translated"])
def test_a_provider_that_only_tells_of_errors_with_a_good_status_is_left_alone(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path, model: str, stream: bool
) -> None:
    """Its breaker opens as with any other failure."""
    error = {"type": "error", "error": {"type": "api_error", "message": "x"}} if "claude" in model else _ERROR
    told = wires.event(error, "error" if "claude" in model else "")
    first.default = sse(told) if stream else json_answer(json.dumps(error).encode())
    second.default = sse(*wires.CHAT) if stream else _WHOLE
    with _gateway(first, second, tmp_path, _BACKUP) as gateway:
        for n in range(8):
            assert _ask(gateway, f"{n}", stream=stream, model=model).status_code == 200
        assert len(first.received) == 5


def test_what_is_the_requests_own_fault_opens_no_breaker(
    first: FakeUpstream, second: FakeUpstream, tmp_path: Path
) -> None:
    """Nor does anybody else get it."""
    first.default = sse(wires.event({"error": {"message": "too long", "code": "context_length_exceeded"}}))
    with _gateway(first, second, tmp_path, _BACKUP) as gateway:
        for n in range(7):
            assert "context_length_exceeded" in _ask(gateway, f"{n}", stream=True).text
        assert (len(first.received), len(second.received)) == (7, 0)

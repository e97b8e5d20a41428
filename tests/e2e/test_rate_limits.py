"""Rate limits as their users meet them: two workers, one limit, the client's own form."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_budgets import CLAUDE, CODEX, GEMINI, answer, ask, config, started
from tests.e2e.wires import request
from tests.fakes.upstream import FakeUpstream
from tests.harness import KEY, wait_until


@pytest.fixture
def fake(fake: FakeUpstream) -> FakeUpstream:
    """One that says what it took."""
    fake.default = answer()
    return fake


def test_a_limit_is_that_of_both_workers_together(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"teams": {"platform": {"rpm": 12}}}, workers=2) as gateway:
        with ThreadPoolExecutor(8) as pool:  # a connection each: both workers get some
            got = list(pool.map(lambda _: ask(gateway), range(30)))
        assert sorted(one.status_code for one in got) == [200] * 12 + [429] * 18
        assert len(fake.received) == 12
        refused = next(one for one in got if one.status_code == 429)
        assert int(refused.headers["retry-after"]) in range(1, 6)
        assert refused.headers["x-ratelimit-limit-requests"] == "12"
        error = refused.json()["error"]
        assert error["code"] == "rate_limit_exceeded"
        told = error["agentcc"]
        assert (told["level"], told["id"], told["kind"], told["limit"]) == ("team", "platform", "requests", 12)
        record = gateway.record(refused.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["error_code"], record["cost_nusd"]) == ("refused", "rate_limited", 0)


def test_each_answer_says_what_is_left_in_place_of_the_providers_own(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.default.headers.append(("x-ratelimit-remaining-requests", "99999"))
    with started(tmp_path, fake, {"keys": {"*": {"rpm": 4, "tpm": 100_000}}}) as gateway:
        got = [ask(gateway) for _ in range(3)]
        assert [one.headers.get_list("x-ratelimit-remaining-requests") for one in got] == [["3"], ["2"], ["1"]]
        assert got[2].headers["x-ratelimit-reset-requests"] in {"44s", "45s"}
        assert got[2].headers["x-ratelimit-limit-tokens"] == "100000"
    fake.default.headers.pop()


@pytest.mark.parametrize(
    ("path", "dialect", "headers"),
    [
        ("/v1/responses", "openai.responses", CODEX),
        ("/v1/chat/completions", "openai.chat", {}),
        ("/v1/messages", "anthropic.messages", CLAUDE),
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini.generate", GEMINI),
    ],
)
def test_a_refusal_that_clears_by_itself_asks_to_come_again(
    fake: FakeUpstream, tmp_path: Path, path: str, dialect: str, headers: dict[str, str]
) -> None:
    with started(tmp_path, fake, {"keys": {"*": {"rpm": 1}}}) as gateway:
        assert ask(gateway).status_code == 200
        sent = {**headers, "authorization": f"Bearer {KEY}"}
        got = httpx.post(gateway.url + path, json=request(dialect, stream=False), headers=sent, timeout=30)
        assert got.status_code == 429
        assert int(got.headers["retry-after"]) in range(50, 61)
        assert "x-should-retry" not in got.headers
        error = got.json()["error"]
        assert "requests a minute" in error["message"]
        if dialect == "gemini.generate":
            delay = error["details"][1]
            assert (delay["@type"], delay["retryDelay"]) == (
                "type.googleapis.com/google.rpc.RetryInfo",
                got.headers["retry-after"] + "s",
            )


def test_tokens_are_corrected_by_what_the_provider_counted(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.default = answer(5000, 1000)
    with started(tmp_path, fake, {"keys": {"*": {"tpm": 12_000}}}, workers=2) as gateway:
        assert [ask(gateway).status_code for _ in range(2)] == [200, 200]
        wait_until(lambda: ask(gateway).status_code == 429)  # the debts are told within a moment
        refused = ask(gateway)
        assert int(refused.headers["x-ratelimit-remaining-tokens"]) < 600
        assert 200 not in {ask(gateway).status_code for _ in range(5)}


def test_a_failed_request_gives_its_tokens_back_and_counts_as_a_request(fake: FakeUpstream, tmp_path: Path) -> None:
    fake.default = replace(answer(), status=500)
    with started(tmp_path, fake, {"keys": {"*": {"rpm": 5, "tpm": 600}}}) as gateway:
        assert [ask(gateway, tokens=100).status_code for _ in range(6)] == [500] * 5 + [429]


def test_concurrency_frees_its_slot_with_the_last_byte(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"users": {"*": {"concurrency": 2}}}, workers=2) as gateway:
        for _ in range(20):  # one after the other, on whichever worker
            assert ask(gateway).status_code == 200
        gate = threading.Event()
        fake.default = replace(answer(), hold_headers=gate)
        before = len(fake.received)
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(ask, gateway) for _ in range(2)]
            wait_until(lambda: len(fake.received) == before + 2)
            refused = [ask(gateway) for _ in range(4)]
            gate.set()
            assert [one.result().status_code for one in running] == [200, 200]
        assert {one.status_code for one in refused} == {429}
        assert refused[0].json()["error"]["agentcc"]["kind"] == "concurrency"
        assert refused[0].headers["x-ratelimit-limit-concurrency"] == "2"
        fake.default = answer()
        assert ask(gateway).status_code == 200


def test_a_client_that_leaves_frees_its_slot(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"users": {"*": {"concurrency": 1}}}, workers=2) as gateway:
        gate = threading.Event()
        fake.default = replace(answer(), hold_headers=gate)
        with pytest.raises(httpx.TimeoutException):
            httpx.post(
                f"{gateway.url}/v1/responses",
                json={"model": "openai/gpt-4.1-mini", "input": "hi", "stream": True},
                headers={"authorization": f"Bearer {KEY}"},
                timeout=0.5,
            )
        gate.set()
        fake.default = answer()
        wait_until(lambda: ask(gateway).status_code == 200)


def test_who_waits_in_the_queue_is_served_in_time(fake: FakeUpstream, tmp_path: Path) -> None:
    limits = {"keys": {"*": {"rpm": 600, "burst_s": 0.1}}, "queue_ms": 20_000}
    with started(tmp_path, fake, limits, workers=2) as gateway:
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda _: ask(gateway), range(12)))
        assert [one.status_code for one in got] == [200] * 12
        waited = [int(one.headers.get("x-agentcc-queued-ms", "0")) for one in got]
        assert max(waited) >= 300  # one at once, then one each 100 ms, eight at a time
        longest = got[waited.index(max(waited))]
        assert gateway.record(longest.headers["x-agentcc-request-id"])["queued_ms"] == max(waited)


def test_the_queue_has_a_deadline_and_a_length(fake: FakeUpstream, tmp_path: Path) -> None:
    limits = {"keys": {"*": {"rpm": 1}}, "queue_ms": 300, "queue_requests": 2}
    with started(tmp_path, fake, limits) as gateway:
        assert ask(gateway).status_code == 200
        with ThreadPoolExecutor(6) as pool:
            got = list(pool.map(lambda _: ask(gateway), range(6)))
        assert {one.status_code for one in got} == {429}
        assert all(int(one.headers["retry-after"]) > 50 for one in got)


def test_a_changed_limit_holds_without_a_restart(fake: FakeUpstream, tmp_path: Path) -> None:
    with started(tmp_path, fake, {"keys": {"*": {"rpm": 2}}}, workers=2) as gateway:
        assert [ask(gateway).status_code for _ in range(3)] == [200, 200, 429]
        gateway.write_config(config(fake.url, {"keys": {"*": {"rpm": 1000}}}, workers=2))
        wait_until(lambda: ask(gateway).status_code == 200)

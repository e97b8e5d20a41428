"""One provider with two accounts, from the outside: who is asked, who is not, and what the developer never notices."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import wires
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

WHOLE = json.dumps(
    {
        "id": "c1", "object": "chat.completion", "model": "gpt-4.1-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
).encode()  # fmt: skip
MODEL = "openai/gpt-4.1-mini"


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    made = FakeUpstream(), FakeUpstream()
    yield made
    for one in made:
        one.close()


@pytest.fixture
def eu(accounts: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    return _cleared(accounts[0])


@pytest.fixture
def us(accounts: tuple[FakeUpstream, FakeUpstream]) -> FakeUpstream:
    return _cleared(accounts[1])


def _cleared(one: FakeUpstream) -> FakeUpstream:
    one.clear()
    one.choose = lambda _: None
    one.default = json_answer(WHOLE)
    return one


def config(eu: FakeUpstream, us: FakeUpstream, /, *, workers: int = 1, **of_each: dict[str, Any]) -> dict[str, Any]:
    """`of_each`: further fields of deployments `eu` and `us`."""
    made = config_for(eu.url, workers=workers)
    made["providers"]["openai"] = {
        "deployments": [
            {"name": "eu", "api_key": "sk-eu", "base_url": f"{eu.url}/v1", **of_each.get("eu", {})},
            {"name": "us", "api_key": "sk-us", "base_url": f"{us.url}/v1", **of_each.get("us", {})},
        ]
    }
    return made


def ask(gateway: Gateway, session: str = "", path: str = "/v1/chat/completions", **body: Any) -> httpx.Response:
    """A connection of its own, so any worker may answer. `session`: its first words, by which it is known."""
    sent = {"model": MODEL, "messages": [{"role": "user", "content": f"hi {session}"}], **body}
    return httpx.post(f"{gateway.url}{path}", json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30)


def deployment(got: httpx.Response) -> str:
    assert got.status_code == 200, got.text
    return got.headers["x-agentcc-deployment"]


def session_at(gateway: Gateway, name: str) -> str:
    """A session that is served by that deployment."""
    return next(f"s{n}" for n in range(200) if deployment(ask(gateway, f"s{n}")) == name)


def test_sessions_are_shared_out_by_weight_and_stay(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(eu, us, workers=2, eu={"weight": 4})) as gateway:
        first = {n: deployment(ask(gateway, str(n))) for n in range(80)}
        assert {n: deployment(ask(gateway, str(n))) for n in range(80)} == first
        counts = Counter(first.values())
        assert 45 <= counts["eu"] <= 77
        assert counts["us"] == 80 - counts["eu"]
        assert {one.header("authorization") for one in eu.received} == {"Bearer sk-eu"}
        assert {one.header("authorization") for one in us.received} == {"Bearer sk-us"}
        got = ask(gateway, "0")
        record = gateway.record(got.headers["x-agentcc-request-id"])
        assert (record["model_used"], record["deployment"]) == (MODEL, first[0])
        other = ask(gateway, model="anthropic/claude-sonnet-4-5")
        assert "x-agentcc-deployment" not in other.headers
        assert "deployment" not in gateway.record(other.headers["x-agentcc-request-id"])


def test_what_one_is_asked_after_a_429_no_worker_asks_again(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """The other one answers, and takes the sessions over: also when the first is well again they stay."""
    with Gateway(tmp_path, config(eu, us, workers=2)) as gateway:
        session = session_at(gateway, "eu")
        eu.received.clear()
        eu.answers.append(json_answer(b'{"error":{"message":"slow down"}}', 429, ("retry-after", "30")))
        got = ask(gateway, session)
        assert deployment(got) == "us"
        assert json.loads(got.headers["x-agentcc-hops"]) == [
            {"from": f"{MODEL}@eu", "to": f"{MODEL}@us", "reason": "upstream_429"}
        ]
        assert {deployment(ask(gateway, f"later {n}")) for n in range(12)} == {"us"}
        assert len(eu.received) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_session_stays_where_it_moved(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path, status: int) -> None:
    with Gateway(tmp_path, config(eu, us)) as gateway:
        session = session_at(gateway, "eu")
        eu.answers.append(json_answer(b'{"error":{"message":"boom"}}', status))
        assert deployment(ask(gateway, session)) == "us"
        assert [deployment(ask(gateway, session)) for _ in range(3)] == ["us"] * 3
        assert deployment(ask(gateway, session_at(gateway, "eu"))) == "eu"


def test_a_new_deployment_takes_no_session_away(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """What a session has thought can only be read where it was; sessions that begin afterwards go by weight."""
    made = config(eu, us, us={"weight": 20})
    both = made["providers"]["openai"]["deployments"]
    made["providers"]["openai"]["deployments"] = both[:1]
    with Gateway(tmp_path, made) as gateway:
        assert {deployment(ask(gateway, f"old {n}")) for n in range(8)} == {"eu"}
        made["providers"]["openai"]["deployments"] = both
        gateway.write_config(made)
        wait_until(lambda: gateway.logs("config_reloaded"))
        assert {deployment(ask(gateway, f"old {n}")) for n in range(8)} == {"eu"}
        assert "us" in {deployment(ask(gateway, f"new {n}")) for n in range(8)}


def test_a_stream_moves_before_its_first_word(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(eu, us)) as gateway:
        session = session_at(gateway, "eu")
        eu.answers.append(sse(is_cut=True))
        us.answers.append(sse(*wires.CHAT))
        got = ask(gateway, session, stream=True)
        assert deployment(got) == "us"
        assert got.text.rstrip().endswith("data: [DONE]")


def test_a_revoked_key_is_the_operators_affair(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """The developer gets an answer; the log tells once, and the key is not tried with each request."""
    with Gateway(tmp_path, config(eu, us)) as gateway:
        session = session_at(gateway, "eu")
        eu.received.clear()
        eu.default = json_answer(b'{"error":{"message":"Incorrect API key provided"}}', 401)
        assert deployment(ask(gateway, session)) == "us"
        assert {deployment(ask(gateway, f"later {n}")) for n in range(10)} == {"us"}
        assert len(eu.received) == 1
        (told,) = gateway.logs("credential_rejected")
        assert (told["level"], told["deployment"], told["status"]) == ("error", f"{MODEL}@eu", 401)
        assert "sk-eu" not in gateway.stderr()


def test_where_every_key_is_revoked_the_developer_is_not_sent_to_log_in(
    eu: FakeUpstream, us: FakeUpstream, tmp_path: Path
) -> None:
    """A 401 would read as their own; the provider's words may quote a part of ours."""
    eu.default = us.default = json_answer(b'{"error":{"message":"Incorrect API key provided: sk-eu***"}}', 401)
    with Gateway(tmp_path, config(eu, us)) as gateway:
        got = ask(gateway, "anyone")
        assert (got.status_code, got.headers["x-should-retry"]) == (403, "false")
        assert got.json()["error"]["code"] == "credential_rejected"
        assert "rejects the gateway's credential" in got.text
        assert "sk-eu" not in got.text
        (record,) = gateway.records()
        assert (record["outcome"], record["error_code"], record["cost_nusd"]) == ("upstream_error", "upstream_401", 0)
        assert len(gateway.logs("credential_rejected")) == 2


def test_quotas_are_kept_before_the_provider_has_to_refuse(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """Over all workers together; what one has no room for the other takes; at last a 429 in the client's dialect."""
    with Gateway(tmp_path, config(eu, us, workers=2, eu={"rpm": 4}, us={"rpm": 3})) as gateway:
        got = [ask(gateway, str(n)) for n in range(9)]
        assert sorted(one.status_code for one in got) == [200] * 7 + [429] * 2
        assert (len(eu.received), len(us.received)) == (4, 3)
        refused = got[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        error = refused.json()["error"]
        assert "quota of deployment" in error["message"]
        assert (error["agentcc"]["rule"], error["agentcc"]["level"]) == ("quota", "deployment")
        record = gateway.record(refused.headers["x-agentcc-request-id"])
        assert (record["outcome"], record["error_code"], record["cost_nusd"]) == ("refused", "rate_limited", 0)
        messages = ask(gateway, path="/v1/messages", max_tokens=10)
        assert (messages.status_code, messages.json()["error"]["type"]) == (429, "rate_limit_error")


def test_open_requests_are_a_quota_too(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """A place is free again when its answer has ended."""
    gate = threading.Event()
    held = Answer(hold_headers=gate, body=[WHOLE])
    eu.default = us.default = held
    limits = {"eu": {"concurrency": 1}, "us": {"concurrency": 1}}
    with Gateway(tmp_path, config(eu, us, **limits)) as gateway:
        found: list[httpx.Response] = []
        asking = [
            threading.Thread(target=lambda n=n: found.append(ask(gateway, str(n))), daemon=True) for n in range(2)
        ]
        for n, thread in enumerate(asking, 1):
            thread.start()
            wait_until(lambda n=n: len(eu.received) + len(us.received) == n)
        assert (len(eu.received), len(us.received)) == (1, 1)
        assert ask(gateway, "third").status_code == 429
        gate.set()
        for thread in asking:
            thread.join()
        assert [one.status_code for one in found] == [200, 200]
        wait_until(lambda: ask(gateway, "fourth").status_code == 200)


def test_a_key_is_replaced_under_load_without_an_error(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """Both in force, then the old one away: no request fails, and in the end only the new one is used."""
    made = config(eu, us, workers=2)
    old, new = made["providers"]["openai"]["deployments"]
    valid = {"Bearer sk-eu", "Bearer sk-us"}

    def checked(request: Received) -> Answer | None:
        return None if request.header("authorization") in valid else json_answer(b'{"error":{}}', 401)

    eu.choose = us.choose = checked
    made["providers"]["openai"]["deployments"] = [old]
    with Gateway(tmp_path, made) as gateway:
        is_over = threading.Event()
        got: list[httpx.Response] = []

        def work(name: int) -> None:
            n = 0
            while not is_over.is_set():
                n += 1
                got.append(ask(gateway, f"{name} {n}"))

        threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(3)]
        for thread in threads:
            thread.start()
        for deployments in ([old, new], [new]):
            reloads = len(gateway.logs("config_reloaded"))
            made["providers"]["openai"]["deployments"] = deployments
            gateway.write_config(made)
            wait_until(lambda reloads=reloads: len(gateway.logs("config_reloaded")) == reloads + 2)
            asked = len(got)
            wait_until(lambda asked=asked: len(got) > asked + 20)
        is_over.set()
        for thread in threads:
            thread.join()
        assert {one.status_code for one in got} == {200}
        assert {one.headers["x-agentcc-deployment"] for one in got[-5:]} == {"us"}
        assert us.received
        assert not gateway.logs("credential_rejected")


def test_a_key_is_asked_in_its_time_only(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """Its end takes effect at the second, without a reload; the log has warned of it."""
    ends = datetime.now(UTC) + timedelta(seconds=6)
    limits = {"eu": {"until": ends.isoformat()}, "us": {"from": ends.isoformat(), "until": "2099-01-01T00:00:00Z"}}
    with Gateway(tmp_path, config(eu, us, **limits)) as gateway:
        if datetime.now(UTC) < ends - timedelta(seconds=1):  # a slow machine may have taken that long to start
            assert {deployment(ask(gateway, str(n))) for n in range(5)} == {"eu"}
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)
        assert {deployment(ask(gateway, str(n))) for n in range(5)} == {"us"}
        assert not gateway.logs("config_warning")


def test_when_all_have_ended_nobody_is_asked(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    past = {"until": "2020-01-01T00:00:00Z"}
    with Gateway(tmp_path, config(eu, us, eu=past, us=past)) as gateway:
        got = ask(gateway)
        assert got.status_code == 503
        assert f"{MODEL}@eu (ended)" in got.json()["error"]["message"]
        assert not eu.received
        assert not us.received
        (warning,) = gateway.logs("config_warning")
        assert warning["path"] == "$.providers.openai.deployments"


def test_what_is_no_turn_has_deployments_too(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """Embeddings move like turns do."""
    answer = (
        b'{"object":"list","data":[],"model":"text-embedding-3-small","usage":{"prompt_tokens":2,"total_tokens":2}}'
    )
    us.default = json_answer(answer)
    eu.default = json_answer(b'{"error":{"message":"boom"}}', 500)
    with Gateway(tmp_path, config(eu, us)) as gateway:
        for _ in range(8):
            got = httpx.post(
                f"{gateway.url}/v1/embeddings",
                json={"model": "openai/text-embedding-3-small", "input": "hi"},
                headers={"authorization": f"Bearer {KEY}"},
            )
            assert (got.status_code, got.headers["x-agentcc-deployment"]) == (200, "us"), got.text
        assert eu.received


def test_a_chain_goes_on_after_the_deployments(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """And comes to a provider with deployments from another one."""
    eu.default = us.default = json_answer(b'{"error":{"message":"boom"}}', 500)
    made = config(eu, us)
    made["routing"] = {"default": {"chain": ["lab/backup"]}}
    lab = FakeUpstream()
    lab.default = json_answer(WHOLE)
    made["providers"]["lab"]["base_url"] = lab.url
    with Gateway(tmp_path, made) as gateway:
        got = ask(gateway)
        assert (got.status_code, got.headers["x-agentcc-model-used"]) == (200, "lab/backup"), got.text
        hops = json.loads(got.headers["x-agentcc-hops"])
        assert [hop["from"].partition("@")[0] for hop in hops] == [MODEL, MODEL]
        assert hops[-1]["to"] == "lab/backup"
        lab.default = json_answer(b"{}", 503)
        eu.default = us.default = json_answer(WHOLE)
    lab.close()


def test_what_a_budget_chooses_has_deployments_too(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    """The cheaper model's provider has several: one of them is asked, and the other in its place."""
    made = config(eu, us)
    made["providers"]["anthropic"] = {"api_key": "sk-x", "base_url": us.url}
    made["budgets"] = {"org": {"limit": 1}, "downgrade": {"cascade": [MODEL]}}
    dear = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 10, "output_tokens": 64_700}}  # fmt: skip
    with Gateway(tmp_path, made) as gateway:
        us.answers.append(json_answer(json.dumps(dear).encode()))
        ask(gateway, model="anthropic/claude-sonnet-4-5")
        eu.answers.append(json_answer(b'{"error":{"message":"boom"}}', 500))
        got = [ask(gateway, str(n), model="anthropic/claude-sonnet-4-5") for n in range(4)]
        assert {one.headers["x-agentcc-model-used"] for one in got} == {MODEL}
        assert {one.status_code for one in got} == {200}
        assert all(one.headers["x-agentcc-deployment"] in {"eu", "us"} for one in got)


def test_regions_of_bedrock_sign_for_themselves(eu: FakeUpstream, us: FakeUpstream, tmp_path: Path) -> None:
    made = config_for(eu.url)
    pair = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "not-a-real-secret"}
    made["providers"]["bedrock"] = {
        "deployments": [
            {"name": "frankfurt", "region": "eu-central-1", "base_url": eu.url, **pair},
            {"name": "virginia", "region": "us-east-1", "base_url": us.url, **pair},
        ]
    }
    answer = {"output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
              "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}  # fmt: skip
    eu.default = json_answer(b'{"message":"no capacity"}', 503)
    us.default = json_answer(json.dumps(answer).encode())
    with Gateway(tmp_path, made) as gateway:
        for n in range(6):
            got = httpx.post(
                f"{gateway.url}/model/bedrock%2Ftest-claude/converse",
                json={"messages": [{"role": "user", "content": [{"text": f"hi {n}"}]}]},
                headers={"authorization": f"Bearer {KEY}"},
            )
            assert (got.status_code, got.headers["x-agentcc-deployment"]) == (200, "virginia"), got.text
    assert eu.received
    assert all("/eu-central-1/bedrock/aws4_request" in one.header("authorization") for one in eu.received)
    assert all("/us-east-1/bedrock/aws4_request" in one.header("authorization") for one in us.received)

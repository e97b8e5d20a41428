"""Sessions as their users meet them: recognised on any worker, retries counted, loops ended, one line each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.base.storage.redis_server import RedisServer, needs_redis
from tests.e2e.test_budgets import CLAUDE, CODEX, GEMINI, answer, config
from tests.e2e.wires import request
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import KEY, Gateway, wait_until

SESSION = "01a1fbc3-60f1-7262-8c18-5029d6bbcfb5"
BROKEN = json_answer(b'{"error":{"message":"boom","type":"server_error"}}', 500)


@pytest.fixture
def fake(fake: FakeUpstream) -> FakeUpstream:
    """One that says what it took."""
    fake.default = answer()
    return fake


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Two workers, and a connection for each request: any worker may get it."""
    with Gateway(tmp_path_factory.mktemp("gateway"), config(upstream.url, {}, workers=2)) as made:
        yield made


def codex(session: str = SESSION, turn: str = "turn-1", **more: str) -> dict[str, str]:
    metadata = json.dumps({"session_id": session, "turn_id": turn, "root_turn_id": "other"}, separators=(",", ":"))
    return {**CODEX, "session-id": session, "x-codex-turn-metadata": metadata, **more}


def post(gateway: Gateway, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    sent = {"authorization": f"Bearer {KEY}", **headers}
    return httpx.post(gateway.url + path, json=body, headers=sent, timeout=30)


def turn(gateway: Gateway, headers: dict[str, str], text: str = "hi", **body: Any) -> httpx.Response:
    return post(gateway, "/v1/responses", {"model": "openai/gpt-4.1-mini", "input": text, **body}, headers)


# === retries ===


def test_a_failing_turn_may_be_retried_three_times_on_any_worker(fake: FakeUpstream, gateway: Gateway) -> None:
    fake.default = BROKEN
    got = [turn(gateway, codex("s-retries")) for _ in range(8)]
    assert [one.status_code for one in got] == [500] * 4 + [429] * 4
    assert len(fake.received) == 4
    refused = got[4]
    error = refused.json()["error"]
    assert error["type"] == "usage_limit_reached"
    assert "retry budget exhausted" in refused.headers["x-codex-promo-message"]
    assert "retry-after" not in refused.headers
    assert (error["agentcc"]["level"], error["agentcc"]["id"], error["agentcc"]["limit"]) == ("session", "s-retries", 3)
    records = [gateway.record(one.headers["x-agentcc-request-id"]) for one in got]
    assert [one["retry"] for one in records] == [0, 1, 2, 3, 0, 0, 0, 0]
    assert records[4]["error_code"] == "retry_budget_exhausted"
    assert {(one["session_id"], one["session_basis"], one["turn_id"]) for one in records} == {
        ("s-retries", "client", "turn-1")
    }
    # another turn of the session goes on, and so does another session
    fake.default = answer()
    assert turn(gateway, codex("s-retries", "turn-2")).status_code == 200
    assert turn(gateway, codex("s-other")).status_code == 200


def test_a_success_begins_the_count_anew(fake: FakeUpstream, gateway: Gateway) -> None:
    for round_ in range(3):
        for _ in range(3):
            fake.answers.append(BROKEN)
            assert turn(gateway, codex("s-anew", f"turn-{round_}")).status_code == 500
        assert turn(gateway, codex("s-anew", f"turn-{round_}")).status_code == 200


def test_what_differs_is_no_retry(fake: FakeUpstream, gateway: Gateway) -> None:
    fake.default = BROKEN
    for i in range(6):
        assert turn(gateway, codex("s-body"), text=f"text {i}").status_code == 500
        assert turn(gateway, codex("s-turn", f"turn-{i}")).status_code == 500
        assert turn(gateway, CODEX).status_code == 500  # no ids at all
        assert post(gateway, "/v1/messages", request("anthropic.messages", stream=False), CLAUDE | {"x-claude-code-session-id": "s-claude"}).status_code == 500  # fmt: skip


def test_a_retry_counts_once_against_the_requests_a_minute(fake: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(fake.url, {"keys": {"*": {"rpm": 2}}})) as own:
        fake.default = BROKEN
        assert [turn(own, codex()).status_code for _ in range(4)] == [500] * 4
        fake.default = answer()
        assert [turn(own, codex(turn=f"turn-{i}")).status_code for i in range(2, 4)] == [200, 429]


def test_retries_may_be_switched_off(fake: FakeUpstream, tmp_path: Path) -> None:
    with Gateway(tmp_path, config(fake.url, {"retries_per_session": "off"})) as own:
        fake.default = BROKEN
        assert {turn(own, codex()).status_code for _ in range(8)} == {500}


# === tool-failure loops ===


def responses_loop(failures: int, command: str = "make", code: int = 2) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": "mend it"}]
    for i in range(failures):
        items += [
            {"type": "reasoning", "id": f"r{i}", "summary": []},
            {"type": "function_call", "name": "exec_command", "arguments": json.dumps({"cmd": command}), "call_id": f"c{i}"},
            {"type": "function_call_output", "call_id": f"c{i}", "output": f"Wall time: 0 seconds\nProcess exited with code {code}\n"},
        ]  # fmt: skip
    return items


def chat_loop(failures: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{"role": "user", "content": "mend it"}]
    for i in range(failures):
        call = {"id": f"c{i}", "type": "function", "function": {"name": "shell", "arguments": '{"cmd":"make"}'}}
        items.append({"role": "assistant", "content": None, "tool_calls": [call]})
        items.append({"role": "tool", "tool_call_id": f"c{i}", "content": "Error: no such file"})
    return items


def messages_loop(failures: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{"role": "user", "content": "mend it"}]
    for i in range(failures):
        use = {"type": "tool_use", "id": f"t{i}", "name": "Bash", "input": {"command": "make"}}
        result = {"type": "tool_result", "tool_use_id": f"t{i}", "content": "Exit code 2", "is_error": True}
        items += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    return items


def gemini_loop(failures: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "mend it"}]}]
    for i in range(failures):
        call = {"functionCall": {"id": f"t{i}", "name": "run_shell_command", "args": {"command": "make"}}}
        said = {"functionResponse": {"id": f"t{i}", "name": "run_shell_command", "response": {"error": "no"}}}
        items += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [said]}]
    return items


LOOPS = [
    ("/v1/responses", {"model": "openai/gpt-4.1-mini"}, "input", responses_loop, CODEX, 429),
    ("/v1/chat/completions", {"model": "openai/gpt-4.1-mini"}, "messages", chat_loop, {}, 429),
    ("/v1/messages", {"model": "anthropic/claude-sonnet-4-5", "max_tokens": 9}, "messages", messages_loop, CLAUDE, 429),
    ("/v1beta/models/gemini-2.5-flash:generateContent", {}, "contents", gemini_loop, GEMINI, 403),
]


@pytest.mark.parametrize(("path", "head", "items", "loop", "headers", "status"), LOOPS)
def test_a_tool_that_fails_the_same_way_again_and_again_ends_the_session(
    fake: FakeUpstream, gateway: Gateway, path: str, head: Any, items: str, loop: Any, headers: Any, status: int
) -> None:
    assert post(gateway, path, {**head, items: loop(3)}, headers).status_code == 200
    got = post(gateway, path, {**head, items: loop(4)}, headers)
    assert got.status_code == status
    assert "retry budget exhausted" in got.json()["error"]["message"]
    assert "has failed 4 times" in got.json()["error"]["message"]
    assert gateway.record(got.headers["x-agentcc-request-id"])["error_code"] == "retry_budget_exhausted"
    assert len(fake.received) == 1
    # the developer says something: the loop is over
    spoken = {"role": "user", "parts": [{"text": "try b"}]} if items == "contents" else {"role": "user", "content": "b"}
    assert post(gateway, path, {**head, items: [*loop(4), spoken]}, headers).status_code == 200


def test_different_calls_that_fail_are_work_and_no_loop(fake: FakeUpstream, gateway: Gateway, tmp_path: Path) -> None:
    items = [item for i in range(6) for item in responses_loop(1, f"make step-{i}")[1:]]
    for at, item in enumerate(items):
        if "call_id" in item:
            item["call_id"] += f"-{at // 3}"
    body = {"model": "openai/gpt-4.1-mini", "input": items}
    assert post(gateway, "/v1/responses", body, {}).status_code == 200
    assert post(gateway, "/v1/responses", {**body, "input": responses_loop(9, code=0)}, {}).status_code == 200
    with Gateway(tmp_path, config(fake.url, {"tool_failures": "same_tool"})) as own:
        assert post(own, "/v1/responses", body, {}).status_code == 429


# === whose session ===


def test_sessions_without_a_header_are_derived(fake: FakeUpstream, gateway: Gateway) -> None:
    path, opening = "/v1/chat/completions", [{"role": "system", "content": "S"}, {"role": "user", "content": "mend it"}]
    more = [*opening, {"role": "assistant", "content": "done"}, {"role": "user", "content": "and this"}]

    def session_of(items: Any, **body: Any) -> str:
        got = post(gateway, path, {"model": "openai/gpt-4.1-mini", "messages": items, **body}, {})
        assert got.status_code == 200
        record = gateway.record(got.headers["x-agentcc-request-id"])
        assert record["session_basis"] == "derived"
        assert record["session_id"] == got.headers["x-agentcc-session-id"]
        return got.headers["x-agentcc-session-id"]

    first = session_of(opening)
    assert first.startswith("derived-")
    assert session_of(more) == first
    assert session_of(more, model="openai/gpt-4.1-nano") == first
    assert session_of([*opening[:1], {"role": "user", "content": "other"}]) != first
    assert session_of([{"role": "system", "content": "T"}, *opening[1:]]) != first


def test_what_is_no_conversation_has_no_session(fake: FakeUpstream, gateway: Gateway) -> None:
    fake.default = json_answer(b'{"object":"list","data":[],"usage":{"prompt_tokens":1,"total_tokens":1}}')
    got = post(gateway, "/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "x"}, {})
    assert "x-agentcc-session-id" not in got.headers
    assert gateway.record(got.headers["x-agentcc-request-id"])["session_basis"] == "none"


def test_a_sub_agent_belongs_to_its_parents_session(fake: FakeUpstream, gateway: Gateway) -> None:
    sub = codex("s-parent", "turn-9", **{"x-openai-subagent": "collab_spawn", "x-codex-parent-thread-id": "s-parent", "thread-id": "child"})  # fmt: skip
    assert turn(gateway, sub).headers["x-agentcc-session-id"] == "s-parent"


@pytest.mark.parametrize("bad", ["a b", "x" * 129])
def test_an_id_that_cannot_be_echoed_is_none(fake: FakeUpstream, gateway: Gateway, bad: str) -> None:
    got = post(gateway, "/v1/responses", {"model": "openai/gpt-4.1-mini", "input": "hi"}, {**CODEX, "session-id": bad})
    assert got.status_code == 200
    assert got.headers["x-agentcc-session-id"].startswith("derived-")


@needs_redis
def test_nodes_that_share_redis_and_the_secret_share_what_failed(fake: FakeUpstream, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    server = RedisServer(tmp_path / "redis")
    nodes = []
    for name in ("one", "two"):
        made = config(fake.url, {"keys": {"*": {"rpm": 10}}}, workers=1) | {"storage": {"redis": server.url}}
        nodes.append(Gateway(tmp_path / name, made))
        nodes[-1].data_dir.mkdir(mode=0o700)
        (nodes[-1].data_dir / "secret.key").write_bytes(b"s" * 32)
    try:
        with nodes[0] as one, nodes[1] as two:
            fake.default = BROKEN
            assert [turn(one, codex("s-nodes")).status_code for _ in range(4)] == [500] * 4
            wait_until(lambda: turn(two, codex("s-nodes")).status_code == 429)  # news take 50 ms
            assert turn(two, codex("s-nodes")).json()["error"]["agentcc"]["code"] == "retry_budget_exhausted"
            # one limit for both
            fake.default = answer()
            derived = [turn(node, {}).headers["x-agentcc-session-id"] for node in (one, two)]
            assert derived[0] == derived[1]
            got = [turn((one, two)[i % 2], {}, text=str(i)).status_code for i in range(12)]
            assert got.count(429) >= 5
    finally:
        server.kill()

"""Tool calls: looked at as a whole before the agent has them."""

import json
from typing import Any

import pytest

from gateway.base.config import GuardrailsConfig
from gateway.base.config.schema.guardrails import SecretsConfig, ToolCallsConfig
from gateway.base.core.errors import GuardrailBlocked
from gateway.dataplane.guard.answer.calls import MOST_BYTES, TOO_LONG, CallRules
from gateway.dataplane.guard.answer.hold import MOST_HELD_BYTES
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.answer.streams import (
    DIALECTS,
    call,
    calls,
    guard,
    passed,
    read,
    rules,
    text,
    until_blocked,
    whole,
    written,
)

BAD = json.dumps({"command": "rm -rf / --no-preserve-root"})
GOOD = json.dumps({"command": "ls -la"})
SECRET = 'pa"ss\\word-4711-Xy'
PLACEHOLDER = "<SECRET_github-pat_5d1c07ab>"


def asks(mode: str = "block", **more: Any) -> GuardrailsConfig:
    return GuardrailsConfig(tool_calls=ToolCallsConfig(mode=mode, **more))  # type: ignore[arg-type]


def pieces_of(said: str, size: int = 5) -> list[str]:
    return [said[at : at + size] for at in range(0, len(said), size)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_destructive_call_never_reaches_the_agent(dialect: str, scan: Scan) -> None:
    inspection = Inspection()
    stream = written(dialect, text("I will clean ", "up now."), call("shell", *pieces_of(BAD)))
    out, error = until_blocked(guard(asks(), scan, dialect, inspection), stream)
    assert error is not None
    assert b"I will clean" in out
    assert b"up now" in out
    assert b"shell" not in out
    assert b"rm -" not in out
    assert error.details == {
        "scanner": "tool_calls",
        "rule": inspection.verdicts[0].rule,
        "place": "call shell",
        "side": "answer",
    }
    assert [(v.scanner, v.action, v.place) for v in inspection.verdicts] == [("tool_calls", "block", "call shell")]
    assert "rm -rf" not in error.message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_harmless_call_is_held_until_it_is_complete_and_unchanged(dialect: str, scan: Scan) -> None:
    stream = written(
        dialect, text("Look: "), call("shell", *pieces_of(GOOD)), call("read", *pieces_of('{"path":"a.txt"}'))
    )
    one = guard(asks(), scan, dialect)
    seen = b""
    for piece in stream:
        seen += one.feed(piece)
        if b"shell" in seen:  # then all of it is there
            assert b"-la" in seen
    assert passed(guard(asks(), scan, dialect), stream) == b"".join(stream)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_log_passes_it_and_tells(dialect: str, scan: Scan) -> None:
    inspection = Inspection()
    stream = written(dialect, call("shell", *pieces_of(BAD)))
    one = guard(asks("log"), scan, dialect, inspection)
    assert [one.feed(piece) for piece in stream] == stream
    assert one.end() == b""
    assert [(v.scanner, v.action, v.place) for v in inspection.verdicts] == [("tool_calls", "log", "call shell")]


@pytest.mark.parametrize("mode", ["log", "block"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_whole_answers(dialect: str, mode: str, scan: Scan) -> None:
    inspection = Inspection()
    one = guard(asks(mode), scan, dialect, inspection)
    body = whole(dialect, text("Ok."), call("shell", BAD))
    if mode == "log":
        assert one.whole(body) == body
    else:
        with pytest.raises(GuardrailBlocked, match="agentcc stopped this answer"):
            one.whole(body)
    assert [v.action for v in inspection.verdicts] == [mode]
    fine = whole(dialect, text("Ok."), call("shell", GOOD))
    assert guard(asks(mode), scan, dialect).whole(fine) == fine


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_allowed_tools(dialect: str, scan: Scan) -> None:
    body = whole(dialect, call("mcp__jira__get", "{}"))
    assert guard(asks(tools=["mcp__jira__*", "Read"]), scan, dialect).whole(body) == body
    with pytest.raises(GuardrailBlocked):
        guard(asks(tools=["Read"]), scan, dialect).whole(body)
    stream = written(dialect, call("mcp__jira__get", "{}"))
    assert until_blocked(guard(asks(tools=["mcp__jira__*", "Read"]), scan, dialect), stream)[1] is None
    error = until_blocked(guard(asks(tools=["Read"]), scan, dialect), stream)[1]
    assert error is not None
    assert error.details["rule"] == "tool-not-allowed"


def test_a_key_may_have_its_own_tools(scan: Scan) -> None:
    one = rules(asks(), scan).guard(Inspection(), "openai.chat", ("Read",))
    assert one is not None
    error = until_blocked(one, written("openai.chat", call("Write", "{}")))[1]
    assert error is not None
    assert error.details["rule"] == "tool-not-allowed"


def test_the_second_of_two_calls(scan: Scan) -> None:
    """The first one is complete and harmless, and may have left."""
    for dialect in DIALECTS:
        stream = written(dialect, call("shell", GOOD), call("shell", BAD))
        out, error = until_blocked(guard(asks(), scan, dialect), stream)
        assert error is not None
        assert b"rm -rf" not in out


def test_what_an_item_says_at_its_end_counts(scan: Scan) -> None:
    """Codex acts on `output_item.done`: arguments that differ from the deltas are judged there."""
    stream = b"".join(written("openai.responses", call("shell", GOOD)))
    done = stream.index(b"event: response.output_item.done")
    changed = stream[:done] + stream[done:].replace(b"ls -la", b"rm -rf /")
    out, error = until_blocked(guard(asks(), scan, "openai.responses"), [changed])
    assert error is not None
    assert b"rm -rf" not in out


@pytest.mark.parametrize("kind", ["local_shell_call", "shell_call"])
def test_responses_own_shells(kind: str, scan: Scan) -> None:
    item = {"type": kind, "id": "x", "call_id": "c", "action": {"type": "exec", "command": ["bash", "-lc", "rm -rf /"]}}
    events = [
        b"data: "
        + json.dumps({"type": "response.output_item.done", "output_index": 0, "item": item}).encode()
        + b"\n\n"
    ]
    out, error = until_blocked(guard(asks(), scan, "openai.responses"), events)
    assert error is not None
    assert out == b""


def test_legacy_function_calls_of_chat(scan: Scan) -> None:
    chunks = [{"name": "shell", "arguments": ""}, *({"arguments": piece} for piece in pieces_of(BAD))]
    events = [
        b'data: {"choices":[{"index":0,"delta":{"function_call":%s}}]}\n\n' % json.dumps(one).encode() for one in chunks
    ]
    events.append(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"function_call"}]}\n\n')
    assert until_blocked(guard(asks(), scan, "openai.chat"), events)[1] is not None


@pytest.mark.parametrize(
    "more", ['"x": "\\ud800"', '"x": NaN', '"x": 1e999', '"n": ' + "9" * 400, '"command": "rm -rf /"']
)
def test_arguments_that_only_lenient_parsers_take(more: str, scan: Scan) -> None:
    """An agent's parser takes them, so we do."""
    said = '{"command": "rm -rf /", ' + more + "}"
    for dialect in ("openai.chat", "anthropic.messages", "openai.responses", "bedrock.converse"):
        assert until_blocked(guard(asks(), scan, dialect), written(dialect, call("shell", said)))[1] is not None


def test_paths_that_no_call_may_name() -> None:
    made = CallRules("block", denied_paths=("/etc", "~/.ssh/*", "*.pem"))
    for path in ("/etc/passwd", "/etc", "~/.ssh/id_x", "certs/a.pem"):
        assert "path-denied" in made.judge("Read", json.dumps({"file_path": path}).encode()), path
    for path in ("/home/a/etc/b.txt", "a/pem", "src/main.py"):
        assert "path-denied" not in made.judge("Read", json.dumps({"file_path": path}).encode()), path
    assert "path-denied" in made.judge("Bash", json.dumps({"command": "cat /etc/hosts"}).encode())


def test_hosts_that_a_call_may_name() -> None:
    made = CallRules("block", domains=("*.acme.example", "localhost"))
    assert made.judge("Bash", json.dumps({"command": "curl https://git.acme.example/x"}).encode()) == []
    assert made.judge("Bash", json.dumps({"command": "curl https://evil.example/x"}).encode()) == ["host-not-allowed"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_secret_goes_back_to_the_tools_that_may_have_it(dialect: str, scan: Scan) -> None:
    config = GuardrailsConfig(
        secrets=SecretsConfig(answers="off", restore=["deploy*"]), tool_calls=ToolCallsConfig(mode="log")
    )
    said = json.dumps({"command": f"login --password {PLACEHOLDER} now", "n": 1})
    want = json.dumps({"command": f"login --password {SECRET} now", "n": 1})
    stream = written(
        dialect, text(f"I use {PLACEHOLDER}."), call("deploy_it", *pieces_of(said)), call("other", *pieces_of(said))
    )
    inspection = Inspection(secrets={PLACEHOLDER.encode(): SECRET.encode()})
    got = passed(guard(config, scan, dialect, inspection), stream)
    first, second = calls(read(dialect, got))
    assert json.loads(first[1]) == json.loads(want)
    assert json.loads(second[1]) == json.loads(said)
    assert json.dumps(SECRET)[1:-1].encode() not in got.split(b"other")[-1] or dialect == "openai.responses"
    body = whole(dialect, text(f"I use {PLACEHOLDER}."), call("deploy_it", said), call("other", said))
    one = guard(config, scan, dialect, Inspection(secrets={PLACEHOLDER.encode(): SECRET.encode()}))
    assert one.whole(body).count(b"4711") == 1


def test_too_long_a_call_is_told_and_stopped_only_where_policy_fails_closed() -> None:
    long = json.dumps({"text": "a " * MOST_BYTES}).encode()
    for closed in (False, True):
        made = CallRules("block", fails_closed=closed)
        assert made.judge("Write", long) == [TOO_LONG]
        padded = json.dumps({"text": "a " * MOST_BYTES, "command": "rm -rf /"}).encode()
        assert made.judge("Bash", padded) == [TOO_LONG, "delete-everything"]
        assert made.action_of(TOO_LONG) == ("block" if closed else "log")


def test_a_long_call_is_held_and_released(scan: Scan) -> None:
    """A file of 3 MB that the agent is to write: nothing leaves before its end, then all of it."""
    said = json.dumps({"path": "a.txt", "text": "some words here " * 190_000})
    stream = written("anthropic.messages", call("Write", *pieces_of(said, 20_000)))
    one = guard(asks(), scan, "anthropic.messages")
    sizes = [(len(one.feed(piece)), one.held_bytes) for piece in stream]
    assert max(held for _, held in sizes) > 3_000_000
    assert sum(size for size, _ in sizes) + len(one.end()) == len(b"".join(stream))
    assert one.held_bytes == 0


def test_what_is_held_of_calls_that_never_end_is_bounded(scan: Scan) -> None:
    """A provider that opens call after call and ends none."""
    one = guard(asks(), scan, "anthropic.messages")
    most = 0
    for index in range(40):
        start = {
            "type": "content_block_start",
            "index": index,
            "content_block": {"type": "tool_use", "name": "a", "input": {}},
        }
        delta = {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "input_json_delta", "partial_json": "x " * 500_000},
        }
        for event in (start, delta):
            one.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
            most = max(most, one.held_bytes)
    assert most < MOST_HELD_BYTES + 2_000_000

"""Answers through a whole gateway, in all five dialects of clients: streamed and whole, passed through and translated."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.dataplane.guard.answer.streams import (
    DIALECTS,
    Said,
    array_of,
    call,
    calls,
    read,
    sse_of,
    text,
    texts,
    whole,
    written,
)
from tests.e2e.guarded import SECRET
from tests.e2e.guarded import body as asked
from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer, sse
from tests.harness import KEY, Gateway, config_for, wait_until

TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
WORDS = [" Your", " token is g", TOKEN[1:9], TOKEN[9:], ". Keep", " it."]
BAD = json.dumps({"command": "rm -rf / --no-preserve-root"})
GOOD = json.dumps({"command": "ls"})
PROVIDERS = {
    **{dialect: (dialect, model) for dialect, model in {
        "openai.responses": "openai/gpt-4.1-mini", "openai.chat": "openai/gpt-4.1-mini",
        "anthropic.messages": "anthropic/claude-sonnet-4-5", "gemini.generate": "gemini-2.5-flash",
        "bedrock.converse": "bedrock/test-claude",
    }.items()},
}  # fmt: skip
FOREIGN = {
    **dict.fromkeys(DIALECTS, ("openai.chat", "lab/x")),
    "openai.responses": ("anthropic.messages", "anthropic/claude-sonnet-4-5"),
    "openai.chat": ("anthropic.messages", "anthropic/claude-sonnet-4-5"),
}
ACTING = {"secrets": {"answers": "redact"}, "tool_calls": {"mode": "block"}}
SHAPES = ("stream", "whole", "array")
CASES = [
    pytest.param(dialect, shape, is_foreign, id=f"{dialect}-{shape}-{'translated' if is_foreign else 'passed'}")
    for dialect in DIALECTS
    for shape in SHAPES
    if shape != "array" or dialect == "gemini.generate"
    for is_foreign in (False, True)
]


@pytest.fixture(scope="module")
def acting(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("acting"), {**config_for(upstream.url), "guardrails": ACTING}) as made:
        yield made


@pytest.fixture(scope="module")
def default(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("default"), config_for(upstream.url)) as made:
        yield made


def answer_of(dialect: str, shape: str, is_foreign: bool, *blocks: Said) -> Answer:
    """The provider's, in its dialect."""
    provider = (FOREIGN if is_foreign else PROVIDERS)[dialect][0]
    if shape == "whole":
        return json_answer(whole(provider, *blocks))
    if shape == "array" and not is_foreign:
        wire = array_of(b"".join(written(provider, *blocks)))
        return Answer(
            200, [("content-type", "application/json")], [wire[at : at + 50] for at in range(0, len(wire), 50)]
        )
    made = sse(*written(provider, *blocks))
    if provider == "bedrock.converse":
        made.headers = [("content-type", "application/vnd.amazon.eventstream")]
    return made


def ask(gateway: Gateway, dialect: str, shape: str, is_foreign: bool = False, **more: Any) -> httpx.Response:
    sent = asked(dialect)
    model = (FOREIGN if is_foreign else PROVIDERS)[dialect][1]
    path = {
        "openai.responses": "/v1/responses",
        "openai.chat": "/v1/chat/completions",
        "anthropic.messages": "/v1/messages",
    }.get(dialect, "")
    if dialect == "gemini.generate":
        path = f"/v1beta/models/{model}:{'generateContent' if shape == 'whole' else 'streamGenerateContent'}"
        path += "?alt=sse" if shape == "stream" else ""
    elif dialect == "bedrock.converse":
        path = f"/model/{quote(model, safe='')}/converse{'' if shape == 'whole' else '-stream'}"
    else:
        sent = {**sent, "model": model, "stream": shape != "whole"}
    headers = {"authorization": f"Bearer {KEY}", **more.pop("headers", {})}
    return httpx.post(gateway.url + path, json=sent, headers=headers, timeout=30, **more)


def verdicts(gateway: Gateway, got: httpx.Response) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    record = gateway.record(got.headers["x-agentcc-request-id"])
    found = record["verdicts"].get("findings", [])
    return record, [(one["scanner"], one["action"], one["place"]) for one in found if one["side"] == "answer"]


def stream_of(shape: str, content: bytes) -> bytes:
    return sse_of(content) if shape == "array" else content


@pytest.mark.parametrize(("dialect", "shape", "is_foreign"), CASES)
def test_a_secret_is_redacted(acting: Gateway, fake: FakeUpstream, dialect: str, shape: str, is_foreign: bool) -> None:
    fake.answers.append(answer_of(dialect, shape, is_foreign, text(*WORDS), call("shell", GOOD)))
    got = ask(acting, dialect, shape, is_foreign)
    assert got.status_code == 200, got.text
    assert TOKEN[4:12].encode() not in got.content
    assert b"<SECRET_github-personal-token_" in got.content
    if shape != "whole":
        answer = read(dialect, stream_of(shape, got.content))
        assert texts(answer).startswith(" Your token is <SECRET_github-personal-token_")
        assert texts(answer).endswith(">. Keep it.")
        assert [name for name, _ in calls(answer)] == ["shell"]
    record, found = verdicts(acting, got)
    assert found == [("secrets", "redact", "text")]
    assert (record["outcome"], record["cost_basis"]) == ("ok", "exact")
    assert set(record["verdicts"]["answer_ran"]) == {"secrets", "tool_calls"}


@pytest.mark.parametrize(("dialect", "shape", "is_foreign"), CASES)
def test_a_destructive_call_is_stopped(
    acting: Gateway, fake: FakeUpstream, dialect: str, shape: str, is_foreign: bool
) -> None:
    fake.answers.append(answer_of(dialect, shape, is_foreign, text("I clean", " up."), call("shell", BAD)))
    got = ask(acting, dialect, shape, is_foreign)
    assert b"rm -rf" not in got.content
    assert b"agentcc stopped this answer" in got.content
    record, found = verdicts(acting, got)
    assert found == [("tool_calls", "block", "call shell")]
    assert (record["outcome"], record["error_code"]) == ("cut", "guardrail_blocked")
    assert record["cost_nusd"] >= 0
    if shape == "whole" or (is_foreign and got.status_code != 200):  # all of it came before the first byte had left
        assert got.status_code in (400, 403)
    else:
        assert got.status_code == 200
        assert b"I clean" in got.content
        if shape == "array":
            assert "error" in json.loads(got.content)[-1]


@pytest.mark.parametrize(("dialect", "shape", "is_foreign"), CASES)
def test_the_default_profile_changes_nothing_and_tells(
    default: Gateway, fake: FakeUpstream, dialect: str, shape: str, is_foreign: bool
) -> None:
    answer = answer_of(dialect, shape, is_foreign, text(*WORDS), call("shell", BAD))
    fake.answers.append(answer)
    got = ask(default, dialect, shape, is_foreign)
    assert got.status_code == 200
    assert b"rm -rf" in got.content
    is_edited = dialect == "anthropic.messages" or (dialect, shape) == ("openai.chat", "stream")
    if not is_foreign and not is_edited:  # the model's name; the usage that was not asked for
        sent = b"".join(piece for piece in answer.body if isinstance(piece, bytes))
        pieces = got.content.split(b": x-agentcc-cost ")
        assert pieces[0] + b"".join(piece.partition(b"\n\n")[2] for piece in pieces[1:]) == sent
    _, found = verdicts(default, got)
    assert sorted(found) == [("secrets", "log", "text"), ("tool_calls", "log", "call shell")]


def test_what_a_client_that_left_has_read_is_in_the_record(default: Gateway, fake: FakeUpstream) -> None:
    pieces = written("openai.chat", text(*WORDS, " And more", " words."))
    never = threading.Event()
    fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [*pieces[:-2], never]))
    sent = {"model": "openai/gpt-4.1-mini", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEY}"}
    with httpx.stream("POST", f"{default.url}/v1/chat/completions", json=sent, headers=headers, timeout=30) as got:
        for line in got.iter_lines():
            if "Keep" in line:
                break
    rid = got.headers["x-agentcc-request-id"]
    record = wait_until(lambda: next((one for one in default.records() if one["request_id"] == rid), None))
    never.set()
    assert record["outcome"] == "disconnected"
    assert [one["scanner"] for one in record["verdicts"]["findings"]] == ["secrets"]


def test_words_reach_the_client_while_a_call_is_still_coming(acting: Gateway, fake: FakeUpstream) -> None:
    """What was said before a call is not held with it; the call is, until it is complete."""
    go_on = threading.Event()
    pieces = written("anthropic.messages", text("I will", " look. "), call("shell", '{"comm', 'and":"ls"}'))
    at = next(number for number, piece in enumerate(pieces) if b"and" in piece and b"input_json_delta" in piece)
    fake.answers.append(Answer(200, [("content-type", "text/event-stream")], [*pieces[:at], go_on, *pieces[at:]]))
    sent = {**asked("anthropic.messages"), "stream": True}
    headers = {"authorization": f"Bearer {KEY}"}
    seen = b""
    with httpx.stream("POST", f"{acting.url}/v1/messages", json=sent, headers=headers, timeout=30) as got:
        for chunk in got.iter_raw():
            seen += chunk
            if b"look" in seen and not go_on.is_set():
                assert b'"tool_use"' not in seen
                go_on.set()
    assert calls(read("anthropic.messages", seen))[0] == ("shell", '{"command":"ls"}')


def test_a_long_held_call_does_not_stop_the_provider(acting: Gateway, fake: FakeUpstream) -> None:
    """3 MB of arguments, three times what the native client reads ahead."""
    said = json.dumps({"path": "a", "text": "some words here " * 190_000})
    stream = written(
        "anthropic.messages", call("Write", *(said[at : at + 30_000] for at in range(0, len(said), 30_000)))
    )
    fake.answers.append(sse(*stream))
    got = ask(acting, "anthropic.messages", "stream")
    assert calls(read("anthropic.messages", got.content)) == [("Write", said)]


def test_the_first_frames_that_failover_holds_are_guarded_too(fake: FakeUpstream, tmp_path: Path) -> None:
    config = config_for(fake.url)
    config["routing"] = {"default": {"chain": ["anthropic/claude-sonnet-4-5"]}}
    config["guardrails"] = ACTING
    with Gateway(tmp_path, config) as gateway:
        for shape in ("stream", "whole"):
            fake.answers.append(answer_of("openai.chat", shape, False, text(*WORDS)))
            got = ask(gateway, "openai.chat", shape)
            assert TOKEN[4:12] not in got.text
            assert "<SECRET_" in got.text
            fake.answers.append(answer_of("openai.chat", shape, False, text("x "), call("shell", BAD)))
            before = len(fake.received)
            got = ask(gateway, "openai.chat", shape)
            assert "rm -rf" not in got.text
            assert len(fake.received) == before + 1  # what the guard ends is asked of nobody else


def test_a_race_is_guarded(fake: FakeUpstream, second: FakeUpstream, tmp_path: Path) -> None:
    config = config_for(fake.url)
    config["providers"]["anthropic"]["base_url"] = second.url
    config["routing"] = {"default": {"strategy": "race", "hedge_ms": 20, "candidates": ["anthropic/claude-sonnet-4-5"]}}
    config["guardrails"] = ACTING
    slow = threading.Event()
    with Gateway(tmp_path, config) as gateway:
        for blocks, is_there in (([text(*WORDS)], "<SECRET_"), ([text("x "), call("shell", BAD)], "agentcc stopped")):
            late = answer_of("openai.chat", "stream", False, text("late"))
            late.hold_headers = slow
            fake.answers.append(late)
            second.answers.append(sse(*written("anthropic.messages", *blocks)))
            got = ask(gateway, "openai.chat", "stream")
            assert is_there in got.text
            assert TOKEN[4:12] not in got.text
            assert "rm -rf" not in got.text
    slow.set()


def test_a_key_with_its_own_tools(fake: FakeUpstream, tmp_path: Path) -> None:
    config = config_for(fake.url)
    config["keys"]["alice"]["tools"] = ["Read", "mcp__jira__*"]
    config["guardrails"] = {"tool_calls": {"mode": "block"}}
    with Gateway(tmp_path, config) as gateway:
        for tool, is_stopped in (("Read", False), ("mcp__jira__get", False), ("Bash", True)):
            fake.answers.append(answer_of("openai.chat", "stream", False, call(tool, GOOD)))
            assert ("tool-not-allowed" in ask(gateway, "openai.chat", "stream").text) is is_stopped


def test_nothing_asked_of_answers_leaves_no_trace(fake: FakeUpstream, tmp_path: Path) -> None:
    config = config_for(fake.url)
    config["guardrails"] = {"secrets": {"answers": False}, "tool_calls": {"mode": False}}
    with Gateway(tmp_path, config) as gateway:
        fake.answers.append(answer_of("openai.chat", "stream", False, text(*WORDS)))
        got = ask(gateway, "openai.chat", "stream")
        record, found = verdicts(gateway, got)
    assert (record["verdicts"]["answer_ran"], found) == ([], [])


@pytest.mark.parametrize("shape", ["stream", "whole"])
def test_a_tool_that_may_have_it_gets_the_secret_back(fake: FakeUpstream, tmp_path: Path, shape: str) -> None:
    """The model knows only the placeholder; the agent's call has the secret, the words and other tools' calls do not."""
    config = config_for(fake.url)
    config["guardrails"] = {"secrets": {"restore": ["deploy"]}}

    def answer(request: Received) -> Answer:
        assert SECRET.encode() not in request.body
        found = re.search(rb"<SECRET_github-personal-token_[0-9a-f]{8}>", request.body)
        assert found
        name = found.group().decode()
        blocks = (
            text(f"I use {name}. "),
            call("deploy", f'{{"token":"{name[:9]}', f'{name[9:]}"}}'),
            call("echo", f'{{"token":"{name}"}}'),
        )
        return answer_of("openai.chat", shape, False, *blocks)

    fake.choose = answer
    try:
        with Gateway(tmp_path, config) as gateway:
            sent = {
                **asked("openai.chat", results=f"the token is {SECRET}"),
                "model": "openai/gpt-4.1-mini",
                "stream": shape == "stream",
            }
            got = httpx.post(
                f"{gateway.url}/v1/chat/completions", json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30
            )
            gateway.stop()
            assert got.content.count(SECRET.encode()) == 1
            if shape == "stream":
                assert calls(read("openai.chat", got.content))[0] == ("deploy", f'{{"token":"{SECRET}"}}')
            for file in tmp_path.rglob("*"):
                assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    finally:
        fake.choose = lambda request: None


def test_the_system_prompt_stays_here(fake: FakeUpstream, tmp_path: Path) -> None:
    system = (
        "You help the billing team of Acme. Never tell that refunds above ninety euros are approved by hand on the second"
        " Tuesday of each month, and that the override word is kept by the night shift lead."
    )
    config = config_for(fake.url)
    config["guardrails"] = {"answers": {"prompt_leak": "redact"}}
    with Gateway(tmp_path, config) as gateway:
        for _ in range(2):  # the second time the request's text is known
            fake.answers.append(
                sse(*written("openai.chat", text("They told me: ", *(f"{word} " for word in system.split()), "So.")))
            )
            sent = {**asked("openai.chat", system=system), "model": "openai/gpt-4.1-mini", "stream": True}
            got = httpx.post(
                f"{gateway.url}/v1/chat/completions", json=sent, headers={"authorization": f"Bearer {KEY}"}, timeout=30
            )
            said = texts(read("openai.chat", got.content))
            assert "ninety euros" not in said
            assert "<REMOVED_system-prompt_" in said
            assert said.endswith("So.")

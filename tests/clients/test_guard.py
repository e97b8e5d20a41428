"""The real agents, when their developer pastes a credential: one request, our words, nothing of it upstream, and the session goes on."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.agents import PYTHON, SETTINGS, UNASKED, Done, Runs, agentcc, program_of, repository, run, selected
from tests.e2e.wires import event
from tests.fakes.upstream import FakeUpstream, Received, sse
from tests.harness import KEY, Gateway, config_for

pytestmark = pytest.mark.clients

SECRET = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
RULE = "github-personal-token"
PASTED = f"clone my repository with the token {SECRET} please"
PLACEHOLDER = re.compile(rb"<SECRET_github-personal-token_[0-9a-f]{8}>")
_ITEM = {
    "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
    "content": [{"type": "output_text", "text": "all well", "annotations": []}],
}  # fmt: skip
_USAGE = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}


def _responses(**said: Any) -> bytes:
    return event(said, said["type"])


CODEX_ANSWER = sse(
    _responses(type="response.created", response={"id": "resp_1", "status": "in_progress"}),
    _responses(type="response.output_item.added", output_index=0, item={**_ITEM, "content": []}),
    _responses(type="response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta="all well"),
    _responses(type="response.output_item.done", output_index=0, item=_ITEM),
    _responses(
        type="response.completed", response={"id": "resp_1", "status": "completed", "output": [_ITEM], "usage": _USAGE}
    ),
)
_START = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [], "stop_reason": None,
    "usage": {"input_tokens": 9, "output_tokens": 1},
}  # fmt: skip
CLAUDE_ANSWER = sse(
    _responses(type="message_start", message=_START),
    _responses(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
    _responses(type="content_block_delta", index=0, delta={"type": "text_delta", "text": "all well"}),
    _responses(type="content_block_stop", index=0),
    _responses(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
    _responses(type="message_stop"),
)


def _codex(turn: int, prompt: str) -> tuple[str, ...]:
    return ("--model", "gpt-5.5", "--", "exec", *(("resume", "--last") if turn else ()), *UNASKED["codex"], prompt)


def _claude(turn: int, prompt: str) -> tuple[str, ...]:
    return ("--", *UNASKED["claude"], *(("--continue",) if turn else ()), "-p", prompt)


AGENTS: dict[str, Callable[[int, str], tuple[str, ...]]] = {"codex": _codex, "claude": _claude}


@dataclass(frozen=True)
class Work:
    """A developer who pastes a credential, goes on, and goes on again."""

    turns: list[Done]
    sent: list[list[Received]]
    """What the provider got in each turn."""
    records: list[list[dict[str, Any]]]
    gateway: Gateway


def _answer(request: Received) -> Any:
    return CLAUDE_ANSWER if "/messages" in request.path else CODEX_ANSWER


@pytest.fixture(scope="module")
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs[Work]]:
    place = tmp_path_factory.mktemp("guard")

    def work(agent: str) -> Work:
        program, home, folder = program_of(agent), place / f"{agent}-home", repository(place / agent)
        provider = FakeUpstream()
        provider.choose = _answer
        config = config_for(provider.url, workers=2)
        config["models"]["unpriced"] = {"allow": ["*"]}
        turns, sent, records = [], [], []
        with Gateway(place / f"{agent}-gateway", config) as gateway:
            for turn, prompt in enumerate([PASTED, "and now without it", "one more thing"]):
                launch = agentcc("launch", agent, "--base-url", gateway.url, "--key", KEY, "--bin", program)
                turns.append(run([*launch, *AGENTS[agent](turn, prompt)], home, cwd=folder, env={**PYTHON, **SETTINGS}))
                sent.append(list(provider.received))
                provider.received.clear()
                before = sum(map(len, records))
                records.append(
                    [r for r in gateway.records() if r["path"].endswith(("/responses", "/messages"))][before:]
                )
        provider.close()
        return Work(turns, sent, records, gateway)

    runs = Runs(selected(request, "agent"), work)
    yield runs
    runs.close()


@pytest.mark.parametrize("agent", AGENTS)
def test_a_pasted_credential_is_refused_once_in_our_words(works: Runs[Work], agent: str) -> None:
    work = works[agent]
    shown = work.turns[0].shown
    assert f"rule `{RULE}`" in shown, shown[-3000:]
    assert "your message" in shown
    assert "Remove it" in shown
    refused = [r for r in work.records[0] if r["outcome"] == "refused"]
    assert len(refused) == 1, [(r["path"], r["outcome"]) for r in work.records[0]]
    assert refused[0]["error_code"] == "guardrail_blocked"


@pytest.mark.parametrize("agent", AGENTS)
def test_it_appears_nowhere(works: Runs[Work], agent: str) -> None:
    work = works[agent]
    assert not any(SECRET.encode() in request.body for turn in work.sent for request in turn)
    for file in work.gateway.directory.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("agent", AGENTS)
def test_the_session_goes_on(works: Runs[Work], agent: str) -> None:
    work = works[agent]
    for turn in (1, 2):
        assert work.turns[turn].code == 0, work.turns[turn].shown[-3000:]
        assert "all well" in work.turns[turn].shown
        assert [r["outcome"] for r in work.records[turn]] == ["ok"] * len(work.records[turn])


@pytest.mark.parametrize("agent", AGENTS)
def test_what_was_refused_stays_in_its_history_as_a_placeholder(works: Runs[Work], agent: str) -> None:
    """Codex sends the refused message before the next one; Claude Code (`--continue`) with an answer of its own making behind it."""
    work = works[agent]
    assert work.sent[0] == []
    found = [set(PLACEHOLDER.findall(request.body)) for turn in work.sent[1:] for request in turn]
    assert len(found) >= 2
    assert len(set.union(*found)) == 1
    assert all(found), "in each turn"

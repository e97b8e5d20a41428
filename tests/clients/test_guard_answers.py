"""The real agents, when their model wants to destroy something: nothing is run, and they show our words once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.agents import PYTHON, SETTINGS, Done, Runs, agentcc, launched, program_of, repository, run, selected
from tests.dataplane.guard.answer.streams import call, text, written
from tests.fakes.upstream import Answer, FakeUpstream, Received, sse
from tests.harness import KEY, Gateway, config_for

pytestmark = pytest.mark.clients

PROMPT = "clean up"
WORDS = "agentcc stopped this answer"
AGENTS = ("codex", "claude", "gemini")


def _codex(command: str) -> list[bytes]:
    return written(
        "openai.responses", text("I will clean up."), call("shell_command", json.dumps({"command": command}))
    )


def _claude(command: str) -> list[bytes]:
    return written(
        "anthropic.messages",
        text("I will clean up."),
        call("Bash", json.dumps({"command": command, "description": "clean"})),
    )


def _gemini(command: str) -> list[bytes]:
    return written(
        "gemini.generate", text("I will clean up."), call("run_shell_command", json.dumps({"command": command}))
    )


WANTS: dict[str, Callable[[str], list[bytes]]] = {"codex": _codex, "claude": _claude, "gemini": _gemini}


@dataclass(frozen=True)
class Work:
    """What one agent did."""

    done: Done
    folder: Path
    asked: list[Received]
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs[Work]]:
    place = tmp_path_factory.mktemp("answers")

    def work(agent: str) -> Work:
        program, home, folder = program_of(agent), place / f"{agent}-home", repository(place / agent)
        victim = folder / "victim"
        victim.mkdir()
        (victim / "keep.txt").write_text("here")
        # `rm -rf ~/` of the empty home that the agent runs in: a guard that fails costs no more than this test
        command = f"touch {folder}/was_run; rm -rf ~/ "
        provider = FakeUpstream()

        def answer(asked: Received) -> Answer:
            return (
                sse(*WANTS[agent](command))
                if b"clean up" in asked.body and b'"tools"' in asked.body
                else sse(*WANTS[agent]("true")[:0])
            )

        provider.choose = answer
        config = config_for(provider.url)
        config["models"]["unpriced"] = {"allow": ["*"]}
        config["guardrails"] = {"tool_calls": {"mode": "block"}}
        with Gateway(place / f"{agent}-gateway", config) as gateway:
            if agent == "gemini":
                run(agentcc("setup", "gemini", "--base-url", gateway.url), home, cwd=folder, env={**PYTHON, **SETTINGS})
            launch = agentcc("launch", agent, "--base-url", gateway.url, "--key", KEY, "--bin", program)
            done = run([*launch, *launched(agent, PROMPT)], home, cwd=folder, env={**PYTHON, **SETTINGS})
            records = gateway.records()
        provider.close()
        return Work(done, folder, list(provider.received), records)

    runs = Runs(selected(request, "agent"), work)
    yield runs
    runs.close()


@pytest.mark.parametrize("agent", AGENTS)
def test_nothing_is_run(works: Runs[Work], agent: str) -> None:
    assert not (works[agent].folder / "was_run").exists()


@pytest.mark.parametrize("agent", AGENTS)
def test_our_words_are_shown_after_one_request(works: Runs[Work], agent: str) -> None:
    work = works[agent]
    assert WORDS in work.done.shown, work.done.shown[-3000:]
    stopped = [one for one in work.records if one["error_code"] == "guardrail_blocked"]
    assert len(stopped) == 1, [(one["path"], one["outcome"], one["error_code"]) for one in work.records]
    assert "tool_calls" in [one["scanner"] for one in stopped[0]["verdicts"]["findings"]]

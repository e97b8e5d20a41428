"""The real Gemini CLI when its stream ends in an error: it shows the words, and stops at once unless another try may help."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.agents import PYTHON, Done, Runs, agentcc, program_of, repository, run, selected
from tests.e2e.wires import GEMINI, MESSAGES, event
from tests.fakes.upstream import Answer, FakeUpstream, sse
from tests.harness import KEY, Gateway, config_for

pytestmark = pytest.mark.clients

SETTINGS = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
OVERLOADED = event({"type": "error", "error": {"type": "overloaded_error", "message": "BUSY-WORDS"}}, "error")
REFUSED = event({"type": "error", "error": {"type": "invalid_request_error", "message": "NO-WORDS"}}, "error")


@dataclass(frozen=True)
class Break:
    """How a stream breaks, what the developer reads then, and how often Gemini CLI asks: four times for a fault (5xx)."""

    answer: Answer
    words: str
    asked: int
    model: str = "gemini-2.5-flash"
    key: str = KEY


def _run_away() -> Answer:
    """A provider that goes on past the output that a hard budget can pay for."""
    more = [
        b"".join(_said(f"{uuid4().hex} ") for _ in range(400)) for _ in range(6)
    ]  # repeated, it would be taken for a loop
    return Answer(200, [("content-type", "text/event-stream")], [*more, threading.Event()])


def _said(text: str) -> bytes:
    return event({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]}, end=b"\r\n\r\n")


BREAKS = {
    "cut": Break(sse(GEMINI[0], is_cut=True), "closed the connection before its answer was complete", 4),
    "ended": Break(sse(GEMINI[0]), "ended its answer before it was complete", 4),
    "told": Break(sse(*MESSAGES[:4], OVERLOADED), "BUSY-WORDS", 4, "claude-sonnet-4-5"),
    "told at once": Break(sse(b"".join([*MESSAGES[:4], REFUSED])), "NO-WORDS", 1, "claude-sonnet-4-5"),
    "budget": Break(_run_away(), "is used up", 1, key="sk-agentcc-test-poor-00001"),
}


@dataclass(frozen=True)
class Seen:
    """What the developer saw, and how often the provider was asked."""

    done: Done
    asked: int


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs[Seen]]:
    program = program_of("gemini")
    place = tmp_path_factory.mktemp("broken")

    def work(name: str) -> Seen:
        how, fake = BREAKS[name], FakeUpstream()
        fake.default = how.answer
        config: dict[str, Any] = config_for(fake.url)
        config["keys"]["poor"] = {"key": "sk-agentcc-test-poor-00001"}
        config["models"]["prices"] = {"gemini/gemini-2.5-flash": {"input_per_mtok": 0.1, "output_per_mtok": 100}}
        config["budgets"] = {"keys": {"poor": {"limit": 0.12, "hard": True}}}
        home, folder, env = place / f"{name}-home", repository(place / name), {**PYTHON, **SETTINGS}
        with Gateway(place / f"{name}-gateway", config) as gateway:
            run(agentcc("setup", "gemini", "--base-url", gateway.url), home, cwd=folder, env=env)
            launch = agentcc("launch", "gemini", "--base-url", gateway.url, "--key", how.key, "--bin", program)
            done = run([*launch, "--model", how.model, "--", "--yolo", "-p", "hello"], home, cwd=folder, env=env)
        fake.close()
        return Seen(done, len(fake.received))

    runs = Runs(selected(request, "name"), work)
    yield runs
    runs.close()


@pytest.mark.parametrize("name", BREAKS)
def test_gemini_cli_shows_the_words_and_stops(seen: Runs[Seen], name: str) -> None:
    done = seen[name].done
    assert BREAKS[name].words in done.shown, done.shown[-3000:]
    assert "without a finish reason" not in done.shown
    assert done.code != 0
    assert seen[name].asked == BREAKS[name].asked

"""The real Codex and Claude Code while their provider is down: another model goes on with the work, and no word of it reaches the user.

The outage begins with the first request that brings a tool's result, so in the middle of a turn, and lasts $AGENTCC_OUTAGE_S seconds (2).
"""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.simulator import running
from tests.clients.agents import HELLO, PYTHON, UNASKED, Done, Runs, agentcc, program_of, repository, run, selected
from tests.fakes.upstream import Answer, FakeUpstream, Received
from tests.harness import KEY, Gateway

pytestmark = pytest.mark.clients

_OUTAGE_S = float(os.environ.get("AGENTCC_OUTAGE_S", "2"))
_AGAIN = 'create again{n}.py that prints "again"'
_SETTINGS = {"IS_SANDBOX": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
_RESULTS = (b"function_call_output", b"custom_tool_call_output", b'"tool_result"')
_OPENAI, _ANTHROPIC = "backup-openai/gpt-5.5", "backup-anthropic/claude-sonnet-4-5"
JOBS = {
    # agent, the second model of its chain
    "codex": ("codex", _OPENAI),
    "codex-foreign": ("codex", _ANTHROPIC),
    "claude": ("claude", _ANTHROPIC),
    "claude-foreign": ("claude", _OPENAI),
}
_TROUBLE = ("Reconnecting", "stream disconnected", "API Error", "retrying", "overloaded", "ERROR")


class Provider:
    """The first provider: the simulator behind a door that is shut during the outage."""

    def __init__(self, simulator: str) -> None:
        self._simulator = simulator
        self._http = httpx.Client(timeout=30)
        self.fake = FakeUpstream()
        self.fake.choose = self._answer
        self.began = 0.0
        self.refused = 0
        self.served: list[float] = []
        self._lock = threading.Lock()

    @property
    def is_down(self) -> bool:
        return bool(self.began) and time.monotonic() < self.began + _OUTAGE_S

    def _answer(self, request: Received) -> Answer:
        with self._lock:
            if not self.began and any(mark in request.body for mark in _RESULTS):
                self.began = time.monotonic()
            if self.is_down:
                self.refused += 1
                return Answer(0, is_reset=True)
            self.served.append(time.monotonic())
        headers = [(n, v) for n, v in request.headers if n not in ("host", "content-length", "accept-encoding")]
        url = self._simulator + request.path
        got = self._http.request(
            request.method, url, content=request.body, headers=[*headers, ("accept-encoding", "identity")]
        )
        return Answer(got.status_code, [("content-type", got.headers["content-type"])], [got.content])

    def close(self) -> None:
        self.fake.close()
        self._http.close()


@dataclass
class Work:
    """What an agent did in its session, and what the provider and the journal saw of it."""

    folder: Path
    done: list[Done] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    served_after: int = 0
    took_s: float = 0.0


def _config(provider: str, simulator: str, second: str) -> dict[str, Any]:
    providers = {
        "openai": {"api_key": "one", "base_url": f"{provider}/v1"},
        "anthropic": {"api_key": "one", "base_url": provider},
        "backup-openai": {"api_key": "two", "base_url": f"{simulator}/v1", "dialect": "openai.responses"},
        "backup-anthropic": {"api_key": "two", "base_url": simulator, "dialect": "anthropic.messages"},
    }
    return {
        "server": {"port": 0, "workers": 2, "drain_ms": 3000, "admin": {"port": 0}},
        "providers": providers,
        "models": {"unpriced": {"allow": ["*"]}},
        "routing": {"default": {"chain": [second], "sticky_session": True}},
        "keys": {"dev": {"key": KEY, "user": "dev@acme.dev"}},
    }


def _arguments(agent: str, prompt: str, *, is_first: bool) -> list[str]:
    if agent == "claude":
        return [*UNASKED["claude"], *(() if is_first else ("--continue",)), "-p", prompt]
    return ["exec", *(() if is_first else ("resume", "--last")), *UNASKED["codex"], prompt]


def _work(name: str, simulator: str, place: Path) -> Work:
    agent, second = JOBS[name]
    program = program_of(agent)
    provider = Provider(simulator)
    work = Work(repository(place / "work"))
    began = time.monotonic()
    with Gateway(place / "gateway", _config(provider.fake.url, simulator, second)) as gateway:

        def go(prompt: str) -> None:
            launch = agentcc("launch", agent, "--base-url", gateway.url, "--key", KEY, "--bin", program)
            launch += [*(("--model", "gpt-5.5") if agent == "codex" else ()), "--"]
            launch += _arguments(agent, prompt, is_first=not work.done)
            work.done.append(run(launch, place / "home", cwd=work.folder, env={**PYTHON, **_SETTINGS}))

        go(HELLO)
        while provider.is_down:  # the session goes on until the provider is back, and then once more
            go(_AGAIN.format(n=len(work.done)))
        back_at = time.monotonic()
        go(_AGAIN.format(n=len(work.done)))
        work.took_s = time.monotonic() - began
        gateway.stop()
        gateway.run_cli("journal", "verify", "-c", str(gateway.file))
        work.records = gateway.records()
        work.refused = provider.refused
        work.served_after = sum(at >= back_at for at in provider.served)
    provider.close()
    return work


@pytest.fixture(scope="module")
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs[Work]]:
    with running() as simulator:
        place = tmp_path_factory.mktemp("outage")
        runs = Runs(selected(request, "name"), lambda name: _work(name, simulator, place / name))
        yield runs
        runs.close()


@pytest.mark.parametrize("name", JOBS)
def test_the_user_sees_nothing_of_an_outage(works: Runs[Work], name: str) -> None:
    """All work is done, the agent never retried and never showed an error."""
    work = works[name]
    assert work.refused >= 1, "there was no outage"
    for done in work.done:
        assert done.code == 0, done.shown[-3000:]
        assert not [word for word in _TROUBLE if word in done.shown], done.shown[-3000:]
    assert (work.folder / "hello.py").read_text().strip() == 'print("hello from the simulator")'
    assert all((work.folder / f"again{n}.py").exists() for n in range(1, len(work.done)))


@pytest.mark.parametrize("name", JOBS)
def test_the_journal_tells_the_story(works: Runs[Work], name: str) -> None:
    """One session: first here, then a hop with its reason, then there to its end, though the provider is back."""
    work, second = works[name], JOBS[name][1]
    assert {r["outcome"] for r in work.records} == {"ok"}
    sessions = {r["session_id"] for r in work.records if any(hop["reason"] == "reset" for hop in r["hops"])}
    (session,) = sessions
    mine = [r for r in work.records if r["session_id"] == session]
    used = [r["model_used"] == second for r in mine]
    moved = used.index(True)
    assert moved >= 1
    assert all(used[moved:])
    assert [hop["reason"] for hop in mine[moved]["hops"]] == ["reset"]
    assert {hop["reason"] for r in mine[moved + 1 :] for hop in r["hops"]} == {"sticky"}
    assert work.served_after == 0
    print(f"{name}: {work.took_s:.0f} s, {len(work.done)} runs, {len(mine)} turns, {work.refused} met the outage")

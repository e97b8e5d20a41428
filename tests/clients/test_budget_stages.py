"""The real agents at each stage of a budget: nothing to see at 80 %, another model at 95 %, and at the end our words, once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli.defaults import default_file
from gateway.simulator import running
from tests.clients.agents import (
    HELLO,
    PYTHON,
    SETTINGS,
    Done,
    Runs,
    agentcc,
    launched,
    program_of,
    repository,
    run,
    selected,
)
from tests.harness import Gateway

pytestmark = pytest.mark.clients

SPENT_USD = {"warned": 85, "downgraded": 97, "over": 103, "paused": 111, "spent": 100}
"""Of $100; `spent` is a hard budget."""
CASES = {
    "codex-warned": ("codex", "warned"),
    "codex-downgraded": ("codex", "downgraded"),
    "codex-over": ("codex", "over"),
    "codex-paused": ("codex", "paused"),
    "codex-spent": ("codex", "spent"),
    "claude-warned": ("claude", "warned"),
    "claude-over": ("claude", "over"),
    "claude-paused": ("claude", "paused"),
    "gemini-paused": ("gemini", "paused"),
}
CHEAPER = {"codex": "openai/gpt-5-mini", "claude": "anthropic/claude-haiku-4-5"}


@dataclass(frozen=True)
class Work:
    done: Done
    folder: Path
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    place = tmp_path_factory.mktemp("stages")
    file, needs_simulator = default_file(place / "data", 0)
    if not needs_simulator:
        pytest.skip("THE STAGES WERE NOT TRIED: a provider's key is set in this environment")
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    config["server"] |= {"admin": {"port": 0}, "workers": 2, "drain_ms": 3000}
    for agent in ("codex", "claude", "gemini"):
        for stage in SPENT_USD:
            config["keys"][f"{agent}-{stage}"] = {"key": f"sk-agentcc-{agent}-{stage}-000000"}
    config["budgets"] = {
        "downgrade": {"cascade": list(CHEAPER.values())},
        "keys": {
            name: {"limit": 100, "hard": name.endswith("-spent"), "alert_to": ["em@acme.dev"]}
            for name in config["keys"]
            if name.partition("-")[2] in SPENT_USD
        },
    }
    with running() as simulator, Gateway(place, config, environ={"AGENTCC_SIMULATOR_URL": simulator}) as started:
        for name in config["budgets"]["keys"]:
            usd = str(SPENT_USD[name.partition("-")[2]])
            correct = agentcc("budgets", "correct", f"key:{name}", usd, "--reason", "test", "-c", str(started.file))
            done = run(correct, place / "home", env={**PYTHON, "AGENTCC_SIMULATOR_URL": simulator})
            assert done.code == 0, done.shown
        yield started


@pytest.fixture(scope="module")
def works(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs[Work]]:
    place = tmp_path_factory.mktemp("work")

    def work(name: str) -> Work:
        agent, stage = CASES[name]
        program, home, folder = program_of(agent), place / f"{name}-home", repository(place / name)
        env = {**PYTHON, **SETTINGS}
        if agent == "gemini":
            run(agentcc("setup", "gemini", "--base-url", gateway.url), home, cwd=folder, env=env)
        key = f"sk-agentcc-{agent}-{stage}-000000"
        launch = agentcc("launch", agent, "--base-url", gateway.url, "--key", key, "--bin", program)
        done = run([*launch, *launched(agent, HELLO)], home, cwd=folder, env=env)
        return Work(done, folder, [r for r in gateway.records() if r["principal"]["key"] == f"{agent}-{stage}"])

    runs = Runs(selected(request, "name"), work)
    yield runs
    runs.close()


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("-warned")])
def test_a_warned_developer_sees_nothing(works: Runs[Work], name: str) -> None:
    work = works[name]
    assert work.done.code == 0, work.done.shown[-2000:]
    assert (work.folder / "hello.py").exists()
    assert "budget" not in work.done.shown
    assert all(record["hops"] == [] and record["outcome"] == "ok" for record in work.records)


@pytest.mark.parametrize("name", ["codex-downgraded", "codex-over", "claude-over"])
def test_a_downgraded_agent_still_does_its_work(works: Runs[Work], name: str) -> None:
    """Past 100 % all turns go to the cheaper model; before, the small ones."""
    work = works[name]
    assert work.done.code == 0, work.done.shown[-2000:]
    assert (work.folder / "hello.py").exists()
    served = [record for record in work.records if record["outcome"] == "ok"]
    assert served
    if name.endswith("-over"):
        assert all(record["hops"] for record in served if not record["path"].endswith("count_tokens"))
    assert all(record["model_used"] in CHEAPER.values() for record in served if record["hops"])


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(("-paused", "-spent"))])
def test_a_refused_agent_shows_our_words_once_and_stops(works: Runs[Work], name: str) -> None:
    work = works[name]
    shown = work.done.shown
    assert work.done.code != 0, shown[-2000:]
    assert "is used up" in shown
    assert "em@acme.dev" in shown
    assert not (work.folder / "hello.py").exists()
    refused = [record for record in work.records if record["outcome"] == "refused"]
    assert {record["error_code"] for record in refused} == {"budget_exceeded"}, json.dumps(refused)
    assert len(refused) <= 2  # Claude Code asks a second model for a title of its own
    assert sum(record["cost_nusd"] for record in work.records) == 0

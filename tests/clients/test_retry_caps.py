"""The real agents against a provider that fails for ever, and at a tool that fails for ever: a bounded number of tries, then our words."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.agents import HELLO, PYTHON, SETTINGS, Done, agentcc, launched, program_of, repository, run
from tests.fakes.upstream import FakeUpstream, json_answer
from tests.harness import KEY, Gateway, config_for, wait_until

pytestmark = pytest.mark.clients

_BROKEN = json_answer(b'{"error":{"message":"boom","type":"server_error","code":"server_error"}}', 500)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    made = FakeUpstream()
    yield made
    made.close()


def _codex(place: Path, gateway: Gateway, **environ: str) -> Done:
    program, folder = program_of("codex"), repository(place / "work")
    launch = agentcc("launch", "codex", "--base-url", gateway.url, "--key", KEY, "--bin", program)
    return run([*launch, *launched("codex", HELLO)], place / "home", cwd=folder, env={**PYTHON, **SETTINGS, **environ})


def test_codex_tries_a_failing_turn_four_times_and_says_why_it_stops(tmp_path: Path, fake: FakeUpstream) -> None:
    """Without the cap it sends 30 requests (wire notes)."""
    fake.clear()
    fake.default = _BROKEN
    config: dict[str, Any] = config_for(fake.url, workers=2)
    with Gateway(tmp_path / "gateway", config) as gateway:
        done = _codex(tmp_path, gateway)
        assert done.code != 0
        assert "retry budget exhausted" in done.shown
        turns = [r for r in gateway.records() if r["path"].endswith("/responses")]
        assert [r["outcome"] for r in turns] == ["upstream_error"] * 4 + ["refused"]
        assert [r["retry"] for r in turns] == [0, 1, 2, 3, 0]
        assert len({(r["session_id"], r["turn_id"]) for r in turns}) == 1
        # the ledger follows the journal
        wait_until(lambda: _sums(gateway, turns[0]["session_id"]) == (1, 3, 1), what="the session's line")


def _sums(gateway: Gateway, session_id: str) -> tuple[int, int, int]:
    """Turns, retries and refusals of one session's line."""
    (line,) = [one for one in _sessions(gateway) if one["session_id"] == session_id]
    return line["turns"], line["retries"], line["refused"]


def _sessions(gateway: Gateway) -> list[dict[str, Any]]:

    found = json.loads(gateway.run_cli("sessions", "list", "--format", "json", "-c", str(gateway.file)).stdout)
    return found if isinstance(found, list) else found["sessions"]

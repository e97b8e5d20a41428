"""../shared/acceptance/replay.py for clients and providers of one dialect: what a client understands of each answer.

It reads the client's side with a grammar of its own and with the official SDKs; test_recorded.py compares bytes.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.agents import fixtures, free_port, run, script_of
from tests.harness import KEY, ROOT, Gateway

pytestmark = pytest.mark.clients

PREFIXES = {
    "openai.responses": "lab-r",
    "openai.chat": "lab-c",
    "anthropic.messages": "lab-a",
    "gemini.generate": "lab-g",
}
PAIRS = "responses:responses,chat:chat,messages:messages,gemini:gemini"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    provider = {"api_key": "none", "base_url": f"http://127.0.0.1:{port}"}
    config: dict[str, Any] = {
        "server": {"port": 0, "workers": 2, "drain_ms": 3000, "admin": {"port": 0}},
        "providers": {name: {**provider, "dialect": dialect} for dialect, name in PREFIXES.items()},
        "models": {"unpriced": {"allow": ["lab-*/*"]}},
        "keys": {"alice": {"key": KEY}},
    }
    with Gateway(tmp_path_factory.mktemp("replay"), config) as started:
        yield started


@pytest.mark.parametrize("args", [(), ("--cut", "7", "--limit", "60")], ids=["all", "cut at random bytes"])
def test_clients_understand_every_recorded_answer(
    gateway: Gateway, port: int, tmp_path: Path, args: tuple[str, ...]
) -> None:
    """Text, tool calls, finish, usage and errors of every provider of the dialect; grammar and SDK have no complaint."""
    report = tmp_path / "report.json"
    argv = [sys.executable, str(script_of("replay.py")), "--base-url", gateway.url, "--api-key", KEY]
    argv += [
        "--upstream-port",
        str(port),
        "--corpus",
        str(fixtures("wire/dev")),
        "--pairs",
        PAIRS,
        "--json",
        str(report),
    ]
    argv += [part for dialect, name in PREFIXES.items() for part in ("--prefix", f"{dialect}={name}")]
    done = run([*argv, *args], tmp_path / "home", cwd=ROOT)
    assert report.exists(), done.shown[-2000:]
    found = json.loads(report.read_text())
    wrong = {r["id"]: r["bad"] for r in found["results"] if r.get("bad")}
    assert wrong == {}
    assert found["total"] >= 200

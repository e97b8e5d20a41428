"""The acceptance scripts with the real Codex CLI, Claude Code and Gemini CLI, each through a gateway of two workers.

The scripts check what a user sees; the journal must tell the same story, compared with what the mock provider was sent.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients.agents import Done, Runs, free_port, prefix_of, run, script_of, selected
from tests.harness import DENIED, Gateway

pytestmark = pytest.mark.clients

WORDS = "does not know this API key"
PROVIDERS = {"codex": "openai", "claude": "anthropic", "gemini": "gemini"}
CLIENTS = {"codex": "codex_exec/0.169.0", "claude": "claude-cli/2.1.197", "gemini": "GeminiCLI"}
SESSIONS = {"codex": "session-id", "claude": "x-claude-code-session-id", "gemini": ""}
MOCKS = {"codex": "mock_openai.py", "claude": "mock_anthropic.py", "gemini": "mock_gemini.py"}
USAGE = {
    # what each mock says of every answer: uncached input, cache read, output
    "codex": (234, 1000, 56),
    "claude": (12, 1000, None),
    "gemini": (None, None, None),
}


@dataclass(frozen=True)
class Job:
    """One run of a script: on which gateway, with which agent."""

    gateway: str
    cli: str
    args: tuple[str, ...] = ()
    mock_args: tuple[str, ...] = ()


JOBS = {
    "codex-rsgi": Job("rsgi", "codex", ("--mode", "both")),
    "codex-asgi": Job("asgi", "codex", ("--mode", "both")),
    "codex-1-byte-chunks": Job("chunked", "codex", ("--mode", "both"), ("--chunk=1",)),
    "claude-x-api-key": Job("rsgi", "claude"),
    "claude-bearer": Job("asgi", "claude", ("--bearer",)),
    "gemini": Job("rsgi", "gemini"),
}
DENIALS = {"codex": 2, "claude": 1, "gemini": 1}
"""Runs with a denied key in each script (`--mode both` has two)."""


@dataclass(frozen=True)
class Seen:
    """A finished script: what it printed, what the mock provider was sent, what the journal holds of its key."""

    done: Done
    sent: list[dict[str, Any]]
    records: list[dict[str, Any]]
    refused: list[dict[str, Any]]


class Fleet:
    """The gateways with their mock providers, and the scripts that run through them."""

    def __init__(self, jobs: list[str], place: Path, stack: ExitStack) -> None:
        self._place = place
        self._mocks = {name: (free_port(), place / f"{name}.jsonl") for name in jobs}
        self.gateways = {
            name: stack.enter_context(Gateway(place / name, self._config(name, jobs)))
            for name in sorted({JOBS[j].gateway for j in jobs})
        }
        for name in jobs:
            if JOBS[name].cli != "codex":  # e2e_codex.py starts its own, with arguments of ours
                stack.enter_context(self._mock(name))
        self.runs = Runs(jobs, self._run)
        stack.callback(self.runs.close)

    def _config(self, gateway: str, jobs: list[str]) -> dict[str, Any]:
        ours = [name for name in jobs if JOBS[name].gateway == gateway]
        interface = "asgi" if gateway == "asgi" else "rsgi"
        return {
            "server": {"port": 0, "workers": 2, "interface": interface, "drain_ms": 3000, "admin": {"port": 0}},
            "providers": {
                PROVIDERS[JOBS[name].cli]: {
                    "api_key": "upstream-secret",
                    "base_url": f"http://127.0.0.1:{self._mocks[name][0]}",
                }
                for name in ours
            },
            "keys": {
                name: {"key": f"sk-agentcc-{name}-0001", "org": "acme", "user": f"{name}@acme.dev"} for name in ours
            },
        }

    def _mock(self, name: str) -> "subprocess.Popen[str]":
        port, log = self._mocks[name]
        script = script_of(MOCKS[JOBS[name].cli])
        mock = subprocess.Popen(
            [sys.executable, str(script), "--port", str(port), "--log", str(log)], stdout=subprocess.PIPE, text=True
        )
        assert mock.stdout is not None
        mock.stdout.readline()
        return _Ended(mock)  # type: ignore[return-value]

    def _run(self, name: str) -> Seen:
        job = JOBS[name]
        gateway = self.gateways[job.gateway]
        port, log = self._mocks[name]
        argv = [sys.executable, str(script_of(f"e2e_{job.cli}.py")), "--prefix", str(prefix_of(job.cli)), *job.args]
        argv += [
            "--base-url",
            gateway.url + ("/v1" if job.cli == "codex" else ""),
            "--api-key",
            f"sk-agentcc-{name}-0001",
        ]
        argv += ["--denied-key", DENIED, "--denied-text", WORDS]
        if job.cli == "codex":
            argv += ["--with-mock", str(port), *(f"--mock-arg={a}" for a in (f"--log={log}", *job.mock_args))]
        done = run(argv, self._place / f"{name}-home")
        sent = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        records = gateway.records()
        return Seen(
            done,
            [s for s in sent if s["method"] == "POST" and "/__mock" not in s["path"]],
            [r for r in records if r["principal"]["key"] == name],
            [r for r in records if r["outcome"] == "refused" and r["client"].startswith(CLIENTS[job.cli])],
        )


class _Ended:
    """A process that is ended when its `with` is left."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.communicate()


def _is_there(cli: str) -> bool:
    try:
        prefix_of(cli)
        script_of(f"e2e_{cli}.py")
    except pytest.skip.Exception:
        return False
    return True


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        wanted = [name for name in selected(request, "job") if _is_there(JOBS[name].cli)]
        yield Fleet(wanted, tmp_path_factory.mktemp("clis"), stack)


@pytest.fixture
def seen(fleet: Fleet, job: str) -> Seen:
    prefix_of(JOBS[job].cli)
    script_of(f"e2e_{JOBS[job].cli}.py")
    return fleet.runs[job]


@pytest.mark.parametrize("job", JOBS)
def test_every_check_of_the_script_passes(seen: Seen, job: str) -> None:
    """Text, shell, edit, loop, parallel calls, retry after a cut, errors in the provider's words, our own refusal."""
    lines = seen.done.out.splitlines()
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert (seen.done.code, lines[-1:]) == (0, ["PASS (0 failed)"]), seen.done.shown[-2000:]
    assert sum("denied key" in line for line in lines) >= DENIALS[JOBS[job].cli]


@pytest.mark.parametrize("job", JOBS)
def test_the_journal_has_one_record_per_request(seen: Seen, job: str) -> None:
    """Each request that reached the provider is one record: the agent's session or a derived one, the key's principal, the client."""
    cli = JOBS[job].cli
    if header := SESSIONS[cli]:
        assert Counter(r["session_id"] for r in seen.records) == Counter(_header(one, header) for one in seen.sent)
        assert {r["session_basis"] for r in seen.records} == {"client"}
    else:
        assert {r["session_basis"] for r in seen.records} == {"derived"}
        assert len({r["session_id"] for r in seen.records}) < len(seen.sent)
    assert {r["principal"]["user"] for r in seen.records} == {f"{job}@acme.dev"}
    assert {r["provider"] for r in seen.records} == {PROVIDERS[cli]}
    assert all(r["client"].startswith(CLIENTS[cli]) for r in seen.records)
    assert len({r["request_id"] for r in seen.records}) == len(seen.sent) > 5


@pytest.mark.parametrize("job", JOBS)
def test_what_was_served_has_its_exact_cost(seen: Seen, job: str) -> None:
    """Whole answers cost what the mock reported; a cut one is estimated; a provider's error costs nothing."""
    cli = JOBS[job].cli
    outcomes = Counter(r["outcome"] for r in seen.records)
    assert outcomes.keys() <= {"ok", "cut", "upstream_error"}
    assert outcomes["cut"] == (cli == "codex")  # its mock drops one stream in all
    assert outcomes["upstream_error"] == 2  # codex: a 400 in each mode; the others: a 429 and a 400
    for record in seen.records:
        usage = record["usage"]
        if record["outcome"] == "ok":
            assert (record["cost_basis"], record["cost_nusd"] > 0, record["status"]) == ("exact", True, 200)
            reported = (usage["input_tokens"], usage["cache_read_tokens"], usage["output_tokens"])
            assert all(want in (None, got) for want, got in zip(USAGE[cli], reported, strict=True)), reported
        elif record["outcome"] == "cut":
            assert (record["cost_basis"], record["cost_nusd"] > 0) == ("estimated", True)
        else:
            assert (record["cost_nusd"], record["error_code"]) == (0, f"upstream_{record['status']}")


@pytest.mark.parametrize("job", JOBS)
def test_an_unknown_key_is_one_request(seen: Seen, job: str) -> None:
    """An agent with a key that nobody made asks once, reads why, and stops."""
    posts = [r for r in seen.refused if r["method"] == "POST"]
    assert [(r["status"], r["error_code"]) for r in posts] == [(403, "key_rejected")] * DENIALS[JOBS[job].cli]
    assert {(r["principal"]["key"], r["cost_nusd"], r["provider"]) for r in posts} == {("", 0, "none")}


@pytest.mark.parametrize("job", JOBS)
def test_the_journal_verifies(fleet: Fleet, seen: Seen, job: str) -> None:
    """After the whole script every hash and link of the journal holds."""
    gateway = fleet.gateways[JOBS[job].gateway]
    gateway.run_cli("journal", "verify", "-c", str(gateway.file))
    assert not gateway.logs("bug")


def _header(request: dict[str, Any], name: str) -> str:
    return next((v for n, v in request["headers"] if n.lower() == name), "") if name else ""

"""The real CLIs and the acceptance scripts: where they are, and how a run of one looks from outside.

The CLIs are looked for under $AGENTCC_CLI_PREFIX, else `.cache/cli`: `<prefix>/<name>/node_modules/.bin/<name>` or
`<prefix>/node_modules/.bin/<name>`. The scripts stand in ../shared/acceptance.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from tests.harness import ROOT, SHARED

T = TypeVar("T")
ACCEPTANCE = SHARED / "acceptance"
FIXTURES = SHARED / "fixtures"
AT_ONCE = 3
"""Runs at a time: an agent waits about as much as it computes, so three keep two cores busy."""
_TIMEOUT_S = 150.0
SETTINGS = {"IS_SANDBOX": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "GEMINI_CLI_TRUST_WORKSPACE": "true"}
"""The environment in which agents work in any folder, and call nobody but their provider."""
UNASKED = {
    "codex": ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
    "claude": ("--dangerously-skip-permissions",),
    "gemini": ("--yolo",),
}
"""What lets each of them do what it wants."""
HELLO = 'create hello.py that prints "hello from the simulator"'
"""What the simulator knows how to do."""
_OF_THE_USER = ("OPENAI_", "CODEX_", "ANTHROPIC_", "CLAUDE_", "GEMINI_", "GOOGLE_", "AGENTCC_")


def prefix_of(name: str) -> Path:
    """The npm prefix of an installed agent, or a skip that says what is missing."""
    prefix = Path(os.environ.get("AGENTCC_CLI_PREFIX") or ROOT / ".cache/cli")
    for place in (prefix / name, prefix):
        if (place / "node_modules/.bin" / name).exists():
            return place
    pytest.skip(f"THE REAL {name.upper()} WAS NOT RUN: it is not installed under {prefix} (set AGENTCC_CLI_PREFIX)")


def program_of(name: str) -> str:
    """The path of an installed agent, or a skip."""
    return str(prefix_of(name) / "node_modules/.bin" / name)


def launched(agent: str, prompt: str) -> tuple[str, ...]:
    """What follows `agentcc launch AGENT …` so that it does one thing without asking anybody."""
    return {
        "codex": ("--model", "gpt-5.5", "--", "exec", *UNASKED[agent], prompt),
        "claude": ("--", *UNASKED[agent], "-p", prompt),
        "gemini": ("--model", "gemini-2.5-flash", "--", *UNASKED[agent], "-p", prompt),
    }[agent]


def script_of(name: str) -> Path:
    """An acceptance script, or a skip."""
    script = ACCEPTANCE / name
    if not script.exists():
        pytest.skip(f"{name} WAS NOT RUN: {script} is not there")
    return script


def fixtures(part: str) -> Path:
    """A folder or file of the recorded fixtures, or a skip."""
    place = FIXTURES / part
    if not place.exists():
        pytest.skip(f"NOT COMPARED WITH RECORDINGS: {place} is not there")
    return place


def free_port() -> int:
    """A port for a program that takes only a number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Done:
    """What a finished program left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """All that a user sees."""
        return self.out + self.err


def run(
    argv: Iterable[str],
    home: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> Done:
    """Run a program with an empty home and nothing of the developer's own configuration; kill its group when it hangs."""
    home.mkdir(parents=True, exist_ok=True)
    scratch = home / "tmp"
    scratch.mkdir(exist_ok=True)
    own = {k: v for k, v in os.environ.items() if not k.startswith(_OF_THE_USER)}
    full = {**own, "HOME": str(home), "TMPDIR": str(scratch), **(env or {})}
    process = subprocess.Popen(
        list(argv), cwd=cwd, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"{argv} did not end in {timeout_s} s: {out[-2000:]} {err[-2000:]}") from None
    return Done(process.returncode, out, err)


def repository(place: Path) -> Path:
    """An empty git repository: what an agent works in."""
    place.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    return place


def agentcc(*args: str) -> list[str]:
    """The command line of `agentcc …` from any folder (with `PYTHON` as its environment)."""
    return [sys.executable, "-m", "gateway.cli.main", *args]


PYTHON = {"PYTHONPATH": str(ROOT)}


class Runs(Generic[T]):
    """The selected cases of a module, started at once and run a few at a time; `[name]` waits for one."""

    def __init__(self, names: Iterable[str], start: Callable[[str], T]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._futures: dict[str, Future[T]] = {name: self._pool.submit(start, name) for name in names}

    def __getitem__(self, name: str) -> T:
        return self._futures[name].result()

    def close(self) -> None:
        """Wait for what runs, drop what does not."""
        self._pool.shutdown(cancel_futures=True)


def selected(request: pytest.FixtureRequest, argument: str) -> list[str]:
    """The values that `argument` has in the tests of this module that are about to run."""
    found: dict[str, None] = {}
    for item in request.session.items:
        spec: Any = getattr(item, "callspec", None)
        if item.path == request.path and spec is not None and argument in spec.params:
            found[spec.params[argument]] = None
    return list(found)

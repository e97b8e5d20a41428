"""A real gateway for a test: `agentcc serve` as a process, on a free port, with its own data directory."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import yaml

from gateway.base.journal.export import export_json, read_exchanges

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
KEY = "sk-agentcc-test-alice-0001"
DENIED = "sk-agentcc-nobody-knows-this-one"
_START_S = 30.0
_DATABASES = ROOT / ".cache" / "guard"
"""What the guards of all test gateways have compiled: else each would take seconds to start."""


def config_for(upstream: str, **server: Any) -> dict[str, Any]:
    """A gateway.yaml with one provider of each dialect, all at `upstream`."""
    return {
        "server": {"host": "127.0.0.1", "port": 0, "workers": 1, "drain_ms": 3000, "admin": {"port": 0}, **server},
        "providers": {
            "openai": {"api_key": "sk-upstream-openai", "base_url": f"{upstream}/v1"},
            "anthropic": {"api_key": "sk-upstream-anthropic", "base_url": upstream},
            "gemini": {"api_key": "upstream-gemini", "base_url": upstream},
            "bedrock": {
                "region": "us-east-1",
                "aws_access_key_id": "AKIDEXAMPLE",
                "aws_secret_access_key": "not-a-real-secret",
                "base_url": upstream,
            },
            "lab": {"api_key": "none", "base_url": upstream, "dialect": ["openai.chat", "openai.responses"]},
        },
        "models": {"unpriced": {"allow": ["lab/*", "bedrock/test-*"]}, "aliases": {"my-alias": "openai/gpt-4.1-mini"}},
        "keys": {
            "alice": {"key": KEY, "org": "acme", "team": "platform", "user": "alice@acme.dev", "tags": {"repo": "pay"}},
            "limited": {"key": "sk-agentcc-test-limited-1", "models": ["openai/gpt-4.1-*"]},
            "expired": {"key": "sk-agentcc-test-expired-1", "expires": "2020-01-01T00:00:00Z"},
        },
    }


class Gateway:
    """One running gateway. Use as a context manager; `stop` drains it and gives its exit code."""

    def __init__(
        self, directory: Path, config: dict[str, Any], *args: str, environ: dict[str, str] | None = None
    ) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        config.setdefault("server", {}).setdefault("data_dir", str(directory / "data"))
        self.data_dir = Path(config["server"]["data_dir"])
        self.config = config
        self.file = directory / "gateway.yaml"
        self.write_config(config)
        self._args = args
        self._environ = environ or {}
        self.stderr_path = directory / "stderr.log"
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def write_config(self, config: dict[str, Any]) -> None:
        """Replace the configuration file at once, as an editor would."""
        temporary = self.file.with_suffix(".new")
        temporary.write_text(yaml.safe_dump(config))
        temporary.replace(self.file)

    def start(self) -> Self:
        """Start it and wait for the ready line."""
        _share_databases(_DATABASES, self.data_dir / "guard")
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", "serve", "-c", str(self.file), *self._args],
                stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, env={**os.environ, **self._environ},
            )  # fmt: skip
        line = _first_line(self.process, _START_S)
        if not line.startswith("agentcc ready: "):
            self.kill()
            raise AssertionError(f"no ready line, but {line!r}; stderr: {self.stderr()[-2000:]}")
        self.url = line.removeprefix("agentcc ready: ").strip()
        _share_databases(self.data_dir / "guard", _DATABASES)
        return self

    def stderr(self) -> str:
        """Everything logged so far."""
        return self.stderr_path.read_text() if self.stderr_path.exists() else ""

    def logs(self, event: str) -> list[dict[str, Any]]:
        """Log lines of one event."""
        lines = (json.loads(line) for line in self.stderr().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM and wait."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """SIGKILL the supervisor; its children see the lifeline's end."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def children(self) -> dict[str, int]:
        """Name → pid of the supervised processes: `worker-0` …, `control-plane`."""
        assert self.process is not None
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"gateway.cli.worker" in arguments:
                    found[f"worker-{arguments[arguments.index(b'--slot') + 1].decode()}"] = int(pid)
                elif b"gateway.controlplane.main" in arguments:
                    found["control-plane"] = int(pid)
        return found

    def run_cli(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `agentcc …` against this gateway's configuration."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", *args], check=False, capture_output=True, text=True, cwd=ROOT,
            env={**os.environ, **self._environ}, timeout=60,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"agentcc {' '.join(args)}: exit {done.returncode}: {done.stderr}")
        return done

    def records(self) -> list[dict[str, Any]]:
        """What `agentcc journal export` prints, read without starting a process."""
        return [json.loads(export_json(line)) for line in read_exchanges(self.data_dir / "journal")]

    def record(self, request_id: str) -> dict[str, Any]:
        """The one record of a request."""
        found = [r for r in self.records() if r["request_id"] == request_id]
        assert len(found) == 1, f"{len(found)} records of {request_id}"
        return found[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()


def _share_databases(source: Path, target: Path) -> None:
    """Copy what is compiled to a place that has an older one, or none."""
    for file in source.glob("databases-*"):
        copy = target / file.name
        if copy.exists() and copy.stat().st_mtime_ns >= file.stat().st_mtime_ns:
            continue
        with contextlib.suppress(OSError):  # a test's full disk
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = target / f".{file.name}.{os.getpid()}"
            shutil.copy2(file, draft)
            draft.replace(copy)


def _first_line(process: "subprocess.Popen[str]", timeout_s: float) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout_s):
            return "(nothing)"
    return process.stdout.readline()


def wait_until(condition: Any, timeout_s: float = 10.0, what: str = "") -> Any:
    """Poll an outside condition (another process's state) until it holds; fail loudly when it does not."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"did not happen within {timeout_s} s: {what or condition}")

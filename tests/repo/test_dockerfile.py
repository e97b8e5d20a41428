"""Properties of the image that its linter does not check (it cannot be built where the tests run)."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
LAST = STAGES[-1]


def _instructions(stage: str, name: str) -> list[str]:
    joined = stage.replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", joined, re.MULTILINE)


def test_the_last_stage_builds_nothing() -> None:
    """No compiler, package manager or source reaches the shipped image."""
    assert len(STAGES) >= 2
    assert not re.search(r"apt-get|cargo|maturin|pip install", LAST)
    assert all(copy.startswith("--from=") for copy in _instructions(LAST, "COPY"))


def test_it_runs_as_a_user_without_rights() -> None:
    """USER stands before the entry point and is not root."""
    (user,) = _instructions(LAST, "USER")
    assert int(user) > 0  # a number: Kubernetes cannot tell whether a name is root
    assert LAST.index("\nUSER ") < LAST.index("\nENTRYPOINT ")


def test_it_starts_stops_and_keeps_its_data() -> None:
    """`docker run` serves, `docker stop` drains, and the journal is on a volume."""
    assert json.loads(_instructions(LAST, "ENTRYPOINT")[0]) == ["agentcc"]
    assert json.loads(_instructions(LAST, "CMD")[0]) == ["serve", "-c", "/etc/agentcc/gateway.yaml"]
    assert _instructions(LAST, "STOPSIGNAL") == ["SIGTERM"]
    assert _instructions(LAST, "VOLUME") == ["/data"]


def test_its_health_is_checked_without_extra_tools() -> None:
    """The check uses what the image has, compiles, and asks /healthz without a proxy."""
    (check,) = _instructions(LAST, "HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")
    assert "ProxyHandler({})" in command[2]
    assert "/healthz" in LAST


def test_it_builds_with_the_pinned_rust() -> None:
    """The image's Rust is the one of rust-toolchain.toml."""
    channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    assert f"FROM rust:{channel}-" in DOCKERFILE


def test_everything_copied_is_in_the_context() -> None:
    """.dockerignore lets through exactly what the Dockerfile copies."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        name
        for stage in STAGES
        for copy in _instructions(stage, "COPY")
        if not copy.startswith("--from=")
        for name in copy.split()[:-1]
    }
    assert copied <= let_through
    assert let_through <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_requirements_are_installed_by_hash() -> None:
    """No `pip install` in the image may take a package that was not locked."""
    for command in re.findall(r"pip install [^&\n]*", DOCKERFILE):
        assert "--require-hashes" in command or "--no-index" in command, command

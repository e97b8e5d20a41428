"""Rules about our code that no linter knows: lengths, doors, dependencies (STYLE 3, 4; docs/decisions/dependencies.md)."""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / "gateway"
MODULES = sorted(GATEWAY.rglob("*.py"))
MAX_LINES = 600  # STYLE 3: at 400 we talk, at 600 a test fails

# Imported by Granian itself when a worker asks for this loop; by zoneinfo where the machine has no time zones.
NOT_IMPORTED_BY_NAME = {"uvloop", "tzdata"}
# Import name → distribution, where they differ.
DISTRIBUTIONS = {"cel_expr_python": "cel-expr-python", "yaml": "pyyaml", "prometheus_client": "prometheus-client"}


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "native").glob("*/src/**/*.rs"))], ids=_id)
def test_a_module_is_one_thing(path: Path) -> None:
    """A module of more than 600 lines is more than one thing."""
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES, f"{_id(path)} has {lines} lines: split it by what it does"


def _doors() -> Iterator[tuple[Path, list[str]]]:
    for path in sorted(GATEWAY.rglob("__init__.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
                yield path, ast.literal_eval(node.value)


@pytest.mark.parametrize(("path", "names"), [pytest.param(p, n, id=_id(p)) for p, n in _doors()])
def test_a_room_has_one_door(path: Path, names: list[str]) -> None:
    """`__all__` is sorted (constants, classes, functions), names each thing once, and each of them is there."""
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert len(names) == len(set(names))
    module = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("path", sorted(GATEWAY.rglob("__init__.py")), ids=_id)
def test_a_room_says_what_it_is(path: Path) -> None:
    """Every package begins with one sentence."""
    assert ast.get_docstring(ast.parse(path.read_text())), f"{_id(path)} has no docstring"


def _third_party_imports() -> dict[str, str]:
    """Distribution → the first module that imports it."""
    found: dict[str, str] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                top = name.split(".")[0]
                if top != "gateway" and top not in sys.stdlib_module_names:
                    found.setdefault(DISTRIBUTIONS.get(top, top), _id(path))
    return found


def _name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dependencies: list[str] = project["dependencies"]
    return dependencies


def test_dependencies_are_those_that_are_imported() -> None:
    """A package that nothing imports is attack surface; one that is not declared is missing on a clean machine."""
    declared = {_name_of(requirement) for requirement in _declared()}
    imported = _third_party_imports()
    assert {name: where for name, where in imported.items() if name not in declared} == {}
    assert declared - set(imported) - NOT_IMPORTED_BY_NAME == set()


def test_the_lock_is_made_from_the_same_dependencies() -> None:
    """`requirements.in` and `pyproject.toml` say the same."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    assert sorted(line for line in lines if line and not line.startswith("#")) == sorted(_declared())


def test_every_dependency_has_its_reason() -> None:
    """docs/decisions/dependencies.md names each runtime, build and development dependency."""
    page = (ROOT / "docs/decisions/dependencies.md").read_text().lower()
    inputs = sorted(ROOT.glob("requirements*.in"))
    wanted = {
        _name_of(line)
        for path in inputs
        for line in path.read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    }
    assert sorted(name for name in wanted if f"`{name}`" not in page) == []


@pytest.mark.parametrize("name", ["requirements", "requirements-build", "requirements-dev", "requirements-load"])
def test_locked_requirements_are_hashed_and_name_no_place(name: str) -> None:
    """Every requirement has its hashes; no index, link or path is written into a lock file."""
    text = (ROOT / f"{name}.txt").read_text()
    entries = re.findall(
        r"^([a-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert len(entries) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 0
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|://", text)


def test_locked_versions_agree() -> None:
    """All lock files can be installed into one environment."""
    versions: dict[str, set[str]] = {}
    for path in ROOT.glob("requirements*.txt"):
        for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}

"""Rules about documentation: links resolve, commands exist, the environment is described (STYLE 25, 29)."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("loadtest/*.md")]
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """The link targets that GitHub makes of a page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", _FENCE.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of this repository, every anchor a heading in it."""
    broken: list[str] = []
    for found in _LINK.findall(_FENCE.sub("", page.read_text())):
        link = found[0] or found[1]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
        elif ROOT not in target.parents:
            broken.append(f"{link} (outside the repository)")
    assert broken == []


def test_readme_names_the_two_commands() -> None:
    """A newcomer needs `make run` and `make test`, and finds both in README."""
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme
    assert "make test" in readme


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_make_targets_in_docs_exist(page: Path) -> None:
    """Documentation names no `make` target that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^\s*|\$ )make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named - targets == set()


def test_every_target_has_its_help() -> None:
    """`make help` lists every target that is meant for people (the parts of lint and test are not)."""
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE))
    assert set(re.findall(r"^([a-z-]+):.*?## ", makefile, re.MULTILINE)) == phony


def test_every_environment_variable_is_described() -> None:
    """Each AGENTCC_… variable that the gateway reads stands in docs/guides/operations.md."""
    page = (ROOT / "docs/guides/operations.md").read_text()
    read = {
        name
        for path in (ROOT / "gateway").rglob("*.py")
        for name in re.findall(r"AGENTCC_[A-Z_]*[A-Z]", path.read_text())
    }
    assert sorted(name for name in read if f"`{name}`" not in page) == []


def test_the_road_has_one_order() -> None:
    """The stages stand in the same order wherever the whole road is named."""
    road = "identify → parse → guard → plan → admit → hold → dispatch → relay → settle"
    for page in ("docs/architecture.md", "docs/glossary.md", "gateway/dataplane/flow/pipeline.py"):
        assert road in (ROOT / page).read_text(), page


def test_the_changelog_has_one_unreleased_part() -> None:
    """Changes of the next release stand together, on top (Keep a Changelog)."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings.count("Unreleased") == 1


def test_shell_scripts_parse() -> None:
    """Every shell script is at least syntactically right, and executable."""
    scripts = [ROOT / ".ci/run", *ROOT.glob("scripts/*.sh")]
    for script in scripts:
        assert script.stat().st_mode & 0o111, f"{_id(script)} has no run bit"
        subprocess.run(["bash", "-n", str(script)], check=True)

"""Rules about what is kept in git: no place of one machine, no registry's host, no secret, no build product."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Where this checkout happens to lie; a folder that many machines have (/tmp, /home) tells nothing.
_HERE = (
    re.escape(str(ROOT.parent).encode() + b"/")
    if len(ROOT.parts) > 2 and ROOT.parent.name not in ("tmp", "home", "root")
    else rb"(?!)"
)
_PLACES = re.compile(
    rb"(?<![\w./-])"
    + _HERE
    + rb"|files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|registry\.yarnpkg\.com"
    rb"|index\.crates\.io|static\.crates\.io|proxy\.golang\.org|repo1?\.maven\.(?:org|apache\.org)|deb\.debian\.org"
)
_SECRETS = re.compile(
    rb"-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----"
    rb"|(?<![A-Za-z0-9])(?:sk-ant-api\d\d-[A-Za-z0-9_-]{80,}|sk-proj-[A-Za-z0-9_-]{60,}|AIza[A-Za-z0-9_-]{35}|AKIA[A-Z0-9]{16})"
)
_BUILT = re.compile(r"(^|/)(node_modules|__pycache__|target|\.venv|\.cache)/|\.(so|pyc|whl|sqlite3)$")
_MAX_BYTES = 2 << 20


def _tracked() -> list[Path]:
    """What git keeps or would keep (new files that no ignore rule covers are about to be committed)."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")  # an sdist has no git to ask
    # CI may own the checkout as another user than the one it runs as
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def _matches(pattern: re.Pattern[bytes]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {found.group().decode()[:40]}"
        for path in _tracked()
        if path != Path(__file__)
        for found in [pattern.search(path.read_bytes())]
        if found
    ]


def test_no_file_names_a_place_of_one_machine() -> None:
    """Paths of a workshop and hosts of registries work on one machine only."""
    assert _matches(_PLACES) == []


def test_no_file_holds_a_secret() -> None:
    """Nothing that looks like a provider's key or a private key is committed."""
    assert _matches(_SECRETS) == []


def test_nothing_built_is_kept() -> None:
    """What `make setup` makes is ignored by git."""
    names = [str(path.relative_to(ROOT)) for path in _tracked()]
    assert [name for name in names if _BUILT.search(name)] == []


def test_no_file_is_huge() -> None:
    """A file over 2 MiB belongs elsewhere, or is data that a script can make."""
    assert [str(path.relative_to(ROOT)) for path in _tracked() if path.stat().st_size > _MAX_BYTES] == []

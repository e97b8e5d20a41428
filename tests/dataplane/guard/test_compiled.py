"""The compiled databases on disk: a cache that may be broken, foreign, or not there."""

import os
import stat
from pathlib import Path

import pytest

from gateway.dataplane.guard import compiled
from gateway.dataplane.guard.compiled import Wanted, load_scan
from gateway.dataplane.guard.database import Database
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import CustomRule, Secrets

PII = Wanted(None, Pii(), None)
TEXT = b"write to jane.roe@corp-mail.dev"


class Counted:
    """How many databases were compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compiled = 0
        real = Database.__init__

        def init(database: Database, patterns: object, saved: dict[bytes, bytes] | None = None) -> None:
            real(database, patterns, saved or {})  # type: ignore[arg-type]
            self.compiled += database.stamp not in (saved or {})

        monkeypatch.setattr(Database, "__init__", init)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def finds(scan: Scan) -> list[str]:
    return [each.rule for each in scan.scan(TEXT)]


def test_it_is_compiled_once_and_private(tmp_path: Path, counted: Counted) -> None:
    assert finds(load_scan(PII, tmp_path / "guard")) == ["email-address"]
    made = counted.compiled
    assert finds(load_scan(PII, tmp_path / "guard")) == ["email-address"]
    assert counted.compiled == made
    (file,) = (tmp_path / "guard").glob("databases-*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "rubbish", "writable", "directory"])
def test_a_file_that_cannot_be_trusted_is_made_anew(tmp_path: Path, counted: Counted, damage: str) -> None:
    load_scan(PII, tmp_path)
    file, made = tmp_path / "databases-1", counted.compiled
    content = file.read_bytes()
    if damage == "writable":
        file.chmod(0o666)
    elif damage == "directory":
        file.unlink()
        file.mkdir()
    else:
        broken = {
            "cut": content[:-9],
            "changed": content[:500] + b"x" + content[501:],
            "empty": b"",
            "rubbish": os.urandom(99),
        }
        file.write_bytes(broken[damage])
    assert finds(load_scan(PII, tmp_path)) == ["email-address"]
    assert counted.compiled > made
    if damage != "directory":
        again = counted.compiled
        load_scan(PII, tmp_path)
        assert counted.compiled == again


def test_a_directory_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "guard").write_text("a file")
    assert finds(load_scan(PII, tmp_path / "guard")) == ["email-address"]


def test_those_of_other_policies_stay(tmp_path: Path, counted: Counted) -> None:
    own = Wanted(None, Pii(frozenset({"email-address"})), None)
    for wanted in (PII, own, PII, own):
        load_scan(wanted, tmp_path)
    made = counted.compiled
    for wanted in (PII, own):
        load_scan(wanted, tmp_path)
    assert counted.compiled == made


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_OTHERS_BYTES", 4096)
    sizes = []
    for n in range(4):
        load_scan(Wanted(Secrets((CustomRule("own", f"OWN-{n}-[0-9]{{8}}"),)), None, None), tmp_path)
        sizes.append((tmp_path / "databases-1").stat().st_size)
    assert sizes[-1] < sizes[0] * 1.5


def test_equal_wishes_are_equal() -> None:
    assert Wanted(Secrets((CustomRule("a", "b"),)), Pii(), None) == Wanted(
        Secrets((CustomRule("a", "b"),)), Pii(), None
    )
    assert Wanted(Secrets(), None, None) != Wanted(Secrets(is_pragma_allowed=True), None, None)

"""The hunt finds what it hunts for: else it would prove nothing."""

import base64
import json
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.canary import Hunt, canary, files_of

SECRET = canary("mine")


@pytest.mark.parametrize(
    "text",
    [
        SECRET, f"x{SECRET[6:34]}y", base64.b64encode(f"ab{SECRET}".encode()).decode(), base64.b64encode(f"abc{SECRET}".encode()).decode(),
        base64.b64encode(f"a{SECRET}".encode()).decode(), SECRET.encode().hex(), json.dumps("".join(f"\\u{ord(c):04x}" for c in SECRET)).replace("\\\\", "\\"),
    ],
)  # fmt: skip
def test_each_form_is_found(text: str) -> None:
    hunt = Hunt({"mine": SECRET, "other": canary("other")})
    hunt.look("file x", text.encode())
    assert {one.partition(" in ")[0] for one in hunt.found} == {"mine"}


def test_files_and_rows_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "x.log").write_text(SECRET)
    db = sqlite3.connect(tmp_path / "a.sqlite3")
    db.execute("CREATE TABLE t (x TEXT)")
    db.execute("INSERT INTO t VALUES (?)", ("x" * 5000 + SECRET,))
    db.commit()
    db.close()
    hunt = Hunt({"mine": SECRET})
    for where, data in files_of(tmp_path):
        hunt.look(where, data)
    assert {one.partition(" in ")[2] for one in hunt.found} >= {"file journal/x.log", "sqlite a.sqlite3"}


def test_innocent_text_is_not_found() -> None:
    hunt = Hunt({"mine": SECRET})
    hunt.look("file x", canary("another").encode())
    assert hunt.found == []

"""Noticing that a file has changed."""

import os
from pathlib import Path

from gateway.base.config.watch import FileWatch


def test_a_change_is_seen_once_and_only_when_it_has_settled(tmp_path: Path) -> None:
    """Half a file is no new version; a file that goes away is none either."""
    file = tmp_path / "f"
    file.write_text("a")
    watch = FileWatch(str(file))
    assert not watch.is_changed()
    file.write_text("ab")
    assert not watch.is_changed(), "it may still be written"
    file.write_text("abc")
    assert not watch.is_changed()
    assert watch.is_changed()
    assert not watch.is_changed()
    file.unlink()
    assert [watch.is_changed() for _ in range(3)] == [False] * 3
    (tmp_path / "g").write_text("abc")
    os.replace(tmp_path / "g", file)
    assert [watch.is_changed() for _ in range(3)] == [False, True, False]


def test_what_is_there_may_be_new(tmp_path: Path) -> None:
    """An absent file is nothing new."""
    file = tmp_path / "f"
    watch = FileWatch(str(file), is_taken=False)
    assert not watch.is_changed()
    file.write_text("a")
    watch = FileWatch(str(file), is_taken=False)
    assert [watch.is_changed() for _ in range(2)] == [True, False]

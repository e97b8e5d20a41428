"""How results become docs/reference/compatibility.md."""

import importlib.util
from typing import Any

import pytest

from tests.e2e.matrix import results
from tests.e2e.matrix.verdict import Verdict
from tests.harness import ROOT


@pytest.fixture(scope="module")
def page() -> Any:
    spec = importlib.util.spec_from_file_location("compatibility", ROOT / "scripts" / "compatibility.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _results(page: Any, cell: Any) -> Any:
    models = {"openai.chat": "lab/x", "gemini.generate": "gemini/y"}
    cells = {"openai.chat": {"text": {"openai.chat": "yes", "gemini.generate": cell}}}
    return page.Results(features={"text": "words"}, models=models, cells=cells)


@pytest.mark.parametrize(
    ("cell", "shown", "note"),
    [
        ("yes", "✓", ""),
        ("fails", "✗", ""),
        ("no: no such word", "– (1)", "1. no such word"),
        ("partial: `seed` unsupported", "◐ (1)", "1. `seed` unsupported"),
        ({"stream": "yes", "whole": "partial: `seed` unsupported"}, "stream ✓, whole ◐ (1)", "1. `seed` unsupported"),
    ],
)
def test_a_cell(page: Any, cell: Any, shown: str, note: str) -> None:
    """A sign, and a number where there is something to say."""
    lines = list(page.page_lines(_results(page, cell)))
    assert f"| words | ✓ | {shown} |" in lines
    assert not note or note in lines


def test_failures_are_explained_only_where_there_are_some(page: Any) -> None:
    """A page without failures does not speak of them."""
    for cell in ("yes", "fails"):
        assert ("✗" in "\n".join(page.page_lines(_results(page, cell)))) is (cell == "fails")


def test_equal_notes_share_a_number(page: Any) -> None:
    """Most notes are true of a whole row."""
    notes = page.Notes()
    assert [notes.number("a"), notes.number("b"), notes.number("a")] == [1, 2, 1]


def test_results_are_read_as_they_are_written(page: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The file that the matrix writes is the file that the page is made of."""
    found = {
        (client, provider, name, mode): Verdict("partial", "`x` unsupported") if mode == "whole" else Verdict("yes")
        for client in results.WIRES
        for provider in results.WIRES
        for name, one in results.FEATURES.items()
        for mode in one.modes
    }
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results.json")
    page.RESULTS.write_bytes(results.encoded(found))
    text = "\n".join(page.page_lines(page.load()))
    assert "stream ✓, whole ◐ (1)" in text
    for one in results.FEATURES.values():
        assert f"| {one.title} |" in text

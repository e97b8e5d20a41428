"""The page docs/reference/guardrails-matrix.md, made from what the tests of the guard found; generate_reference.py calls it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parent.parent / "tests"
ROUTES = _TESTS / "e2e" / "guard_results.json"
POSITIVES = _TESTS / "dataplane" / "guard" / "positives.json"
_MODES = {"whole": "whole", "stream": "stream", "array": "stream as a JSON array"}


def page_lines() -> Iterator[str]:
    """The page without its title."""
    routes = json.loads(ROUTES.read_bytes())
    yield "Every served route, as a stream and whole, to a provider of the client's dialect and to one of another, with every scanner on. In each cell a"
    yield "test plants what the scanner looks for, asks a running gateway, and reads the verdict in the journal (`tests/e2e/test_guard_matrix.py`). The"
    yield "rows are made from the route table: a route that the guard did not look at would fail the tests."
    yield ""
    yield "- ✓ ran and found what was planted"
    yield "- a number: nothing is to be found there; the note says why"
    yield ""
    notes: list[str] = []
    yield from _side(routes, "request", "What leaves", notes)
    yield from _side(routes, "answer", "What comes back", notes)
    for number, note in enumerate(notes, 1):
        yield f"{number}. {note}"
    yield ""
    if POSITIVES.exists():
        yield from _places(json.loads(POSITIVES.read_bytes()))


def _side(routes: dict[str, Any], side: str, title: str, notes: list[str]) -> Iterator[str]:
    scanners = routes[side]
    yield f"## {title}"
    yield ""
    yield "| route | answer | provider | " + " | ".join(f"`{name}`" for name in scanners) + " |"
    yield "|" + " --- |" * (3 + len(scanners))
    for row in routes["rows"]:
        cells = [_cell(row["cells"][side][name], notes) for name in scanners]
        paths = ", ".join(f"`{route}`" for route in row["routes"])
        provider = "another dialect" if row["translated"] else "the same dialect"
        if row["resource"] == "lists of models":
            provider = "none"
        yield f"| {paths} | {_MODES[row['mode']]} | {provider} | " + " | ".join(cells) + " |"
    yield ""


def _cell(said: str, notes: list[str]) -> str:
    if said == "found":
        return "✓"
    reason = said.removeprefix("declared: ")
    if reason not in notes:
        notes.append(reason)
    return f"({notes.index(reason) + 1})"


def _places(cells: dict[str, dict[str, list[int]]]) -> Iterator[str]:
    dialects = list(next(iter(cells.values())))
    yield "## Where a secret may stand"
    yield ""
    yield "Texts with a secret in each that the scanner finds when they come plain (`tests/dataplane/guard/test_positives.py`): how many of them are caught when"
    yield "the text stands in one place of a request, or is said in an answer. Besides, one text of each kind is said in a stream that is split at every character."
    yield ""
    yield "| place | " + " | ".join(f"`{dialect}`" for dialect in dialects) + " |"
    yield "|" + " --- |" * (1 + len(dialects))
    for place, row in cells.items():
        yield f"| {place} | " + " | ".join(f"{row[d][0]:,} of {row[d][1]:,}" for d in dialects) + " |"

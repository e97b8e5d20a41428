"""The page docs/reference/compatibility.md, made from what the matrix of tests found; generate_reference.py calls it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

RESULTS = Path(__file__).resolve().parent.parent / "tests" / "e2e" / "matrix" / "results.json"
_NAMES = {
    "openai.responses": "OpenAI Responses",
    "openai.chat": "OpenAI Chat",
    "anthropic.messages": "Anthropic Messages",
    "gemini.generate": "Gemini",
    "bedrock.converse": "Bedrock Converse",
}
_CLIENTS = {
    "openai.responses": "Codex and OpenAI's SDK",
    "openai.chat": "what speaks Chat Completions",
    "anthropic.messages": "Claude Code and Anthropic's SDK",
    "gemini.generate": "Gemini CLI and Google's SDK",
    "bedrock.converse": "AWS SDKs",
}
_SIGNS = {"yes": "✓", "partial": "◐", "no": "–", "fails": "✗"}


class Results(Struct):
    """The file. A cell is `kind` or `kind: note`, or one of these for streams and one for whole answers."""

    features: dict[str, str]
    models: dict[str, str]
    cells: dict[str, dict[str, dict[str, str | dict[str, str]]]]


class Notes:
    """The numbered notes under one table; equal ones share a number."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def number(self, note: str) -> int:
        """The number of a note."""
        if note not in self.all:
            self.all.append(note)
        return self.all.index(note) + 1


def page_lines(results: Results) -> Iterator[str]:
    """The page without its title."""
    yield "Client dialect × provider dialect × feature. Every cell is a test that ran, once as a stream and once as a whole answer,"
    yield "against the provider simulator (`tests/e2e/test_matrix.py`); the official SDKs read the same streams in"
    yield "`tests/clients/test_sdk_matrix.py`. Where both sides speak the same dialect, bytes pass as they are."
    yield ""
    yield "- ✓ works, and nothing is left out"
    yield "- ◐ works; what the provider cannot be told is left out and named in `x-agentcc-translation-drops` (with"
    yield "  [`translation: strict`](configuration.md#the-whole-file) the request is refused instead)"
    yield "- – the client's dialect cannot ask for it, or the provider's has no words for it"
    if any("fails" in str(cell) for rows in results.cells.values() for row in rows.values() for cell in row.values()):
        yield "- ✗ does not work in this version"
    yield ""
    models = ", ".join(f"`{model}` ({_NAMES[dialect]})" for dialect, model in results.models.items())
    yield f"What a provider can be told also depends on its model; these were asked: {models}."
    yield ""
    for client, rows in results.cells.items():
        yield f"## {_NAMES[client]} clients"
        yield ""
        yield f"That is {_CLIENTS[client]}."
        yield ""
        notes = Notes()
        providers = list(results.models)
        yield "| feature | " + " | ".join(_NAMES[provider] for provider in providers) + " |"
        yield "|" + " --- |" * (len(providers) + 1)
        for name, title in results.features.items():
            cells = [_shown(rows[name][provider], notes) for provider in providers]
            yield f"| {title} | " + " | ".join(cells) + " |"
        yield ""
        for number, note in enumerate(notes.all, 1):
            yield f"{number}. {note}"
        if notes.all:
            yield ""


def _shown(cell: str | dict[str, str], notes: Notes) -> str:
    if isinstance(cell, dict):
        return ", ".join(f"{mode} {_shown(said, notes)}" for mode, said in cell.items())
    kind, _, note = cell.partition(": ")
    return f"{_SIGNS[kind]} ({notes.number(note)})" if note else _SIGNS[kind]


def load() -> Results:
    """The committed results. Raises msgspec.ValidationError for a file of another form."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)

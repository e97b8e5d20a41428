"""Route × stream × scanner: the cells that the matrix of guardrails has, made from the route table, and what a cell may be."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.base.core.struct import Record
from gateway.dataplane.flow.route import Route, find_route, served_routes

PATH = Path(__file__).with_name("guard_results.json")
"""What docs/reference/guardrails-matrix.md is made of."""
REQUEST = ("secrets", "pii", "injection")
ANSWER = ("secrets", "pii", "tool_calls", "prompt_leak", "links", "code")
_BODY_STREAMS = ("openai.responses", "openai.chat", "anthropic.messages")
"""Dialects whose body says whether it streams."""
_OWN = {
    "openai.responses": "openai/gpt-4.1-mini",
    "openai.chat": "openai/gpt-4.1-mini",
    "anthropic.messages": "anthropic/claude-sonnet-4-5",
    "gemini.generate": "gemini-2.5-flash",
    "bedrock.converse": "bedrock/test-claude",
    "openai.embeddings": "openai/text-embedding-3-small",
}
_CLAUDE, _CHAT = "anthropic/claude-sonnet-4-5", "lab/x"
_FOREIGN = {**dict.fromkeys(_OWN, _CHAT), "openai.responses": _CLAUDE, "openai.chat": _CLAUDE}
CATALOGUE = "it has no text: the gateway answers it by itself"
NO_WORDS = "its answer has no words: numbers only"
NO_CONVERSATION = "it has no results of tools, and no tools: nothing that a stranger could have written"
DECLARED = {
    ("openai.embeddings", "request", "injection"): NO_CONVERSATION,
    ("embedContent", "request", "injection"): NO_CONVERSATION,
    **{
        (name, "answer", scanner): NO_WORDS
        for name in ("openai.embeddings", "embedContent", "batchEmbedContents", "/messages/count_tokens", "/responses/input_tokens", "countTokens")
        for scanner in ANSWER
    },
}  # fmt: skip
"""(dialect or resource, side, scanner) → why nothing is to be found there."""


class Row(Record, frozen=True):
    """A served path, as a stream, a JSON array (Gemini without `alt=sse`) or whole."""

    method: str
    template: str
    mode: str
    route: Route | None
    """None: not a route of an exchange."""
    is_translated: bool = False

    @property
    def model(self) -> str:
        """One whose provider speaks the client's dialect, or another."""
        dialect = self.route.dialect.name if self.route else ""
        return (_FOREIGN if self.is_translated else _OWN).get(dialect, "")

    @property
    def path(self) -> str:
        is_bedrock = self.template.endswith(("converse", "converse-stream"))
        made = self.template.replace("{model}", quote(self.model, safe="") if is_bedrock else self.model)
        return made + ("?alt=sse" if self.mode == "stream" and ":stream" in made else "")

    def declared(self, side: str, scanner: str) -> str:
        """Why nothing is to be found in a cell; empty where something is."""
        if self.route is None:
            return CATALOGUE
        names = (self.route.dialect.name, self.route.resource)
        return next((DECLARED[name, side, scanner] for name in names if (name, side, scanner) in DECLARED), "")


def rows() -> list[Row]:
    """Of all served routes: a new one is in here by itself."""
    found: list[Row] = []
    for method, template, dialect in served_routes():
        if dialect == "catalogue":
            found.append(Row(method, template, "whole", None))
            continue
        route = find_route(method, template.replace("{model}", "m"))
        ways = (False, True) if route.is_turn else (False,)
        found += [Row(method, template, mode, route, way) for way in ways for mode in _modes(route)]
    return found


def _modes(route: Route) -> tuple[str, ...]:
    if route.is_stream:
        return ("stream", "array") if route.dialect.name == "gemini.generate" else ("stream",)
    streams = route.is_turn and route.dialect.name in _BODY_STREAMS
    return ("whole", "stream") if streams else ("whole",)


def encoded(found: dict[Row, dict[str, dict[str, str]]]) -> bytes:
    """The file: rows whose cells are equal stand together, under their paths without what only names another prefix."""
    made: list[dict[str, Any]] = []
    for row, cells in found.items():
        name = f"{row.method} {row.template}"
        for one in made:
            same = (one["resource"], one["mode"], one["translated"]) == (_resource(row), row.mode, row.is_translated)
            if same and one["cells"] == cells:
                one["routes"].append(name)
                break
        else:
            made.append(
                {
                    "resource": _resource(row), "mode": row.mode, "translated": row.is_translated, "routes": [name],
                    "cells": cells,
                }
            )  # fmt: skip
    return (
        json.dumps({"request": REQUEST, "answer": ANSWER, "rows": made}, indent=1, ensure_ascii=False).encode() + b"\n"
    )


def _resource(row: Row) -> str:
    return f"{row.route.dialect.name} {row.route.resource}" if row.route else "lists of models"

"""What a run of the matrix found, as the file that the compatibility page is made of."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.matrix.cell import MODELS, WIRES
from tests.e2e.matrix.features import FEATURES
from tests.e2e.matrix.verdict import Verdict

PATH = Path(__file__).with_name("results.json")

Found = dict[tuple[str, str, str, str], Verdict]
"""(client, provider, feature, mode) → what was found."""


def encoded(found: Found) -> bytes:
    """The file: a cell is a text where both modes agree, else one text for each mode."""
    cells = {
        client: {name: {provider: _cell(found, client, provider, name) for provider in WIRES} for name in FEATURES}
        for client in WIRES
    }
    titles = {name: one.title for name, one in FEATURES.items()}
    made = {"features": titles, "models": MODELS, "cells": cells}
    return json.dumps(made, indent=1, ensure_ascii=False).encode() + b"\n"


def _cell(found: Found, client: str, provider: str, name: str) -> Any:
    by_mode = {mode: _said(found[client, provider, name, mode]) for mode in FEATURES[name].modes}
    said = set(by_mode.values())
    return said.pop() if len(said) == 1 else by_mode


def _said(verdict: Verdict) -> str:
    return f"{verdict.kind}: {verdict.note}" if verdict.note else verdict.kind

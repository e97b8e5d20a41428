"""The price oracle of the shared fixtures, which live beside the repository and are never part of it."""

import json
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.base.core.price import Price, Rates, Tier

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared"

_RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "image_output",
}
_FEES = {"web_searches_kcount", "storage_searches_kcount"}

DIALECT = {
    "anthropic.messages": "anthropic.messages",
    "bedrock.converse": "bedrock.converse",
    "cohere.chat": "cohere.chat.v2",
    "gemini.generate": "gemini.generate",
    "openai.responses": "openai.responses",
}
"""The oracle's api → dialect; the others speak openai.chat."""


def shared(name: str) -> Path:
    """A file or folder of the shared fixtures; the test is skipped, loudly, where they are absent."""
    found = SHARED / "fixtures" / name
    if not found.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {found}")
    return found


def json_lines(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a .jsonl file."""
    with shared(name).open() as lines:
        for line in lines:
            yield json.loads(line)


@cache
def exchange(wire_id: str) -> dict[str, Any]:
    """The recorded exchange `api--hash--name`."""
    api, rest = wire_id.split("--", 1)
    folder = shared("wire/dev") / api
    found: dict[str, Any] = json.loads((folder / f"{rest}.json").read_text())
    return found


def raw_usage(api: str, body: dict[str, Any]) -> bytes:
    """The usage object of a recorded answer, as the tap would hand it over."""
    return json.dumps(body["usageMetadata" if api == "gemini.generate" else "usage"]).encode()


def price_from(rates: dict[str, Any]) -> Price:
    """The oracle's `rates` (USD per million tokens, maybe `{base, tiers}`) as a Price."""
    assert set(rates) <= set(_RATES) | _FEES
    starts = sorted({t["start"] for v in rates.values() if isinstance(v, dict) for t in v["tiers"]})

    def card(prompt_tokens: int) -> Rates:
        return Rates(**{ours: _pusd(rates[key], prompt_tokens) for key, ours in _RATES.items() if key in rates})

    return Price(
        card(0),
        tuple(Tier(start, card(start + 1)) for start in starts),
        web_search_nusd=int(Decimal(str(rates.get("web_searches_kcount", 0))) * 1_000_000),
    )


def _pusd(value: Any, prompt_tokens: int) -> int:
    if isinstance(value, dict):
        above = [t["price"] for t in value["tiers"] if prompt_tokens > t["start"]]
        value = above[-1] if above else value["base"]
    return int((Decimal(str(value)) * 1_000_000).to_integral_value(ROUND_HALF_UP))

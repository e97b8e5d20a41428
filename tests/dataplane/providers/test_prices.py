"""The catalogue against its source, against the recorded answers' oracle, and against a second price table."""

import importlib
import sys
from collections import Counter
from datetime import date
from typing import Any

import msgspec
import pytest

from gateway.base.core.price import Price, Rates, cost_nusd
from gateway.base.core.usage import Usage
from gateway.dataplane.providers import Catalog, load_catalog
from gateway.dataplane.providers.catalog import PRICES_PATH
from gateway.dataplane.providers.price_file import PriceFile
from tests.dataplane.providers.shared import ROOT, exchange, json_lines, price_from

DAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The catalogue as shipped."""
    return load_catalog()


def _source() -> Any:
    """The pinned source package, or a loud skip: only those who rebuild the catalogue need it."""
    try:
        return importlib.import_module("genai_prices.data").providers
    except ImportError:
        pytest.skip("NOT RUN: genai-prices is not installed (pip install genai-prices==0.2.3)")


def test_the_file_is_what_the_sources_give() -> None:
    """`scripts/build_catalog.py --check`."""
    _source()
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        build = importlib.import_module("build_catalog")
    finally:
        sys.path.pop(0)
    assert build.main(["--check"]) == 0


def test_the_head_names_source_licence_and_version() -> None:
    """Where the numbers come from stands in the file and in NOTICE."""
    file = msgspec.json.decode(PRICES_PATH.read_bytes(), type=PriceFile)
    assert file.sources[0].package == "genai-prices==0.2.3"
    assert "MIT" in file.sources[0].licence
    assert "genai-prices 0.2.3" in (PRICES_PATH.parent / "NOTICE").read_text()
    assert file.version.startswith(max(source.date for source in file.sources))


def test_names_find_the_source_s_own_model(catalog: Catalog) -> None:
    """Every name that the source spells out leads to the entry that the source itself would choose."""
    ours = {"google": "gemini", "aws": "bedrock", "x-ai": "xai", "moonshotai": "moonshot", "voyageai": "voyage"}
    checked = 0
    for provider in _source():
        name = ours.get(provider.id, provider.id)
        if name not in catalog._tables:
            continue
        for model in catalog.models(name):
            theirs, row = provider.find_model(model), catalog._row(name, model)
            if theirs is not None:
                checked += 1
                assert row is not None
                assert row.id == theirs.id, (name, model)
    assert checked > 1900


def test_the_oracle_s_models_are_priced_as_the_oracle_says(catalog: Catalog) -> None:
    """For each recorded answer: the model that was asked for, else the one that answered, has the oracle's rates."""
    found: Counter[str] = Counter()
    for row in json_lines("prices/cost_oracle_dev.jsonl"):
        provider = row["api"].split(".")[0]
        want = price_from(row["rates"])
        body = exchange(row["wire_id"])["response"]["body"]
        names = [row["model_requested"] or "", body.get("model") or body.get("modelVersion") or ""]
        prices = [catalog.price(provider, name, DAY) for name in names]
        same = [p is not None and (p.rates, p.tiers) == (want.rates, want.tiers) for p in prices]
        found["asked for" if same[0] else "answered" if same[1] else f"{provider}/{names[0]}"] += 1
    assert found.pop("asked for") == 938
    assert found.pop("answered") == 22  # gpt-4o answered as gpt-4o-2024-05-13, deepseek-chat as deepseek-v4-flash ...
    assert found == {"cerebras/qwen-3-coder-480b": 1}  # the source states no price at all: refused here, free there


_SECOND = {
    "input_per_mtok": "input",
    "output_per_mtok": "output",
    "cached_input_per_mtok": "cache_read",
    "cache_write_per_mtok": "cache_write_5m",
    "cache_write_1h_per_mtok": "cache_write_1h",
}


def test_a_second_table_agrees_on_input_and_output(catalog: Catalog) -> None:
    """litellm's table and ours never differ on the main rates of OpenAI, Anthropic and Gemini text models.

    What differs in detail is listed in docs/decisions/0004-price-catalogue.md.
    """
    counts: Counter[str] = Counter()
    details: Counter[str] = Counter()
    for row in json_lines("prices/models.jsonl"):
        is_text = row.get("mode") in ("chat", "responses", "completion", "embedding")
        if row["provider"] not in ("openai", "anthropic", "gemini") or not is_text or "input_per_mtok" not in row:
            continue
        price = catalog.price(row["provider"], row["model"], DAY)
        if price is None:
            counts[f"{row['provider']} unpriced"] += 1
            continue
        theirs = price_from({"input_mtok": row["input_per_mtok"], "output_mtok": row.get("output_per_mtok", 0)}).rates
        assert (price.rates.input, price.rates.output) == (theirs.input, theirs.output), row["model"]
        counts[row["provider"]] += 1
        for key, ours in _SECOND.items():
            mine = getattr(price.rates, ours)
            if key in row and mine != round(row[key] * 1_000_000):
                details[ours] += 1
    assert counts == {"openai": 134, "anthropic": 22, "gemini": 33, "gemini unpriced": 14}
    assert details == {"cache_read": 5, "cache_write_5m": 1}


def test_a_turn_of_each_client_costs_what_the_price_pages_say(catalog: Catalog) -> None:
    """Catalogue and arithmetic together, by hand."""
    cases = [
        ("openai", "gpt-5.1", Usage(input_tokens=10_000, cache_read_tokens=90_000, output_tokens=1_000), 33_750_000),
        (
            "anthropic",
            "claude-opus-4-8",
            Usage(input_tokens=10, cache_read_tokens=50_000, cache_write_5m_tokens=2_000, output_tokens=500),
            50_000 + 25_000_000 + 12_500_000 + 12_500_000,
        ),
        ("gemini", "gemini-2.5-pro", Usage(input_tokens=200_001, output_tokens=10), 500_002_500 + 150_000),
        ("openai", "text-embedding-3-small", Usage(input_tokens=8), 160),
    ]
    for provider, model, usage, nusd in cases:
        price = catalog.price(provider, model, DAY)
        assert price is not None
        assert cost_nusd(usage, price) == nusd


def test_free_is_said_not_assumed(catalog: Catalog) -> None:
    """A price of zero stands only where the source calls the model free."""
    free = []
    for provider in catalog._tables:
        for model in catalog.models(provider):
            price = catalog.price(provider, model, DAY)
            if price is not None and Price(price.rates) == Price(Rates()):
                free.append(f"{provider}/{model}")
    assert {name for name in free if not name.endswith(":free")} == {
        "openai/moderation",
        "gemini/gemma-3",
        "gemini/gemma-3n",
        "gemini/gemma-4-26b-a4b-it",
        "gemini/gemma-4-31b-it",
    }

"""When models retire, what they lack, and which one is newer."""

from datetime import date

import pytest

from gateway.dataplane.providers.catalog import Catalog, load_catalog
from gateway.dataplane.providers.model_facts import ModelFacts, model_facts
from gateway.dataplane.providers.price_file import PriceFile

END = date(2026, 12, 11)
FACTS = ModelFacts(
    {"openai": {"2026-12-11": ["gpt-5", "gpt-5-2025-08-07", "gpt-5.1"], "2027-04-01": ["gpt-5.2"]}},
    {"openai": {"images": ["o3-mini", "old"], "tools": ["old"]}, "gemini": {"images": ["gemini-x"]}},
)


def test_a_date_holds_for_the_name_and_the_provider_that_it_is_stated_of() -> None:
    """Dots and dashes are alike, compact dates too; a version that is not named has no date, nor has another provider's."""
    assert FACTS.retires("openai", "gpt-5") == FACTS.retires("openai", "GPT-5-20250807") == END
    assert FACTS.retires("openai", "gpt-5-1") == END
    assert FACTS.retires("openai", "gpt-5-2026-01-01") is None
    assert FACTS.retires("azure", "gpt-5") is None


def test_what_is_not_stated_is_not_lacking() -> None:
    """Only a definite no counts; both names of Google's are one."""
    assert FACTS.lacks("openai", "old") == {"images", "tools"}
    assert FACTS.lacks("openai", "o3-mini") == {"images"}
    assert FACTS.lacks("google", "gemini-x") == {"images"}
    assert FACTS.lacks("openai", "unheard-of") == frozenset()


@pytest.mark.parametrize(
    ("model", "known", "newer"),
    [
        ("gpt-5", ["gpt-4.1", "gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5.2-pro", "gpt-6-sol"], "gpt-5.2"),
        ("gpt-5-2025-08-07", ["gpt-5.2"], "gpt-5.2"),
        ("gpt-5.1", ["gpt-5", "gpt-5.1"], ""),
        ("claude-sonnet-4-5-20250929", ["claude-sonnet-4-6", "claude-opus-5"], "claude-sonnet-4-6"),
        ("gpt-5-mini", ["gpt-5.4-mini", "gpt-5.5"], "gpt-5.4-mini"),
        ("kimi", ["kimi-k3"], ""),
    ],
)
def test_newer_is_of_the_same_line_and_stays(model: str, known: list[str], newer: str) -> None:
    """The highest version whose name is else the same, without one that retires as soon."""
    assert FACTS.newer("openai", model, known, date(2027, 1, 1)) == newer


@pytest.mark.parametrize(
    ("today", "notice"),
    [("2026-11-10", ""), ("2026-11-11", "old retires on 2026-12-11"), ("2026-12-11", "old retired on 2026-12-11")],
)
def test_a_price_notes_what_retires_within_thirty_days(today: str, notice: str) -> None:
    """Also one that the operator wrote; until then nothing."""
    now_s = (date.fromisoformat(today) - date(1970, 1, 1)).days * 86_400

    class Own:
        input_per_mtok, output_per_mtok, request_usd = 1.0, 2.0, 0.0
        cache_read_per_mtok = cache_write_5m_per_mtok = cache_write_1h_per_mtok = None

    facts = ModelFacts({"openai": {"2026-12-11": ["old"]}}, {})
    catalog = Catalog(PriceFile("v", ()), {"openai/old": Own(), "openai/other": Own()}, lambda: now_s, facts)
    price, other = catalog.price("openai", "old"), catalog.price("openai", "other")
    assert price is not None
    assert other is not None
    assert (price.notice, other.notice) == (notice, "")


def test_the_file_that_ships_knows_some() -> None:
    """And of a model of the catalogue one that is newer."""
    facts, catalog = model_facts(), load_catalog()
    assert facts.retires("openai", "gpt-5-2025-08-07") == END
    assert "images" in facts.lacks("openai", "o3-mini")
    assert facts.newer("openai", "gpt-5-mini", catalog.models("openai"), date(2027, 2, 1)).endswith("-mini")

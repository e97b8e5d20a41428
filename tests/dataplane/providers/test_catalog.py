"""Prices by provider, name and day: never guessed, dots and dashes alike, the operator's own first."""

import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode

from gateway.base.config.schema import PriceConfig
from gateway.base.core.price import Price, Rates
from gateway.dataplane.providers import Catalog, known_providers, load_catalog, pusd_per_token
from gateway.dataplane.providers.price_file import DatedPrice, ModelRow, PriceFile, ProviderRows, Rule

CLIENT_MODELS = [
    ("openai", "gpt-5"),
    ("openai", "gpt-5-codex"),
    ("openai", "gpt-5-mini"),
    ("openai", "gpt-5.1"),
    ("openai", "gpt-5.1-mini"),
    ("openai", "gpt-5.1-codex"),
    ("openai", "gpt-4.1-mini"),
    ("openai", "gpt-5.5"),
    ("openai", "gpt-6-astra"),
    ("openai", "gpt-6-sol"),
    ("openai", "gpt-6-luna"),
    ("openai", "gpt-6.1-sol"),
    ("openai", "gpt-6.1-terra"),
    ("openai", "gpt-5.6-sol"),
    ("openai", "gpt-5.6-terra"),
    ("openai", "gpt-5.6-luna"),
    ("openai", "text-embedding-3-small"),
    ("anthropic", "claude-opus-4-7"),
    ("anthropic", "claude-opus-4-8"),
    ("anthropic", "claude-haiku-4-5-20251001"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-sonnet-4-6"),
    ("gemini", "gemini-2.5-pro"),
    ("gemini", "gemini-2.5-flash"),
    ("gemini", "gemini-2.5-flash-lite"),
    ("gemini", "gemini-3.5-flash-lite"),
    ("gemini", "gemini-3.8-flash"),
]
"""What Codex, Claude Code and Gemini CLI ask for, and what the specification's examples name."""

DAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The catalogue as shipped."""
    return load_catalog()


@pytest.mark.parametrize(("provider", "model"), CLIENT_MODELS)
def test_models_of_the_clients_are_priced(catalog: Catalog, provider: str, model: str) -> None:
    """Each has a price and, but for embeddings, known limits; a dash for a dot finds the same one."""
    price = catalog.price(provider, model, DAY)
    assert price is not None
    assert price.rates.input > 0
    assert catalog.offers(provider, model)
    assert catalog.price(provider, model.replace(".", "-"), DAY) == price
    if "embedding" not in model:
        assert price.rates.output > price.rates.input
        assert price.max_output_tokens >= 32_000
        assert price.context_window_tokens >= 200_000


@pytest.mark.parametrize(
    ("provider", "asked", "same_as"),
    [
        ("openai", "gpt-5-1", "gpt-5.1"),
        ("openai", "GPT-5-1", "gpt-5.1"),
        ("openai", "gpt-4-1-mini", "gpt-4.1-mini"),
        ("openai", "gpt-6-1-sol", "gpt-6.1-sol"),
        ("openai", "gpt-5.1-2026-04-15", "gpt-5.1"),
        ("openai", "gpt-5-1-2026-04-15", "gpt-5.1"),
        ("openai", "gpt-5.2-20251211", "gpt-5.2-2025-12-11"),
        ("google", "gemini-2-5-pro", "gemini-2.5-pro"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("anthropic", "claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("azure", "gpt-5.1", "gpt-5.1"),
        ("vertex", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
    ],
)
def test_names_that_mean_the_same(catalog: Catalog, provider: str, asked: str, same_as: str) -> None:
    """Dots and dashes, case, compact dates, `google` for `gemini`, and resold models."""
    home = {"azure": "openai", "vertex": "anthropic" if "claude" in asked else "gemini"}.get(provider, provider)
    found = catalog.price(provider, asked, DAY)
    assert found is not None
    assert found.rates == catalog.price(home, same_as, DAY).rates  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-9"),
        ("openai", "gpt-5.1-turbo-max"),
        ("openai", ""),
        ("openai", "whisper-1"),  # priced per hour: it cannot be counted in tokens
        ("anthropic", "gpt-5.1"),
        ("gemini", "claude-sonnet-4-5"),
        ("gemini", "gemini-99"),
        ("nobody", "gpt-5.1"),
        ("", ""),
    ],
)
def test_what_no_rule_names_has_no_price(catalog: Catalog, provider: str, model: str) -> None:
    """The catalogue never guesses: the caller refuses, or policy allows the model by name."""
    assert catalog.price(provider, model, DAY) is None
    assert not catalog.offers(provider, model)


def test_exact_amounts(catalog: Catalog) -> None:
    """A few prices by hand, from the makers' price pages."""
    opus = catalog.price("anthropic", "claude-opus-4-8", DAY)
    assert opus is not None
    assert opus.rates == Rates(
        input=5_000_000, output=25_000_000, cache_read=500_000, cache_write_5m=6_250_000, cache_write_1h=10_000_000
    )
    assert opus.web_search_nusd == 10_000_000
    assert opus.service_tiers["fast"].rates.output == 50_000_000
    assert opus.geo_percent == {"us": 110}
    pro = catalog.price("gemini", "gemini-2.5-pro", DAY)
    assert pro is not None
    assert [(t.above_prompt_tokens, t.rates.input, t.rates.output) for t in pro.tiers] == [
        (200_000, 2_500_000, 15_000_000)
    ]
    assert pro.service_tiers["priority"].tiers[0].rates.output == 27_000_000
    flash = catalog.price("gemini", "gemini-2.5-flash", DAY)
    assert flash is not None
    assert (flash.rates.input_audio, flash.rates.cache_read_audio) == (1_000_000, 100_000)


def test_prices_change_with_the_day(catalog: Catalog) -> None:
    """claude-opus-4-6 lost its long-context surcharge on 2026-03-13; gemini-4-argon doubles on 2026-12-01."""
    before, after = (catalog.price("anthropic", "claude-opus-4-6", date(2026, 3, d)) for d in (12, 13))
    assert before is not None
    assert after is not None
    assert (len(before.tiers), len(after.tiers)) == (1, 0)
    low, high = (catalog.price("gemini", "gemini-4-argon", d) for d in (date(2026, 11, 30), date(2026, 12, 1)))
    assert low is not None
    assert high is not None
    assert high.rates.input == 2 * low.rates.input
    assert high.service_tiers["priority"].rates.input == 2 * low.service_tiers["priority"].rates.input


def test_the_clock_moves_the_price_at_midnight_utc() -> None:
    """Without a day the catalogue asks its clock; the memo is dropped when the day changes."""
    now = [0.0]
    row = ModelRow(
        "m",
        Raw(encode([DatedPrice(Rates(input=1)), DatedPrice(Rates(input=2), start="1970-01-02")])),
        names=("m",),
    )
    catalog = Catalog(PriceFile("v", (), {"p": ProviderRows((row,))}), clock=lambda: now[0])
    assert catalog.price("p", "m") == Price(Rates(input=1))
    now[0] = 86_399.9
    assert catalog.price("p", "m") is catalog.price("p", "m")
    now[0] = 86_400.0
    assert catalog.price("p", "m") == Price(Rates(input=2))
    late = ModelRow("late", Raw(encode([DatedPrice(Rates(input=1), start="2030-01-01")])), names=("late",))
    catalog = Catalog(PriceFile("v", (), {"p": ProviderRows((late,))}))
    assert catalog.price("p", "late", date(2029, 12, 31)) is None


def _row(name: str, rate: int, *rules: Rule) -> ModelRow:
    return ModelRow(name, Raw(encode([DatedPrice(Rates(input=rate))])), names=(name,), rules=rules)


def test_rules_and_their_order() -> None:
    """The first model that knows a name wins; `every` wants all of its parts."""
    rows = (
        _row("a", 1, Rule(starts_with="a-")),
        _row("a-b", 2),
        _row("b", 3, Rule(ends_with="-b"), Rule(contains="@b@")),
        _row("c", 4, Rule(every=(Rule(starts_with="c"), Rule(regex=r"^(?!.*-tts)")))),
        _row("d", 5, Rule(regex=r"^d-\d{8}$")),
    )
    catalog = Catalog(PriceFile("v", (), {"p": ProviderRows(rows)}))
    found = {}
    for name in ("a", "a-b", "x-b", "x@b@y", "c-1", "c-tts", "d-20260101", "d-2026"):
        price = catalog.price("p", name, DAY)
        found[name] = price.rates.input if price else None
    assert found == {"a": 1, "a-b": 1, "x-b": 3, "x@b@y": 3, "c-1": 4, "c-tts": None, "d-20260101": 5, "d-2026": None}


def test_two_candidates_are_no_match() -> None:
    """Dots and dashes are made alike only when exactly one model results."""
    rows = (_row("m-1.2-3", 1), _row("m-1-2.3", 2))
    catalog = Catalog(PriceFile("v", (), {"p": ProviderRows(rows)}))
    assert catalog.price("p", "m-1-2-3", DAY) is None
    assert catalog.price("p", "m-1.2-3", DAY) == Price(Rates(input=1))


def test_a_bare_name_means_the_maker(catalog: Catalog) -> None:
    """A reseller has the price of what it resells, but only the maker offers the bare name."""
    for reseller, maker, model in (
        ("azure", "openai", "gpt-5.1"),
        ("vertex", "gemini", "gemini-2.5-pro"),
    ):
        assert catalog.price(reseller, model, DAY) is not None
        assert catalog.offers(maker, model)
        assert not catalog.offers(reseller, model)
    assert not catalog.offers("gemini", "claude-sonnet-4-5")
    assert not catalog.offers("openrouter", "claude-sonnet-4-5")


# === the operator's prices ===


def test_overrides_replace_the_whole_price(catalog: Catalog) -> None:
    """A cache rate that is not written costs the input rate; limits stay the catalogue's."""
    own = load_catalog(
        {
            "openai/gpt-5.1": PriceConfig(input_per_mtok=1.1, output_per_mtok=8.8, cache_read_per_mtok=0.1),
            "lab/qwen3-coder": PriceConfig(input_per_mtok=0, output_per_mtok=0, request_usd=0.0001),
            "google/gemini-9": PriceConfig(input_per_mtok=0.3, output_per_mtok=2.5, cache_write_1h_per_mtok=0.6),
        }
    )
    for name in ("gpt-5.1", "gpt-5-1"):
        price = own.price("openai", name, DAY)
        assert price is not None
        assert price.rates == Rates(input=1_100_000, output=8_800_000, cache_read=100_000)
        assert (price.tiers, price.service_tiers) == ((), {})
        assert price.context_window_tokens == catalog.price("openai", "gpt-5.1", DAY).context_window_tokens  # type: ignore[union-attr]
    lab = own.price("lab", "qwen3-coder")
    assert lab is not None
    assert (lab.rates.input, lab.request_nusd) == (0, 100_000)
    assert own.price("gemini", "gemini-9") == own.price("google", "gemini-9")
    assert own.offers("lab", "qwen3-coder")
    assert own.models("lab") == ("qwen3-coder",)
    assert own.models("gemini")[0] == "gemini-9"
    assert own.version == catalog.version
    assert own.price("openai", "gpt-5") == catalog.price("openai", "gpt-5")


def test_an_override_names_provider_and_model() -> None:
    """A key that would never apply is refused, since its price would be missing unnoticed."""
    for key in ("gpt-5.1", "/x", "openai/", ""):
        with pytest.raises(ValueError, match="provider/model"):
            load_catalog({key: PriceConfig(input_per_mtok=1, output_per_mtok=1)})


@pytest.mark.parametrize(
    ("usd_per_mtok", "pusd"),
    [(0.1, 100_000), (0.3, 300_000), (1.1, 1_100_000), (2.675, 2_675_000), (0.003625, 3_625), (1e-6, 1), (0, 0),
     (0.1 + 0.2, 300_000), (75, 75_000_000), (Decimal("0.08"), 80_000), (0.0833333333333333, 83_333)],
)  # fmt: skip
def test_usd_per_million_becomes_pico_usd_without_float_error(usd_per_mtok: Any, pusd: int) -> None:
    """The conversion goes by the number's shortest decimal."""
    assert pusd_per_token(usd_per_mtok) == pusd


def test_any_object_with_the_fields_is_an_override() -> None:
    """The config's struct is not imported here: a Protocol says what is read."""
    row = SimpleNamespace(
        input_per_mtok=Decimal("0.25"), output_per_mtok=Decimal(2), cache_read_per_mtok=None,
        cache_write_5m_per_mtok=None, cache_write_1h_per_mtok=None, request_usd=Decimal(0),
    )  # fmt: skip
    price = load_catalog({"x/y": row}).price("x", "y")
    assert price == Price(Rates(input=250_000, output=2_000_000))


# === names ===


def _names(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for provider in catalog._tables:
        for name in catalog.models(provider):
            yield provider, name


def test_every_listed_name_has_a_price_today(catalog: Catalog) -> None:
    """What /v1/models lists can be called."""
    names = list(_names(catalog))
    assert len(names) > 2000
    assert [row for row in names if catalog.price(*row) is None] == []


def test_one_spelling_each(catalog: Catalog) -> None:
    """`gpt-5.1` and `gpt-5-1` are one line of the list."""
    models = catalog.models("openai")
    assert "gpt-5.1" in models
    assert "gpt-5-1" not in models
    assert catalog.models("google") == catalog.models("gemini")
    assert catalog.models("nobody") == ()
    for provider in ("openai", "anthropic", "gemini"):
        plain = [name.lower().replace(".", "-") for name in catalog.models(provider)]
        assert len(plain) == len(set(plain))


def test_rates_are_sane(catalog: Catalog) -> None:
    """No negative rate but the mark -1, tiers ascend, fees are whole, and reading the cache is never dearer than input."""
    for provider, name in _names(catalog):
        price = catalog.price(provider, name, DAY)
        assert price is not None
        starts = [tier.above_prompt_tokens for tier in price.tiers]
        assert starts == sorted(set(starts))
        for rates in (price.rates, *(t.rates for t in price.tiers), *(s.rates for s in price.service_tiers.values())):
            values = [getattr(rates, field) for field in Rates.__struct_fields__]
            assert all(isinstance(value, int) and value >= -1 for value in values)
            assert rates.input >= 0
            assert rates.output >= 0
            assert (
                rates.input < 1_000_000_000
            )  # $1000 per million: a price per token that was taken for one per million
            assert rates.cache_read <= rates.input * 1.03, (provider, name)  # one row of OpenRouter is 2 % above


def test_near_names(catalog: Catalog) -> None:
    """A typo gets the names that look like it."""
    assert catalog.near("gtp-5-1", catalog.models("openai"))[0] == "gpt-5.1"
    assert "claude-sonnet-4-5" in catalog.near("claude-sonet-4.5", catalog.models("anthropic"))
    assert catalog.near("zzzz", catalog.models("openai")) == []
    assert len(catalog.near("gpt-5", catalog.models("openai"), n=2)) == 2


def test_memos_are_bounded() -> None:
    """Names come from clients: a million of them must not stay in memory."""
    catalog = load_catalog()
    for number in range(5000):
        catalog.price("openai", f"x{number}")
        catalog.offers("anthropic", f"y{number}")
    assert len(catalog._memo) <= 4096
    assert len(catalog._rows) <= 4096


def test_the_catalogue_loads_fast_and_a_hit_is_cheap() -> None:
    """A worker's start must not wait: under 50 ms with the providers, measured about 3; a hit measured about 0.3 us."""
    known_providers.cache_clear()
    began = time.perf_counter()
    catalog = load_catalog()
    known_providers()
    took_ms = (time.perf_counter() - began) * 1000
    catalog.price("openai", "gpt-5.1")
    began = time.perf_counter()
    for _ in range(10_000):
        catalog.price("openai", "gpt-5.1")
    hit_us = (time.perf_counter() - began) * 100
    print(f"load {took_ms:.1f} ms, hit {hit_us:.2f} us")
    assert took_ms < 250  # shared test machines: five times the bound
    assert hit_us < 20

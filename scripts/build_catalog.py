"""Build gateway/dataplane/providers/catalog/prices.json from the PyPI package genai-prices and catalog/overlay.yaml.

    pip install genai-prices==0.2.3
    python scripts/build_catalog.py            write prices.json
    python scripts/build_catalog.py --check    exit 1 when prices.json is not what would be written
    python scripts/build_catalog.py --left-out list the models that are left out, and why

What cannot be counted from a provider's usage (seconds, characters, pages) is left out: such a model has no price here,
and the gateway refuses an unpriced model, which is better than a price of zero. Where a price depends on the hour (off
peak), the dearest of the day is taken. Variants by route or search type are not taken.
"""

import argparse
import hashlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import msgspec
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gateway.base.core.price import Rates, ServiceTier, Tier  # noqa: E402 - after the path is set
from gateway.dataplane.providers.price_file import DatedPrice, ModelRow, PriceFile, ProviderRows, Rule, Source  # noqa: E402

CATALOG = ROOT / "gateway" / "dataplane" / "providers" / "catalog"
TARGET = CATALOG / "prices.json"
OVERLAY = CATALOG / "overlay.yaml"

PACKAGE, VERSION = "genai-prices", "0.2.3"
SOURCE = Source(
    package=f"{PACKAGE}=={VERSION}",
    version=VERSION,
    licence="MIT, Copyright (c) Pydantic Services Inc. 2025 to present (see NOTICE)",
    url="https://pypi.org/project/genai-prices/0.2.3/",
    wheel_sha256="56976ce2b04ec206117f7d0e53f4849211a6724ab3a12119afec304eba63ee25",
    date="2026-11-09",  # the newest price change in it that is not an announcement; the wheel itself bears no date
)

OURS = {
    "google": "gemini", "aws": "bedrock", "x-ai": "xai", "moonshotai": "moonshot", "voyageai": "voyage",
    "github-copilot": "github_copilot",
}  # fmt: skip
"""genai-prices' provider id → ours, where they differ."""

FALLBACKS = {
    "azure": ("openai", "anthropic", "deepseek", "xai", "moonshot"),  # as genai-prices states it
    "vertex": ("gemini", "anthropic"),  # as genai-prices states it for Google
}

KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "image_output",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "cache_image_read_mtok": "cache_read_image",
}
FEES = {"requests_kcount": "request_nusd", "web_searches_kcount": "web_search_nusd"}
UNSEEN = {"storage_searches_kcount"}
"""Fees of tools that the provider's usage does not count."""

VERTEX_ONLY = re.compile(r"^claude|-maas$")
"""Of genai-prices' `google`, which covers both of Google's APIs, what the Gemini API does not serve."""

SERVICE_TIER_KEYS = ("service_tier", "processing", "speed")
FREE = {("gemini", "gemma-3"), ("gemini", "gemma-3n"), ("gemini", "gemma-4-26b-a4b-it"), ("gemini", "gemma-4-31b-it"),
        ("openai", "moderation")}  # fmt: skip
"""Entries without any price that the makers state as free, besides names that end in `:free`."""

Prices = dict[str, Any]
"""genai-prices' own price keys → Decimal or TieredPrices."""


LeftOut = list[tuple[str, str, str]]
"""Models that could not be taken over: provider, id, reason."""


# === prices ===


def pusd(usd_per_mtok: Decimal) -> int:
    """USD per million tokens → pico-USD per token; what is finer rounds half up."""
    return int((usd_per_mtok * 1_000_000).to_integral_value(rounding=ROUND_HALF_UP))


def _at(value: Any, prompt_tokens: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if prompt_tokens > tier.start:
            price = tier.price
    return price


def _card(prices: Prices) -> tuple[Rates, tuple[Tier, ...]]:
    """Rates, and the rates above each threshold that any kind has."""
    kinds = {ours: prices[theirs] for theirs, ours in KINDS.items() if theirs in prices}
    starts = sorted({t.start for v in kinds.values() if not isinstance(v, Decimal) for t in v.tiers})
    cards = [
        Rates(**{kind: pusd(_at(v, start)) for kind, v in kinds.items()}) for start in (0, *(s + 1 for s in starts))
    ]
    tiers = [Tier(start, rates) for start, rates in zip(starts, cards[1:], strict=True)]
    kept = [tier for i, tier in enumerate(tiers) if tier.rates != cards[i]]
    return cards[0], tuple(kept)


def dated_price(start: str, prices: Prices, variants: Mapping[str, Prices], geo: dict[str, int]) -> DatedPrice:
    """One DatedPrice: the standard prices, and each service tier's laid over them."""
    rates, tiers = _card(prices)
    service = {name: ServiceTier(*_card({**prices, **own})) for name, own in sorted(variants.items())}
    fees = {ours: int(prices[key] * 1_000_000) for key, ours in FEES.items() if key in prices}  # USD per 1000
    standard = ServiceTier(rates, tiers)
    return DatedPrice(
        rates=rates,
        start=start,
        tiers=tiers,
        service_tiers={name: card for name, card in service.items() if card != standard},
        geo_percent=geo,
        **fees,
    )


def _known(price: Any) -> Prices:
    return {key: value for key, value in price.__dict__.items() if value is not None}


def _begins(item: Any) -> str:
    constraint = getattr(item, "constraint", None)
    start = getattr(constraint, "start_date", None)
    return start.isoformat() if start is not None else ""


def _standard_on(items: list[Any], day: str) -> Prices:
    """The prices of `day`: the last item that began; of later items that hold for some hours, the dearest."""
    chosen = 0
    for index, item in enumerate(items):
        if not hasattr(item.constraint, "start_time") and _begins(item) <= day:
            chosen = index
    rivals = [items[chosen], *(item for item in items[chosen + 1 :] if hasattr(item.constraint, "start_time"))]
    cards = [_known(item.prices) for item in rivals]
    return max(cards, key=lambda p: sum(_at(p[k], 0) for k in ("input_mtok", "output_mtok") if k in p))


def _variants_on(model: Any, day: str) -> dict[str, Prices]:
    """Service tier → the prices it overrides; the first variant that applies wins, key by key."""
    found: dict[str, Prices] = {}
    for variant in model.price_variants or ():
        if _begins(variant) > day or len(variant.when) != 1:
            continue
        ((key, name),) = variant.when.items()
        if key in SERVICE_TIER_KEYS:
            own = found.setdefault(name, {})
            for kind, value in _known(variant.prices).items():
                own.setdefault(kind, value)
    return {name: own for name, own in found.items() if own}


def prices_of(
    model: Any, geo: dict[str, int], more_tiers: Mapping[str, Prices], as_of: str
) -> tuple[list[DatedPrice], str]:
    """All DatedPrices of a genai-prices model, or a reason why there is none.

    `more_tiers` are service tiers as of a day; they never replace the model's own.
    """
    items = model.prices if isinstance(model.prices, list) else [_Always(model.prices)]
    if not items:
        return [], "no price"
    known = _standard_on(items, as_of)
    days = sorted({"", *(_begins(item) for item in items), *(_begins(v) for v in model.price_variants or ())})
    dated: list[DatedPrice] = []
    for day in days:
        prices = _standard_on(items, day)
        variants = {name: _in_proportion(own, known, prices) for name, own in more_tiers.items()}
        variants.update(_variants_on(model, day))
        used = set(prices).union(*variants.values())
        if odd := sorted(used - set(KINDS) - set(FEES) - UNSEEN):
            return [], f"priced by {', '.join(odd)}"
        price = dated_price(day, prices, variants, geo)
        if not dated or msgspec.structs.replace(price, start=dated[-1].start) != dated[-1]:
            dated.append(price)
    return dated, ""


def _in_proportion(own: Prices, then: Prices, now: Prices) -> Prices:
    """`own` was stated when the standard prices were `then`; the same share of `now`."""
    moved: Prices = {}
    for kind, value in own.items():
        old, new = (_at(prices[kind], 0) if kind in prices else Decimal(1) for prices in (then, now))
        share = new / old if old and new != old else Decimal(1)
        if isinstance(value, Decimal):
            moved[kind] = value * share
        else:
            moved[kind] = _Tiered(value.base * share, [_Start(t.start, t.price * share) for t in value.tiers])
    return moved


@dataclass
class _Always:
    """A price without a condition, in the form of genai-prices' ConditionalPrice."""

    prices: Any
    constraint: Any = None


@dataclass
class _Tiered:
    base: Decimal
    tiers: list[Any]


@dataclass
class _Start:
    start: int
    price: Decimal


def overlay_prices(row: Mapping[str, Any]) -> Prices:
    """`{input: 1, output: 2, above: {272000: {input: 2, ...}}}` in USD per million tokens → genai-prices' keys."""
    theirs = {ours: key for key, ours in KINDS.items()}
    above: Mapping[int, Mapping[str, Any]] = row.get("above", {})
    prices: Prices = {}
    for kind, value in row.items():
        if kind == "above":
            continue
        tiers = [_Start(start, Decimal(str(card[kind]))) for start, card in sorted(above.items()) if kind in card]
        base = Decimal(str(value))
        prices[theirs[kind]] = _Tiered(base, tiers) if tiers else base
    return prices


# === names ===


def _rule(clause: Any) -> Rule:
    for kind in ("starts_with", "ends_with", "contains"):
        if hasattr(clause, kind):
            return Rule(**{kind: getattr(clause, kind).lower()})
    if hasattr(clause, "regex"):
        return Rule(regex=clause.regex)
    if hasattr(clause, "equals"):
        return Rule(every=(Rule(starts_with=clause.equals.lower()), Rule(ends_with=clause.equals.lower())))
    return Rule(every=tuple(_rule(part) for part in clause.and_))


def names_and_rules(model: Any) -> tuple[tuple[str, ...], tuple[Rule, ...]]:
    """The names that a model's match logic spells out, its own id first when it matches, and the rules for the rest."""
    clauses = getattr(model.match, "or_", None) or [model.match]
    equal = [clause.equals.lower() for clause in clauses if hasattr(clause, "equals")]
    rules = tuple(_rule(clause) for clause in clauses if not hasattr(clause, "equals"))
    own = [model.id.lower()] if model.match.is_match(model.id) else []
    names = [name for name in (*own, *equal) if not name.endswith("-")]
    return tuple(dict.fromkeys(names)), rules


# === the file ===


def source_rows(overlay: Mapping[str, Any], left_out: LeftOut) -> dict[str, list[ModelRow]]:
    """Our provider → its rows, in the source's order, with the overlay's limits and regional surcharges."""
    providers = importlib.import_module(f"{PACKAGE.replace('-', '_')}.data").providers

    found: dict[str, list[ModelRow]] = {}
    for provider in providers:
        if provider.id.startswith("huggingface_"):
            continue  # routes of one router, named by a suffix of the model
        ours = OURS.get(provider.id, provider.id)
        limits = overlay["limits"].get(ours, {})
        surcharges = overlay["geo_percent"].get(ours, {})
        tiers = overlay["service_tiers"].get(ours, {})
        for model in provider.models:
            names, rules = names_and_rules(model)
            geo = surcharges.get(model.id, {})
            more = {name: overlay_prices(card) for name, card in tiers.get(model.id, {}).items()}
            dated, why = prices_of(model, geo, more, overlay["date"])
            is_free = (ours, model.id) in FREE or model.id.endswith(":free")
            if not why and not is_free and any(d == DatedPrice(rates=Rates(), start=d.start) for d in dated):
                why = "no price is stated"
            if why:
                left_out.append((ours, model.id, why))
                continue
            context, output = limits.get(model.id, (0, 0))
            home = "vertex" if ours == "gemini" and VERTEX_ONLY.search(model.id) else ours
            found.setdefault(home, []).append(
                ModelRow(
                    id=model.id,
                    prices=msgspec.Raw(msgspec.json.encode(dated)),
                    names=names,
                    rules=rules,
                    context_window_tokens=model.context_window or context,
                    max_output_tokens=output,
                )
            )
    return found


def overlay_rows(overlay: Mapping[str, Any], rows: Mapping[str, list[ModelRow]]) -> Iterable[tuple[str, ModelRow]]:
    """The models that the overlay adds, behind the source's."""
    for entry in overlay["models"]:
        provider = entry["provider"]
        if "same_as" in entry:
            base = next(row for row in rows[provider] if row.id == entry["same_as"])
            prices, context, output = base.prices, base.context_window_tokens, base.max_output_tokens
        else:
            service = {name: overlay_prices(card) for name, card in entry.get("service_tiers", {}).items()}
            standard = overlay_prices(entry["prices"])
            if "web_search_usd" in entry:
                standard["web_searches_kcount"] = Decimal(str(entry["web_search_usd"])) * 1000
            dated = dated_price("", standard, service, entry.get("geo_percent", {}))
            prices, context, output = msgspec.Raw(msgspec.json.encode([dated])), 0, 0
        yield (
            provider,
            ModelRow(
                id=entry["id"],
                prices=prices,
                names=tuple(entry.get("names", ())),
                rules=tuple(Rule(**rule) for rule in entry.get("rules", ())),
                context_window_tokens=entry.get("context_window", context),
                max_output_tokens=entry.get("max_output", output),
            ),
        )


def build(left_out: LeftOut) -> bytes:
    """The content of prices.json: one line per model, so that a diff shows what changed."""
    overlay = yaml.safe_load(OVERLAY.read_text())
    rows = source_rows(overlay, left_out)
    for provider, row in overlay_rows(overlay, rows):
        taken = {name for other in rows.get(provider, ()) for name in other.names}
        if stale := sorted(taken & set(row.names)):
            raise SystemExit(f"error: {OVERLAY.name}: `{provider}/{stale[0]}` is priced by {PACKAGE} now: remove it")
        rows.setdefault(provider, []).append(row)
    providers = {
        name: ProviderRows(tuple(rows.get(name, ())), FALLBACKS.get(name, ())) for name in sorted({*rows, *FALLBACKS})
    }
    overlay_source = Source("overlay.yaml", overlay["version"], overlay["licence"], overlay["url"], "", overlay["date"])
    content = hashlib.sha256(msgspec.json.encode((SOURCE, overlay_source, providers))).hexdigest()
    date = max(SOURCE.date, overlay_source.date)
    file = PriceFile(f"{date}-{content[:8]}", (SOURCE, overlay_source), providers)
    return _lines(file)


def _lines(file: PriceFile) -> bytes:
    encode = msgspec.json.encode
    out = [b'{"version":%s,\n"sources":%s,\n"providers":{' % (encode(file.version), encode(file.sources))]
    for number, (name, provider) in enumerate(file.providers.items()):
        fallbacks = b'"fallbacks":%s,' % encode(provider.fallbacks) if provider.fallbacks else b""
        models = b",\n".join(encode(row) for row in provider.models)
        out.append(b'%s\n%s:{%s"models":[\n%s\n]}' % (b"," if number else b"", encode(name), fallbacks, models))
    out.append(b"\n}}\n")
    return b"".join(out)


def main(arguments: list[str]) -> int:
    """0 done; 1 the check found a difference; 2 it could not be built."""
    parser = argparse.ArgumentParser(description="Build the price catalogue", prog="build_catalog.py")
    parser.add_argument("--check", action="store_true", help="only say whether prices.json is up to date")
    parser.add_argument("--left-out", action="store_true", help="list the models that are left out, and why")
    options = parser.parse_args(arguments)
    if installed_version(PACKAGE) != VERSION:
        print(f"error: {PACKAGE} is {installed_version(PACKAGE)}, wanted {VERSION}", file=sys.stderr)
        print(f"hint: pip install {PACKAGE}=={VERSION}", file=sys.stderr)
        return 2
    left_out: LeftOut = []
    data = build(left_out)
    if options.left_out:
        for row in left_out:
            print("\t".join(row))
        return 0
    if options.check:
        if TARGET.exists() and TARGET.read_bytes() == data:
            return 0
        print(f"error: {TARGET.relative_to(ROOT)} is not what the sources give", file=sys.stderr)
        print("hint: run `python scripts/build_catalog.py`", file=sys.stderr)
        return 1
    TARGET.write_bytes(data)
    models = data.count(b'\n{"id":')
    print(f"{TARGET.relative_to(ROOT)}: {len(data)} bytes, {models} models, {len(left_out)} left out")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

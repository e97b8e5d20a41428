"""Prices and limits of models, by provider and name. Data: catalog/prices.json; corrections: the config's `models.prices`. `facts`: what else is known.

A price is never guessed: a name or a rule of the file must hold. Only dots and dashes are made alike (`gpt-5-1` =
`gpt-5.1`), and only when exactly one model results (SPEC §3).
"""

import difflib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Protocol

from msgspec.json import Decoder
from msgspec.structs import replace

from gateway.base.core.plan import canonical
from gateway.base.core.price import Price, Rates
from gateway.dataplane.providers.model_facts import ModelFacts, model_facts
from gateway.dataplane.providers.price_file import DatedPrice, ModelRow, PriceFile, ProviderRows, Rule

PRICES_PATH = Path(__file__).parent / "catalog" / "prices.json"

_MEMO_ENTRIES = 4096
_NOTICE_DAYS = 30
"""So long before a model retires each answer says so."""
_SECONDS_PER_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_FILE = Decoder(PriceFile)
_PRICES = Decoder(tuple[DatedPrice, ...])
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.-](?=\d)")
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class PriceOverride(Protocol):
    """What the operator writes under `models.prices`: USD per million tokens (config schema `PriceConfig`)."""

    @property
    def input_per_mtok(self) -> float: ...
    @property
    def output_per_mtok(self) -> float: ...
    @property
    def cache_read_per_mtok(self) -> float | None: ...
    @property
    def cache_write_5m_per_mtok(self) -> float | None: ...
    @property
    def cache_write_1h_per_mtok(self) -> float | None: ...
    @property
    def request_usd(self) -> float: ...


class Catalog:
    """Every known price, immutable but for its memos, which are bounded because names come from clients."""

    def __init__(
        self,
        file: PriceFile,
        overrides: Mapping[str, PriceOverride] | None = None,
        clock: Callable[[], float] = time.time,
        facts: ModelFacts | None = None,
    ) -> None:
        self.facts = facts or ModelFacts({}, {})
        self.version = file.version
        self._tables = {name: _Table(rows) for name, rows in file.providers.items()}
        self._home = {id(row): name for name, rows in file.providers.items() for row in rows.models}
        self._fallbacks = {name: rows.fallbacks for name, rows in file.providers.items() if rows.fallbacks}
        self._clock = clock
        self._today = -1
        self._rows: dict[tuple[str, str], ModelRow | None] = {}
        self._memo: dict[tuple[str, str], Price | None] = {}
        self._dated: dict[int, tuple[DatedPrice, ...]] = {}
        self._overrides: dict[str, dict[str, Price]] = {}
        for name, override in (overrides or {}).items():
            self._override(name, override)

    def price(self, provider: str, model: str, day: date | None = None) -> Price | None:
        """What `model` costs at `provider` on `day` (UTC; default today), or None when nothing says so."""
        if day is not None:
            return self._priced(provider, model, day)
        today = int(self._clock()) // _SECONDS_PER_DAY
        if today != self._today:
            self._today = today
            self._memo.clear()
        key = (provider, model)
        try:
            return self._memo[key]
        except KeyError:
            found = self._noted(provider, model, _EPOCH + timedelta(days=today))
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[key] = found
            return found

    def models(self, provider: str) -> tuple[str, ...]:
        """The model names that are known at `provider`, one spelling each; the operator's own first."""
        provider = canonical(provider)
        table = self._tables.get(provider)
        own = self._overrides.get(provider, {})
        known = table.names() if table else ()
        return tuple(_one_spelling((*own, *known)))

    def offers(self, provider: str, model: str) -> bool:
        """Whether the catalogue or the operator lists `model` at `provider` itself.

        What a provider merely resells at its maker's price has a price there, but a bare name means the maker.
        """
        if self._overridden(provider, model) is not None:
            return True
        row = self._row(provider, model)
        return row is not None and self._home[id(row)] == canonical(provider)

    @staticmethod
    def near(name: str, candidates: Iterable[str], n: int = 3) -> list[str]:
        """Up to `n` candidates that look like `name`, the closest first; dots and dashes count as alike."""
        by_plain: dict[str, str] = {}
        for candidate in candidates:
            by_plain.setdefault(_plain(candidate), candidate)
        return [by_plain[found] for found in difflib.get_close_matches(_plain(name), by_plain, n=n, cutoff=0.6)]

    def _override(self, name: str, override: PriceOverride) -> None:
        provider, slash, model = name.partition("/")
        if not (slash and provider and model):
            raise ValueError(f"`models.prices` key `{name}` is not `provider/model`")
        row = self._row(provider, model)
        price = Price(
            rates=Rates(
                input=pusd_per_token(override.input_per_mtok),
                output=pusd_per_token(override.output_per_mtok),
                cache_read=_optional_rate(override.cache_read_per_mtok),
                cache_write_5m=_optional_rate(override.cache_write_5m_per_mtok),
                cache_write_1h=_optional_rate(override.cache_write_1h_per_mtok),
            ),
            request_nusd=_rounded(Decimal(str(override.request_usd)) * 1_000_000_000),
            context_window_tokens=row.context_window_tokens if row else 0,
            max_output_tokens=row.max_output_tokens if row else 0,
        )
        self._overrides.setdefault(canonical(provider), {})[model] = price

    def _overridden(self, provider: str, model: str) -> Price | None:
        own = self._overrides.get(canonical(provider))
        if not own:
            return None
        if model in own:
            return own[model]
        alike = [price for name, price in own.items() if _plain(name) == _plain(model)]
        return alike[0] if len(alike) == 1 else None

    def _priced(self, provider: str, model: str, day: date) -> Price | None:
        override = self._overridden(provider, model)
        if override is not None:
            return override
        row = self._row(provider, model)
        if row is None:
            return None
        key = id(row)  # rows live as long as the catalogue
        if key not in self._dated:
            self._dated[key] = _PRICES.decode(row.prices)
        text = day.isoformat()
        current: DatedPrice | None = None
        for dated in self._dated[key]:
            if dated.start <= text:
                current = dated
        if current is None:
            return None
        return Price(
            rates=current.rates,
            tiers=current.tiers,
            service_tiers=current.service_tiers,
            request_nusd=current.request_nusd,
            web_search_nusd=current.web_search_nusd,
            context_window_tokens=row.context_window_tokens,
            max_output_tokens=row.max_output_tokens,
            geo_percent=current.geo_percent,
        )

    def _noted(self, provider: str, model: str, today: date) -> Price | None:
        found, end = self._priced(provider, model, today), self.facts.retires(provider, model)
        if found is None or end is None or (end - today).days > _NOTICE_DAYS:
            return found
        return replace(found, notice=f"{model} {'retires' if end > today else 'retired'} on {end.isoformat()}")

    def _row(self, provider: str, model: str) -> ModelRow | None:
        key = (provider, model)
        if key not in self._rows:
            if len(self._rows) >= _MEMO_ENTRIES:
                self._rows.clear()
            self._rows[key] = self._find(canonical(provider), model)
        return self._rows[key]

    def _find(self, provider: str, model: str) -> ModelRow | None:
        for name in (provider, *self._fallbacks.get(provider, ())):
            table = self._tables.get(name)
            if table is not None and (row := table.find(model)) is not None:
                return row
        return None


def load_catalog(overrides: Mapping[str, PriceOverride] | None = None) -> Catalog:
    """The catalogue that ships with the gateway, with the operator's prices on top.

    `overrides` maps `provider/model` to USD per million tokens; such a price replaces the catalogue's whole price, so a
    cache rate that is not written costs the input rate. Raises ValueError for a key that is not `provider/model`.
    """
    return Catalog(_FILE.decode(PRICES_PATH.read_bytes()), overrides, facts=model_facts())


def pusd_per_token(usd_per_mtok: float | Decimal) -> int:
    """USD per million tokens → pico-USD per token, exact by way of the number's shortest decimal; a rest rounds half up."""
    return _rounded(Decimal(str(usd_per_mtok)) * 1_000_000)


class _Table:
    """One provider's models, ready to be looked up."""

    def __init__(self, rows: ProviderRows) -> None:
        self._models = rows.models
        self._by_name: dict[str, int] = {}
        for index, row in enumerate(rows.models):
            for name in row.names:
                self._by_name.setdefault(name, index)
        self._ruled: list[tuple[int, Callable[[str], bool]]] | None = None
        self._by_plain: dict[str, set[int]] | None = None

    def names(self) -> tuple[str, ...]:
        """Every name that the file spells out, in its order."""
        return tuple(name for row in self._models for name in row.names)

    def find(self, model: str) -> ModelRow | None:
        """The model that `model` names: as written, with a compact date written out, or with dots and dashes alike."""
        name = model.lower().removeprefix("models/")
        index = self._match(name)
        if index is None:
            index = self._match(_COMPACT_DATE.sub(r"-\1-\2-\3", name))
        if index is None:
            index = self._match_alike(name)
        return None if index is None else self._models[index]

    def _match(self, name: str) -> int | None:
        by_name = self._by_name.get(name)
        if self._ruled is None:
            self._ruled = [(i, _predicate(r)) for i, row in enumerate(self._models) for r in row.rules]
        for index, holds in self._ruled:
            if by_name is not None and index >= by_name:
                break
            if holds(name):
                return index
        return by_name

    def _match_alike(self, name: str) -> int | None:
        if self._by_plain is None:
            self._by_plain = {}
            for known, at in self._by_name.items():
                self._by_plain.setdefault(_plain(known), set()).add(at)
        found = set(self._by_plain.get(_plain(name), ()))
        for spelling in _spellings(name):
            if (index := self._match(spelling)) is not None:
                found.add(index)
        return found.pop() if len(found) == 1 else None


def _spellings(name: str) -> Iterable[str]:
    """`name` with one dot or dash between digits exchanged, and with all of them made alike."""
    places = [found.start() for found in _BETWEEN_DIGITS.finditer(name)][:8]
    for at in places:
        yield name[:at] + ("-" if name[at] == "." else ".") + name[at + 1 :]
    if len(places) > 1:
        yield _BETWEEN_DIGITS.sub(".", name)
        yield _BETWEEN_DIGITS.sub("-", name)


def _predicate(rule: Rule) -> Callable[[str], bool]:
    if rule.starts_with:
        return lambda name: name.startswith(rule.starts_with)
    if rule.ends_with:
        return lambda name: name.endswith(rule.ends_with)
    if rule.contains:
        return lambda name: rule.contains in name
    if rule.regex:
        pattern = re.compile(rule.regex)
        return lambda name: pattern.search(name) is not None
    parts = [_predicate(part) for part in rule.every]
    return lambda name: bool(parts) and all(part(name) for part in parts)


def _one_spelling(names: Iterable[str]) -> Iterable[str]:
    seen: set[str] = set()
    for name in names:
        if (plain := _plain(name)) not in seen:
            seen.add(plain)
            yield name


def _plain(name: str) -> str:
    return name.lower().replace(".", "-")


def _optional_rate(usd_per_mtok: float | None) -> int:
    return -1 if usd_per_mtok is None else pusd_per_token(usd_per_mtok)


def _rounded(amount: Decimal) -> int:
    return int(amount.to_integral_value(rounding=ROUND_HALF_UP))


__all__ = ["Catalog", "PriceOverride", "load_catalog", "pusd_per_token"]

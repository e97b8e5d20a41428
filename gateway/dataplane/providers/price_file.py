"""The form of catalog/prices.json: written by scripts/build_catalog.py, read by catalog.py.

A provider's models are tried in order; the first that knows the name wins. A name is known when it equals one of
`names`, or when one of `rules` holds. `prices` ascend by `start`; the last one that began by the day in question holds.
"""

from msgspec import Raw, field

from gateway.base.core.price import Rates, ServiceTier, Tier
from gateway.base.core.struct import Record


class Rule(Record, frozen=True, omit_defaults=True):
    """One condition on a model's name in lower case. Exactly one field is set; `every` holds when all of its rules do."""

    starts_with: str = ""
    ends_with: str = ""
    contains: str = ""
    regex: str = ""
    every: "tuple[Rule, ...]" = ()


class DatedPrice(Record, frozen=True, omit_defaults=True):
    """A price from `start` (ISO date; empty: since ever) until the next one."""

    rates: Rates
    start: str = ""
    tiers: tuple[Tier, ...] = ()
    service_tiers: dict[str, ServiceTier] = {}
    request_nusd: int = 0
    web_search_nusd: int = 0
    geo_percent: dict[str, int] = {}


class ModelRow(Record, frozen=True, omit_defaults=True):
    """One model: `prices` is a JSON list of DatedPrice, decoded when it is first asked for."""

    id: str
    prices: Raw
    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    context_window_tokens: int = 0
    max_output_tokens: int = 0


class ProviderRows(Record, frozen=True, omit_defaults=True):
    """One provider. `fallbacks` are providers whose models it resells at their prices."""

    models: tuple[ModelRow, ...]
    fallbacks: tuple[str, ...] = ()


class Source(Record, frozen=True):
    """Where the prices come from."""

    package: str
    version: str
    licence: str
    url: str
    wheel_sha256: str
    date: str


class PriceFile(Record, frozen=True):
    """The whole file. `version` = date of the source + the first hex digits of the content's SHA-256."""

    version: str
    sources: tuple[Source, ...]
    providers: dict[str, ProviderRows] = field(default_factory=dict)

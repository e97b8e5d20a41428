"""`models`: names and prices. Prices are in USD per million tokens."""

from typing import Annotated

from msgspec import Meta, field

from gateway.base.core.struct import Config


class PriceConfig(Config, frozen=True):
    """A model's price, given or overridden: USD per million tokens."""

    input_per_mtok: Annotated[float, Meta(ge=0, description="Input that no cache held", examples=[1.25])]
    output_per_mtok: Annotated[float, Meta(ge=0, description="Output, reasoning included", examples=[10.0])]
    cache_read_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input read from a prompt cache; default: as input")
    ] = None
    cache_write_5m_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input written to a 5-minute cache; default: as input")
    ] = None
    cache_write_1h_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input written to a 1-hour cache; default: as 5 minutes")
    ] = None
    request_usd: Annotated[float, Meta(ge=0, description="USD per request, beside the tokens")] = 0.0


class UnpricedConfig(Config, frozen=True):
    """Models that may be used without a price."""

    allow: Annotated[
        list[str], Meta(description="Patterns of `provider/model` that may run without a price", examples=[["lab/*"]])
    ] = field(default_factory=list)


class ModelsConfig(Config, frozen=True):
    """Names and prices of models."""

    aliases: Annotated[
        dict[str, str],
        Meta(description="Name → `provider/model`", examples=[{"gpt-5-1": "openai/gpt-5.1-2026-04-15"}]),
    ] = field(default_factory=dict)
    unpriced: UnpricedConfig = field(default_factory=UnpricedConfig)
    prices: Annotated[dict[str, PriceConfig], Meta(description="`provider/model` → price; wins over the catalogue")] = (
        field(default_factory=dict)
    )

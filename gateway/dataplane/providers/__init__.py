"""Facts about providers and models: endpoints, dialects, credentials' form, prices, limits. Data, not code."""

from gateway.dataplane.providers.catalog import Catalog, PriceOverride, load_catalog, pusd_per_token
from gateway.dataplane.providers.providers import (
    AuthScheme,
    ProviderSpec,
    known_providers,
    provider_named,
    resource_base,
)
from gateway.dataplane.providers.vendor import is_official, reasoning_origin, vendor_of

__all__ = [
    "AuthScheme",
    "Catalog",
    "PriceOverride",
    "ProviderSpec",
    "is_official",
    "known_providers",
    "load_catalog",
    "provider_named",
    "pusd_per_token",
    "reasoning_origin",
    "resource_base",
    "vendor_of",
]

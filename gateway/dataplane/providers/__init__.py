"""Facts about providers and models: endpoints, dialects, credentials' form, prices, limits. Data, not code."""

from gateway.dataplane.providers.catalog import Catalog, PriceOverride, load_catalog, pusd_per_token
from gateway.dataplane.providers.providers import (
    AuthScheme,
    ProviderSpec,
    known_providers,
    provider_named,
    resource_base,
)

__all__ = [
    "AuthScheme",
    "Catalog",
    "PriceOverride",
    "ProviderSpec",
    "known_providers",
    "load_catalog",
    "provider_named",
    "pusd_per_token",
    "resource_base",
]

"""Facts about providers and models: endpoints, dialects, credentials' form, prices, limits. Data, not code."""

from gateway.dataplane.providers.auth.aws_credentials import aws_credentials, aws_region
from gateway.dataplane.providers.auth.sigv4 import amz_date, sign
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
    "amz_date",
    "aws_credentials",
    "aws_region",
    "is_official",
    "known_providers",
    "load_catalog",
    "provider_named",
    "pusd_per_token",
    "reasoning_origin",
    "resource_base",
    "sign",
    "vendor_of",
]

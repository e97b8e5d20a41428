"""The configuration file: structs that are its reference, and the reader that explains what is wrong."""

from gateway.base.config.load import (
    ConfigError,
    Loaded,
    is_placeholder,
    load,
    load_config,
    load_elsewhere,
    load_or_kept,
    parse,
)
from gateway.base.config.schema import (
    GatewayConfig,
    KeyConfig,
    LimitsConfig,
    ModelsConfig,
    PriceConfig,
    ProviderConfig,
    ServerConfig,
    TimeoutsConfig,
)

__all__ = [
    "ConfigError",
    "GatewayConfig",
    "KeyConfig",
    "LimitsConfig",
    "Loaded",
    "ModelsConfig",
    "PriceConfig",
    "ProviderConfig",
    "ServerConfig",
    "TimeoutsConfig",
    "is_placeholder",
    "load",
    "load_config",
    "load_elsewhere",
    "load_or_kept",
    "parse",
]

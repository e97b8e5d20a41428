"""The configuration file: structs that are its reference, and the reader that explains what is wrong."""

from gateway.base.config.load import ConfigError, Loaded, load, load_config, parse
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
    "load",
    "load_config",
    "parse",
]

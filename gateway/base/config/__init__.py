"""The configuration file: structs that are its reference, and the reader that explains what is wrong."""

from gateway.base.config.budgets import check_cascades, windows_of
from gateway.base.config.error import ConfigError
from gateway.base.config.load import (
    Loaded,
    is_placeholder,
    load,
    load_config,
    load_elsewhere,
    load_or_kept,
    parse,
)
from gateway.base.config.rates import rates_of
from gateway.base.config.schema import (
    BudgetsConfig,
    GatewayConfig,
    KeyConfig,
    LimitsConfig,
    ModelsConfig,
    PriceConfig,
    ProviderConfig,
    ServerConfig,
    TimeoutsConfig,
)
from gateway.base.config.sessions import session_rules_of

__all__ = [
    "BudgetsConfig",
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
    "check_cascades",
    "is_placeholder",
    "load",
    "load_config",
    "load_elsewhere",
    "load_or_kept",
    "parse",
    "rates_of",
    "session_rules_of",
    "windows_of",
]

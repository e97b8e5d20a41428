"""The configuration file: structs that are its reference, and the reader that explains what is wrong."""

from gateway.base.config.budgets import check_cascades, models_of_cascades, windows_of
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
from gateway.base.config.routing import blocks_of, check_models, models_of_blocks, unused_blocks
from gateway.base.config.schema import (
    BudgetsConfig,
    DeploymentConfig,
    GatewayConfig,
    KeyConfig,
    LimitsConfig,
    ModelsConfig,
    PriceConfig,
    ProbeConfig,
    ProviderConfig,
    ServerConfig,
    TimeoutsConfig,
)
from gateway.base.config.sessions import session_rules_of
from gateway.base.config.value import Place, time_ms
from gateway.base.config.warning import ConfigWarning

__all__ = [
    "BudgetsConfig",
    "ConfigError",
    "ConfigWarning",
    "DeploymentConfig",
    "GatewayConfig",
    "KeyConfig",
    "LimitsConfig",
    "Loaded",
    "ModelsConfig",
    "Place",
    "PriceConfig",
    "ProbeConfig",
    "ProviderConfig",
    "ServerConfig",
    "TimeoutsConfig",
    "blocks_of",
    "check_cascades",
    "check_models",
    "is_placeholder",
    "load",
    "load_config",
    "load_elsewhere",
    "load_or_kept",
    "models_of_blocks",
    "models_of_cascades",
    "parse",
    "rates_of",
    "session_rules_of",
    "time_ms",
    "unused_blocks",
    "windows_of",
]

"""The configuration file: structs that are its reference, and the reader that explains what is wrong."""

from gateway.base.config.budgets import check_cascades, models_of_cascades, windows_of
from gateway.base.config.error import ConfigError
from gateway.base.config.guardrails import (
    TextPlace,
    check_guardrails,
    injection_modes,
    mode_of,
    pii_modes,
    secrets_in_answers,
    secrets_modes,
)
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
    GuardrailsConfig,
    KeyConfig,
    LimitsConfig,
    ModelsConfig,
    PriceConfig,
    ProbeConfig,
    ProviderConfig,
    QuarantineConfig,
    ServerConfig,
    TimeoutsConfig,
)
from gateway.base.config.schema.guardrails import Mode
from gateway.base.config.sessions import session_rules_of
from gateway.base.config.value import Place, time_ms
from gateway.base.config.warning import ConfigWarning

__all__ = [
    "BudgetsConfig",
    "ConfigError",
    "ConfigWarning",
    "DeploymentConfig",
    "GatewayConfig",
    "GuardrailsConfig",
    "KeyConfig",
    "LimitsConfig",
    "Loaded",
    "Mode",
    "ModelsConfig",
    "Place",
    "PriceConfig",
    "ProbeConfig",
    "ProviderConfig",
    "QuarantineConfig",
    "ServerConfig",
    "TextPlace",
    "TimeoutsConfig",
    "blocks_of",
    "check_cascades",
    "check_guardrails",
    "check_models",
    "injection_modes",
    "is_placeholder",
    "load",
    "load_config",
    "load_elsewhere",
    "load_or_kept",
    "mode_of",
    "models_of_blocks",
    "models_of_cascades",
    "parse",
    "pii_modes",
    "rates_of",
    "secrets_in_answers",
    "secrets_modes",
    "session_rules_of",
    "time_ms",
    "unused_blocks",
    "windows_of",
]

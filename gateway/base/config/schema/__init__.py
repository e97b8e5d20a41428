"""The configuration file as types: this package is its reference (docs/reference/configuration.md is made from it).

Shape: SPEC §11; one module for each section. Every struct forbids unknown fields, so a typo is an error with its path. A section
that this version does not serve is refused, never ignored: a cap that is written but not enforced is worse than none.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.config.schema.budgets import AccountConfig, BudgetsConfig, CapConfig, DowngradeConfig, StagesConfig
from gateway.base.config.schema.guardrails import (
    AnswersConfig,
    GuardrailsConfig,
    InjectionConfig,
    PiiConfig,
    QuarantineConfig,
    SecretsConfig,
    ToolCallsConfig,
)
from gateway.base.config.schema.keys import KeyConfig
from gateway.base.config.schema.models import ModelsConfig, PriceConfig, UnpricedConfig
from gateway.base.config.schema.providers import DeploymentConfig, Dialect, ProbeConfig, ProviderConfig
from gateway.base.config.schema.routing import BlockConfig, CandidateConfig, RuleConfig, SplitConfig
from gateway.base.config.schema.server import (
    AdminConfig,
    JournalConfig,
    LimitsConfig,
    ServerConfig,
    TimeoutsConfig,
    TlsConfig,
)
from gateway.base.config.schema.storage import StorageConfig
from gateway.base.core.struct import Config


class GatewayConfig(Config, frozen=True):
    """The whole file."""

    server: ServerConfig = field(default_factory=ServerConfig)
    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    keys: dict[str, KeyConfig] = field(default_factory=dict)
    budgets: BudgetsConfig = field(default_factory=BudgetsConfig)
    routing: Annotated[dict[str, BlockConfig], Meta(description="Block → how it chooses")] = field(default_factory=dict)
    guardrails: GuardrailsConfig = field(default_factory=GuardrailsConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    translation: Annotated[
        Literal["report", "strict"],
        Meta(
            description="What happens to what a model's provider cannot be told in its own dialect: left out and named in "
            "`x-agentcc-translation-drops`, or the request refused"
        ),
    ] = "report"


NOT_SERVED_YET = ("alerts", "cache", "telemetry")
"""Sections of SPEC §11 that later versions serve; refused by name until then."""

__all__ = [
    "NOT_SERVED_YET",
    "AccountConfig",
    "AdminConfig",
    "AnswersConfig",
    "BlockConfig",
    "BudgetsConfig",
    "CandidateConfig",
    "CapConfig",
    "DeploymentConfig",
    "Dialect",
    "DowngradeConfig",
    "GatewayConfig",
    "GuardrailsConfig",
    "InjectionConfig",
    "JournalConfig",
    "KeyConfig",
    "LimitsConfig",
    "ModelsConfig",
    "PiiConfig",
    "PriceConfig",
    "ProbeConfig",
    "ProviderConfig",
    "QuarantineConfig",
    "RuleConfig",
    "SecretsConfig",
    "ServerConfig",
    "SplitConfig",
    "StagesConfig",
    "StorageConfig",
    "TimeoutsConfig",
    "TlsConfig",
    "ToolCallsConfig",
    "UnpricedConfig",
]

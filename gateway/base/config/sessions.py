"""From `budgets:` to what sessions may do."""

from gateway.base.config.schema.budgets import BudgetsConfig
from gateway.base.config.value import Place
from gateway.base.core.session import RETRIES_OFF, SessionRules


def session_rules_of(config: BudgetsConfig, source: str) -> SessionRules:
    """The rules of a `budgets` section; nothing is counted where it is not enabled. Raises ConfigError."""
    place, retries, failures = Place(source, "$.budgets"), config.retries_per_session, config.tool_failures
    if retries is True:  # YAML reads a bare `on` so, and a bare `off` as false
        raise place.at("retries_per_session").error("is true, which is no number", "write a number such as 3, or `off`")
    if failures is True:
        raise place.at("tool_failures").error("is true", "write `same_call`, `same_tool` or `off`")
    if not config.enabled:
        return SessionRules(RETRIES_OFF, "off")
    return SessionRules(RETRIES_OFF if retries is False or retries == "off" else retries, failures or "off")

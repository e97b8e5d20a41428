"""The kinds of secrets with a published form, one file per family."""

from gateway.dataplane.guard.rule import Rule
from gateway.dataplane.guard.secrets.kinds import cloud, code, llm, services, structure

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (*structure.RULES, *llm.RULES, *cloud.RULES, *code.RULES, *services.RULES)

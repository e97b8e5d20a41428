"""Which models a key may use: patterns over `provider/model` (base/core/model_pattern.py). Pure."""

from functools import lru_cache

from gateway.base.core.model_pattern import compiled
from gateway.base.core.plan import canonical
from gateway.base.core.principal import Grant

_MEMO = 8192  # names come from clients, so the memo is bounded


def allows(grant: Grant, provider: str, model: str) -> bool:
    """Whether the key may use this model. A grant without patterns allows all."""
    return not grant.models or _is_allowed(grant.models, provider, model)


@lru_cache(_MEMO)
def _is_allowed(patterns: tuple[str, ...], provider: str, model: str) -> bool:
    full = f"{canonical(provider)}/{model}".replace(".", "-")
    return any(compiled(p).fullmatch(full if "/" in p else model.replace(".", "-")) for p in patterns)

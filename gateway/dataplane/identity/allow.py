"""Which models a key may use: patterns over `provider/model`. Pure.

`openai/*` is every model of a provider, `anthropic/claude-*` a family, `gpt-5.5` (no slash) that model at any provider. `*`
also matches `/`. Dots and dashes are alike (`gpt-5-1` = `gpt-5.1`), `google` is `gemini`, and a name also allows its own
dated snapshots (`gpt-5.5` allows `gpt-5.5-2026-04-15`; not the other way round).
"""

import re
from functools import lru_cache

from gateway.base.core.plan import canonical
from gateway.base.core.principal import Grant

_SNAPSHOT = r"(?:-\d{4}-\d{2}-\d{2}|-\d{8})?"
_MEMO = 8192  # names come from clients, so the memo is bounded


def allows(grant: Grant, provider: str, model: str) -> bool:
    """Whether the key may use this model. A grant without patterns allows all."""
    return not grant.models or _is_allowed(grant.models, provider, model)


@lru_cache(_MEMO)
def _is_allowed(patterns: tuple[str, ...], provider: str, model: str) -> bool:
    full, bare = _compiled(patterns)
    plain = model.replace(".", "-")
    return bool(full.fullmatch(f"{canonical(provider).replace('.', '-')}/{plain}") or bare.fullmatch(plain))


@lru_cache(_MEMO)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns with a provider, and those without."""
    full = [_expression(p) for p in patterns if "/" in p]
    bare = [_expression(p) for p in patterns if "/" not in p]
    return _any_of(full), _any_of(bare)


def _expression(pattern: str) -> str:
    provider, slash, model = pattern.strip().partition("/")
    text = f"{canonical(provider)}/{model}" if slash else provider
    # Providers keep their dots out of the way too: both sides of a comparison pass through the same replacement.
    parts = [re.escape(part) for part in text.replace(".", "-").split("*")]
    return ".*".join(parts) + ("" if text.endswith("*") else _SNAPSHOT)


def _any_of(expressions: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) if expressions else r"(?!)", re.DOTALL)

"""Patterns over `provider/model`: one rule for all that is written about models. Pure.

`openai/*` is every model of a provider, `anthropic/claude-*` a family, `gpt-5.5` (no slash) that model at any provider. `*`
also matches `/`. Dots and dashes are alike (`gpt-5-1` = `gpt-5.1`), `google` is `gemini`, and a name also means its own dated
snapshots (`gpt-5.5` matches `gpt-5.5-2026-04-15`; not the other way round).
"""

import re
from functools import lru_cache

from gateway.base.core.plan import canonical

_MEMO = 8192
_SNAPSHOT = r"(?:-\d{4}-\d{2}-\d{2}|-\d{8})?"


def normal(name: str) -> str:
    """A pattern, or a name `provider/model`, as they are compared."""
    provider, slash, model = name.strip().partition("/")
    return (f"{canonical(provider)}/{model}" if slash else provider).replace(".", "-")


@lru_cache(_MEMO)
def compiled(pattern: str) -> re.Pattern[str]:
    """What a normal name must match in full: the whole where the pattern has a provider, else the model's part."""
    parts = [re.escape(part) for part in normal(pattern).split("*")]
    return re.compile(".*".join(parts) + ("" if pattern.endswith("*") else _SNAPSHOT), re.DOTALL)

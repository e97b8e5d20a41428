"""Which models a key may use."""

import pytest
from msgspec import Raw

from gateway.base.core.principal import Grant, Principal
from gateway.dataplane.identity import allows


@pytest.mark.parametrize(
    ("patterns", "provider", "model", "want"),
    [
        ([], "openai", "gpt-5.5", True),
        (["*"], "openai", "gpt-5.5", True),
        (["*"], "lab", "Qwen/Qwen3-Coder", True),
        (["openai/*"], "openai", "gpt-5.5", True),
        (["openai/*"], "openai", "ft:gpt/x", True),
        (["openai/*"], "anthropic", "gpt-5.5", False),
        (["openai/*"], "openrouter", "openai/gpt-5.5", False),
        (["openai/*", "anthropic/*"], "anthropic", "claude-opus-4-7", True),
        (["anthropic/claude-*"], "anthropic", "claude-opus-4-7", True),
        (["anthropic/claude-*"], "anthropic", "opus", False),
        (["gpt-5.5"], "openai", "gpt-5.5", True),
        (["gpt-5.5"], "azure", "gpt-5.5", True),
        (["gpt-5.5"], "openai", "gpt-5.5-mini", False),
        (["gpt-5.5"], "openai", "gpt-5", False),
        (["gpt-5*"], "openai", "gpt-5.5-mini", True),
        (["*mini"], "openai", "gpt-5-mini", True),
        (["openai/gpt-5-1"], "openai", "gpt-5.1", True),
        (["openai/gpt-5.1"], "openai", "gpt-5-1", True),
        (["google/gemini-2-5-pro"], "gemini", "gemini-2.5-pro", True),
        (["gemini/*"], "google", "gemini-2.5-pro", True),
        (["gpt-5.5"], "openai", "gpt-5.5-2026-04-15", True),
        (["anthropic/claude-sonnet-4-5"], "anthropic", "claude-sonnet-4-5-20250929", True),
        (["anthropic/claude-sonnet-4-5-20250929"], "anthropic", "claude-sonnet-4-5", False),
        (["gpt-5.5"], "openai", "gpt-5.5-2026-04-15-mini", False),
        (["gpt-5.5"], "openai", "gpt-5.5\n", False),
        (["g+t[5"], "openai", "g+t[5", True),
        (["g.t"], "openai", "gxt", False),
        (["openai"], "openai", "gpt-5.5", False),
        (["openai/"], "openai", "gpt-5.5", False),
        ([""], "openai", "gpt-5.5", False),
        ([" openai/* "], "openai", "gpt-5.5", True),
    ],
)
def test_a_pattern_allows_what_it_says(patterns: list[str], provider: str, model: str, want: bool) -> None:
    grant = Grant(Principal("alice"), Raw(b"{}"), tuple(patterns))
    assert allows(grant, provider, model) is want
    assert allows(grant, provider, model) is want, "again, from the memo"

"""Whom the tests translate for: for each dialect its vendor's own API, other vendors that speak it, and somebody unknown."""

from gateway.dataplane.providers import is_official, reasoning_origin, vendor_of
from gateway.dataplane.wire import Target


def target(dialect: str, provider: str, model: str, *, output: int = 0, window: int = 0) -> Target:
    """As `flow` makes it of a deployment."""
    vendor = vendor_of(provider, model)
    origin = reasoning_origin(provider, vendor, dialect)
    return Target(dialect, provider, model, vendor, origin, output, window, is_official(provider, vendor))


_R, _C, _M, _G, _B = "openai.responses", "openai.chat", "anthropic.messages", "gemini.generate", "bedrock.converse"

TARGETS = {
    _R: (
        target(_R, "openai", "gpt-5.5", output=128_000, window=1_050_000),
        target(_R, "openai", "gpt-4.1-mini", output=32_768, window=1_047_576),
        target(_R, "lab", "mystery-1"),
    ),
    _C: (
        target(_C, "openai", "gpt-5.1", output=128_000, window=400_000),
        target(_C, "openai", "gpt-4.1-mini", output=32_768, window=1_047_576),
        target(_C, "deepseek", "deepseek-reasoner", output=64_000, window=128_000),
        target(_C, "lab", "mystery-1"),
    ),
    _M: (
        target(_M, "anthropic", "claude-opus-4-8", output=128_000, window=1_000_000),
        target(_M, "anthropic", "claude-sonnet-4-5", output=64_000, window=200_000),
        target(_M, "lab", "mystery-1"),
    ),
    _G: (
        target(_G, "gemini", "gemini-3-pro-preview", output=65_536, window=1_048_576),
        target(_G, "vertex", "gemini-2.5-flash", output=65_536, window=1_048_576),
        target(_G, "lab", "mystery-1"),
    ),
    _B: (
        target(_B, "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", output=64_000, window=200_000),
        target(_B, "bedrock", "us.amazon.nova-2-lite-v1:0", output=65_535, window=1_000_000),
        target(_B, "lab", "mystery-1"),
    ),
}  # fmt: skip

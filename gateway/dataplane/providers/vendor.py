"""Who made a model: vendors have quirks and read their own reasoning again, whoever hosts the model."""

import re
from functools import lru_cache

_BY_MODEL = (
    (r"claude", "anthropic"),
    (r"gemini|gemma", "google"),
    (r"(^|[/.])(gpt|chatgpt|codex|o[1-9])([-.\d]|$)", "openai"),
    (r"deepseek", "deepseek"),
    (r"grok", "xai"),
    (r"mistral|mixtral|codestral|devstral|magistral|ministral|pixtral", "mistral"),
    (r"qwen|qwq", "qwen"),
    (r"kimi|moonshot", "moonshot"),
    (r"(^|[/.-])glm-?\d", "zai"),
    (r"minimax", "minimax"),
    (r"llama", "meta"),
    (r"(^|[/.])(nova|titan)-", "amazon"),
    (r"(^|[/.])command-", "cohere"),
)
_PATTERNS = [(re.compile(pattern), vendor) for pattern, vendor in _BY_MODEL]
_BY_PROVIDER = {
    "openai": "openai", "azure": "openai", "anthropic": "anthropic", "gemini": "google", "google": "google", "vertex": "google",
    "deepseek": "deepseek", "xai": "xai", "mistral": "mistral", "codestral": "mistral", "moonshot": "moonshot", "zai": "zai",
    "cohere": "cohere", "minimax": "minimax", "dashscope": "qwen",
}  # fmt: skip


@lru_cache(4096)
@lru_cache(4096)
def vendor_of(provider: str, model: str) -> str:
    """The vendor by the model's name, else by the provider that makes models of its own; '' when neither tells."""
    name = model.lower()
    for pattern, vendor in _PATTERNS:
        if pattern.search(name):
            return vendor
    return _BY_PROVIDER.get(provider, "")


def is_official(provider: str, vendor: str) -> bool:
    """Whether the provider is the vendor's own API, so that fields which only that knows may be sent."""
    return bool(vendor) and _BY_PROVIDER.get(provider) == vendor


def reasoning_origin(provider: str, vendor: str, dialect: str) -> str:
    """Who can read the signature of this model's reasoning again.

    Anthropic's signatures hold on every platform that hosts Claude, and Google's for its models (their documentation on thinking);
    Responses' encrypted reasoning belongs to the account that asked.
    """
    maker = vendor or provider
    return f"{maker}/{provider}" if dialect == "openai.responses" else maker

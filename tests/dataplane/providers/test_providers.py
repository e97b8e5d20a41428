"""The providers' endpoints: complete rows, and the rule for what stands before a resource."""

import re

import pytest

from gateway.dataplane import providers as room
from gateway.dataplane.providers import known_providers, provider_named, resource_base
from gateway.dataplane.providers.providers import VERSIONS

ORIGIN = "http://127.0.0.1:18081"


@pytest.mark.parametrize(
    ("base_url", "dialect", "want"),
    [
        ("https://api.openai.com/v1", "openai.responses", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "openai.chat", "https://api.openai.com/v1"),
        ("https://api.openai.com", "openai.responses", "https://api.openai.com/v1"),
        ("https://api.openai.com/", "openai.embeddings", "https://api.openai.com/v1"),
        (ORIGIN, "anthropic.messages", f"{ORIGIN}/v1"),
        (ORIGIN, "gemini.generate", f"{ORIGIN}/v1beta"),
        (ORIGIN, "bedrock.converse", ORIGIN),
        (ORIGIN, "cohere.chat.v2", f"{ORIGIN}/v2"),
        (ORIGIN, "some.new.dialect", f"{ORIGIN}/v1"),
        (f"{ORIGIN}/.", "openai.chat", ORIGIN),
        (f"{ORIGIN}/./", "openai.chat", ORIGIN),
        (f" {ORIGIN}/api/paas/v4// ", "openai.chat", f"{ORIGIN}/api/paas/v4"),
        ("https://h/v1beta/openai", "openai.chat", "https://h/v1beta/openai"),
        ("https://[::1]:8443", "openai.chat", "https://[::1]:8443/v1"),
    ],
)
def test_resource_base(base_url: str, dialect: str, want: str) -> None:
    """Everything before the resource, version included; a bare origin gets the dialect's usual version."""
    assert resource_base(base_url, dialect) == want


def test_rows_are_complete() -> None:
    """Each provider has an endpoint or its form, dialects that exist, and a way to pass the key."""
    specs = known_providers()
    assert len(specs) >= 50
    for name, spec in specs.items():
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert spec.name == name
        assert spec.display_name
        assert spec.dialects
        assert set(spec.all_dialects()) <= set(VERSIONS), name
        assert len(set(spec.all_dialects())) == len(spec.all_dialects()), name
        assert bool(spec.base_url) != bool(spec.base_url_form), name
        local = spec.base_url.startswith("http://localhost")
        assert spec.base_url.startswith("https://") or local or spec.base_url_form, name
        assert spec.auth_scheme != "none" or local or spec.base_url_form.startswith("http://localhost"), name
        assert all(re.fullmatch(r"[A-Z0-9_]+", key) for key in spec.api_key_env), name
        assert (spec.auth_header == "authorization") == (spec.auth_scheme != "header"), name


@pytest.mark.parametrize(
    "name",
    [
        "openai",
        "anthropic",
        "gemini",
        "vertex",
        "bedrock",
        "azure",
        "cohere",
        "mistral",
        "groq",
        "together",
        "fireworks",
        "cerebras",
        "xai",
        "deepseek",
        "openrouter",
        "perplexity",
        "nvidia",
        "ollama",
        "vllm",
        "lmstudio",
    ],
)
def test_the_specification_names_it(name: str) -> None:
    """SPEC §6 lists these by name."""
    assert name in known_providers()


def test_dialects_may_live_elsewhere() -> None:
    """DeepSeek speaks Messages under /anthropic; an operator's own URL stands in for all of ours."""
    spec = known_providers()["deepseek"]
    assert spec.base("openai.chat") == "https://api.deepseek.com"
    assert spec.base("anthropic.messages") == "https://api.deepseek.com/anthropic/v1"
    assert spec.base("anthropic.messages", ORIGIN) == f"{ORIGIN}/v1"
    assert spec.base("openai.chat", f"{ORIGIN}/x") == f"{ORIGIN}/x"


def test_google_is_gemini() -> None:
    """SPEC §3."""
    assert provider_named("google") is provider_named("gemini") is known_providers()["gemini"]
    assert provider_named("nobody") is None


def test_the_door() -> None:
    """What the room offers is on one list, in order."""
    assert room.__all__ == sorted(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)

"""Which deployment a name means (SPEC §11), and the near misses when it means none."""

import pytest

from gateway.base.core.errors import UnknownModel, UnpricedModel, Unsupported
from gateway.base.core.plan import Provider
from gateway.base.core.price import Price, Rates
from gateway.dataplane.routing import Resolver

RESPONSES, MESSAGES, CHAT = "openai.responses", "anthropic.messages", "openai.chat"
PRICE = Price(Rates(1, 2))
KNOWN = {"openai": ("gpt-5.5", "gpt-5.1-mini"), "anthropic": ("claude-sonnet-4-5",), "router": ("gpt-5.5",)}


def provider(name: str, *dialects: str, models: tuple[str, ...] = ()) -> Provider:
    return Provider(name, dict.fromkeys(dialects, f"http://{name}"), (), models)


OPENAI = provider("openai", RESPONSES, CHAT)
ANTHROPIC = provider("anthropic", MESSAGES)
LAB = provider("lab", CHAT, models=("qwen3-coder", "llama-3.1"))


def resolver(
    *providers: Provider,
    aliases: dict[str, str] | None = None,
    unpriced: str = "",
    translates: frozenset[str] = frozenset({RESPONSES, CHAT, MESSAGES}),
) -> Resolver:
    return Resolver(
        {p.name: p for p in providers},
        aliases or {},
        offers=lambda p, m: m in KNOWN.get(p, ()),
        price=lambda p, m: PRICE if m in KNOWN.get(p, ()) else None,
        is_unpriced_allowed=lambda name: bool(unpriced) and name.startswith(unpriced),
        known=lambda p: KNOWN.get(p, ()),
        translates=translates,
    )


@pytest.mark.parametrize(
    ("asked", "dialect", "served"),
    [
        ("openai/gpt-5.5", RESPONSES, "openai/gpt-5.5"),
        ("gpt-5.5", RESPONSES, "openai/gpt-5.5"),
        ("lab/qwen3-coder", CHAT, "lab/qwen3-coder"),
        ("qwen3-coder", CHAT, "lab/qwen3-coder"),
        ("llama-3-1", CHAT, "lab/llama-3.1"),
        ("short", RESPONSES, "openai/gpt-5.5"),
        ("sho.rt", RESPONSES, "openai/gpt-5.5"),
        ("made-up-name", MESSAGES, "anthropic/made-up-name"),
    ],
)
def test_a_name_means_one_deployment(asked: str, dialect: str, served: str) -> None:
    """Alias, provider/model, a bare name of one provider, and the only open provider of the dialect, in that order."""
    aliases = {"short": "openai/gpt-5.5", "sho-rt": "openai/gpt-5.5"}
    allow_all = resolver(OPENAI, ANTHROPIC, LAB, aliases=aliases, unpriced="lab/")
    if asked == "made-up-name":
        with pytest.raises(UnpricedModel, match=served):
            allow_all.resolve(asked, dialect)
    else:
        assert allow_all.resolve(asked, dialect).name == served


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("", "names no `model`"),
        ("lab/qwen4", "offers only qwen3-coder, llama-3.1"),
        ("nobody/gpt-5.5", "Did you mean"),
        ("gpt-5.6", "Did you mean `openai/gpt-5.5`"),
        ("lab/x\r\nx-evil: 1", "cannot be the name"),
        ("lab/../admin", "cannot be the name"),
        ("lab/ünï", "cannot be the name"),
        ("x" * 300, "cannot be the name"),
    ],
)
def test_an_unknown_name_is_refused_with_near_misses(asked: str, words: str) -> None:
    """The refusal says why, or which names are close."""
    other = provider("other", RESPONSES)
    with pytest.raises(UnknownModel) as caught:
        resolver(OPENAI, other, LAB).resolve(asked, RESPONSES)
    assert words in caught.value.message


def test_a_bare_name_of_two_providers_is_refused_by_name() -> None:
    """Guessing between providers would spend somebody's money; the refusal lists the full names."""
    with pytest.raises(UnknownModel, match=r"openai/gpt-5\.5.*router/gpt-5\.5"):
        resolver(OPENAI, provider("router", RESPONSES)).resolve("gpt-5.5", RESPONSES)


def test_an_unpriced_model_runs_only_when_allowed_by_name() -> None:
    """A missing price is never zero by accident."""
    with pytest.raises(UnpricedModel):
        resolver(LAB).resolve("qwen3-coder", CHAT)
    assert resolver(LAB, unpriced="lab/").resolve("qwen3-coder", CHAT).price is None


def test_a_provider_of_another_dialect_is_asked_in_its_own() -> None:
    """Its main dialect, unless it speaks the client's."""
    served = resolver(OPENAI, ANTHROPIC)
    assert served.resolve("anthropic/claude-sonnet-4-5", RESPONSES).dialect == MESSAGES
    assert served.resolve("anthropic/claude-sonnet-4-5", MESSAGES).dialect == MESSAGES
    assert served.resolve("openai/gpt-5.5", MESSAGES).dialect == RESPONSES


def test_what_cannot_be_translated_is_refused() -> None:
    """Nothing is sent to a provider in a format that it does not speak."""
    with pytest.raises(Unsupported, match="cannot be translated"):
        resolver(OPENAI, ANTHROPIC).resolve("anthropic/claude-sonnet-4-5", "openai.embeddings")
    with pytest.raises(Unsupported, match="cannot be translated"):
        resolver(OPENAI, ANTHROPIC, translates=frozenset()).resolve("anthropic/claude-sonnet-4-5", RESPONSES)


@pytest.mark.parametrize("configured", ["gemini", "google"])
def test_google_and_gemini_are_one_provider(configured: str) -> None:
    """Either name reaches the provider, whichever of the two it is configured by."""
    served = resolver(provider(configured, "gemini.generate"), unpriced=configured)
    for asked in ("google/x", "gemini/x"):
        assert served.resolve(asked, "gemini.generate").name == f"{configured}/x"

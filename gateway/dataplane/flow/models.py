"""`/v1/models`: one answer that every client can read: OpenAI's and Anthropic's `data`, Codex's and Gemini's `models`.

Codex takes a catalogue entry's `base_instructions` as its system prompt, so only models that Codex cannot know get one
(for those it lends the apply_patch tool); for a model of its own makers we must not replace what it knows better.
"""

from collections.abc import Callable
from typing import Any

from msgspec.json import Encoder

from gateway.base.core.errors import UnknownModel
from gateway.base.core.plan import Provider
from gateway.dataplane.flow.assemble import Policy
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.route import Route
from gateway.dataplane.identity import allows

_encode = Encoder().encode
_CREATED = 1_700_000_000  # the field is required and nobody knows the truth; a constant keeps answers cacheable
_INSTRUCTIONS = (
    "You are a coding agent working in the user's repository through a terminal. Read before you write, keep changes "
    "small, use apply_patch for edits, run the project's own checks, and say plainly what you did and what you did not."
)
_LISTED_PER_PROVIDER = 500
Allowed = Callable[[str, str], bool]
"""(provider, model) → whether the key may use it."""


def catalogue(ex: Exchange, route: Route) -> bytes:
    """The JSON body that answers a question about models, for the client's key. Raises UnknownModel."""
    policy, grant = ex.policy, ex.grant
    assert grant is not None

    def allowed(provider: str, model: str) -> bool:
        return not grant.models or allows(grant, provider, model)

    # Google's SDKs ask under /v1 too, and tell themselves apart by their headers only
    is_google = bool(ex.incoming.header("x-goog-api-client") or ex.incoming.header("x-goog-api-key"))
    dialect = "gemini.generate" if is_google else route.dialect.name
    if route.kind == "model":
        return _one_model(policy, route.model, dialect)
    if dialect == "gemini.generate":
        return _list_gemini_models(policy, allowed)
    return _list_models(policy, allowed)


def _list_models(policy: Policy, allowed: Allowed) -> bytes:
    """The JSON body: `allowed(provider, model)` says which models this key may use."""
    data: list[dict[str, Any]] = []
    codex: list[dict[str, Any]] = []
    for provider in policy.providers.values():
        for model in _names(policy, provider):
            if not allowed(provider.name, model):
                continue
            name = f"{provider.name}/{model}"
            data.append(_entry(name, provider.name))
            if provider.name != "openai" and any(d != "openai.embeddings" for d in provider.bases):
                codex.append(_codex_entry(name, len(codex)))
    data += [_entry(alias, "alias") for alias in policy.config.models.aliases]
    body = {"object": "list", "data": data, "models": codex, "has_more": False}
    return _encode({**body, "first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None})


def _list_gemini_models(policy: Policy, allowed: Allowed) -> bytes:
    """The JSON body of Gemini's `GET /v1beta/models`."""
    models = [
        _gemini_entry(model)
        for provider in policy.providers.values()
        if "gemini.generate" in provider.bases
        for model in _names(policy, provider)
        if allowed(provider.name, model)
    ]
    return _encode({"models": models})


def _one_model(policy: Policy, name: str, dialect: str) -> bytes:
    """The JSON body of `GET /v1/models/{name}`. Raises UnknownModel."""
    for speaks in (dialect, "openai.chat", "anthropic.messages", "gemini.generate"):
        try:
            found = policy.resolver.resolve(name, speaks)
        except UnknownModel:
            raise
        except Exception:  # noqa: BLE001,S112 - not in this dialect or not priced: still a model; try the next
            continue
        if dialect == "gemini.generate":
            return _encode(_gemini_entry(name))
        return _encode(_entry(found.name if "/" in name else name, found.provider.name))
    raise UnknownModel(f"model `{name[:200]}` is not served here", param="model")


def _names(policy: Policy, provider: Provider) -> tuple[str, ...]:
    return (provider.models or policy.catalog.models(provider.name))[:_LISTED_PER_PROVIDER]


def _entry(name: str, owner: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": _CREATED,
        "owned_by": owner,
        "type": "model",
        "display_name": name,
        "created_at": "2023-11-14T22:13:20Z",
    }


def _gemini_entry(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def _codex_entry(name: str, priority: int) -> dict[str, Any]:
    return {
        "slug": name,
        "display_name": name,
        "supported_reasoning_levels": [],
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "priority": priority + 100,
        "support_verbosity": False,
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "experimental_supported_tools": [],
        "apply_patch_tool_type": "freeform",
        "base_instructions": _INSTRUCTIONS,
    }

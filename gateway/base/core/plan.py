"""Where a request may go: provider and deployment."""

from collections.abc import Callable, Mapping

from gateway.base.core.price import Bound, Price, bound_of
from gateway.base.core.struct import Record

Signer = Callable[[str, str, list[tuple[str, str]], bytes, float], list[tuple[str, str]]]
"""(method, URL, headers, body, seconds since 1970) → the headers to add."""


class Provider(Record, frozen=True):
    """A configured provider, ready to be called.

    `bases` maps each dialect it speaks to the URL before the resource. `headers` hold the credential;
    `takes_client_key` lets the client's own credential pass (ChatGPT login). `models` empty means any name. `sign` makes
    the credential of one request, where it depends on it.
    """

    name: str
    bases: dict[str, str]
    headers: tuple[tuple[str, str], ...]
    models: tuple[str, ...] = ()
    ca_file: str = ""
    takes_client_key: bool = False
    sign: Signer | None = None


def canonical(provider: str) -> str:
    """A provider's name in the catalogue: `google` and `gemini` are the same (SPEC §3)."""
    return "gemini" if provider == "google" else provider


def provider_called(name: str, providers: Mapping[str, Provider]) -> Provider | None:
    """The configured provider of that name, or of the other name of the same provider."""
    if name in providers:
        return providers[name]
    return next((p for p in providers.values() if canonical(p.name) == canonical(name)), None)


class Deployment(Record, frozen=True):
    """One model at one provider, with its price (None: no price is known), and the dialect to ask it in."""

    provider: Provider
    model: str
    name: str
    price: Price | None
    bound: Bound | None
    dialect: str


def deployment(provider: Provider, model: str, price: Price | None, dialect: str) -> Deployment:
    """A deployment with what is derived from its parts: `name` is `provider/model`, as headers and records write it."""
    return Deployment(provider, model, f"{provider.name}/{model}", price, bound_of(price) if price else None, dialect)

"""Where a request may go: provider and deployment."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from gateway.base.core.price import Bound, Price, bound_of
from gateway.base.core.rate import Rate
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
    account: "Account | None" = None
    """Which of its deployments it is, where the file names several."""
    accounts: "tuple[Provider, ...]" = ()
    """Those deployments. Then only one of them can be called: it has the credential."""

    @property
    def id(self) -> str:
        """`openai@eu`, or the name where it has one credential."""
        return f"{self.name}@{self.account.name}" if self.account is not None else self.name


class Account(Record, frozen=True):
    """One credential (key, region) of a provider that has several: `deployments` of the configuration.

    `models` are patterns, empty for all; `quota` is what we keep to, so that the provider need not refuse. It is asked from `opens_s` until before `ends_s`
    (seconds since 1970; 0: not bounded).
    """

    name: str
    weight: float = 1.0
    models: tuple[str, ...] = ()
    quota: tuple[Rate, ...] = ()
    opens_s: int = 0
    ends_s: int = 0


def canonical(provider: str) -> str:
    """A provider's name in the catalogue: `google` and `gemini` are the same (SPEC §3)."""
    return "gemini" if provider == "google" else provider


def provider_called(name: str, providers: Mapping[str, Provider]) -> Provider | None:
    """The configured provider of that name, or of the other name of the same provider."""
    if name in providers:
        return providers[name]
    return next((p for p in providers.values() if canonical(p.name) == canonical(name)), None)


class Deployment(Record, frozen=True):
    """One model at one provider, with its price (None: no price is known), and the dialect to ask it in.

    `name` is `provider/model`, as headers, prices and budgets know it. `id` tells deployments of one name apart: `openai/gpt-5@eu`; breakers, rate limits
    and hops go by it. Where the provider has several credentials, `accounts` are the deployments of which one is asked in its place.
    """

    provider: Provider
    model: str
    name: str
    price: Price | None
    bound: Bound | None
    dialect: str
    id: str
    accounts: "tuple[Deployment, ...]" = ()


def deployment(provider: Provider, model: str, price: Price | None, dialect: str) -> Deployment:
    """A deployment with what is derived from its parts."""
    name = f"{provider.name}/{model}"
    bound = bound_of(price) if price else None
    accounts = tuple(
        deployment(one, model, price, dialect)
        for one in provider.accounts
        if one.account and has_model(one.account, model)
    )
    own_id = f"{name}@{provider.account.name}" if provider.account is not None else name
    return Deployment(provider, model, name, price, bound, dialect, own_id, accounts)


def has_model(account: Account, model: str) -> bool:
    """Whether a deployment serves the model."""
    return not account.models or any(fnmatchcase(model, pattern) for pattern in account.models)

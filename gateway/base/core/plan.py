"""Where a request may go: provider, deployment, plan."""

from gateway.base.core.price import Bound, Price, bound_of
from gateway.base.core.struct import Record


class Provider(Record, frozen=True):
    """A configured provider, ready to be called.

    `bases` maps each dialect it speaks to the URL before the resource. `headers` hold the credential;
    `takes_client_key` lets the client's own credential pass (ChatGPT login). `models` empty means any name.
    """

    name: str
    bases: dict[str, str]
    headers: tuple[tuple[str, str], ...]
    models: tuple[str, ...] = ()
    ca_file: str = ""
    takes_client_key: bool = False


class Deployment(Record, frozen=True):
    """One model at one provider, with its price (None: no price is known)."""

    provider: Provider
    model: str
    name: str
    price: Price | None
    bound: Bound | None


def deployment(provider: Provider, model: str, price: Price | None) -> Deployment:
    """A deployment with what is derived from its parts: `name` is `provider/model`, as headers and records write it."""
    return Deployment(provider, model, f"{provider.name}/{model}", price, bound_of(price) if price else None)


class Plan(Record, frozen=True):
    """The deployments to try, in order. `hold_nusd` is what the attempts may cost together."""

    attempts: tuple[Deployment, ...]
    hold_nusd: int

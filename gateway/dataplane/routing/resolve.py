"""From the name a client asks for to a deployment. Pure: no I/O, no clock; equal inputs give equal answers.

Order (SPEC §11): alias; `provider/model`; a bare name that exactly one configured provider offers (of several, the one
that speaks the client's dialect); a bare name that none is known to offer, when just one provider without a `models` list speaks the client's dialect; else refused with
the near misses.
"""

import difflib
import re
from collections.abc import Callable, Mapping

from gateway.base.core.errors import UnknownModel, UnpricedModel, Unsupported
from gateway.base.core.plan import Deployment, Provider, deployment, provider_called
from gateway.base.core.price import Price

_MEMO_ENTRIES = 4096
_NAME = re.compile(r"[A-Za-z0-9@~_][A-Za-z0-9@~_.:/+\- ]{0,254}")
"""Vendors' names: letters, digits and a few signs (`us.anthropic.claude-v1:0`, `@cf/meta/llama`, ARNs)."""


class Resolver:
    """Names → deployments for one policy version.

    `offers(provider, model)` says whether the catalogue knows the model there, `price` what it costs (None: unknown),
    `is_unpriced_allowed` whether policy lets `provider/model` run without a price. Between any two dialects of `translates`
    requests are translated.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        aliases: Mapping[str, str],
        *,
        offers: Callable[[str, str], bool],
        price: Callable[[str, str], Price | None],
        is_unpriced_allowed: Callable[[str], bool],
        known: Callable[[str], tuple[str, ...]],
        translates: frozenset[str] = frozenset(),
    ) -> None:
        self._providers = providers
        self._aliases = {_plain(name): target for name, target in aliases.items()}
        self._offers, self._price, self._known = offers, price, known
        self._is_unpriced_allowed = is_unpriced_allowed
        self._translates = translates
        self._memo: dict[tuple[str, str, int], Deployment] = {}

    def resolve(self, name: str, dialect: str, day: int = 0) -> Deployment:
        """The deployment that serves `name` for a client of `dialect`; prices may change with the `day` (any count).

        Raises UnknownModel, UnpricedModel, or Unsupported when the provider does not speak the dialect.
        """
        found = self._memo.get((name, dialect, day))
        if found is None:
            found = self._find(name, dialect)
            if len(self._memo) >= _MEMO_ENTRIES:  # names come from clients, so the memo is bounded
                self._memo.clear()
            self._memo[name, dialect, day] = found
        return found

    def _find(self, name: str, dialect: str) -> Deployment:
        if not name:
            raise UnknownModel("the request names no `model`", param="model")
        # A name goes into headers and URLs, so what cannot be one is refused before anybody has to escape it.
        if not _NAME.fullmatch(name) or ".." in name or "//" in name:
            raise UnknownModel(f"`{name[:200]!a}` cannot be the name of a model", param="model")
        target = self._aliases.get(_plain(name), name)
        provider, model = self._place(target, name, dialect)
        spoken = dialect if dialect in provider.bases else self._translated(name, provider, dialect)
        price = self._price(provider.name, model)
        if price is None and not self._is_unpriced_allowed(f"{provider.name}/{model}"):
            raise UnpricedModel(
                f"model `{provider.name}/{model}` has no price in the catalogue, so it is refused. An administrator can "
                "give it one (`models.prices`) or allow it by name (`models.unpriced.allow`).",
                model=f"{provider.name}/{model}",
            )
        found = deployment(provider, model, price, spoken)
        if provider.accounts and not found.accounts:
            raise self._unknown(name, f"no deployment of provider `{provider.name}` has model `{model}`")
        return found

    def _translated(self, name: str, provider: Provider, dialect: str) -> str:
        """The dialect that `dialect` is translated to for this provider: the first that it speaks. Raises Unsupported."""
        if dialect in self._translates:
            for spoken in provider.bases:
                if spoken in self._translates:
                    return spoken
        speaks = ", ".join(provider.bases)
        raise Unsupported(
            f"model `{name}` is served by provider `{provider.name}`, which speaks {speaks}; {dialect} cannot be translated"
            f" to that. Ask for a model of a provider that speaks {dialect}.",
            param="model",
        )

    def _place(self, target: str, asked: str, dialect: str) -> tuple[Provider, str]:
        prefix, slash, rest = target.partition("/")
        if slash:
            provider = provider_called(prefix, self._providers)
            if provider is not None and rest:
                if provider.models and (model := _listed(provider, rest)) is None:
                    raise self._unknown(asked, f"provider `{provider.name}` offers only {', '.join(provider.models)}")
                return provider, (model if provider.models else None) or rest
        offering = [p for p in self._providers.values() if self._is_offered(p, target)]
        if len(offering) > 1:  # the one that speaks the client's language is what the client means
            offering = [p for p in offering if dialect in p.bases] or offering
        if len(offering) > 1:
            names = ", ".join(f"`{p.name}/{target}`" for p in offering)
            raise self._unknown(asked, f"several providers offer it: ask for one of {names}")
        if offering:
            return offering[0], _listed(offering[0], target) or target
        open_ones = [p for p in self._providers.values() if not p.models and dialect in p.bases]
        if len(open_ones) == 1 and not slash:
            return open_ones[0], target
        raise self._unknown(asked, "")

    def _is_offered(self, provider: Provider, model: str) -> bool:
        if provider.models:
            return _listed(provider, model) is not None
        return self._offers(provider.name, model)

    def _unknown(self, asked: str, why: str) -> UnknownModel:
        names = [f"{p.name}/{m}" for p in self._providers.values() for m in (p.models or self._known(p.name))]
        bare = _bare(asked)
        near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
        if not near:
            close = difflib.get_close_matches(bare, [_bare(n) for n in names], n=3, cutoff=0.5)
            near = [n for n in names if _bare(n) in close][:3]
        text = f"model `{asked[:200]}` is not served here"
        text += f": {why}" if why else ""
        if near and not why:
            text += f". Did you mean {', '.join(f'`{n}`' for n in near)}?"
        return UnknownModel(text, param="model", near=near)


def _plain(name: str) -> str:
    return name.replace(".", "-")


def _listed(provider: Provider, model: str) -> str | None:
    """The provider's own spelling of `model`: exact, else the one name equal after dots and dashes are made alike."""
    if model in provider.models:
        return model
    same = [m for m in provider.models if _plain(m) == _plain(model)]
    return same[0] if len(same) == 1 else None


def _bare(name: str) -> str:
    return name.rsplit("/", 1)[-1]

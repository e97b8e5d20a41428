"""From a checked file to a Policy: providers with their credentials, resolver, keys. A failed build changes nothing."""

import contextlib
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from gateway import _native
from gateway.base.config import (
    ConfigError,
    GatewayConfig,
    Loaded,
    ProviderConfig,
    blocks_of,
    check_cascades,
    check_models,
    rates_of,
    session_rules_of,
    windows_of,
)
from gateway.base.core.accounts import Accounts
from gateway.base.core.errors import GatewayError, UnknownModel, UnpricedModel, Unsupported
from gateway.base.core.plan import Deployment, Provider, Signer, provider_called
from gateway.base.core.price import Price, cost_nusd
from gateway.base.core.principal import Grant
from gateway.base.core.route import Block
from gateway.base.core.struct import Record
from gateway.base.core.usage import Usage
from gateway.dataplane.identity import Identity
from gateway.dataplane.providers import (
    Catalog,
    ProviderSpec,
    amz_date,
    aws_credentials,
    aws_region,
    known_providers,
    load_catalog,
    provider_named,
    resource_base,
    sign,
)
from gateway.dataplane.routing import Planner, Resolver, Rules
from gateway.dataplane.wire import CODECS, DIALECTS

_NO_KEY = "none"
_ANY_DIALECT = "openai.chat"
_QUEUE_REQUESTS = 100
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")
CLIENT_KEY = "client"
"""`api_key: client` lets a ChatGPT-login Codex's own bearer pass to this provider, and nothing of ours."""


class Way(Record, frozen=True):
    """A routing block with its compiled rules."""

    block: Block
    rules: Rules


class Policy:
    """One version of everything that decides: immutable; a request pins the one it began with."""

    __slots__ = (
        "accounts",
        "candidates",
        "catalog",
        "config",
        "identity",
        "limits",
        "planner",
        "price_version",
        "providers",
        "queue_ms",
        "queue_requests",
        "rates",
        "resolver",
        "sealer",
        "sessions",
        "timeouts",
        "version",
        "ways",
    )

    def __init__(self, loaded: Loaded, catalog: Catalog, providers: Mapping[str, Provider], identity: Identity) -> None:
        config = loaded.config
        self.config = config
        self.version = loaded.version
        self.limits = config.server.limits
        self.timeouts = config.server.timeouts
        self.catalog = catalog
        self.price_version = catalog.version
        self.providers = providers
        self.identity = identity
        unpriced = tuple(config.models.unpriced.allow)
        self.resolver = Resolver(
            providers,
            config.models.aliases,
            offers=catalog.offers,
            price=catalog.price,
            is_unpriced_allowed=lambda name: any(fnmatchcase(name, pattern) for pattern in unpriced),
            known=catalog.models,
            translates=frozenset(CODECS),
        )
        budgets = config.budgets
        self.accounts = Accounts(windows_of(budgets, loaded.source))
        self.rates = Accounts(rates_of(budgets, loaded.source))
        self.sessions = session_rules_of(budgets, loaded.source)
        self.queue_ms = budgets.queue_ms
        self.queue_requests = budgets.queue_requests or _QUEUE_REQUESTS
        self.sealer = _native.Sealer(identity.derived_key("reasoning"))
        self.ways = {one.name: Way(one, Rules(one, loaded.source)) for one in blocks_of(config, loaded.source)}
        self.planner = Planner()
        self.candidates = frozenset(self._candidates())
        """`provider/model` of all that the blocks may use."""

    def way_of(self, grant: Grant) -> Way | None:
        """The routing block of a key: the one that it names, else `default`, if there is one."""
        return self.ways.get(grant.route) or self.ways.get("default")

    def _candidates(self) -> Iterator[str]:
        for way in self.ways.values():
            listed = (way.block.candidates, *(rule.candidates for rule in way.block.rules))
            names = [candidate.model for candidates in listed for candidate in candidates]
            for name in (*names, *([way.block.canary.model] if way.block.canary else ())):
                for dialect in CODECS:
                    with contextlib.suppress(GatewayError):
                        yield self.resolver.resolve(name, dialect).name

    def price_of_answer(self, deployment: Deployment, answered: str) -> Price | None:
        """The price of what a provider served: of the model that it says has answered, where the catalogue knows it.

        `gpt-4o` may be answered by a dated snapshot of another price. A price that the operator wrote for the deployment
        always stands.
        """
        if not answered or answered == deployment.model or deployment.name in self.config.models.prices:
            return deployment.price
        return self.catalog.price(deployment.provider.name, answered) or deployment.price

    def cost_of_answer(self, deployment: Deployment, answered: str, usage: Usage) -> int:
        """Nano-USD of `usage`, what another model took at that model's price; without a price (unpriced) it is 0."""
        price, provider = self.price_of_answer(deployment, answered), deployment.provider.name
        cost = 0 if price is None else cost_nusd(usage.own(), price)
        for other in usage.others:
            if rates := self.catalog.price(provider, other.model) or deployment.price:
                cost += cost_nusd(other, rates)
        return cost


def assemble(loaded: Loaded, identity: Identity) -> Policy:
    """Build the policy of a checked file. Raises ConfigError for what only the catalogue can tell."""
    config = loaded.config
    try:
        catalog = load_catalog(config.models.prices)
    except ValueError as exc:
        raise ConfigError(loaded.source, "$.models.prices", f"is wrong: {exc}", "write `provider/model: {…}`") from exc
    providers = {name: _provider(name, row, loaded.source) for name, row in config.providers.items()}
    _check_aliases(config, providers, loaded.source)
    policy = Policy(loaded, catalog, providers, identity)
    check_cascades(config.budgets, loaded.source, lambda name: _problem(policy.resolver, name))
    check_models(config, loaded.source, lambda name: _problem(policy.resolver, name))
    for way in policy.ways.values():
        _check_served(way.block, loaded.source)
    return policy


def _check_served(block: Block, source: str) -> None:
    """Raise ConfigError for what is planned but not yet run: better no start than a promise that is not kept."""
    place = f"$.routing.{block.name}"
    if "race" in (block.strategy, *(rule.strategy for rule in block.rules)):
        raise ConfigError(
            source, place, "has `strategy: race`, which this version does not run", "write `least-latency`"
        )
    if block.shadow is not None:
        raise ConfigError(source, f"{place}.shadow", "is not run by this version", "remove it, or use `canary`")


def _problem(resolver: Resolver, model: str) -> str | None:
    """Why a cascade or a routing block cannot name `model`; None when it can."""
    try:
        resolver.resolve(model, _ANY_DIALECT)
    except (UnknownModel, UnpricedModel) as error:
        return error.message
    except Unsupported:
        pass  # not for clients of that dialect, maybe for others
    return None


def _provider(name: str, row: ProviderConfig, source: str) -> Provider:
    path = f"$.providers.{name}"
    spec = provider_named(name)
    if spec is None and (row.dialect is None or row.base_url is None):
        near = difflib.get_close_matches(name, known_providers(), n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise ConfigError(
            source, path, "is not in the catalogue", f"{hint}A provider of your own needs `dialect` and `base_url`"
        )
    written = [row.dialect] if isinstance(row.dialect, str) else row.dialect
    dialects = tuple(d for d in written or (spec.all_dialects() if spec else ()) if d in DIALECTS)
    if not dialects:
        raise ConfigError(source, path, "speaks no dialect that this version serves", f"served: {', '.join(DIALECTS)}")
    signer = _signer(name, row, source) if spec is not None and spec.auth_scheme == "sigv4" else None
    base_url = row.base_url
    if signer is not None and base_url is None and spec is not None:
        base_url = spec.base_url_form.replace("{region}", aws_region(row.region or "", os.environ))
    if base_url is None and spec is not None and not spec.base_url:
        raise ConfigError(source, f"{path}.base_url", "is missing", f"it depends on your account: {spec.base_url_form}")
    if row.base_url is not None and not row.base_url.startswith(("http://", "https://")):
        raise ConfigError(source, f"{path}.base_url", f"is {row.base_url!r}", "begin it with http:// or https://")
    if row.ca_file and not os.access(row.ca_file, os.R_OK):
        raise ConfigError(source, f"{path}.ca_file", f"is {row.ca_file!r}, which cannot be read")
    for header, value in row.headers.items():
        if not _HEADER_NAME.fullmatch(header) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(source, f"{path}.headers.{header}", "is not a header that HTTP allows")
    bases = {d: spec.base(d, base_url or "") if spec else resource_base(base_url or "", d) for d in dialects}
    credential = () if signer is not None else _credential(name, row, spec, dialects, source)
    headers = credential + tuple((n.lower(), v) for n, v in row.headers.items())
    return Provider(name, bases, headers, tuple(row.models or ()), row.ca_file or "", row.api_key == CLIENT_KEY, signer)


def _signer(name: str, row: ProviderConfig, source: str) -> Signer | None:
    """How requests to AWS are signed; None where none is wanted (`api_key: none`)."""
    path = f"$.providers.{name}"
    if row.api_key == _NO_KEY:
        return None
    region = aws_region(row.region or "", os.environ)
    if not region:
        raise ConfigError(source, f"{path}.region", "is missing", "write `region: us-east-1`, or set AWS_REGION")
    found = aws_credentials(
        api_key=row.api_key or "",
        access_key=row.aws_access_key_id or "",
        secret_key=row.aws_secret_access_key or "",
        session_token=row.aws_session_token or "",
        env=os.environ,
        home=Path.home(),
    )
    if found is None:
        hint = (
            "write `aws_access_key_id` and `aws_secret_access_key`, or an `api_key` of Bedrock, or set AWS's variables"
        )
        raise ConfigError(source, path, "has no AWS credentials", hint)
    return lambda method, url, headers, body, now_s: sign(method, url, headers, body, found, region, amz_date(now_s))


def _credential(
    name: str, row: ProviderConfig, spec: ProviderSpec | None, dialects: tuple[str, ...], source: str
) -> tuple[tuple[str, str], ...]:
    key = row.api_key
    if key in (_NO_KEY, CLIENT_KEY):
        return ()
    scheme = spec.auth_scheme if spec else _usual_scheme(dialects[0])
    if scheme == "none" and key is None:
        return ()
    if not key:
        hint = "set `api_key`, or `api_key: none` when the provider wants none"
        raise ConfigError(source, f"$.providers.{name}.api_key", "is missing", hint)
    if any(c in key for c in "\r\n\0"):
        raise ConfigError(
            source, f"$.providers.{name}.api_key", "holds a line break", "check the variable it comes from"
        )
    header = spec.auth_header.lower() if spec and spec.auth_header else _USUAL_HEADER.get(dialects[0], "authorization")
    if header == "authorization":
        return (("authorization", f"Bearer {key}"),)
    return ((header, key),)


_USUAL_HEADER = {"anthropic.messages": "x-api-key", "gemini.generate": "x-goog-api-key"}


def _usual_scheme(dialect: str) -> str:
    return "header" if dialect in _USUAL_HEADER else "bearer"


def _check_aliases(config: GatewayConfig, providers: Mapping[str, Provider], source: str) -> None:
    for alias, target in config.models.aliases.items():
        prefix, slash, _ = target.partition("/")
        if not slash:
            raise ConfigError(source, f"$.models.aliases.{alias}", f"is {target!r}", "write `provider/model`")
        if provider_called(prefix, providers) is None:
            raise ConfigError(
                source, f"$.models.aliases.{alias}", f"names provider {prefix!r}, which is not configured",
                f"configured: {', '.join(providers) or 'none'}",
            )  # fmt: skip

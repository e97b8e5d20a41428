"""From a checked file to a Policy: providers with their credentials, resolver, keys. A failed build changes nothing."""

import contextlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from gateway import _native
from gateway.base.config import (
    ConfigError,
    GatewayConfig,
    Loaded,
    blocks_of,
    check_cascades,
    check_models,
    rates_of,
    session_rules_of,
    windows_of,
)
from gateway.base.core.accounts import Accounts
from gateway.base.core.errors import GatewayError, UnknownModel, UnpricedModel, Unsupported
from gateway.base.core.plan import Deployment, Provider, provider_called
from gateway.base.core.price import Price, cost_nusd
from gateway.base.core.principal import Grant
from gateway.base.core.route import Block
from gateway.base.core.struct import Record
from gateway.base.core.usage import Usage
from gateway.dataplane.flow.deployments import providers_of
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.identity import Identity
from gateway.dataplane.providers import Catalog, load_catalog
from gateway.dataplane.routing import Planner, Resolver, Rules
from gateway.dataplane.wire import CODECS

_ANY_DIALECT = "openai.chat"
_QUEUE_REQUESTS = 100

_ONE_MODEL = Block(
    name="", strategy="failover", candidates=(), tries_requested_first=True, is_sticky=False, hedge_ms=0, attempts=3, retries=1,
)  # fmt: skip


class Way(Record, frozen=True):
    """A routing block with its compiled rules. `lacks`: of `tools` and `images` what any of its models certainly does not take."""

    block: Block
    rules: Rules
    lacks: frozenset[str] = frozenset()


class Policy:
    """One version of everything that decides: immutable; a request pins the one it began with."""

    __slots__ = (
        "accounts",
        "candidates",
        "catalog",
        "config",
        "guard",
        "identity",
        "is_planned",
        "limits",
        "one_model",
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
        guarded = config.guardrails
        key = identity.derived_key("guard")
        self.guard = Guard(guarded, loaded.source, key, config.server.data_dir) if guarded.enabled else None
        """None where the guardrails are off by name."""
        self.ways = {one.name: self._way(one, loaded.source) for one in blocks_of(config, loaded.source)}
        self.one_model = Way(_ONE_MODEL, Rules(_ONE_MODEL, loaded.source))
        """For a model whose provider has several deployments, where no block is."""
        self.is_planned = bool(self.ways) or any(one.accounts for one in providers.values())
        self.planner = Planner(self.lacks)
        self.candidates = frozenset(found.name for way in self.ways.values() for found in self._named_by(way.block))
        """`provider/model` of all that the blocks may use."""

    def way_of(self, grant: Grant) -> Way | None:
        """The routing block of a key: the one that it names, else `default`, if there is one."""
        return self.ways.get(grant.route) or self.ways.get("default")

    def lacks(self, found: Deployment) -> frozenset[str]:
        """Of `tools` and `images` what a deployment certainly does not take."""
        return self.catalog.facts.lacks(found.provider.name, found.model)

    def _way(self, block: Block, source: str) -> Way:
        lacks = frozenset(feature for found in self._named_by(block) for feature in self.lacks(found))
        return Way(block, Rules(block, source), lacks)

    def _named_by(self, block: Block) -> Iterator[Deployment]:
        listed = (block.candidates, *(rule.candidates for rule in block.rules))
        names = [candidate.model for candidates in listed for candidate in candidates]
        for name in (*names, *([block.canary.model] if block.canary else ())):
            for dialect in CODECS:
                with contextlib.suppress(GatewayError):
                    yield self.resolver.resolve(name, dialect)

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
    providers = providers_of(config.providers, loaded.source)
    _check_aliases(config, providers, loaded.source)
    policy = Policy(loaded, catalog, providers, identity)
    check_cascades(config.budgets, loaded.source, lambda name: _problem(policy.resolver, name))
    check_models(config, loaded.source, lambda name: _problem(policy.resolver, name))
    return policy


def _problem(resolver: Resolver, model: str) -> str | None:
    """Why a cascade or a routing block cannot name `model`; None when it can."""
    try:
        resolver.resolve(model, _ANY_DIALECT)
    except (UnknownModel, UnpricedModel) as error:
        return error.message
    except Unsupported:
        pass  # not for clients of that dialect, maybe for others
    return None


def _check_aliases(config: GatewayConfig, providers: Mapping[str, Provider], source: str) -> None:
    """An alias stands for a model, never for another alias: so a name is looked up once, and there are no cycles."""
    aliases = config.models.aliases
    for alias, target in aliases.items():
        prefix, slash, _ = target.partition("/")
        if target in aliases:
            hint = f"write `provider/model`: an alias stands for a model; `{target}` stands for `{aliases[target]}`"
            raise ConfigError(source, f"$.models.aliases.{alias}", f"is {target!r}, which is an alias", hint)
        if not slash:
            raise ConfigError(source, f"$.models.aliases.{alias}", f"is {target!r}", "write `provider/model`")
        if provider_called(prefix, providers) is None:
            raise ConfigError(
                source, f"$.models.aliases.{alias}", f"names provider {prefix!r}, which is not configured",
                f"configured: {', '.join(providers) or 'none'}",
            )  # fmt: skip

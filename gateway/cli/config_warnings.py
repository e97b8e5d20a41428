"""What a good configuration says that cannot have been meant: `agentcc check` prints it, `agentcc serve` logs it."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from time import time

from gateway.base.config import ConfigWarning, Loaded, models_of_blocks, models_of_cascades, unused_blocks
from gateway.base.core.errors import GatewayError
from gateway.base.core.plan import Deployment
from gateway.base.telemetry.log import log
from gateway.dataplane.flow import Policy, ending
from gateway.dataplane.wire import CODECS

_SOON = timedelta(days=60)


def warnings_of(loaded: Loaded, policy: Policy) -> Iterator[ConfigWarning]:
    """Providers whose credentials end, then blocks that no key names, then rules that never or always match, then models that retire within 60 days."""
    yield from ending(policy.providers, loaded.source, int(time()))
    yield from unused_blocks(loaded.config, loaded.source)
    for way in policy.ways.values():
        yield from way.rules.warnings()
    yield from retirements(loaded, policy, datetime.now(UTC).date())


def retirements(loaded: Loaded, policy: Policy, today: date) -> Iterator[ConfigWarning]:
    """A warning for each alias, candidate and cheaper model that retires within 60 days of `today`, or has."""
    facts, until = policy.catalog.facts, today + _SOON
    for name, path in _models(loaded):
        found = _deployment(policy, name)
        if found is None:
            continue
        provider, model = found.provider.name, found.model
        end = facts.retires(provider, model)
        if end is None or end > until:
            continue
        newer = facts.newer(provider, model, policy.catalog.models(provider), until)
        verb = "retires" if end > today else "retired"
        hint = f"write `{provider}/{newer}`, which is newer" if newer else "name a model that stays"
        yield ConfigWarning(loaded.source, path, f"is {name!r}, which {verb} on {end.isoformat()}", hint)


def log_warnings(loaded: Loaded, policy: Policy) -> None:
    """One line each."""
    for warning in warnings_of(loaded, policy):
        log("warning", "config_warning", path=warning.path, problem=warning.problem, hint=warning.hint)


def _deployment(policy: Policy, name: str) -> Deployment | None:
    for dialect in CODECS:
        with suppress(GatewayError):  # not for clients of that dialect, or without a price: somebody else's problem
            return policy.resolver.resolve(name, dialect)
    return None


def _models(loaded: Loaded) -> Iterator[tuple[str, str]]:
    config, source = loaded.config, loaded.source
    for alias, target in config.models.aliases.items():
        yield target, f"$.models.aliases.{alias}"
    for name, place in (*models_of_blocks(config, source), *models_of_cascades(config.budgets, source)):
        if name not in config.models.aliases:
            yield name, place.path

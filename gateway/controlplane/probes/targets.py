"""Whom a configuration wants probed, and which breakers that concerns."""

from collections.abc import Iterator

from gateway.base.config import Loaded, blocks_of
from gateway.base.core.plan import canonical, deployment
from gateway.controlplane.probes.probes import Target
from gateway.dataplane.flow import providers_of
from gateway.dataplane.providers import load_catalog


def targets_of(loaded: Loaded) -> Iterator[Target]:
    """One for each credential of the providers with a `probe`. Raises ConfigError.

    Breakers are found by name: those of the models that the catalogue, the provider's `models` or a routing block names.
    """
    config = loaded.config
    rows = {name: row.probe for name, row in config.providers.items() if row.probe is not None}
    if not rows:
        return
    catalog, providers, named = (
        load_catalog(config.models.prices),
        providers_of(config.providers, loaded.source),
        set(_named(loaded)),
    )
    for name, probe in rows.items():
        provider = providers[name]
        used = {model for owner, model in named if canonical(owner) == canonical(name)}
        models = used | set(catalog.models(name)) | set(provider.models)
        found = {model: deployment(provider, model, None, "") for model in models}
        for one in provider.accounts or (provider,):
            ids = {
                model: own.id
                for model, whole in found.items()
                for own in whole.accounts or (whole,)
                if own.provider is one
            }
            yield Target(one, probe, ids.values(), (ids[model] for model in used & ids.keys()))


def _named(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """(provider, model) of every candidate."""
    aliases = loaded.config.models.aliases
    for block in blocks_of(loaded.config, loaded.source):
        for candidates in (block.candidates, *(rule.candidates for rule in block.rules)):
            for candidate in candidates:
                owner, _, model = aliases.get(candidate.model, candidate.model).partition("/")
                yield owner, model

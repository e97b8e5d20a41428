"""From `providers` to Providers: those with one credential, and those with `deployments`. docs/concepts/deployments.md."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from math import isfinite

from msgspec.structs import replace

from gateway.base.config import ConfigWarning, DeploymentConfig, Place, ProviderConfig, time_ms
from gateway.base.core.plan import Account, Provider, has_model
from gateway.base.core.rate import Rate, RateKind
from gateway.dataplane.flow.provider_rows import CLIENT_KEY, provider_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_OWN_ONLY = ("api_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")
"""Fields of a provider with one credential: beside `deployments` nobody would know which of them they are for."""
_SHARED = ("base_url", "region", "ca_file")
_KINDS: tuple[tuple[str, RateKind], ...] = (("rpm", "requests"), ("tpm", "tokens"), ("concurrency", "concurrency"))
WARNED_S = 7 * 86_400


def providers_of(rows: Mapping[str, ProviderConfig], source: str) -> dict[str, Provider]:
    """Every provider by its name. Raises ConfigError."""
    place = Place(source, "$.providers")
    return {
        name: provider_of(name, row, place.at(name)) if row.deployments is None else _several(name, row, place.at(name))
        for name, row in rows.items()
    }


def _several(name: str, row: ProviderConfig, place: Place) -> Provider:
    listed = place.at("deployments")
    if not row.deployments:
        raise listed.error("is empty", "name at least one deployment, or write `api_key` in its place")
    for field in _OWN_ONLY:
        if getattr(row, field) is not None:
            raise place.at(field).error("stands beside `deployments`", "move it into the deployment that it is for")
    found: dict[str, Place] = {}
    accounts = []
    for i, own in enumerate(row.deployments):
        where = listed.entry(i)
        if not _NAME.fullmatch(own.name):
            raise where.at("name").error(f"is {own.name!r}", "write letters, digits, `-`, `_` and `.`, such as `eu-1`")
        if first := found.get(own.name):
            raise where.at("name").error(f"is {own.name!r}, as `{first.path}` is called", "give each its own name")
        found[own.name] = where
        accounts.append(_one(name, row, own, where))
    for model in row.models or ():
        if not any(one.account and has_model(one.account, model) for one in accounts):
            raise place.at("models").error(f"names {model!r}, which no deployment has", "add it to the `models` of one")
    return replace(accounts[0], headers=(), sign=None, ca_file="", account=None, accounts=tuple(accounts))


def _one(name: str, row: ProviderConfig, own: DeploymentConfig, place: Place) -> Provider:
    if own.api_key == CLIENT_KEY:
        hint = "write the provider that takes the client's login as one of its own, without `deployments`"
        raise place.at("api_key").error("is `client`", hint)
    if own.models is not None and not own.models:
        raise place.at("models").error("is empty", "name a model or a pattern such as `gpt-5*`, or remove it")
    for i, pattern in enumerate(own.models or ()):
        if row.models and not any(fnmatchcase(model, pattern) for model in row.models):
            hint = f"the provider's models: {', '.join(row.models)}"
            raise place.at("models").entry(i).error(f"is {pattern!r}, which matches no model of the provider", hint)
    weight = 1.0 if own.weight is None else own.weight
    if not (isfinite(weight) and weight > 0):
        raise place.at("weight").error(
            f"is {weight:g}", "write a number above 0, such as 2; to use it never, remove it"
        )
    opens_s = _second(own.opens, place.at("from"))
    ends_s = _second(own.until, place.at("until"))
    if ends_s and ends_s <= opens_s:
        raise place.at("until").error(f"is {own.until!r}, not after `from` ({own.opens!r})", "write a later time")
    shared = {field: getattr(own, field) or getattr(row, field) for field in _SHARED}
    merged = replace(
        row,
        deployments=None,
        headers={**row.headers, **own.headers},
        **shared,
        **{field: getattr(own, field) for field in _OWN_ONLY},
    )
    provider = provider_of(name, merged, place)
    account = Account(own.name, weight, tuple(own.models or ()), _quota(f"{name}@{own.name}", own), opens_s, ends_s)
    return replace(provider, account=account)


def _quota(scope: str, own: DeploymentConfig) -> tuple[Rate, ...]:
    """What is sent there at most, as rate limits of the whole organisation; a minute's worth may come at once."""
    return tuple(
        Rate("org", "", scope, kind, amount, 0 if kind == "concurrency" else amount)
        for field, kind in _KINDS
        if (amount := getattr(own, field)) is not None
    )


def _second(text: str | None, place: Place) -> int:
    return 0 if text is None else time_ms(text, place) // 1000


def ending(providers: Mapping[str, Provider], source: str, now_s: int) -> Iterator[ConfigWarning]:
    """A warning for each provider whose last deployment ends within a week, or has ended: then nobody can be asked."""
    for name, provider in providers.items():
        ends = [one.account.ends_s for one in provider.accounts if one.account is not None]
        if not ends or not all(ends) or max(ends) - WARNED_S > now_s:
            continue
        last = f"{datetime.fromtimestamp(max(ends), UTC):%Y-%m-%dT%H:%M:%SZ}"
        problem = f"have all ended, the last one at {last}" if max(ends) <= now_s else f"all end by {last}"
        yield ConfigWarning(
            source, f"$.providers.{name}.deployments", problem, "add a deployment with a new credential"
        )

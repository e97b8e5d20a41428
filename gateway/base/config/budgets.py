"""From `budgets:` to windows, with the checks that types cannot make.

A limit inherits what it does not say: from its account, from `budgets`, at last from `_DEFAULT`. Amounts are decimals, never
floats. The whole section is checked even where it is switched off.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from msgspec.structs import replace

from gateway.base.config.schema.budgets import (
    AccountConfig,
    BudgetsConfig,
    CapConfig,
    DowngradeConfig,
    RaiseConfig,
)
from gateway.base.config.value import MAX_USD, Place, nusd, shown, threshold, time_ms, zone_name
from gateway.base.core.budget import UNLIMITED, Downgrade, Level, PeriodKind, Raise, Window
from gateway.base.core.model_pattern import normal
from gateway.base.core.money import NANO
from gateway.base.core.struct import Record

_PATTERN = re.compile(r"[A-Za-z0-9@~_.:/+\- *]+")
"""What names of models are made of (routing/resolve.py), and `*`; no `|`, which parts the names of buckets."""


class _Terms(Record, frozen=True):
    """What a limit inherits."""

    period: PeriodKind
    zone: str
    is_hard: bool
    warn: float
    downgrade: float
    pause: float
    cascade: Downgrade
    alert_to: tuple[str, ...]


_DEFAULT = _Terms("monthly", "UTC", False, 0.8, 0.95, 1.1, Downgrade(10_000, ()), ())


def windows_of(config: BudgetsConfig, source: str) -> tuple[Window, ...]:
    """The windows of a `budgets` section, none where it is not enabled. Raises ConfigError."""
    place = Place(source, "$.budgets")
    terms = replace(_DEFAULT, period=config.default_period, zone=zone_name(config.time_zone, place.at("time_zone")))
    terms = _with_stages(terms, config, place)
    windows = [
        window
        for level, account_id, account, where in _accounts(config, place)
        for window in _windows(level, account_id, account, terms, where)
    ]
    return tuple(windows) if config.enabled else ()


def check_cascades(config: BudgetsConfig, source: str, known: Callable[[str], str | None]) -> None:
    """Raise ConfigError for the first model of a cascade with which `known` has a problem."""
    place = Place(source, "$.budgets")
    sections: list[tuple[DowngradeConfig, Place]] = [(config.downgrade, place)]
    for _, _, account, where in _accounts(config, place):
        sections.append((account.downgrade, where))
        sections += [(cap.downgrade, inner) for _, cap, inner in _parts(account, where)]
    for downgrade, where in sections:
        for i, name in enumerate(downgrade.cascade or ()):
            if problem := known(name):
                hint = "write `provider/model` or an alias, as a request would"
                raise where.at(f"downgrade.cascade[{i}]").error(f"is {name!r}: {problem}", hint)


def _accounts(config: BudgetsConfig, place: Place) -> Iterator[tuple[Level, str, AccountConfig, Place]]:
    if config.org is not None:
        yield "org", "", config.org, place.at("org")
    listed: tuple[tuple[Level, str, dict[str, AccountConfig]], ...] = (
        ("team", "teams", config.teams),
        ("user", "users", config.users),
        ("key", "keys", config.keys),
        ("tag", "tags", config.tags),
    )
    for level, section, accounts in listed:
        for account_id, account in accounts.items():
            where = place.at(section).at(account_id)
            _check_id(level, account_id, where)
            yield level, account_id, account, where


def _parts(account: AccountConfig, place: Place) -> Iterator[tuple[str, CapConfig, Place]]:
    """(pattern of models, limit, place) of what an account holds beside its own limit."""
    for i, cap in enumerate(account.windows):
        yield "", cap, place.at(f"windows[{i}]")
    for pattern, cap in account.models.items():
        where = place.at("models").at(pattern)
        if not _PATTERN.fullmatch(pattern):
            hint = "write `provider/model` or a model; `*` is the wildcard"
            raise where.error("is not what the name of a model can match", hint)
        yield pattern, cap, where


def _check_id(level: Level, account_id: str, place: Place) -> None:
    if not account_id:
        raise place.error("is an account without a name", "write one, or `*` for all that are not listed")
    if account_id == "*":
        return
    named = account_id
    if level == "tag":
        name, equals, value = account_id.partition("=")
        if not name or not equals:
            raise place.error("is no tag", "write `name=value`, such as `repo=payments`")
        named = name if value == "*" else account_id
    if "*" in named:
        hint = "`*` alone stands for all that are not listed" + (", `name=*` for those of one tag" * (level == "tag"))
        raise place.error("is a pattern, which no account's name can be", hint)


# === one account ===


def _windows(level: Level, account_id: str, account: AccountConfig, above: _Terms, place: Place) -> list[Window]:
    terms = _inherit(above, account, place)
    caps: list[tuple[str, CapConfig, _Terms, Place]] = [] if account.limit is None else [("", account, terms, place)]
    caps += [(pattern, cap, _inherit(terms, cap, inner), inner) for pattern, cap, inner in _parts(account, place)]
    if not caps:
        raise place.error("has no limit", "write `limit`, `windows` or `models`")
    if account.limit is None and (account.rollover or account.raises):
        name = "rollover" if account.rollover else "raises"
        raise place.at(name).error("has no `limit` beside it", "write it where the limit is")
    found: dict[str, Place] = {}
    windows = []
    for pattern, cap, inherited, where in caps:
        window = _window(level, account_id, pattern, cap, inherited, where)
        if first := found.get(window.name):
            raise where.error(
                f"limits the same as `{first.path}`: the same models, period ({window.period}) and time zone",
                "keep one of them; for a limit that is refused softly first, see `stages`",
            )
        found[window.name] = where
        windows.append(window)
    return windows


def _inherit(above: _Terms, own: CapConfig, place: Place) -> _Terms:
    is_hard = above.is_hard if own.hard is None else own.hard
    if is_hard and own.stages.pause is not None:
        hint = "remove one of the two: a soft limit pauses, a hard one never goes over"
        raise place.at("stages.pause").error("contradicts `hard: true`, which refuses at 1.0", hint)
    terms = replace(
        above,
        period=own.period or above.period,
        zone=above.zone if own.time_zone is None else zone_name(own.time_zone, place.at("time_zone")),
        is_hard=is_hard,
        alert_to=above.alert_to if own.alert_to is None else tuple(own.alert_to),
    )
    return _with_stages(terms, own, place)


def _with_stages(terms: _Terms, own: CapConfig | BudgetsConfig, place: Place) -> _Terms:
    """`terms` with the thresholds and the downgrade that `own` states. Raises ConfigError where thresholds do not rise."""
    stages = place.at("stages")
    warn = threshold(own.stages.warn, terms.warn, stages.at("warn"))
    if own.warn_threshold is not None:
        alias = threshold(own.warn_threshold, warn, place.at("warn_threshold"))
        if own.stages.warn is not None and alias != warn:
            problem = f"is {shown(alias)}, but `stages.warn` is {shown(warn)}"
            raise place.at("warn_threshold").error(problem, "they are one setting: write one of them")
        warn = alias
    downgrade = threshold(own.stages.downgrade, terms.downgrade, stages.at("downgrade"))
    pause = threshold(own.stages.pause, terms.pause, stages.at("pause"))
    steps = [
        ("warn", warn),
        ("downgrade", downgrade),
        ("refuse" if terms.is_hard else "pause", 1.0 if terms.is_hard else pause),
    ]
    steps = [step for step in steps if step[1] != UNLIMITED]
    for (first, low), (second, high) in pairwise(steps):
        if low > high:
            hint = "stages come in the order warn, downgrade, pause; those not written here are inherited (at last 0.8, 0.95, 1.1)"
            raise place.error(f"would {first} at {low:g}, after it would {second} at {high:g}", hint)
    cascade = _downgrade(terms.cascade, own.downgrade, place.at("downgrade"))
    return replace(terms, warn=warn, downgrade=downgrade, pause=pause, cascade=cascade)


def _downgrade(above: Downgrade, own: DowngradeConfig, place: Place) -> Downgrade:
    for i, name in enumerate(own.cascade or ()):
        if "*" in name:
            raise place.at(f"cascade[{i}]").error(f"is {name!r}, a pattern", "name one model")
    return Downgrade(
        above.max_input_tokens if own.max_input_tokens is None else own.max_input_tokens,
        above.cascade if own.cascade is None else tuple(own.cascade),
    )


# === one limit ===


def _window(level: Level, account_id: str, pattern: str, cap: CapConfig, terms: _Terms, place: Place) -> Window:
    if cap.limit is None:
        raise place.at("limit").error("is missing", "write the cap in US dollars")
    limit = nusd(cap.limit, place.at("limit"))
    raises = tuple(_raise(one, place.at(f"raises[{i}]")) for i, one in enumerate(cap.raises))
    if limit + sum(one.amount_nusd for one in raises) > MAX_USD * NANO:
        raise place.at("raises").error(f"lift the limit past {MAX_USD:,} USD", "write smaller ones")
    rollover = 0
    if cap.rollover:
        if terms.period == "total":
            raise place.at("rollover").error("contradicts `period: total`, which never ends", "remove one of the two")
        rollover = limit if cap.rollover is True else nusd(cap.rollover.max, place.at("rollover.max"))
    return Window(
        level=level,
        id=account_id,
        models=normal(pattern),
        period=terms.period,
        zone=terms.zone,
        limit_nusd=limit,
        is_hard=terms.is_hard,
        warn=terms.warn,
        downgrade=terms.downgrade,
        pause=1.0 if terms.is_hard else terms.pause,
        cascade=terms.cascade,
        rollover_nusd=rollover,
        raises=raises,
        alert_to=terms.alert_to,
    )


def _raise(own: RaiseConfig, place: Place) -> Raise:
    from_ms = 0 if own.from_ is None else time_ms(own.from_, place.at("from"))
    until_ms = time_ms(own.until, place.at("until"))
    if until_ms <= from_ms:
        raise place.at("until").error(
            f"is {own.until!r}, which is not after its beginning", "let it end later than `from`"
        )
    return Raise(nusd(own.amount, place.at("amount")), from_ms, until_ms)

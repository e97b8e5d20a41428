"""From `budgets:` to windows, with the checks that types cannot make.

A limit inherits what it does not say: from its account, from `budgets`, at last from `_DEFAULT`. Amounts are decimals, never
floats. The whole section is checked even where it is switched off.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from msgspec.structs import fields, replace

from gateway.base.config.accounts import accounts_of, check_pattern
from gateway.base.config.rates import has_rates
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
_BARE = CapConfig()
_TERMS = tuple(field.name for field in fields(CapConfig))
_OF_ONE_LIMIT = ("rollover", "raises")
"""Terms that no limit inherits."""


def windows_of(config: BudgetsConfig, source: str) -> tuple[Window, ...]:
    """The windows of a `budgets` section, none where it is not enabled. Raises ConfigError."""
    place = Place(source, "$.budgets")
    terms = replace(_DEFAULT, period=config.default_period, zone=zone_name(config.time_zone, place.at("time_zone")))
    terms = _with_stages(terms, config, place)
    windows = [
        window
        for level, account_id, account, where in accounts_of(config, place)
        for window in _windows(level, account_id, account, terms, where)
    ]
    return tuple(windows) if config.enabled else ()


def check_cascades(config: BudgetsConfig, source: str, known: Callable[[str], str | None]) -> None:
    """Raise ConfigError for the first model of a cascade with which `known` has a problem."""
    for model, where in models_of_cascades(config, source):
        if problem := known(model):
            raise where.error(f"is {model!r}: {problem}", "write `provider/model` or an alias, as a request would")


def models_of_cascades(config: BudgetsConfig, source: str) -> Iterator[tuple[str, Place]]:
    """Every model that a cascade names, as it is written, and where."""
    place = Place(source, "$.budgets")
    sections: list[tuple[DowngradeConfig, Place]] = [(config.downgrade, place)]
    for _, _, account, where in accounts_of(config, place):
        sections.append((account.downgrade, where))
        sections += [(cap.downgrade, inner) for _, cap, inner in _parts(account, where)]
    for downgrade, where in sections:
        for i, name in enumerate(downgrade.cascade or ()):
            yield name, where.at(f"downgrade.cascade[{i}]")


def _parts(account: AccountConfig, place: Place) -> Iterator[tuple[str, CapConfig, Place]]:
    """(pattern of models, limit, place) of what an account holds beside its own limit."""
    for i, cap in enumerate(account.windows):
        yield "", cap, place.at(f"windows[{i}]")
    for pattern, cap in account.models.items():
        where = place.at("models").at(pattern)
        check_pattern(pattern, where)
        yield pattern, cap, where


# === one account ===


def _windows(level: Level, account_id: str, account: AccountConfig, above: _Terms, place: Place) -> list[Window]:
    terms = _inherit(above, account, place)
    caps: list[tuple[str, CapConfig, _Terms, Place]] = [] if account.limit is None else [("", account, terms, place)]
    for pattern, cap, inner in _parts(account, place):
        if cap.limit is None and has_rates(cap):
            _check_bare(cap, _TERMS, inner)
        else:
            caps.append((pattern, cap, _inherit(terms, cap, inner), inner))
    if not caps and not any(map(has_rates, (account, *account.models.values()))):
        raise place.error("has no limit", "write `limit`, a rate such as `rpm`, `windows` or `models`")
    if account.limit is None:
        _check_bare(account, _OF_ONE_LIMIT if caps else _TERMS, place)
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


def _check_bare(own: CapConfig, names: tuple[str, ...], place: Place) -> None:
    """Raise ConfigError for one of the terms `names` of a limit, where there is no limit that it could be of."""
    for name in names:
        if getattr(own, name) != getattr(_BARE, name):
            raise place.at(name).error("has no `limit` beside it", "write it where the limit is")


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
        raise place.at("limit").error(
            "is missing", "write the cap in US dollars" + ", or a rate such as `rpm`" * bool(pattern)
        )
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

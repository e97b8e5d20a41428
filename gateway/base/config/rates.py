"""From `budgets:` to rates, with the checks that types cannot make. Like the windows: checked even where it is switched off."""

from fractions import Fraction
from math import ceil

from gateway.base.config.accounts import accounts_of, check_pattern
from gateway.base.config.schema.budgets import AccountConfig, BudgetsConfig, CapConfig, RatedConfig
from gateway.base.config.value import Place
from gateway.base.core.budget import Level
from gateway.base.core.model_pattern import normal
from gateway.base.core.rate import Rate, RateKind, limiter_name

_KINDS: tuple[tuple[str, RateKind], ...] = (
    ("rpm", "requests"),
    ("tpm", "tokens"),
    ("input_tpm", "input_tokens"),
    ("output_tpm", "output_tokens"),
    ("concurrency", "concurrency"),
)
_BURST_S = 60.0


def rates_of(config: BudgetsConfig, source: str) -> tuple[Rate, ...]:
    """The rate limits of a `budgets` section, none where it is not enabled. Raises ConfigError."""
    place = Place(source, "$.budgets")
    burst_s = _BURST_S if config.burst_s is None else config.burst_s
    rates = [
        rate
        for level, account_id, account, where in accounts_of(config, place)
        for rate in _of_account(level, account_id, account, burst_s, where)
    ]
    _check_burst(config.burst_s, rates, place)
    if config.queue_requests is not None and not config.queue_ms:
        problem = f"is {config.queue_requests}, but has no effect: `queue_ms` is 0, so nothing waits"
        raise place.at("queue_requests").error(problem, "write how long, such as `queue_ms: 5000`, or remove it")
    return tuple(rates) if config.enabled else ()


def has_rates(own: CapConfig) -> bool:
    """Whether rates are written here."""
    return isinstance(own, RatedConfig) and any(getattr(own, name) is not None for name, _ in _KINDS)


def _of_account(level: Level, account_id: str, account: AccountConfig, above_s: float, place: Place) -> list[Rate]:
    burst_s = above_s if account.burst_s is None else account.burst_s
    rates = _rates(level, account_id, "", account, burst_s)
    found: dict[str, Place] = {}
    for pattern, own in account.models.items():
        where = place.at("models").at(pattern)
        check_pattern(pattern, where)
        of_models = _rates(level, account_id, normal(pattern), own, burst_s if own.burst_s is None else own.burst_s)
        _check_burst(own.burst_s, of_models, where)
        for rate in of_models:
            if first := found.get(name := limiter_name(rate, account_id)):
                raise where.error(f"limits the {rate.kind} of the same models as `{first.path}`", "keep one of them")
            found[name] = where
        rates += of_models
    _check_burst(account.burst_s, rates, place)
    return rates


def _rates(level: Level, account_id: str, models: str, own: RatedConfig, burst_s: float) -> list[Rate]:
    written = [(kind, getattr(own, name)) for name, kind in _KINDS]
    return [
        Rate(level, account_id, models, kind, amount, 0 if kind == "concurrency" else _burst(amount, burst_s))
        for kind, amount in written
        if amount is not None
    ]


def _burst(amount: int, burst_s: float) -> int:
    """What flows in `burst_s`, rounded up; exact, for 0.6 s of 100 a minute is 1 and not 2."""
    return ceil(amount * Fraction(repr(burst_s)) / 60)


def _check_burst(written_s: float | None, rates: list[Rate], place: Place) -> None:
    if written_s is not None and all(rate.kind == "concurrency" for rate in rates):
        hint = "write it beside `rpm`, `tpm`, `input_tpm` or `output_tpm`, or remove it"
        raise place.at("burst_s").error(
            f"is {written_s:g}, but has no effect: no requests or tokens a minute are limited here", hint
        )

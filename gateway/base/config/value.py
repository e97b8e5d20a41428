"""What a value of the file means where its type alone does not tell: money, thresholds, time zones, times."""

import difflib
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import available_timezones

from gateway.base.config.error import ConfigError
from gateway.base.config.schema.budgets import Threshold, Usd
from gateway.base.core.budget import UNLIMITED
from gateway.base.core.money import NANO
from gateway.base.core.period import moment_ms
from gateway.base.core.struct import Record

MAX_USD = 1_000_000_000
"""Of a limit with its raises, and of a rollover: sums of nano-USD stay far within 64 bits."""
_MAX_THRESHOLD = 10
"""What is larger was meant in percent."""
_EXACT_DIGITS = 15
"""So many digits a YAML number, a 64-bit float, always keeps."""


class Place(Record, frozen=True):
    """Where in the file we are."""

    source: str
    path: str

    def at(self, step: str) -> "Place":
        return Place(self.source, f"{self.path}.{step}")

    def entry(self, index: int) -> "Place":
        return Place(self.source, f"{self.path}[{index}]")

    def error(self, problem: str, hint: str = "") -> ConfigError:
        return ConfigError(self.source, self.path, problem, hint)


def nusd(value: Usd, place: Place) -> int:
    """An amount in nano-USD, exactly. Raises ConfigError."""
    try:
        usd = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite():
        raise place.error(f"is {_short(value)}, which is no amount", "write US dollars, such as 200 or 0.5")
    if not 0 < usd <= MAX_USD:
        raise place.error(f"is {_short(value)}", f"write more than 0 and at most {MAX_USD:,} US dollars")
    _, digits, exponent = usd.as_tuple()
    assert isinstance(exponent, int)  # finite
    if isinstance(value, float) and len(digits) > _EXACT_DIGITS:
        raise place.error(f"is {value!r}, more digits than a number keeps", "write it in quotes")
    if exponent < -9:
        raise place.error(f"is {_short(value)}", "write at most 9 decimals")
    return int(usd * NANO)


def threshold(value: Threshold | None, above: float, place: Place) -> float:
    """A stage's threshold, `above` where none is written. Raises ConfigError."""
    if value is None:
        return above
    if value is False or value == "off":
        return UNLIMITED
    if not isinstance(value, float) or not value > 0:  # NaN is not
        raise place.error(f"is {value}", "write a fraction of the limit, such as 0.8, or `off`")
    if value > _MAX_THRESHOLD:
        raise place.error(f"is {value:g}", f"write a fraction of the limit: {value / 100:g} for {value:g} %")
    return value


def shown(threshold: float) -> str:
    """A threshold as it is written."""
    return "off" if threshold == UNLIMITED else f"{threshold:g}"


def _short(value: Usd) -> str:
    """A value as it was written, if that is bearable."""
    text = str(Decimal(value)) if isinstance(value, int) else repr(value)  # Python prints no int of 5,000 digits
    return text if len(text) <= 40 else f"{text[:40]}…"


@cache
def _zones() -> set[str]:
    return available_timezones()


def zone_name(name: str, place: Place) -> str:
    """`name`, where it is a time zone. Raises ConfigError."""
    if name == "UTC" or name in _zones():
        return name
    if not _zones():
        raise place.error(
            f"is {name!r}, but this machine has no time zones", "install the package tzdata, or write UTC"
        )
    by_lower = {zone.lower(): zone for zone in _zones()}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    hint = f"did you mean `{by_lower[near[0]]}`?" if near else "write an IANA name, such as Europe/Berlin"
    raise place.error(f"is {name!r}, which is no time zone", hint)


def time_ms(text: str, place: Place) -> int:
    """RFC 3339 → milliseconds since 1970. Raises ConfigError."""
    try:
        return moment_ms(text)
    except ValueError:
        raise place.error(
            f"is {text!r}, which is no time with a zone", "write RFC 3339, such as 2027-01-01T00:00:00Z"
        ) from None

"""What a check found: the feature works, works in part (and the gateway names what it left out), or cannot be said at all.

Anything else is a failed test. `feature` enters a check; `features.FEATURES` has them in the order of the compatibility page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.e2e.matrix.cell import Cell, Got

Kind = Literal["yes", "partial", "no", "fails"]


@dataclass(frozen=True)
class Verdict:
    """`note`: what is left out (partial), or why it cannot be (no)."""

    kind: Kind
    note: str = ""


Check = Callable[[Cell], Verdict]


@dataclass(frozen=True)
class Feature:
    """One row of the page. `modes`: `stream`, `whole`, or both."""

    name: str
    title: str
    check: Check
    modes: tuple[str, ...]


ENTERED: dict[Check, Feature] = {}
YES = Verdict("yes")
BOTH = ("stream", "whole")


def feature(title: str, modes: tuple[str, ...] = BOTH) -> Callable[[Check], Check]:
    """Enter a check as a feature of that title."""

    def enter(check: Check) -> Check:
        name: str = check.__name__  # type: ignore[attr-defined]
        ENTERED[check] = Feature(name, title, check, modes)
        return check

    return enter


def no(reason: str) -> Verdict:
    """The client or the provider has no words for it."""
    return Verdict("no", reason)


def named(got: Got) -> Verdict:
    """Something was left out: the gateway must have named it."""
    assert got.drops, "left out without a word"
    return Verdict("partial", ", ".join(f"`{what}` {why.replace('_', ' ')}" for what, why in sorted(got.drops.items())))


def all_but(got: Got) -> Verdict:
    """It works; what was named as left out stands beside it."""
    return named(got) if got.drops else YES

"""The three families of msgspec structs (STYLE rule 10).

Repeat `frozen=True` on each subclass of `Config` and `Record`: msgspec inherits it, `mypy --strict` does not.
"""

from msgspec import Struct


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator writes: a typo is an error."""


class Wire(Struct, kw_only=True, omit_defaults=True):
    """Other people's JSON: unknown keys are allowed and ignored."""


class Record(Struct, frozen=True):
    """Our own facts: usage, outcome, a journal frame."""

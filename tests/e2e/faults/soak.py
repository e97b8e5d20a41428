"""What `make soak` runs and CI does not: the long forms of these tests."""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
SOAK = bool(os.environ.get("AGENTCC_SOAK"))


def some(everything: Sequence[T], *few: T) -> list[T]:
    """The few in CI."""
    assert set(few) <= set(everything)
    return list(everything if SOAK else few)

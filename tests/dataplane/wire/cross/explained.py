"""What cannot be right across dialects, and why: `exceptions.json`. Each entry must be needed.

An entry's `says` (and `file`, `place`, where given) are regular expressions that must match at the start of the problem's words, of
the record's name and of the place, which is `api: dialect → dialect or target`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.dataplane.wire.cross.corpus import RECORDED

_FILE = Path(__file__).parent / "exceptions.json"


class Problem(Struct, frozen=True):
    """What is wrong: where, with which record, in words."""

    place: str
    file: str
    says: str


@cache
def _entries(section: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(_FILE.read_text())[section]
    return found


def explained(section: str, problem: Problem) -> int | None:
    """The number of the entry that explains a problem."""
    for at, entry in enumerate(_entries(section)):
        if all(re.match(entry[name], getattr(problem, name)) for name in ("says", "file", "place") if name in entry):
            return at
    return None


def unexplained(section: str, problems: Iterable[Problem]) -> list[str]:
    """The problems that no entry explains, in words."""
    return [f"{one.place}: {one.file}: {one.says}" for one in problems if explained(section, one) is None]


def idle(section: str, problems: Iterable[Problem]) -> list[str]:
    """The entries that explain nothing; [] where what was recorded is absent."""
    if not RECORDED.exists():
        return []
    used = Counter(explained(section, problem) for problem in problems)
    return [entry["why"] for at, entry in enumerate(_entries(section)) if not used[at]]


def table(title: str, cells: dict[tuple[str, str], tuple[int, int]], capsys: Any) -> None:
    """Prints how many of how many were right, by row and column."""
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    with capsys.disabled():
        print(f"\n{title}\n{'':26}" + "".join(f"{column:>12}" for column in columns))
        for row in rows:
            found = [cells.get((row, column)) for column in columns]
            print(f"{row:26}" + "".join("           ·" if one is None else f"{one[0]:>6}/{one[1]:<5}" for one in found))
        print(f"{'':26}{sum(one[0] for one in cells.values())} of {sum(one[1] for one in cells.values())}")

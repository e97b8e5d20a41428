"""What commands print on standard output: aligned columns, or JSON."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec


def print_json(value: object) -> None:
    """Print `value` as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(rows: Iterable[Sequence[str]], columns: Iterable[str] = ()) -> None:
    """Print `rows`, under the names of their `columns` if they have any, each column as wide as its widest cell."""
    heads = [name.replace("_", " ").upper() for name in columns]
    lines = [heads, *rows] if heads else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_found(
    found: Sequence[object],
    columns: Iterable[str],
    rows: Iterable[Sequence[str]],
    *,
    is_json: bool,
    nothing: str,
) -> int:
    """The answer of a `list`, as JSON or as a table; that there is `nothing` goes to standard error. Gives exit code 0."""
    if is_json:
        print_json(found)
    elif found:
        print_table(rows, columns)
    else:
        print(nothing, file=sys.stderr)
    return 0


def second_of(at_ms: int) -> str:
    """A time of a table: RFC 3339, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

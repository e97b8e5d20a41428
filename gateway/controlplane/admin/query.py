"""What the admin API's queries have in common: numbers, times, and a ledger that cannot be read."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from gateway.controlplane.admin.reply import Refused
from gateway.controlplane.projections.queries import when_ms

MAX_ROWS = 10_000


def ask(question: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows that the ledger answers with."""
    try:
        return question()
    except sqlite3.Error as exc:
        raise Refused(503, "ledger_unavailable", f"the ledger cannot be read now: {exc}") from exc


def limit_of(query: Mapping[str, str], default: int) -> int:
    """How many rows are wanted at most."""
    text = query.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_ROWS:
        raise Refused(400, "bad_request", f"`limit` is `{text}`; it is a number from 1 to {MAX_ROWS}")
    return int(text)


def time_of(query: Mapping[str, str], name: str, default: int) -> int:
    """A time in milliseconds since the epoch."""
    text = query.get(name, "")
    try:
        return when_ms(text) if text else default
    except ValueError:
        raise Refused(
            400, "bad_request", f"`{name}` is `{text}`; write it like 2026-11-21T00:00:00Z or in ms since the epoch"
        ) from None


def flag_of(query: Mapping[str, str], name: str) -> bool:
    """Whether a filter that is `true` or `false` is on."""
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise Refused(400, "bad_request", f"`{name}` is `{text}`; it is `true` or `false`")
    return text == "true"

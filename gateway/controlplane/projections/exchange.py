"""A `done` frame on its way into the ledger: what it says, what the metrics call it, and its row. Pure."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import Raw

from gateway.base.core.struct import Record
from gateway.controlplane.projections.view import DoneView

_RAN = b'{"ran":['
_REST = b',"cpu_us":'
_RAN_BYTES = 400

Row = tuple[str | int | float | bytearray, ...]

NO_HOPS = (Raw(b"[]"), Raw(b"null"))
"""Hops of nearly every exchange."""
_NO_VERDICTS = (Raw(b'"not_run"'), Raw(b'""'), Raw(b"null"))
_FREE = ("/count_tokens", "/input_tokens", ":countTokens")
"""What the paths end with that cost nothing (dataplane/flow/route.py; a test compares)."""


class Labels(NamedTuple):
    """The label values of an exchange that was served, as its frame says them."""

    provider: str
    model: str
    virtual_key: str
    outcome: str
    dialect: str


class Exchange(Record, frozen=True, gc=False):
    """One `done` frame; `session` is the id of its line there, or 0; `row` has the values of schema.ADD_EXCHANGES."""

    done: DoneView
    labels: Labels
    session: int
    row: Row
    frame: bytes


def row_of(done: DoneView, trait: int, session: int, line_hash: str) -> Row:
    """The row of `done`, recorded in the line with `line_hash` (hex), of the trait and the session with these ids.

    Only types that sqlite3 binds as they are: each bytes, bool or None costs 0.25 us more. Raises ValueError for a `ts`
    that is no time.
    """
    usage = done.usage
    return (
        done.request_id, epoch_ms(done.ts), trait, bytearray.fromhex(line_hash), session, done.client,
        usage.input_tokens, usage.cache_read_tokens, usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        usage.output_tokens, usage.reasoning_tokens, done.cost_nusd,
        "" if done.hops in NO_HOPS else bytes(done.hops).decode(),
        verdicts_of(done)[1],
        done.latency_ms, done.ttfb_ms, done.overhead_us, done.request_bytes, done.response_bytes,
        done.turn_id, done.retry, done.queued_ms,
    )  # fmt: skip


def verdicts_of(done: DoneView) -> tuple[str, str]:
    """What the guard did, as the two texts that together are the frame's: which scanners ran, and the rest; empty where none did.

    The first is the same for all exchanges of one policy: 75 bytes that each row is spared.
    """
    if done.verdicts in _NO_VERDICTS:
        return "", ""
    text = bytes(done.verdicts)
    at = text.find(_REST, 0, _RAN_BYTES) if text.startswith(_RAN) else -1
    return (text[:at].decode(), text[at:].decode()) if at > 0 else ("", text.decode())


def is_billable(done: DoneView) -> bool:
    """Whether its path is one that costs money. A `crashed` record has lost its path, and counts as one that does."""
    return done.method != "GET" and not done.path.endswith(_FREE)


def basis_of(done: DoneView) -> str:
    """Where its session id is from. Records of older versions do not say: they knew only the ids that clients sent."""
    return "client" if done.session_id and done.session_basis == "none" else done.session_basis


@lru_cache(maxsize=4096)
def epoch_ms(ts: str) -> int:
    """RFC 3339 → milliseconds since the epoch. Under load several exchanges begin in each: 0.1 us instead of 0.4."""
    return round(datetime.fromisoformat(ts).timestamp() * 1000)

"""What the provider would put on its bill: one row per request that it began to generate for. Bounded; no I/O.

A whole answer is billed whole, whoever reads it. A stream is billed for its prompt and for what had been generated when it
ended: all of it, or the writes before a fault of ours or before the client was seen to leave. What was refused, or dropped
before its answer, has no row.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from .steps import Record
from .usage import Usage

_MOST_ROWS = 200_000  # about 150 MB


class Charge(Record, frozen=True):
    """What an answer costs when it is delivered whole, and whether the client then reads its usage in it."""

    dialect: str
    model: str
    is_stream: bool
    usage: Usage
    is_reported: bool
    label: str = ""
    request_id: str = ""
    response_id: str = ""


class Row(Struct):
    """One line. The kinds of tokens never overlap, but `reasoning_tokens`, which `output_tokens` holds.

    `is_open`: it is generating still, so what it says of the output does not hold yet. `is_reported`: the client was sent the usage.
    """

    n: int
    label: str
    request_id: str
    response_id: str
    model: str
    dialect: str
    is_stream: bool
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    is_reported: bool
    is_open: bool

    def close(self, output_tokens: int, *, is_whole: bool) -> None:
        """Nothing more is generated: so many output tokens were, and all of the answer was sent or not."""
        self.output_tokens = output_tokens
        self.reasoning_tokens = min(self.reasoning_tokens, output_tokens)
        self.is_reported &= is_whole
        self.is_open = False


class Bill:
    """The last rows in the order in which generation began; `total` counts all since the last `clear`."""

    def __init__(self, most: int = _MOST_ROWS) -> None:
        self._rows: deque[Row] = deque(maxlen=most)
        self.total = 0

    def open(self, charge: Charge) -> Row:
        """A row for what begins now; a stream's output is added when it ends (`close`)."""
        self.total += 1
        usage = charge.usage
        row = Row(
            self.total, charge.label, charge.request_id, charge.response_id, charge.model, charge.dialect, charge.is_stream,
            usage.input - usage.cached - usage.written, usage.cached, usage.written,
            0 if charge.is_stream else usage.output, usage.reasoning, charge.is_reported, charge.is_stream,
        )  # fmt: skip
        self._rows.append(row)
        return row

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self.total = 0

    def rows(self) -> list[Row]:
        """What is remembered."""
        return list(self._rows)

"""One log line per exchange, at info: read off the journal like everything else, so that the road pays nothing for it.

What an exchange said is not in the journal, so it cannot be in a line either.
"""

from collections.abc import Iterable, Iterator

import msgspec

from gateway.base.core.struct import Record
from gateway.base.journal import Batch
from gateway.base.journal.line import kind_of
from gateway.base.telemetry.log import is_enabled, log_many


class _Who(Record, frozen=True, omit_defaults=True):
    key: str = ""
    user: str = ""
    team: str = ""


class _View(Record, frozen=True, omit_defaults=True):
    request_id: str
    ts: str
    principal: _Who
    session_id: str = ""
    dialect: str = ""
    client: str = ""
    model_requested: str = ""
    model_used: str = ""
    status: int = 0
    outcome: str = ""
    error_code: str = ""
    cost_nusd: int = 0
    cost_basis: str = ""
    latency_ms: float = 0.0
    ttfb_ms: float = 0.0


_decode = msgspec.json.Decoder(_View).decode


def log_exchanges(batches: Iterable[Batch], since: str) -> None:
    """Write a line for each `done` frame of `batches` that began at `since` (RFC 3339) or later.

    The bound keeps a ledger that is built anew from writing years of lines again.
    """
    if not is_enabled("info"):
        return
    log_many("info", "exchange", _lines(batches, since))


def _lines(batches: Iterable[Batch], since: str) -> Iterator[dict[str, object]]:
    for batch in batches:
        for line in batch.lines:
            if kind_of(line.payload) != "done":
                continue
            try:
                view = _decode(line.payload)
            except msgspec.MsgspecError:
                continue  # the ledger reports lines that it cannot read
            if view.ts >= since:
                yield {"exchange": view}

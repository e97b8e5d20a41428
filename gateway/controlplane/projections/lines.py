"""One log line per exchange, at info: read off the journal like everything else, so that the road pays nothing for it.

What an exchange said is not in the journal, so it cannot be in a line either.
"""

from collections.abc import Iterable, Iterator

import msgspec

from gateway.base.journal import Batch
from gateway.base.journal.line import kind_of
from gateway.base.telemetry.log import is_enabled, log_many
from gateway.controlplane.projections.view import decode_done


def log_exchanges(batches: Iterable[Batch], since: str) -> None:
    """Write a line for each `done` frame of `batches` that began at `since` (RFC 3339) or later.

    The bound keeps a ledger that is built anew from writing years of lines again.
    """
    if is_enabled("info"):
        log_many("info", "exchange", _lines(batches, since))


def _lines(batches: Iterable[Batch], since: str) -> Iterator[dict[str, object]]:
    for batch in batches:
        for line in batch.lines:
            if kind_of(line.payload) != "done":
                continue
            try:
                view = decode_done(line.payload)
            except msgspec.MsgspecError:
                continue  # the ledger reports lines that it cannot read
            if view.ts >= since:
                yield {"exchange": view}

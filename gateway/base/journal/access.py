"""Who looked at what is kept under lock: a frame in the journal's chain, written before anything is shown.

Each access is a run of its own, so that the command line can write one beside a gateway that runs or does not; worker 0 adopts
them at its next start, as it adopts all runs of slots that have no worker. `agentcc journal export --all` shows them.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from gateway.base.core.ids import new_run_id
from gateway.base.core.struct import Record
from gateway.base.journal.line import rfc3339
from gateway.base.journal.writer import JournalError, JournalWriter

Act = Literal["show", "drop"]
_SLOT = 9000
"""No worker's."""
_encode = msgspec.json.Encoder().encode


class AccessFrame(Record, frozen=True, tag_field="k", tag="access"):
    """`by` did `act` to the entry `id` of `store`."""

    ts: str
    store: str
    act: Act
    id: str
    by: str


def record_access(
    directory: str | Path,
    store: str,
    act: Act,
    entry_id: str,
    by: str,
    *,
    version: str = "",
    now: Callable[[], float] = time.time,
) -> None:
    """Write it down; on disk when this returns. Raises JournalError, then nothing may be shown."""
    owner = os.stat(directory).st_uid if os.path.isdir(directory) else os.geteuid()
    if owner != os.geteuid():  # a file that the gateway cannot read would stop its reports
        raise JournalError("run this as the user that runs the gateway: its journal records who looks")
    frame = AccessFrame(rfc3339(now()), store, act, entry_id, by)
    writer = JournalWriter(
        directory, slot=_SLOT, run_id=new_run_id(), version=version, now=now, first_frames=[_encode(frame)]
    )
    writer.close()

"""The runs of this node's journal as the budgets see them: which live, which have just died, and the recovery of the dead.

A dead run's money is locked until its open exchanges are recorded. Its successor in the slot would do that, a second or more
later, when the interpreter has started again, so it is done here at once: by a run of its own in the dead one's slot, which
adopts, records and ends. The journal's locks keep it and a worker that starts meanwhile from doing so twice.
"""

import os
import time
from pathlib import Path

from gateway import __version__
from gateway.base.core.ids import new_run_id
from gateway.base.core.struct import Record
from gateway.base.journal import JournalError, Recovery, Run, is_live, open_run, read_runs, written_bytes
from gateway.base.journal.files import adopted, is_ended, lock_dead

_SETTLED_S = 2.0  # a directory's mtime is trusted once it is older than any clock tick


class Seen(Record, frozen=True):
    """One look at the directory. `ends`: live run → (segment, bytes) of what it had written.

    `dead` are those that are not known to be finished. One whose first segment somebody removed nobody can adopt: it is only in `names`.
    """

    ends: dict[str, tuple[int, int]]
    dead: dict[str, Run]
    names: set[str]


class Runs:
    """Looks again and again; `finished` runs are not looked at any more. One thread at a time, but for `has_death`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._listed: list[Run] = []
        self._listed_mtime = -1
        self._live: list[Run] = []
        self._headers: dict[str, tuple[str, ...]] = {}
        self.finished: set[str] = set()

    def look(self) -> Seen:
        """Who is there."""
        runs = self._list()
        unfinished = [run for run in runs if run.run not in self.finished and run.has_first()]
        self._live = [run for run in unfinished if is_live(run)]
        ends = {run.run: _end(run) for run in self._live}
        return Seen(ends, {run.run: run for run in unfinished if run.run not in ends}, {run.run for run in runs})

    def _list(self) -> list[Run]:
        """The directory, read again when it has changed: it may hold a year's segments."""
        try:
            mtime = os.stat(self._directory).st_mtime_ns
        except FileNotFoundError:
            return []
        if mtime != self._listed_mtime:
            self._listed = read_runs(self._directory)
            self._listed_mtime = mtime if time.time() - mtime / 1e9 > _SETTLED_S else -1
        return self._listed

    def has_death(self) -> bool:
        """Whether a run that lived at the last look is dead: some 10 us for each."""
        return not all(map(is_live, self._live))

    def recover(self, run: Run) -> Recovery | None:
        """Record what a dead run left open; None where it needs nothing, or another process is doing it."""
        if is_ended(run):
            return None
        lock = lock_dead(run)
        if lock is None:
            return None
        os.close(lock)
        if run.run in adopted(read_runs(self._directory), self._headers):
            return None
        try:
            writer, recovery = open_run(self._directory, run.slot, run_id=new_run_id(), version=__version__)
        except JournalError:
            return None  # a full disk; the next look tries again
        writer.close()
        return recovery


def _end(run: Run) -> tuple[int, int]:
    return run.segments[-1].n, written_bytes(run.segments[-1])

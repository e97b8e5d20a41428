"""The journal: append-only, hash-chained segments of text lines; the truth that everything else is a projection of."""

from gateway.base.journal.access import AccessFrame, record_access
from gateway.base.journal.export import export_json, read_exchanges, read_last
from gateway.base.journal.files import Run, Segment, is_live, journal_directory, read_runs, written_bytes
from gateway.base.journal.frames import Predecessor, PrunedFrame, RunFrame
from gateway.base.journal.line import rfc3339
from gateway.base.journal.prune import prune
from gateway.base.journal.reader import Batch, Follower, Line, Position, read_frames
from gateway.base.journal.recover import Recovery, open_run
from gateway.base.journal.scan import open_at_crash
from gateway.base.journal.verify import Problem, Report, verify
from gateway.base.journal.writer import JournalError, JournalFull, JournalWriter

__all__ = [
    "AccessFrame",
    "Batch",
    "Follower",
    "JournalError",
    "JournalFull",
    "JournalWriter",
    "Line",
    "Position",
    "Predecessor",
    "Problem",
    "PrunedFrame",
    "Recovery",
    "Report",
    "Run",
    "RunFrame",
    "Segment",
    "export_json",
    "is_live",
    "journal_directory",
    "open_at_crash",
    "open_run",
    "prune",
    "read_exchanges",
    "read_frames",
    "read_last",
    "read_runs",
    "record_access",
    "rfc3339",
    "verify",
    "written_bytes",
]

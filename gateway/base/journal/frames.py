"""The frames that the journal writes about itself; the frames of exchanges are in `base/core/record.py`."""

from gateway.base.core.struct import Record


class Predecessor(Record, frozen=True):
    """A dead run as its successor found it. `hash` is its last good line's; `ended` says that it stopped cleanly."""

    run: str
    hash: str
    segments: int
    lines: int
    ended: bool = False


class RunFrame(Record, frozen=True, tag_field="k", tag="run"):
    """The first line of a run. Naming a predecessor adopts it: its orphaned `open` frames are closed by this run."""

    run: str
    slot: int
    pid: int
    ts: str
    version: str
    predecessors: list[Predecessor] = []


class SegmentFrame(Record, frozen=True, tag_field="k", tag="segment"):
    """The first line of a run's second and later segments; `prev` is the hash of the line before it."""

    run: str
    n: int
    prev: str


class EndFrame(Record, frozen=True, tag_field="k", tag="end"):
    """The last line of a run that stopped cleanly."""

    ts: str


class PrunedFrame(Record, frozen=True, tag_field="k", tag="pruned"):
    """A line of `pruned.log`: segment `n` of `run` was removed by retention. `hash` is its last line's."""

    ts: str
    run: str
    slot: int
    n: int
    hash: str
    lines: int
    older_than_days: float

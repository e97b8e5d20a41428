"""Retention: what may go, what must stay, and that the rest still verifies."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.base.journal import JournalWriter, prune, read_runs, verify

Start = Callable[..., JournalWriter]
DAY = 86_400
NOW = 1_800_000_000.0


def age(directory: Path, days: float, run: str = "") -> None:
    for entry in read_runs(directory):
        if run in {"", entry.run}:
            for segment in entry.segments:
                os.utime(segment.path, (NOW - days * DAY, NOW - days * DAY))


def shown(directory: Path) -> dict[int, list[int]]:
    return {int(run.run, 16): [s.n for s in run.segments] for run in read_runs(directory)}


def fill(writer: JournalWriter, count: int) -> None:
    for i in range(count):
        writer.append(b'{"k":"x","i":%d}' % i)


def test_old_segments_go_and_the_rest_verifies(tmp_path: Path, start: Start) -> None:
    """Whole old runs go; a live run loses neither its first nor its current segment; verify says what was pruned."""
    first = start(1, segment_bytes=500)
    fill(first, 20)
    first.close()
    second = start(2, segment_bytes=500)
    fill(second, 20)
    before = shown(tmp_path)
    age(tmp_path, 10)
    assert prune(tmp_path, older_than_days=11, now=NOW) == []
    notes = prune(tmp_path, older_than_days=9, now=NOW)
    assert shown(tmp_path) == {2: [1, before[2][-1]]}
    assert len(notes) == len(before[1]) + len(before[2]) - 2
    fill(second, 20)
    report = verify(tmp_path)
    assert report.is_ok, report.problems
    assert report.pruned == len(notes)
    second.close()
    start(3).close()
    age(tmp_path, 10)
    prune(tmp_path, older_than_days=9, now=NOW)
    assert shown(tmp_path) == {}
    assert verify(tmp_path).is_ok


def test_a_dead_run_that_nobody_adopted_stays(tmp_path: Path, start: Start) -> None:
    """Its open exchanges are still to be recorded."""
    start(1).abandon()
    age(tmp_path, 10)
    assert prune(tmp_path, older_than_days=1, now=NOW) == []
    start(2).close()
    age(tmp_path, 0)
    age(tmp_path, 10, "000000000001")
    assert len(prune(tmp_path, older_than_days=1, now=NOW)) == 1
    assert shown(tmp_path) == {2: [1]}
    assert verify(tmp_path).is_ok


def test_a_header_never_goes_before_the_runs_it_names(tmp_path: Path, start: Start) -> None:
    """File times that a restore changed do not orphan a predecessor."""
    start(1).close()
    start(2).close()
    age(tmp_path, 10, "000000000002")
    age(tmp_path, 0, "000000000001")
    assert prune(tmp_path, older_than_days=1, now=NOW) == []


def test_a_size_to_keep_spares_the_newest(tmp_path: Path, start: Start) -> None:
    """`keep_bytes` stops the pruning once that little is left."""
    for number in (1, 2, 3):
        start(number).close()
    age(tmp_path, 10)
    sizes = [Path(run.segments[0].path).stat().st_size for run in read_runs(tmp_path)]
    prune(tmp_path, older_than_days=1, now=NOW, keep_bytes=sizes[1] + sizes[2])
    assert list(shown(tmp_path)) == [2, 3]


@pytest.mark.parametrize("cut", [1, 30, 80])
def test_a_torn_note_is_written_again(tmp_path: Path, start: Start, cut: int) -> None:
    """A crash between the note and the removal: the torn note goes, the next prune writes its own."""
    start(1).close()
    start(2).close()
    age(tmp_path, 10)
    segments = [Path(s.path) for run in read_runs(tmp_path) for s in run.segments]
    kept = [p.read_bytes() for p in segments]
    prune(tmp_path, older_than_days=1, now=NOW)
    log = tmp_path / "pruned.log"
    log.write_bytes(log.read_bytes()[:-cut])
    segments[1].write_bytes(kept[1])
    age(tmp_path, 10)
    prune(tmp_path, older_than_days=1, now=NOW)
    report = verify(tmp_path)
    assert report.is_ok, report.problems
    assert report.pruned == 2


def test_a_removal_without_its_note_is_a_break(tmp_path: Path, start: Start) -> None:
    """Deleting files and editing `pruned.log` are both seen."""
    start(1).close()
    start(2).close()
    age(tmp_path, 0)
    age(tmp_path, 10, "000000000001")
    prune(tmp_path, older_than_days=1, now=NOW)
    log = tmp_path / "pruned.log"
    text = log.read_bytes()
    log.write_bytes(text.replace(b'"lines":2', b'"lines":3'))
    assert "pruned.log:1:" in str(verify(tmp_path).problems[0])
    log.write_bytes(b"")
    assert "missing and was not pruned" in verify(tmp_path).problems[0].what

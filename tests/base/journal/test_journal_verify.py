"""The verifier: whatever is changed in a journal is found; what a crash leaves is not called a break."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.journal import JournalWriter, Report, open_run, read_runs, verify
from tests.base.journal.conftest import done_payload, open_payload

Start = Callable[..., JournalWriter]


def build(directory: Path) -> None:
    """Three runs: one ended with three segments, one crashed and adopted, one crashed and not adopted."""
    first, _ = open_run(directory, 0, run_id="a" * 12, version="t", segment_bytes=2500, now=lambda: 1000.0)
    for i in range(6):
        first.append(open_payload(f"req_{'a' * 12}{i:08x}"))
        first.append(done_payload(f"req_{'a' * 12}{i:08x}"))
    first.close()
    second, _ = open_run(directory, 0, run_id="b" * 12, version="t", now=lambda: 2000.0)
    second.append(open_payload(f"req_{'b' * 12}{1:08x}"))
    second.append(done_payload(f"req_{'b' * 12}{2:08x}"))
    second.abandon()
    third, _ = open_run(directory, 0, run_id="c" * 12, version="t", now=lambda: 3000.0)
    for i in range(3):
        third.append(done_payload(f"req_{'c' * 12}{i:08x}"))
    third.abandon()


def files_of(directory: Path) -> list[Path]:
    return [Path(s.path) for run in read_runs(directory) for s in run.segments]


def build_and_change(change: Callable[[list[Path]], None]) -> Report:
    with TemporaryDirectory() as name:
        build(Path(name))
        change(files_of(Path(name)))
        return verify(Path(name))


def test_an_untouched_journal_is_whole(tmp_path: Path) -> None:
    """Three runs, a crash in the middle and one at the end: no break, one note about nothing."""
    build(tmp_path)
    report = verify(tmp_path)
    assert report.is_ok, report.problems
    assert (report.runs, report.open, report.done) == (3, 0, 11)
    assert len(files_of(tmp_path)) >= 5
    assert verify(tmp_path / "absent").is_ok


@settings(max_examples=300, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), file=st.integers(0, 10), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(where: float, file: int, bit: int) -> None:
    """A changed byte anywhere is a break, but for the last newline: without it the last line is torn."""
    is_last_newline = False

    def change(files: list[Path]) -> None:
        nonlocal is_last_newline
        path = files[file % len(files)]
        data = bytearray(path.read_bytes())
        at = int(where * len(data))
        data[at] ^= 1 << bit
        path.write_bytes(data)
        is_last_newline = path == files[-1] and at == len(data) - 1

    report = build_and_change(change)
    if is_last_newline:
        assert report.is_ok
        assert "torn" in report.notes[0]
    else:
        assert not report.is_ok
        assert report.problems[0].path


@settings(max_examples=100, deadline=None)
@given(line=st.integers(0, 1000), file=st.integers(0, 10))
def test_a_deleted_line_is_found(line: int, file: int) -> None:
    """A missing line is a break, but for the last one of the last run, whose loss nothing can show yet."""
    is_last = False

    def change(files: list[Path]) -> None:
        nonlocal is_last
        path = files[file % len(files)]
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[line % len(lines)]
        is_last = path == files[-1] and line % (len(lines) + 1) == len(lines)
        path.write_bytes(b"".join(lines))

    assert build_and_change(change).is_ok is is_last


@settings(max_examples=60, deadline=None)
@given(line=st.integers(0, 1000), file=st.integers(0, 10))
def test_swapped_lines_are_found(line: int, file: int) -> None:
    """Two lines in the wrong order are a break."""

    def change(files: list[Path]) -> None:
        path = files[file % len(files)]
        lines = path.read_bytes().splitlines(keepends=True)
        if len(lines) < 2:
            lines *= 2
        at = line % (len(lines) - 1)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        path.write_bytes(b"".join(lines))

    assert not build_and_change(change).is_ok


def test_every_cut_of_the_last_line_is_a_torn_tail(tmp_path: Path, start: Start) -> None:
    """Cut anywhere inside its last line, a dead run is whole with a note; cut at its border, whole without."""
    writer = start(1)
    writer.append(open_payload("req_a"))
    writer.append(done_payload("req_a"))
    writer.abandon()
    (path,) = files_of(tmp_path)
    data = path.read_bytes()
    border = data.rfind(b"\n", 0, -1) + 1
    for size in range(border, len(data)):
        path.write_bytes(data[:size])
        report = verify(tmp_path)
        assert report.is_ok, size
        assert report.open == 1
        assert any("torn" in note for note in report.notes) is (size > border), size


@pytest.mark.parametrize("hole", [0, 1, 70])
def test_reserved_room_is_the_end_of_a_run(tmp_path: Path, start: Start, hole: int) -> None:
    """NULs behind the last line of a dead run are nothing; a line with some inside is torn, and so is all behind it."""
    writer = start(1)
    for _ in range(3):
        writer.append(b'{"k":"x"}')
    writer.abandon()
    (path,) = files_of(tmp_path)
    data = path.read_bytes()
    at = data.rfind(b"\n", 0, -1) - 60  # in the last line but one
    path.write_bytes(data[:at] + bytes(hole) + data[at + hole :] + bytes(10_000))
    report = verify(tmp_path)
    assert report.is_ok
    assert report.lines == (2 if hole else 4)
    assert ["torn" in note for note in report.notes] == [True] * bool(hole)
    writer, recovery = open_run(tmp_path, 0, run_id="0" * 11 + "2", version="t")
    writer.close()
    assert recovery.adopted[0].lines == report.lines
    assert len(recovery.torn) == bool(hole)
    assert verify(tmp_path).is_ok


def test_a_cut_at_a_border_is_found_once_a_successor_names_the_run(tmp_path: Path, start: Start) -> None:
    """The successor's header holds the head and the line count."""
    writer = start(1)
    writer.append(b'{"k":"x"}')
    writer.abandon()
    start(2).close()
    path = files_of(tmp_path)[0]
    data = path.read_bytes()
    path.write_bytes(data[: data.rfind(b"\n", 0, -1) + 1])
    report = verify(tmp_path)
    assert report.broken == 1
    assert "found 2 up to" in report.problems[0].what
    path.write_bytes(data + data[-80:])
    assert not verify(tmp_path).is_ok


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_a_missing_segment_is_found(tmp_path: Path, index: int) -> None:
    """First, middle or last segment of an adopted run, or the run as a whole: a break."""
    build(tmp_path)
    files = files_of(tmp_path)
    for path in files[:-2] if index == 3 else [files[index]]:
        path.unlink()
    report = verify(tmp_path)
    assert not report.is_ok
    assert "run " + "a" * 12 in report.problems[0].what


def test_a_second_done_is_found(tmp_path: Path, start: Start) -> None:
    """One exchange has one final record, in whichever run."""
    writer = start(1)
    writer.append(done_payload("req_a"))
    writer.append(done_payload(f"req_{'a' * 12}{1:08x}"))
    writer.close()
    other = start(2)
    other.append(done_payload("req_a"))
    other.append(done_payload(f"req_{'a' * 12}{1:08x}"))
    other.close()
    report = verify(tmp_path)
    assert report.broken == 2
    assert "a second `done` for req_a" in str(report.problems[0])


def test_a_line_after_the_end_is_found(tmp_path: Path, start: Start) -> None:
    """Nothing follows `end`, not even half a line."""
    start(1).close()
    (path,) = files_of(tmp_path)
    with path.open("ab") as file:
        file.write(b"x")
    assert "after the run's `end`" in verify(tmp_path).problems[0].what


def test_an_open_exchange_of_a_live_run_is_no_note(tmp_path: Path, start: Start) -> None:
    """What is being served now is not left open."""
    writer = start(1)
    writer.append(open_payload("req_a"))
    report = verify(tmp_path)
    assert (report.open, report.live, report.notes) == (0, 1, [])
    writer.close()

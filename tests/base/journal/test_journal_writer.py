"""The writer: chains, rotation, full disks, locks."""

import hashlib
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.base.journal import JournalFull, JournalWriter, is_live, open_run, read_frames, read_runs, verify

Start = Callable[..., JournalWriter]


def lines_of(directory: Path) -> list[bytes]:
    return [
        line for run in read_runs(directory) for s in run.segments for line in Path(s.path).read_bytes().splitlines()
    ]


def test_each_line_hashes_the_previous_hash_and_its_json(tmp_path: Path, start: Start) -> None:
    """The format of the decision record, checked with nothing of our own."""
    writer = start()
    writer.append(b'{"k":"x"}')
    last = writer.head
    writer.close()
    prev, hashes = "0" * 64, []
    for line in lines_of(tmp_path):
        head, payload = line[:64].decode(), line[65:]
        assert line[64:65] == b" "
        assert head == hashlib.sha256(prev.encode() + payload).hexdigest()
        prev = head
        hashes.append(head)
    assert hashes[1] == last
    assert lines_of(tmp_path)[-1][65:].startswith(b'{"k":"end"')


def test_files_are_private_and_sort_by_start(tmp_path: Path, start: Start) -> None:
    """Segments are 0600 and their names order runs and segments."""
    start(1, slot=1).close()
    start(2, slot=0).close()
    files = sorted(tmp_path.iterdir())
    assert [f.name.split("-")[2] for f in files] == ["000000000001", "000000000002"]
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}


def test_rotation_continues_the_chain(tmp_path: Path, start: Start) -> None:
    """A run of many segments is one chain, and its descriptors are closed by `sync`."""
    writer = start(segment_bytes=300)
    hashes = []
    for i in range(50):
        writer.append(b'{"k":"x","i":%d}' % i)
        hashes.append(writer.head)
    open_before = len(os.listdir("/proc/self/fd"))
    writer.sync()
    assert len(os.listdir("/proc/self/fd")) < open_before
    writer.close()
    (run,) = read_runs(tmp_path)
    assert len(run.segments) > 5
    frames = list(read_frames(run, is_verified=True, on_bad=pytest.fail))
    assert [f.hash for f in frames if b'"x"' in f.payload] == hashes
    assert all(b.prev == a.hash for a, b in pairwise(frames))
    assert verify(tmp_path).is_ok


@pytest.mark.parametrize("payload", [b'{"k":\n"x"}', b'{"k":"\0"}'])
def test_a_newline_or_a_nul_in_a_frame_is_refused(start: Start, payload: bytes) -> None:
    """One frame is one line, and a NUL is where nothing was written."""
    writer = start()
    with pytest.raises(ValueError, match="newline"):
        writer.append(payload)
    writer.close()


def test_room_is_reserved_ahead_and_given_back(tmp_path: Path, start: Start) -> None:
    """A frame is in the file once `append` returns, before any sync; what is left over is NULs, and gone at the end."""
    writer = start()
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    size = path.stat().st_size
    writer.append(b'{"k":"x"}')
    data = path.read_bytes()
    assert len(data) % 4096 == 0
    assert data.rstrip(b"\0")[size + 65 :] == b'{"k":"x"}\n'
    writer.abandon()
    assert path.read_bytes() == data.rstrip(b"\0")


def test_lines_cross_the_borders_of_windows(tmp_path: Path, start: Start) -> None:
    """Small lines, and lines longer than a window, one after the other."""
    writer = start()
    for size in [700] * 3000 + [5, 3 << 20, 700, 1 << 20]:
        writer.append(b'{"k":"x","x":"%b"}' % (b"x" * size))
    writer.close()
    report = verify(tmp_path)
    assert report.is_ok
    assert report.lines == 3006


def test_a_kill_loses_no_frame(tmp_path: Path) -> None:
    """SIGKILL right after `append`, with no sync: every frame is there, with NULs behind, and the next run goes on."""
    code = f"""
import os, signal
from gateway.base.journal import open_run
writer, _ = open_run({str(tmp_path)!r}, 0, run_id="1" * 12, version="t")
for i in range(5000):
    writer.append(b'{{"k":"x","i":%d}}' % i)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -signal.SIGKILL
    (run,) = read_runs(tmp_path)
    path = Path(run.segments[0].path)
    before = path.read_bytes()
    assert before.endswith(b"\0")
    assert len(list(read_frames(run, is_verified=True, on_bad=pytest.fail))) == 5001
    assert not verify(tmp_path).notes
    writer, recovery = open_run(tmp_path, 0, run_id="2" * 12, version="t")
    assert (recovery.adopted[0].lines, recovery.torn, recovery.broken) == (5001, [], [])
    writer.close()
    assert verify(tmp_path).is_ok
    assert path.read_bytes() == before


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Past `size` the kernel writes what fits and then answers EFBIG, as a full disk does with ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("fits", [0, 1, 4096, 1 << 20])
def test_a_full_disk_refuses_a_frame_whole(tmp_path: Path, start: Start, fits: int) -> None:
    """What cannot be reserved is refused before anything is written; when there is room again the chain goes on."""
    writer = start()
    writer.append(b'{"k":"a"}')
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    content = path.read_bytes().rstrip(b"\0")
    with file_size_limit(path.stat().st_size + fits):
        for _ in range(2):
            with pytest.raises(JournalFull):
                writer.append(b'{"k":"does not fit%b"}' % (b"x" * (2 << 20)))
    assert path.read_bytes().rstrip(b"\0") == content
    writer.append(b'{"k":"b"}')
    writer.close()
    report = verify(tmp_path)
    assert report.is_ok
    assert not report.notes
    assert [line[65:75] for line in lines_of(tmp_path)[1:3]] == [b'{"k":"a"}', b'{"k":"b"}']


def test_frames_that_fit_into_what_is_reserved_are_taken_by_a_full_disk(tmp_path: Path, start: Start) -> None:
    """The window is room that nobody can take away: `done` frames of what is open fit."""
    writer = start()
    writer.append(b'{"k":"a"}')
    with file_size_limit(Path(read_runs(tmp_path)[0].segments[0].path).stat().st_size):
        writer.append(b'{"k":"b"}')
    writer.close()
    assert verify(tmp_path).is_ok


def test_a_segment_that_cannot_be_made_leaves_no_file(tmp_path: Path, start: Start) -> None:
    """No room for a new segment: refused, nothing left behind, and tried again by the next append."""
    writer = start(segment_bytes=100)
    size = Path(read_runs(tmp_path)[0].segments[0].path).stat().st_size
    with file_size_limit(50), pytest.raises(JournalFull):
        writer.append(b'{"k":"a"}')
    assert [file.stat().st_size for file in tmp_path.iterdir()] == [size]
    writer.append(b'{"k":"a"}')
    writer.close()
    assert verify(tmp_path).is_ok


def test_a_run_is_live_until_it_is_closed(tmp_path: Path, start: Start) -> None:
    """Readers tell a live run from a dead one by its lock, also after a rotation."""
    writer = start(segment_bytes=100)
    writer.append(b'{"k":"a"}')
    writer.sync()
    (run,) = read_runs(tmp_path)
    assert len(run.segments) == 2
    assert is_live(run)
    writer.close()
    assert not is_live(run)
    writer.close()


def test_sync_in_a_thread_never_closes_the_file_in_use(tmp_path: Path, start: Start) -> None:
    """Rotation on the loop and sync in its thread do not meet on one descriptor."""
    writer = start(segment_bytes=400)
    is_over = threading.Event()
    failures: list[OSError] = []

    def keep_syncing() -> None:
        while not is_over.is_set():
            try:
                writer.sync()
            except OSError as exc:
                failures.append(exc)
                return

    thread = threading.Thread(target=keep_syncing, daemon=True)
    thread.start()
    for i in range(3000):
        writer.append(b'{"k":"x","i":%d}' % i)
    is_over.set()
    thread.join()
    writer.close()
    assert failures == []
    assert verify(tmp_path).is_ok

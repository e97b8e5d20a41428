"""The writer: chains, rotation, full disks, locks."""

import errno
import hashlib
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.base.journal import JournalFull, JournalWriter, is_live, read_frames, read_runs, verify

Start = Callable[..., JournalWriter]


def lines_of(directory: Path) -> list[bytes]:
    return [
        line for run in read_runs(directory) for s in run.segments for line in Path(s.path).read_bytes().splitlines()
    ]


def test_each_line_hashes_the_previous_hash_and_its_json(tmp_path: Path, start: Start) -> None:
    """The format of the decision record, checked with nothing of our own."""
    writer = start()
    returned = writer.append(b'{"k":"x"}')
    writer.close()
    prev, hashes = "0" * 64, []
    for line in lines_of(tmp_path):
        head, payload = line[:64].decode(), line[65:]
        assert line[64:65] == b" "
        assert head == hashlib.sha256(prev.encode() + payload).hexdigest()
        prev = head
        hashes.append(head)
    assert hashes[1] == returned
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
    hashes = [writer.append(b'{"k":"x","i":%d}' % i) for i in range(50)]
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


def test_a_newline_in_a_frame_is_refused(start: Start) -> None:
    """One frame is one line."""
    writer = start()
    with pytest.raises(ValueError, match="newline"):
        writer.append(b'{"k":\n"x"}')
    writer.close()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Past `size` the kernel writes what fits and then answers EFBIG, as a full disk does with ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("fits", [0, 1, 40, 79])
def test_a_full_disk_leaves_no_half_line(tmp_path: Path, start: Start, fits: int) -> None:
    """A line that does not fit is refused and cut off; when there is room again the chain goes on."""
    writer = start()
    writer.append(b'{"k":"a"}')
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    size = path.stat().st_size
    with file_size_limit(size + fits):
        for _ in range(2):
            with pytest.raises(JournalFull):
                writer.append(b'{"k":"does not fit"}')
    assert path.stat().st_size == size
    writer.append(b'{"k":"b"}')
    writer.close()
    report = verify(tmp_path)
    assert report.is_ok
    assert not report.notes
    assert [line[65:75] for line in lines_of(tmp_path)[1:3]] == [b'{"k":"a"}', b'{"k":"b"}']


def test_a_half_line_that_cannot_be_cut_is_cut_later(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When even the truncation fails, the next append removes the torn bytes first."""
    writer = start()
    path = Path(read_runs(tmp_path)[0].segments[0].path)
    size = path.stat().st_size

    def refuse(fd: int, length: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch, file_size_limit(size + 10):
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(JournalFull):
            writer.append(b'{"k":"a"}')
    assert path.stat().st_size == size + 10
    writer.append(b'{"k":"b"}')
    writer.close()
    assert verify(tmp_path).is_ok


def test_a_segment_that_cannot_be_made_leaves_no_file(tmp_path: Path, start: Start) -> None:
    """No room for a new segment: refused, nothing left behind, and tried again by the next append."""
    writer = start(segment_bytes=100)
    with file_size_limit(50), pytest.raises(JournalFull):
        writer.append(b'{"k":"a"}')
    assert len(list(tmp_path.iterdir())) == 1
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

    thread = threading.Thread(target=keep_syncing)
    thread.start()
    for i in range(3000):
        writer.append(b'{"k":"x","i":%d}' % i)
    is_over.set()
    thread.join()
    writer.close()
    assert failures == []
    assert verify(tmp_path).is_ok

"""Appends frames to one run's chain of segments, by copying each line into a mapped window of the file.

The kernel has a line as soon as it is copied, as after write(2): the end of this process loses none. That spares an exchange
two system calls. Rules: one process and one event loop thread append; `sync` may run in another thread. A window is
reserved on the disk before it is mapped, so that a full disk refuses a frame and never breaks the chain; what is reserved
and not written is NULs, which every reader takes as the end (`line.is_whole`).
"""

import errno
import fcntl
import mmap
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway._native import chain_line
from gateway.base.journal.files import NEW_SUFFIX, segment_name, start_stamp
from gateway.base.journal.frames import EndFrame, Predecessor, RunFrame, SegmentFrame
from gateway.base.journal.line import HASH_BYTES, ZEROS, rfc3339

SEGMENT_BYTES = 64 << 20
_WINDOW_BYTES = 256 << 10
"""Some 180 exchanges. As much, at most, stays reserved in the last segment of a run that is killed."""
_PAGE_BYTES = mmap.ALLOCATIONGRANULARITY
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_encode = msgspec.json.Encoder().encode


class JournalError(Exception):
    """The journal could not take a frame; nothing of it is in the file, and the chain is as it was."""


class JournalFull(JournalError):
    """No space left, over quota, or past the file size limit; a later append may succeed."""


class JournalWriter:
    """One run of one worker. Usually made by `open_run`, which also adopts the dead predecessors.

    `segment_bytes` is the size at which the next append begins a new segment. `first_frames` are written right after
    the header; they appear together with it or not at all. `now` gives seconds since the epoch.
    """

    __slots__ = (
        "_directory", "_end", "_fd", "_head", "_is_dirty", "_lines", "_lock_fd", "_n", "_now", "_retired",
        "_segment_bytes", "_start", "_sync_lock", "_window", "_window_end", "_window_start", "run_id", "slot",
    )  # fmt: skip

    def __init__(
        self,
        directory: str | Path,
        *,
        slot: int,
        run_id: str,
        version: str,
        segment_bytes: int = SEGMENT_BYTES,
        now: Callable[[], float] = time.time,
        predecessors: Sequence[Predecessor] = (),
        first_frames: Iterable[bytes] = (),
    ) -> None:
        self._directory = os.fspath(directory)
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        self.slot, self.run_id = slot, run_id
        self._segment_bytes, self._now = segment_bytes, now
        started = now()
        self._start = start_stamp(started)
        self._head = ZEROS.encode()
        self._lines = self._end = 0
        self._n = 1
        self._is_dirty = False
        self._window: mmap.mmap | None = None
        self._window_start = self._window_end = 0
        self._sync_lock = threading.Lock()  # held by `sync`, `close`; never by `append`, which must not wait for a disk
        self._retired: deque[int] = deque()
        header = RunFrame(run_id, slot, os.getpid(), rfc3339(started), version, list(predecessors))
        self._fd = self._lock_fd = self._create_segment([_encode(header), *first_frames])

    def __repr__(self) -> str:
        return f"<JournalWriter run {self.run_id} slot {self.slot} segment {self._n} lines {self._lines}>"

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return self._head.decode()

    def append(self, payload: bytes) -> None:
        """Write one frame's JSON.

        Raises JournalFull when the disk is, JournalError for any other failure; the frame is then not in the journal.
        """
        if self._end >= self._segment_bytes:
            self._rotate()
        line = chain_line(self._head, payload)
        end = self._end + len(line)
        window = self._window
        if window is None or end > self._window_end:
            window = self._move_window(len(line))
        window[self._end - self._window_start : end - self._window_start] = line
        self._end = end
        self._head = line[:HASH_BYTES]
        self._lines += 1
        self._is_dirty = True

    def _move_window(self, room: int) -> mmap.mmap:
        """Reserve and map the next window, with at least `room` bytes from the end on."""
        start = self._end - self._end % _PAGE_BYTES
        wanted = max(_WINDOW_BYTES, self._end - start + room)
        size = wanted + -wanted % _PAGE_BYTES
        try:
            os.posix_fallocate(self._fd, start, size)  # a full disk is found here: while copying it would be a SIGBUS
            self._window = window = mmap.mmap(self._fd, size, offset=start)
        except OSError as exc:
            raise _as_journal_error(exc) from exc
        self._window_start, self._window_end = start, start + size
        return window

    def _end_window(self) -> None:
        """Give back what is reserved and was not written. Where that fails the NULs stay, which harms nobody."""
        if self._window is not None:
            self._window.close()
            self._window = None
            with suppress(OSError):
                os.ftruncate(self._fd, self._end)

    def sync(self) -> None:
        """Make what was appended survive a power loss (fdatasync); does nothing when nothing is new. Blocks."""
        with self._sync_lock:
            while self._retired:
                fd = self._retired.popleft()
                try:
                    os.fdatasync(fd)
                finally:
                    if fd != self._lock_fd:
                        os.close(fd)
            if self._is_dirty and self._fd >= 0:
                self._is_dirty = False
                os.fdatasync(self._fd)

    def close(self) -> None:
        """Append `end`, sync, and release the run. A full disk is not an error here: the run then ends like a crash."""
        if self._fd < 0:
            return
        try:
            self.append(_encode(EndFrame(rfc3339(self._now()))))
            self.sync()
        except (JournalError, OSError):
            pass  # the next start finds a run without `end` and adopts it all the same
        self.abandon()

    def abandon(self) -> None:
        """Release the run without an `end`."""
        self._end_window()  # it holds the descriptor too, and so the lock
        with self._sync_lock:
            for fd in {self._fd, self._lock_fd, *self._retired} - {-1}:
                os.close(fd)
            self._fd = self._lock_fd = -1
            self._retired.clear()

    def _rotate(self) -> None:
        """Begin the next segment. The old descriptor is synced and closed by the next `sync`, off the loop."""
        self._end_window()
        frame = SegmentFrame(self.run_id, self._n + 1, self.head)
        self._n += 1
        try:
            fd = self._create_segment([_encode(frame)])
        except JournalError:
            self._n -= 1
            raise
        old, self._fd = self._fd, fd  # in this order: `sync`, in its thread, may close whatever is retired
        self._retired.append(old)

    def _create_segment(self, payloads: list[bytes]) -> int:
        """Write a segment under a name that no reader sees, then rename it: it appears whole or not at all."""
        path = os.path.join(self._directory, segment_name(self._start, self.slot, self.run_id, self._n))
        head, lines = self._head, []
        for payload in payloads:
            lines.append(chain_line(head, payload))
            head = lines[-1][:HASH_BYTES]
        data = b"".join(lines)
        fd = -1
        try:
            fd = os.open(path + NEW_SUFFIX, _FLAGS, 0o600)
            if self._n == 1:
                fcntl.flock(fd, fcntl.LOCK_EX)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if self._n == 1:  # a header that adopts must not be lost, and nothing is served yet
                os.fdatasync(fd)
            os.rename(path + NEW_SUFFIX, path)
            if self._n == 1:
                _sync_directory(self._directory)
        except OSError as exc:
            if fd >= 0:
                os.close(fd)
                _remove(path + NEW_SUFFIX)
            raise _as_journal_error(exc) from exc
        self._head, self._end = head, len(data)
        self._lines += len(lines)
        self._is_dirty = True
        return fd


def _as_journal_error(exc: OSError) -> JournalError:
    if exc.errno in _FULL:
        return JournalFull(f"the journal's disk is full: {exc.strerror}")
    return JournalError(f"the journal cannot be written: {exc.strerror or exc}")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Appends frames to one run's chain of segments: one unbuffered write(2) per line on an O_APPEND descriptor.

Rules: one process and one event loop thread append; `sync` may run in another thread. A line that could not be written
whole is cut off again before anything else is written, so that a full disk never breaks the chain.
"""

import errno
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from gateway import _native
from gateway.base.journal.files import NEW_SUFFIX, segment_name, start_stamp
from gateway.base.journal.frames import EndFrame, Predecessor, RunFrame, SegmentFrame
from gateway.base.journal.line import ZEROS, encode_line, rfc3339

SEGMENT_BYTES = 64 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
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
        "_directory", "_end", "_fd", "_file", "_head", "_is_dirty", "_is_torn", "_lines", "_lock_fd", "_n", "_now",
        "_retired", "_segment_bytes", "_start", "_sync_lock", "run_id", "slot",
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
        self._head = ZEROS
        self._lines = 0
        self._n = 1
        self._is_dirty = self._is_torn = False
        self._sync_lock = threading.Lock()  # held by `sync`, `close`; never by `append`, which must not wait for a disk
        self._retired: deque[int] = deque()
        header = RunFrame(run_id, slot, os.getpid(), rfc3339(started), version, list(predecessors))
        self._fd = self._lock_fd = self._create_segment([_encode(header), *first_frames])

    def __repr__(self) -> str:
        return f"<JournalWriter run {self.run_id} slot {self.slot} segment {self._n} lines {self._lines}>"

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return self._head

    def append(self, payload: bytes) -> str:
        """Write one frame's JSON and return its line's hash.

        Raises JournalFull when the disk is, JournalError for any other failure; the frame is then not in the journal.
        """
        if b"\n" in payload:
            raise ValueError("a frame is one line: its JSON must not contain a newline")
        if self._end >= self._segment_bytes:
            self._rotate()
        if self._is_torn:
            self._cut_torn_line()
        # The hot path is native because os.write gives up the GIL: winning it back cost three times the write.
        try:
            digest, written, size = self._file.append(self._head, payload)
            if written < size:
                self._is_torn = True
                self._write_rest(digest, payload, written)
        except OSError as exc:
            self._is_torn = True
            self._try_cut()
            raise _as_journal_error(exc) from exc
        self._is_torn = False
        self._end += size
        self._head = digest
        self._lines += 1
        self._is_dirty = True
        return digest

    def _write_rest(self, digest: str, payload: bytes, written: int) -> None:
        """What is left of a line of which the disk took `written` bytes. Raises OSError, mostly: the disk is full."""
        rest = memoryview(b"%b %b\n" % (digest.encode(), payload))[written:]
        while rest:
            rest = rest[os.write(self._fd, rest) :]

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
        """Release the run without an `end`, as a crash would."""
        with self._sync_lock:
            for fd in {self._fd, self._lock_fd, *self._retired} - {-1}:
                os.close(fd)
            self._fd = self._lock_fd = -1
            self._retired.clear()

    def _rotate(self) -> None:
        """Begin the next segment. The old descriptor is synced and closed by the next `sync`, off the loop."""
        if self._is_torn:
            self._cut_torn_line()
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
        head, lines = self.head, []
        for payload in payloads:
            head, line = encode_line(head, payload)
            lines.append(line)
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
            file = _native.ChainFile(path + NEW_SUFFIX)
            os.rename(path + NEW_SUFFIX, path)
            if self._n == 1:
                _sync_directory(self._directory)
        except OSError as exc:
            if fd >= 0:
                os.close(fd)
                _remove(path + NEW_SUFFIX)
            raise _as_journal_error(exc) from exc
        self._head, self._end = head, len(data)
        self._file = file
        self._lines += len(lines)
        self._is_dirty = True
        return fd

    def _try_cut(self) -> None:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            return  # `_is_torn` stays: the next append cuts first
        self._is_torn = False

    def _cut_torn_line(self) -> None:
        self._try_cut()
        if self._is_torn:
            raise JournalError("a half-written line could not be removed from the journal")


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

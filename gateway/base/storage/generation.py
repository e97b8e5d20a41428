"""A counter in a file that every process maps: one compares eight bytes to learn that another has changed something.

Writers bump it after their commit, so that who sees the new number also sees the new rows. A reader keeps the mapping
open; reading it costs about 50 ns and no system call. The file is never truncated (a mapping of a shorter file would end the
process with SIGBUS) and never deleted by us.
"""

import fcntl
import mmap
import os
import struct
from pathlib import Path

from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private

_BYTES = 8


class Generation:
    """The counter in `path`, which is made when absent. `read()` is for readers, `bump()` for writers."""

    __slots__ = ("_map", "_path", "_view", "inode")

    def __init__(self, path: Path) -> None:
        self._path = path
        create_private(path, bytes(_BYTES))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                found = os.fstat(fd)
                if found.st_size < _BYTES:
                    raise StorageError(
                        f"`{path}` is {found.st_size} bytes long, not {_BYTES}", "delete it and try again"
                    )
                self.inode = found.st_ino
                self._map = mmap.mmap(fd, _BYTES, prot=mmap.PROT_READ)
            finally:
                os.close(fd)
        except OSError as exc:
            raise StorageError(f"`{path}`: {exc.strerror}") from exc
        self._view = memoryview(self._map).cast("Q")

    def read(self) -> int:
        """The counter now; only equality means anything."""
        return self._view[0]

    def bump(self) -> None:
        """Count one change. The lock makes two writers count two. Raises StorageError."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                (value,) = struct.unpack("<Q", os.pread(fd, _BYTES, 0))
                os.pwrite(fd, struct.pack("<Q", (value + 1) % 2**64), 0)
            finally:
                os.close(fd)
        except OSError as exc:
            raise StorageError(f"`{self._path}`: {exc.strerror}") from exc

    def close(self) -> None:
        """Give the mapping back."""
        self._view.release()
        self._map.close()

"""Notices that a file was changed: by mtime, size and inode, and only once two looks find it the same.

So half of a file that is still being written is not taken, and a file that was replaced is seen whatever its time says.
"""

import os

Fingerprint = tuple[int, int, int]

_ABSENT = (0, 0, 0)


def fingerprint(path: str) -> Fingerprint:
    """What changes with the file."""
    try:
        found = os.stat(path)
    except OSError:
        return _ABSENT
    return found.st_mtime_ns, found.st_size, found.st_ino


class FileWatch:
    """Remembers what was taken of `path`; make it before the file is read, so that a change meanwhile is seen.

    Unless `is_taken`, what is there now is something new.
    """

    __slots__ = ("_seen", "_taken", "path")

    def __init__(self, path: str, *, is_taken: bool = True) -> None:
        self.path = path
        self._seen = fingerprint(path)
        self._taken = self._seen if is_taken else _ABSENT

    def is_changed(self) -> bool:
        """Whether there is something new to take; true once for each change. Call it every few hundred milliseconds."""
        before, self._seen = self._seen, fingerprint(self.path)
        if self._seen in (self._taken, _ABSENT) or self._seen != before:
            return False
        self._taken = self._seen
        return True

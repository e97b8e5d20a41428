"""A small table in memory that all processes of a node share: what one worker learns, the next request on any other acts on.

Lossy on purpose: an entry is there whole or not at all, a full table forgets what would have ended soonest, two writers of one slot at the
same moment may lose one of the two. So it is for what heals by itself (retries, breakers), never for money. No locks, no
waiting: a read is some hundred nanoseconds. docs/decisions/0013-board.md says why not SQLite.
"""

import mmap
import os
from collections import deque
from pathlib import Path

from gateway import _native
from gateway.base.storage.ports import StorageError
from gateway.base.storage.private import create_private, make_private_dir

_NAME = "board-1"
"""The number is that of the layout: a file of another layout is another file, since one that is mapped can't be cut."""
_SLOTS = 1 << 14
_WAYS = 4
"""How many slots an entry may live in."""
_WORDS = 4  # of a slot: key, value, until_ms, check
_BYTES = _SLOTS * _WORDS * 8
Entry = tuple[int, int, int]
"""Key, value, until_ms."""
_U64 = (1 << 64) - 1
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


class Board:
    """Keys are 64-bit hashes (best keyed: clients may choose what is hashed), values are 0 to 2^63 - 1, times epoch milliseconds."""

    def __init__(self, words: memoryview) -> None:
        """`words`: `_SLOTS` x `_WORDS` unsigned 64-bit words, zero at the beginning."""
        self._words = words
        self.news: deque[Entry] | None = None
        """What was put, for whoever tells other nodes; None where nobody does. The oldest goes when nobody takes it."""
        self.ahead_ms = 0
        """How far the clock that all nodes write words by is ahead of this machine's; 0 where nobody tells other nodes."""

    def get(self, key: int, now_ms: int) -> int | None:
        """The value of an entry that has not ended."""
        _, value, until_ms = self._find(key)
        return value if until_ms > now_ms else None

    def put(self, key: int, value: int, until_ms: int, now_ms: int) -> None:
        """Set an entry, and tell it to other nodes; `until_ms` not after `now_ms` removes it."""
        self.learn(key, value, until_ms, now_ms)
        if self.news is not None:
            self.news.append((key, value, until_ms))

    def learn(self, key: int, value: int, until_ms: int, now_ms: int) -> None:
        """Set an entry that another node told."""
        at = self._find(key)[0]
        if at < 0:
            if until_ms <= now_ms:
                return
            at = min(self._slots_of(key), key=lambda slot: self._words[slot + 2])
        words = self._words
        words[at + 3] = 0  # nobody finds it half written
        words[at], words[at + 1], words[at + 2] = key, value, until_ms
        words[at + 3] = _check(key, value, until_ms)

    def _find(self, key: int) -> tuple[int, int, int]:
        """Slot (-1: not there), value, until_ms; each word is read once, since the slot may be another's at the next read."""
        words = self._words
        for at in self._slots_of(key):
            if words[at] == key:
                value, until_ms = words[at + 1], words[at + 2]
                if words[at + 3] == _check(key, value, until_ms):
                    return at, value, until_ms
        return -1, 0, 0

    @staticmethod
    def _slots_of(key: int) -> range:
        first = (key % _SLOTS & -_WAYS) * _WORDS
        return range(first, first + _WAYS * _WORDS, _WORDS)


def board_key(data: bytes, seed: int) -> int:
    """The key of what `data` names, hashed under a secret seed: clients can neither tell it nor meet another's."""
    return int.from_bytes(_native.digest(data, seed)[:8])


def open_board(data_dir: str | Path) -> Board:
    """The board of the node with this `data_dir`. Raises StorageError."""
    path = Path(data_dir) / _NAME
    make_private_dir(path.parent)
    create_private(path, b"")
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, _BYTES)  # a hole on a full disk would be a SIGBUS later
            return Board(_words(mmap.mmap(file.fileno(), _BYTES)))
    except OSError as exc:
        raise StorageError(f"`{path}`: {exc.strerror}") from exc


def lone_board() -> Board:
    """The board of one process alone."""
    return Board(_words(mmap.mmap(-1, _BYTES)))


def _words(memory: mmap.mmap) -> memoryview:
    return memoryview(memory).cast("Q")


def _check(key: int, value: int, until_ms: int) -> int:
    """Never 0, which marks a slot that is being written."""
    return ((key ^ value * _MIX[0] ^ until_ms * _MIX[1]) & _U64) | 1

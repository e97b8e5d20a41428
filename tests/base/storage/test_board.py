"""The board: shared by processes, whole or not at all, forgetful."""

import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.base.storage import StorageError
from gateway.base.storage.board import Board, lone_board, open_board

NOW = 1_795_000_000_000


def test_what_is_put_is_there_until_it_ends() -> None:
    board = lone_board()
    assert board.get(7, NOW) is None
    board.put(7, 42, NOW + 1000, NOW)
    assert board.get(7, NOW) == 42
    assert board.get(7, NOW + 999) == 42
    assert board.get(7, NOW + 1000) is None


def test_an_entry_is_replaced_and_removed() -> None:
    board = lone_board()
    board.put(7, 1, NOW + 1000, NOW)
    board.put(7, 2, NOW + 2000, NOW)
    assert board.get(7, NOW + 1500) == 2
    board.put(7, 0, 0, NOW)
    assert board.get(7, NOW) is None
    board.put(8, 1, NOW, NOW)  # ended before it began, and was never there
    assert board.get(8, NOW) is None


def test_a_full_neighbourhood_forgets_what_ends_soonest() -> None:
    board = lone_board()
    keys = [1 << 40 | i << 20 for i in range(5)]  # the same slots
    for i, key in enumerate(keys):
        board.put(key, i, NOW + 1000 * (i + 1), NOW)
    assert [board.get(key, NOW) for key in keys] == [None, 1, 2, 3, 4]


def test_extreme_keys_and_values() -> None:
    board = lone_board()
    for key in (0, 1, (1 << 64) - 1):
        board.put(key, (1 << 63) - 1, 1 << 62, NOW)
        assert board.get(key, NOW) == (1 << 63) - 1


def test_two_boards_of_one_folder_are_one(tmp_path: Path) -> None:
    first, second = open_board(tmp_path), open_board(tmp_path)
    first.put(7, 42, NOW + 1000, NOW)
    assert second.get(7, NOW) == 42
    assert open_board(tmp_path).get(7, NOW) == 42
    assert (tmp_path / "board-1").stat().st_mode & 0o777 == 0o600


def test_a_torn_entry_is_not_there(tmp_path: Path) -> None:
    board = open_board(tmp_path)
    board.put(7, 42, NOW + 1000, NOW)
    data = (tmp_path / "board-1").read_bytes()
    at = data.index((42).to_bytes(8, "little"))
    with (tmp_path / "board-1").open("r+b") as file:
        file.seek(at)
        file.write((43).to_bytes(8, "little"))
    assert board.get(7, NOW) is None
    board.put(7, 44, NOW + 1000, NOW)
    assert board.get(7, NOW) == 44


class _Swapped:
    """The words of a board, where another process gives the slot to another entry after so many reads."""

    def __init__(self, words: memoryview, after: int, swap: Callable[[], None]) -> None:
        self._words, self._left, self._swap = words, after, swap

    def __getitem__(self, at: int) -> int:
        word: int = self._words[at]
        self._left -= 1
        if self._left == 0:
            self._swap()
        return word


@pytest.mark.parametrize("after", range(1, 12))
def test_a_slot_that_changes_hands_while_it_is_read(tmp_path: Path, after: int) -> None:
    mine, theirs = open_board(tmp_path), open_board(tmp_path)
    keys = [i << 20 for i in range(1, 6)]  # the same four slots
    for key in keys[:4]:
        mine.put(key, key, NOW + 1000 + key, NOW)
    words = _Swapped(mine._words, after, lambda: theirs.put(keys[4], keys[4], NOW + 9000, NOW))
    assert Board(words).get(keys[0], NOW) in {None, keys[0]}  # type: ignore[arg-type]


def _write(folder: Path, seed: int) -> None:
    board, dice = open_board(folder), random.Random(seed)
    for _ in range(20_000):
        key = dice.randrange(64)
        board.put(key, key * 1000 + seed, NOW + 1000 + key, NOW)


def test_writers_and_readers_at_once_never_see_a_mixture(tmp_path: Path) -> None:
    board = open_board(tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, seed), daemon=True) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        for key in range(64):
            value = board.get(key, NOW)
            seen += value is not None
            assert value is None or (value // 1000 == key and value % 1000 in {1, 2})
    assert all(writer.exitcode == 0 for writer in writers)
    assert seen


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        open_board(tmp_path / "file" / "data")

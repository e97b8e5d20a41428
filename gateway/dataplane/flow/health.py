"""Health on a node's board, by the clock that all of its nodes tell the time of words by."""

from time import time

from gateway.base.storage.board import Board, board_key
from gateway.dataplane.routing import BoardHealth


def health_on(board: Board, key: bytes) -> BoardHealth:
    """`key`: what is derived from the node's secret for `routing`, so that all of its processes find the same entries."""
    seed = int.from_bytes(key[:8])
    return BoardHealth(board, lambda name: board_key(name, seed), lambda: int(time() * 1000) + board.ahead_ms)

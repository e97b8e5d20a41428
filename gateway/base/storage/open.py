"""Which store leases and rate limits live in: SQLite in `data_dir`, or the Redis that several nodes share."""

from typing import TYPE_CHECKING, Protocol

from gateway.base.config import GatewayConfig
from gateway.base.storage.board import Board
from gateway.base.storage.leases import LeaseBook, LeaseStore
from gateway.base.storage.node import node_id
from gateway.base.storage.rates import RateStore
from gateway.base.storage.sqlite.leases import SqliteLeases
from gateway.base.storage.sqlite.rates import SqliteRates

if TYPE_CHECKING:
    from gateway.base.storage.redis import RedisNews

__all__ = ["Leases", "node_id", "open_leases", "open_news", "open_rates"]


class Leases(LeaseStore, LeaseBook, Protocol):
    """Both sides of one store."""

    async def close(self) -> None:
        """Give connections back."""
        ...


def open_leases(config: GatewayConfig) -> Leases:
    """The store that the configuration names. Connects with the first call: a store that is down is that call's StorageError."""
    if config.storage.redis:
        from gateway.base.storage.redis import RedisLeases

        return RedisLeases(config.storage.redis)
    return SqliteLeases(config.server.data_dir)


def open_rates(config: GatewayConfig) -> RateStore:
    """The same store's rate limits; connects with the first call too."""
    if config.storage.redis:
        from gateway.base.storage.redis import RedisRates

        return RedisRates(config.storage.redis)
    return SqliteRates(config.server.data_dir)


def open_news(config: GatewayConfig, board: Board, node: str) -> "RedisNews | None":
    """What tells the board's news to other nodes; None where there are none."""
    if not config.storage.redis:
        return None
    from gateway.base.storage.redis import RedisNews

    return RedisNews(config.storage.redis, board, node)

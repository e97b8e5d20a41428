"""What the probes of a node share with its workers: the board, and the news that other nodes read."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from time import time
from typing import Any

from gateway.base.config import GatewayConfig, Loaded
from gateway.base.core.plan import Provider
from gateway.base.storage import ServerSecret
from gateway.base.storage.board import board_key, open_board
from gateway.base.storage.open import node_id, open_news
from gateway.controlplane.probes.asking import ask
from gateway.controlplane.probes.probes import Probes
from gateway.controlplane.probes.targets import targets_of
from gateway.dataplane.routing import BoardHealth
from gateway.dataplane.upstream import UpstreamClient


class Node:
    """Raises StorageError where the node's board cannot be had."""

    def __init__(self, config: GatewayConfig) -> None:
        data_dir = config.server.data_dir
        self._config = config
        self._clients: dict[str, UpstreamClient] = {}
        self._board = board = open_board(data_dir)
        self._news = open_news(config, board, node_id(data_dir))
        key = ServerSecret.load(Path(data_dir)).digest("\0routing")  # as Identity.derived_key gives it to the workers
        seed = int.from_bytes(key[:8])
        health = BoardHealth(board, lambda name: board_key(name, seed), lambda: int(time() * 1000) + board.ahead_ms)
        self._probes = Probes(health, self._ask)

    def use(self, loaded: Loaded) -> None:
        """Raises ConfigError."""
        self._probes.use(targets_of(loaded))

    def jobs(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs until it is cancelled."""
        yield self._probes.run()
        if self._news is not None:
            yield self._news.run()

    def close(self) -> None:
        """Drop the connections to providers."""
        for client in self._clients.values():
            client.close()

    async def _ask(self, provider: Provider, timeout_ms: int) -> tuple[int, str]:
        client = self._clients.get(provider.ca_file)
        if client is None:
            loop, timeouts = asyncio.get_running_loop(), self._config.server.timeouts
            client = self._clients[provider.ca_file] = UpstreamClient(loop, timeouts, provider.ca_file)
        return await ask(client, provider, timeout_ms)

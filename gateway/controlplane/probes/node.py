"""What the probes of a node share with its workers: the board, and the news that other nodes read."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from gateway.base.config import GatewayConfig, Loaded
from gateway.base.core.plan import Provider
from gateway.base.storage import ServerSecret, derived_key
from gateway.base.storage.board import open_board
from gateway.base.storage.open import node_id, open_news
from gateway.controlplane.probes.asking import ask
from gateway.controlplane.probes.probes import Probes
from gateway.controlplane.probes.targets import targets_of
from gateway.dataplane.flow import health_on
from gateway.dataplane.upstream import Clients, UpstreamClient


class Node:
    """Raises StorageError where the node's board cannot be had."""

    def __init__(self, config: GatewayConfig) -> None:
        data_dir = config.server.data_dir
        timeouts = config.server.timeouts
        self._clients: Clients[str] = Clients(
            lambda ca_file: UpstreamClient(asyncio.get_running_loop(), timeouts, ca_file)
        )
        self._board = board = open_board(data_dir)
        self._news = open_news(config, board, node_id(data_dir))
        key = derived_key(ServerSecret.load(Path(data_dir)).digest, "routing")
        self._probes = Probes(health_on(board, key), self._ask)

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
        self._clients.close()

    async def _ask(self, provider: Provider, timeout_ms: int) -> tuple[int, str]:
        return await ask(self._clients[provider.ca_file], provider, timeout_ms)

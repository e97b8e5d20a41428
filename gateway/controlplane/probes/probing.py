"""Probes of one node: they begin with the first configuration that wants any. What they need of the data plane is not loaded before."""

import asyncio
from typing import TYPE_CHECKING

from gateway.base.config import Loaded
from gateway.base.storage import StorageError
from gateway.base.telemetry.log import log

if TYPE_CHECKING:
    from gateway.controlplane.probes.node import Node


class Probing:
    """Made on a running loop. `use` follows the configuration, `stop` ends it."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def use(self, loaded: Loaded) -> None:
        """Probe what this configuration wants. Raises ConfigError."""
        if self._node is None:
            if not any(row.probe for row in loaded.config.providers.values()):
                return
            from gateway.controlplane.probes.node import Node

            try:
                self._node = Node(loaded.config)
            except StorageError as exc:  # without the node's board nobody would learn what a probe finds
                log("error", "probes_failed", error=str(exc))
                return
            self._tasks = [asyncio.ensure_future(job) for job in self._node.jobs()]
        self._node.use(loaded)

    def stop(self) -> None:
        """Ask nobody any more."""
        for task in self._tasks:
            task.cancel()
        if self._node is not None:
            self._node.close()

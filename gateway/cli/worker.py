"""One data-plane process: `python -m gateway.cli.worker`, started and watched by `agentcc serve`.

It inherits the listening socket and two pipes: `lifeline` (its end of file means the supervisor is gone) and `status`
(one line when it serves). SIGTERM drains, SIGHUP reloads the configuration.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import uvloop

from gateway import __version__
from gateway.base.config import ConfigError, Loaded, load
from gateway.base.core.errors import Overloaded
from gateway.base.core.ids import new_run_id
from gateway.base.journal import JournalError, Recovery, open_run
from gateway.base.storage import StorageError, open_keys
from gateway.base.telemetry.log import log, name_process
from gateway.cli.granian_worker import GranianServer
from gateway.dataplane.edge import asgi_app, rsgi_app
from gateway.dataplane.flow import Pipeline, Sweep, assemble
from gateway.dataplane.identity import Identity

_RELOAD_POLL_S = 0.5
_LAST_WORDS_S = 2.0
"""After the drain's end: time for the terminal error events of cut streams to leave."""


class Worker:
    """Assembles one worker and runs it until it is told to stop."""

    def __init__(self, args: argparse.Namespace, loaded: Loaded, loop: asyncio.AbstractEventLoop) -> None:
        self._args = args
        self._loop = loop
        self._loaded = loaded
        server = loaded.config.server
        data_dir = Path(server.data_dir)
        policy = assemble(loaded, Identity(open_keys(data_dir), loaded.config.keys, loaded.source))
        run_id = new_run_id()
        self._journal, recovery = open_run(
            data_dir / "journal",
            args.slot,
            run_id=run_id,
            version=__version__,
            segment_bytes=server.journal.segment_bytes,
            adopt_slots_from=args.workers if args.slot == 0 else None,
        )
        _report(recovery)
        self._pipeline = Pipeline(
            loop, policy, self._journal, run_id, admin_url=args.admin_url, admin_secret=args.admin_secret
        )
        self._sweep = Sweep(self._pipeline)
        app = rsgi_app(self._pipeline) if server.interface == "rsgi" else asgi_app(self._pipeline)
        self._server = GranianServer(loop, server.interface, app)
        self._stopping = asyncio.Event()
        self._fingerprint = _fingerprint(args.config)

    async def run(self) -> None:
        """Serve, drain, close the journal."""
        loop, args = self._loop, self._args
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's ^C reaches all; the supervisor decides
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_reader(args.lifeline, self._stopping.set)
        self._sweep.start()
        self._server.start(args.socket, self._loaded.config.server)
        tasks = [loop.create_task(self._watch_file()), loop.create_task(self._sync_journal())]
        with os.fdopen(args.status, "w") as status:
            status.write("ready\n")
        log("debug", "worker_ready", slot=args.slot)
        await self._stopping.wait()
        loop.remove_reader(args.lifeline)
        await self._drain()
        for task in tasks:
            task.cancel()
        self._sweep.stop()
        self._pipeline.close()
        self._journal.close()

    async def _drain(self) -> None:
        """Refuse new connections, let open exchanges end; at the deadline end them with an error event."""
        pipeline = self._pipeline
        self._server.stop()
        if not await pipeline.drained(pipeline.policy.config.server.drain_ms / 1000):
            log("warning", "drain_deadline", open_exchanges=len(pipeline.open_exchanges))
            pipeline.end_all(Overloaded("the gateway is restarting; try again"))
            await pipeline.drained(_LAST_WORDS_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.stopped, 0.5)

    async def _watch_file(self) -> None:
        """Notice a changed file; half a second is well inside the two seconds that a reload may take."""
        while True:
            await asyncio.sleep(_RELOAD_POLL_S)
            if _fingerprint(self._args.config) != self._fingerprint:
                self._reload()

    def _reload(self) -> None:
        """Swap in the file's new version at once, or keep the old one and say why."""
        self._fingerprint = _fingerprint(self._args.config)
        try:
            loaded = load(self._args.config)
            if loaded.version == self._pipeline.policy.version:
                return
            identity = self._pipeline.policy.identity.with_config(loaded.config.keys, loaded.source)
            policy = assemble(loaded, identity)
        except (ConfigError, StorageError) as exc:
            log("error", "config_rejected", reason=str(exc), kept=self._pipeline.policy.version)
            return
        if _fixed(loaded) != _fixed(self._loaded):
            log(
                "warning",
                "config_needs_restart",
                reason="host, port, workers, interface, admin, tls or data_dir changed",
            )
        self._pipeline.policy = policy
        log("info", "config_reloaded", version=loaded.version)

    async def _sync_journal(self) -> None:
        interval_ms = self._loaded.config.server.journal.fsync_interval_ms
        while interval_ms:
            await asyncio.sleep(interval_ms / 1000)
            try:
                await self._loop.run_in_executor(None, self._journal.sync)
            except OSError as exc:
                log("error", "journal_sync_failed", error=str(exc))


def _report(recovery: Recovery) -> None:
    """Say what a dead predecessor left behind."""
    if recovery.crashed or recovery.torn or recovery.broken:
        log(
            "warning", "journal_recovered", crashed=len(recovery.crashed), torn=recovery.torn, broken=recovery.broken,
            runs=[p.run for p in recovery.adopted],
        )  # fmt: skip


def _fixed(loaded: Loaded) -> tuple[object, ...]:
    """What only a restart can change."""
    s = loaded.config.server
    return s.host, s.port, s.workers, s.interface, s.admin, s.tls, s.data_dir, s.journal


def _fingerprint(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return found.st_mtime_ns, found.st_size, found.st_ino


def main() -> int:
    """Entry of the worker process; exit code 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="agentcc-worker")
    for name in ("--slot", "--workers", "--socket", "--lifeline", "--status"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--config", "--admin-url"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    args.admin_secret = os.environ.pop("AGENTCC_ADMIN_SECRET", "")
    name_process(f"worker-{args.slot}")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        worker = Worker(args, load(args.config), loop)
        loop.run_until_complete(worker.run())
    except (ConfigError, StorageError, JournalError, OSError) as exc:
        log("error", "worker_failed", error=str(exc))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

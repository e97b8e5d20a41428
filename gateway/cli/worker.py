"""One data-plane process: `python -m gateway.cli.worker`, started and watched by `agentcc serve`.

It inherits the listening socket and two pipes: `lifeline` (its end of file means the supervisor is gone) and `status`
(one line when it serves). SIGTERM drains, SIGHUP reloads the configuration.
"""

import argparse
import asyncio
import contextlib
import gc
import hashlib
import os
import signal
import sys
import tempfile
from pathlib import Path

import uvloop

from gateway import __version__
from gateway.base.config import ConfigError, Loaded, load, load_or_kept
from gateway.base.config.watch import fingerprint
from gateway.base.core.errors import Overloaded
from gateway.base.core.ids import new_run_id
from gateway.base.journal import JournalError, Recovery, open_run
from gateway.base.storage import StorageError, open_keys
from gateway.base.storage.board import Board, lone_board, open_board
from gateway.base.storage.node import node_id
from gateway.base.storage.open import open_leases, open_news, open_rates
from gateway.base.storage.sqlite.quarantine import PURPOSE as QUARANTINE
from gateway.base.telemetry.log import log, name_process
from gateway.cli.config_warnings import log_warnings
from gateway.cli.granian_worker import GranianServer
from gateway.dataplane.edge import RsgiEdge, asgi_app
from gateway.dataplane.flow import Pipeline, Policy, Sweep, assemble
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.guard.quarantine import Quarantine
from gateway.dataplane.identity import Identity

_RELOAD_POLL_S = 0.3
"""A changed file is taken when two looks find it the same, so that half of one that is still being written is not."""

_LAST_WORDS_S = 2.0
"""After the drain's end: time for the terminal error events of cut streams to leave."""
_DAY_S = 86_400


class Worker:
    """Assembles one worker and runs it until it is told to stop."""

    def __init__(self, args: argparse.Namespace, loop: asyncio.AbstractEventLoop) -> None:
        self._args = args
        self._fingerprint = fingerprint(args.config)  # before the file is read: a change meanwhile is seen later
        loaded, policy = _load(args)
        self._loop = loop
        self._next_warning: asyncio.TimerHandle | None = None
        self._warn(loaded, policy)
        self._loaded = loaded
        server = loaded.config.server
        _schedule(server.scheduling)
        data_dir = Path(server.data_dir)
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
        board, node = _board(data_dir), node_id(data_dir)
        self._news = open_news(loaded.config, board, node)
        self._pipeline = Pipeline(
            loop, policy, self._journal, run_id, open_leases(loaded.config), open_rates(loaded.config), board,
            node=node, admin_url=args.admin_url, admin_secret=args.admin_secret,
        )  # fmt: skip
        quarantine_key = policy.identity.derived_key(QUARANTINE)
        self._quarantine = self._pipeline.recorder.quarantine = Quarantine(data_dir, quarantine_key)
        self._sweep = Sweep(self._pipeline)
        self._sweep.also += (self._pipeline.wallet.tick, self._pipeline.rates.tick)
        app = RsgiEdge(self._pipeline) if server.interface == "rsgi" else asgi_app(self._pipeline)
        if isinstance(app, RsgiEdge):
            self._sweep.also.append(app.expire)
        self._server = GranianServer(loop, app)
        self._stopping = asyncio.Event()
        self._compiling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve, drain, close the journal."""
        loop, args = self._loop, self._args
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal's ^C reaches all; the supervisor decides
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_reader(args.lifeline, self._stopping.set)
        settle_garbage()
        self._sweep.start()
        self._server.start(args.socket, self._loaded.config.server)
        tasks = [loop.create_task(self._watch_file()), loop.create_task(self._sync_journal())]
        if self._news is not None:
            tasks.append(loop.create_task(self._news.run()))
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
        await self._pipeline.rates.close()
        await self._pipeline.wallet.close()  # what it owes is told before its run counts as finished
        self._quarantine.close()
        self._journal.close()

    async def _drain(self) -> None:
        """Refuse new connections, let open exchanges end; at the deadline end them with an error event."""
        pipeline = self._pipeline
        self._server.stop()
        if not await pipeline.drained(self._loaded.config.server.drain_ms / 1000):
            log("warning", "drain_deadline", open_exchanges=len(pipeline.open_exchanges))
            pipeline.end_all(Overloaded("the gateway is restarting; try again"))
            await pipeline.drained(_LAST_WORDS_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.stopped, 0.5)

    async def _watch_file(self) -> None:
        """Notice a changed file, well inside the two seconds that a reload may take."""
        before = self._fingerprint
        while True:
            await asyncio.sleep(_RELOAD_POLL_S)
            now = fingerprint(self._args.config)
            if now != self._fingerprint and now == before:
                self._reload()
            before = now

    def _reload(self) -> None:
        """Swap in the file's new version, or keep the old one and say why: at once, or when its scanners are compiled."""
        self._fingerprint = fingerprint(self._args.config)
        before = self._pipeline.policy
        try:
            loaded = load(self._args.config)
            if self._compiling is not None:
                self._compiling.cancel()  # what was to come is out of date
                self._compiling = None
            if loaded.version == before.version:
                return
            policy = assemble(loaded, before.identity.with_config(loaded.config.keys, loaded.source))
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with it, the old version goes on and we watch on
            log("error", "config_rejected", reason=str(exc), kept=before.version)
            return
        if policy.guard is not None:
            policy.guard.take_over(before.guard)
            if not policy.guard.is_loaded:
                self._compiling = self._loop.create_task(self._use_compiled(loaded, policy, policy.guard))
                return
        self._use(loaded, policy)

    async def _use_compiled(self, loaded: Loaded, policy: Policy, guard: Guard) -> None:
        """`_use`, when the scanners are there: seconds, where nobody has compiled them yet."""
        try:
            await self._loop.run_in_executor(None, guard.load)
        except Exception as exc:  # noqa: BLE001 - as above
            log("error", "config_rejected", reason=str(exc), kept=self._pipeline.policy.version)
            return
        self._compiling = None
        self._use(loaded, policy)

    def _use(self, loaded: Loaded, policy: Policy) -> None:
        fixed, now = _fixed(self._loaded), _fixed(loaded)
        changed = [f"`$.server.{name}`" for name, value in fixed.items() if now[name] != value]
        if changed:
            log("warning", "config_needs_restart", reason=f"{', '.join(changed)} changed: in force after a restart")
        self._pipeline.use(policy)
        _keep(loaded, self._args)
        log("info", "config_reloaded", version=loaded.version)
        self._warn(loaded, policy)

    def _warn(self, loaded: Loaded, policy: Policy) -> None:
        """One worker speaks for all of them, and says it again each day: keys end and models retire while it runs."""
        if self._args.slot == 0:
            log_warnings(loaded, policy)
            if self._next_warning is not None:
                self._next_warning.cancel()
            self._next_warning = self._loop.call_later(_DAY_S, self._warn, loaded, policy)

    async def _sync_journal(self) -> None:
        interval_ms = self._loaded.config.server.journal.fsync_interval_ms
        while interval_ms:
            await asyncio.sleep(interval_ms / 1000)
            try:
                await self._loop.run_in_executor(None, self._journal.sync)
            except OSError as exc:
                log("error", "journal_sync_failed", error=str(exc))


def _schedule(policy: str) -> None:
    """Choose the kernel's scheduling policy for this process and the threads that it will start (decision 0007)."""
    if policy == "batch" and hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def settle_garbage() -> None:
    """What start-up made stays: keep the collector off it, and let it look at the young only now and then.

    An exchange makes few cycles, and none that holds much; at the default threshold the collector took 2-4 % of the
    event loop's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _board(data_dir: Path) -> Board:
    """The node's board; of this worker alone where its file cannot be had, since what it tells heals by itself."""
    try:
        return open_board(data_dir)
    except StorageError as exc:
        log("warning", "board_not_shared", error=str(exc))
        return lone_board()


def _report(recovery: Recovery) -> None:
    """Say what a dead predecessor left behind."""
    if recovery.crashed or recovery.torn or recovery.broken:
        log(
            "warning", "journal_recovered", crashed=len(recovery.crashed), torn=recovery.torn, broken=recovery.broken,
            runs=[p.run for p in recovery.adopted],
        )  # fmt: skip


def _fixed(loaded: Loaded) -> dict[str, object]:
    """What only a restart can change: field of `server` → value."""
    s = loaded.config.server
    names = ("host", "port", "workers", "interface", "scheduling", "admin", "tls", "data_dir", "drain_ms", "journal")
    fixed: dict[str, object] = {name: getattr(s, name) for name in names}
    fixed |= {f"limits.{n}": getattr(s.limits, n) for n in ("header_bytes", "header_timeout_ms", "connections")}
    return fixed | {"timeouts.connect_ms": s.timeouts.connect_ms}


def _keep(loaded: Loaded, args: argparse.Namespace) -> None:
    """Put a good version where only we read it, for `_load`."""
    try:
        text = Path(args.config).read_bytes()
        if hashlib.sha256(text).hexdigest()[:12] != loaded.version:
            return  # the file changed meanwhile, or is the kept one
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(args.kept), prefix="last-good.")
        with os.fdopen(handle, "wb") as file:  # mkstemp's mode is 0600: it may hold secrets
            file.write(text)
        os.replace(temporary, args.kept)
    except OSError as exc:
        log("warning", "config_not_kept", error=str(exc))


def _load(args: argparse.Namespace) -> tuple[Loaded, Policy]:
    (loaded, policy), rejected = load_or_kept(args.config, args.kept, _read)
    if rejected:
        log("error", "config_rejected", reason=str(rejected), kept=loaded.version)
    else:
        _keep(loaded, args)
    return loaded, policy


def _read(path: str) -> tuple[Loaded, Policy]:
    loaded = load(path)
    keys = open_keys(Path(loaded.config.server.data_dir))
    try:
        policy = assemble(loaded, Identity(keys, loaded.config.keys, loaded.source))
    except ConfigError:
        keys.close()
        raise
    if policy.guard is not None:
        policy.guard.load()
    return loaded, policy


def main() -> int:
    """Entry of the worker process; exit code 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="agentcc-worker")
    for name in ("--slot", "--workers", "--socket", "--lifeline", "--status"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--config", "--admin-url", "--kept"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    args.admin_secret = os.environ.pop("AGENTCC_ADMIN_SECRET", "")
    name_process(f"worker-{args.slot}")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        worker = Worker(args, loop)
        loop.run_until_complete(worker.run())
    except (ConfigError, StorageError, JournalError, OSError) as exc:
        log("error", "worker_failed", error=str(exc))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

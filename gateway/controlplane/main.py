"""The control-plane process: `python -m gateway.controlplane.main`, started and watched by `agentcc serve`.

Projects the journal, keeps the budgets' store true to it, serves the admin API, removes what is past its retention. It ends on
SIGTERM or when `lifeline`, the pipe that the supervisor holds, reaches its end. The data plane goes on without it.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from granian._granian import SocketHolder
from granian.constants import Interfaces
from granian.server.embed import Server

from gateway import __version__
from gateway.base.config import ConfigError, GatewayConfig, Loaded, load, load_or_kept, windows_of
from gateway.base.config.watch import FileWatch
from gateway.base.journal import journal_directory, prune
from gateway.base.storage import StorageError
from gateway.base.storage.open import node_id, open_leases
from gateway.base.telemetry.log import log, name_process
from gateway.base.telemetry.metrics import BUDGET_LIMIT, BUDGET_SPENT
from gateway.controlplane.admin import AdminApp, QuarantineDesk, Resources, admin_token
from gateway.controlplane.budgets import Alerts, Desk, Keeper, Report, Runs
from gateway.controlplane.probes import Probing
from gateway.controlplane.projections import Exporter, Projector, Queries
from gateway.controlplane.projections.spend import SpendReader

LEDGER_FILE = "ledger.sqlite3"
_RETENTION_INTERVAL_S = 3600.0
_RELOAD_POLL_S = 0.1
_BACKLOG = 128
_STOP_S = 3.0


async def run_control_plane(
    loaded: Loaded,
    watch: FileWatch,
    *,
    port: int | None = None,
    forward_secret: str = "",
    lifeline: int | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM, SIGINT or the end of `lifeline`. `port` wins over `server.admin.port`.

    Budgets and probes follow the file of `watch`. `on_ready` is called once the port is open. Raises OSError when it cannot be bound.
    """
    server, loop = loaded.config.server, asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the workers read the file, and we what they have taken
    if lifeline is not None:
        loop.add_reader(lifeline, stopping.set)
    exporter = Exporter(__version__)
    data_dir, journal = Path(server.data_dir), journal_directory(server.data_dir)
    ledger = data_dir / LEDGER_FILE
    projector = Projector(journal, ledger, exporter)
    leases, alerts = open_leases(loaded.config), Alerts(data_dir)
    keeper = Keeper(node_id(data_dir), leases, Runs(journal), SpendReader(ledger), lambda: projector.is_caught_up)
    desk = Desk(leases, ())

    probing = Probing()

    def use(loaded: Loaded) -> None:
        desk.windows = windows = windows_of(loaded.config.budgets, loaded.source)
        keeper.use(windows)
        probing.use(loaded)

    def show(found: list[Report]) -> None:
        named = {(r.window.level, r.account_id, r.window.models, r.window.period): r for r in found}
        exporter.set_gauge(BUDGET_SPENT, {labels: report.spent_nusd for labels, report in named.items()})
        exporter.set_gauge(BUDGET_LIMIT, {labels: report.limit_nusd for labels, report in named.items()})

    use(loaded)
    app = AdminApp(
        Resources(exporter, Queries(ledger), lambda: projector.is_caught_up, desk, QuarantineDesk(data_dir)),
        token=admin_token(server.admin.token, server.data_dir),
        forward_secret=forward_secret,
        is_metrics_public=server.admin.metrics_public,
    )
    listener = _listen(server.admin.host, server.admin.port if port is None else port)
    projector.start()
    http = _Server(app, listener)
    serving = loop.create_task(http.serve())
    jobs = (_keep_retention(loaded.config), _follow(watch, loaded.version, use), keeper.run(), alerts.run(desk, show))
    tasks = [loop.create_task(job) for job in jobs]
    try:
        on_ready()
        log("debug", "control_plane_ready", port=listener.getsockname()[1])
        waiting = loop.create_task(stopping.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            raise OSError(f"the admin server ended: {serving.exception()}")
    finally:
        if lifeline is not None:
            loop.remove_reader(lifeline)
        loop.call_soon(http.stop)
        probing.stop()
        for task in tasks:
            task.cancel()
        await asyncio.wait([serving, *tasks], timeout=_STOP_S)
        await asyncio.to_thread(projector.stop)
        await leases.close()
        alerts.close()


async def _follow(watch: FileWatch, version: str, use: Callable[[Loaded], None]) -> None:
    """Take budgets and probes of each new version of the file; one that is bad changes nothing."""
    while True:
        await asyncio.sleep(_RELOAD_POLL_S)
        if not watch.is_changed():
            continue
        try:
            loaded = load(watch.path)
            if loaded.version != version:
                use(loaded)
                version = loaded.version
                log("info", "budgets_reloaded", version=version)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with it, the old version goes on and we watch on
            log("error", "config_rejected", reason=str(exc), kept=version)


def _listen(host: str, port: int) -> socket.socket:
    """The admin socket, ours alone. Granian's own would share the port (SO_REUSEPORT) with another gateway's."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise OSError(
            f"`server.admin` is {host}:{port}, which cannot be used: {exc.strerror}; stop what listens there, or set"
            " another `server.admin.port`"
        ) from exc
    listener.setblocking(False)
    return listener


class _Server(Server):
    """Granian's embedded server on a socket that is bound already; the two names it sets are Granian's own (2.8.7)."""

    def __init__(self, app: AdminApp, listener: socket.socket) -> None:
        super().__init__(app, interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._listener.detach(), False, _BACKLOG)


async def _keep_retention(config: GatewayConfig) -> None:
    """Remove old segments, and what the quarantine has kept long enough, now and once an hour."""
    directory, days = journal_directory(config.server.data_dir), config.server.journal.retention_days
    desk = QuarantineDesk(config.server.data_dir)
    while True:
        try:
            removed = await asyncio.to_thread(prune, directory, older_than_days=days, now=time.time())
            if removed:
                log("info", "journal_pruned", segments=len(removed), older_than_days=days)
        except OSError as exc:
            log("error", "journal_prune_failed", error=str(exc))
        quarantine, now_ms = config.guardrails.quarantine, time.time_ns() // 1_000_000
        try:
            await asyncio.to_thread(
                desk.expire, now_ms=now_ms, keep_days=quarantine.keep_days, most_bytes=quarantine.max_bytes
            )
        except StorageError as exc:
            log("error", "quarantine_expire_failed", error=exc.problem)
        await asyncio.sleep(_RETENTION_INTERVAL_S)


def _load(path: str, kept: str) -> Loaded:
    loaded, rejected = load_or_kept(path, kept, load)
    if rejected:
        log("error", "config_rejected", reason=str(rejected), kept=loaded.version)
    return loaded


def main() -> int:
    """Entry of the process; exit code 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="agentcc-control-plane")
    parser.add_argument("--config", required=True)
    parser.add_argument("--kept", default="", help="the last good version, for a start while the file is bad")
    for name in ("--port", "--lifeline", "--status"):
        parser.add_argument(name, type=int)
    args = parser.parse_args()
    name_process("control-plane")

    def tell_ready() -> None:
        if args.status is not None:
            with os.fdopen(args.status, "w") as status:
                status.write("ready\n")

    # Workers write down each version that they have accepted: what they refuse changes nothing here either.
    watch = FileWatch(args.kept or args.config, is_taken=not args.kept)
    try:
        uvloop.run(
            run_control_plane(
                _load(args.config, args.kept),
                watch,
                port=args.port,
                forward_secret=os.environ.pop("AGENTCC_ADMIN_SECRET", ""),
                lifeline=args.lifeline,
                on_ready=tell_ready,
            )
        )
    except (ConfigError, StorageError, OSError) as exc:
        log("error", "control_plane_failed", error=str(exc))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

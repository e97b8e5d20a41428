"""`agentcc serve`: binds the public socket, starts the processes, prints how to point each agent here."""

import argparse
import errno
import os
import secrets
import socket
import ssl
import sys
from contextlib import closing
from pathlib import Path

from gateway.base.config import ConfigError, GatewayConfig, Loaded, load
from gateway.base.storage import StorageError, open_keys
from gateway.base.telemetry.log import log, name_process
from gateway.cli.command import Subparsers
from gateway.cli.defaults import default_file
from gateway.cli.supervisor import Child, Supervisor
from gateway.dataplane.flow import assemble
from gateway.dataplane.identity import Identity

_BACKLOG = 4096
_DEFAULT_FILE = "gateway.yaml"


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc serve`."""
    parser = subparsers.add_parser(
        "serve",
        help="run the gateway",
        description="Run the gateway: data-plane workers and the control plane, until SIGTERM.",
        epilog="example: agentcc serve -c gateway.yaml --port 8080",
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="configuration [default: ./gateway.yaml, else embedded defaults]"
    )
    parser.add_argument("--host", metavar="ADDRESS", help="listen here instead of the file's host")
    parser.add_argument(
        "--port", type=_port, metavar="N", help="listen here instead of the file's port; 0 takes a free one"
    )
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="data-plane processes instead of the file's number"
    )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    return _number(text, 0, 65_535)


def _workers(text: str) -> int:
    return _number(text, 1, 1024)


def _number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"`{text}` is no number from {least} to {most}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop. Exit code 2 when the configuration or the port cannot be used."""
    name_process("supervisor")
    simulator_port = 0
    if args.config is None and not os.path.exists(_DEFAULT_FILE):
        path, needs_simulator = default_file(
            Path(os.environ.get("AGENTCC_DATA_DIR", "agentcc-data")), args.port or 8080
        )
        args.config = str(path)
        if needs_simulator:
            simulator_port = _free_port()
            os.environ["AGENTCC_SIMULATOR_URL"] = f"http://127.0.0.1:{simulator_port}"
    path_of_config = os.path.abspath(args.config or _DEFAULT_FILE)
    loaded = load(path_of_config)
    config = loaded.config
    data_dir = Path(config.server.data_dir)
    check_files(loaded)
    # what only the catalogue and the key store can tell is an error here, not in a worker
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(open_keys(data_dir)) as keys:
            guard = assemble(loaded, Identity(keys, config.keys, loaded.source)).guard
            if guard is not None:
                guard.load()  # compiled once here, the workers find it in the data directory
            del guard
    except (StorageError, OSError) as exc:
        raise as_config_error(loaded, exc) from exc
    host = args.host or config.server.host
    port = config.server.port if args.port is None else args.port
    admin_port = _admin_port(loaded)
    listener = _listen(loaded.source, host, port)
    port = listener.getsockname()[1]
    workers = args.workers or config.server.workers or os.cpu_count() or 1
    admin_secret = secrets.token_hex(16)
    kept = str(data_dir / "last-good.yaml")
    children = [
        _worker(
            slot,
            workers,
            listener.fileno(),
            path_of_config,
            f"http://{_in_url(config.server.admin.host)}:{admin_port}",
            admin_secret,
            kept,
        )
        for slot in range(workers)
    ]
    children.append(_control_plane(path_of_config, kept, admin_port, admin_secret))
    if simulator_port:
        children.append(_simulator(simulator_port))
    scheme = "https" if config.server.tls else "http"

    def on_ready() -> None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else _in_url(host)
        print(_ready_text(f"{scheme}://{shown}:{port}", config, path_of_config, bool(simulator_port)), flush=True)

    supervisor = Supervisor(children, config.server.drain_ms / 1000, on_ready, on_stopping=listener.close)
    code = supervisor.run()
    log("info", "stopped", exit_code=code)
    return code


def check_files(loaded: Loaded) -> None:
    """Try what Granian would die of in every worker, again and again. Raises ConfigError."""
    tls = loaded.config.server.tls
    if tls is None:
        return
    for name, path in (("cert", tls.cert), ("key", tls.key)):
        try:
            Path(path).read_bytes()
        except OSError as exc:
            raise ConfigError(
                loaded.source, f"$.server.tls.{name}", f"is {path!r}, which cannot be read: {exc.strerror}",
                "name a PEM file that this user may read",
            ) from exc  # fmt: skip
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key, password="")
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(
            loaded.source, "$.server.tls", f"cannot be used: {getattr(exc, 'reason', None) or exc}",
            "give the certificate chain and the key that belongs to it, as PEM, the key without a passphrase",
        ) from exc  # fmt: skip


def as_config_error(loaded: Loaded, exc: StorageError | OSError) -> ConfigError:
    """State that cannot be used, told as what the operator can change: `server.data_dir`."""
    data_dir = loaded.config.server.data_dir
    problem, hint = (exc.problem, exc.hint) if isinstance(exc, StorageError) else (exc.strerror or str(exc), "")
    return ConfigError(
        loaded.source, "$.server.data_dir", f"is {data_dir!r}, which cannot be used: {problem}",
        hint or "name a directory that this user may write",
    )  # fmt: skip


def _admin_port(loaded: Loaded) -> int:
    """The control plane's port. One in use is an error now: the control plane would try it for ever."""
    admin = loaded.config.server.admin
    if not admin.port:
        return _free_port()
    family = socket.AF_INET6 if ":" in admin.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((admin.host, admin.port))
            probe.listen(1)
        except OSError as exc:
            raise ConfigError(
                loaded.source, "$.server.admin.port",
                f"is {admin.port} on {admin.host}, which cannot be used: {exc.strerror}",
                "stop what listens there, or set another port; 0 takes a free one",
            ) from exc  # fmt: skip
    return admin.port


def _listen(source: str, host: str, port: int) -> socket.socket:
    """One socket for all workers: a worker that dies loses no connection that waits to be accepted."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        if isinstance(exc, socket.gaierror) or exc.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(source, "$.server.host", f"is {host!r}, which cannot be used: {exc.strerror}",
                              "name an address of this machine, or pass --host ADDRESS") from exc  # fmt: skip
        raise ConfigError(source, "$.server.port", f"is {port} on {host}, which cannot be used: {exc.strerror}",
                          "stop what listens there, or pass --port N") from exc  # fmt: skip
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _worker(slot: int, workers: int, fd: int, config: str, admin_url: str, secret: str, kept: str) -> Child:
    def arguments(lifeline: int, status: int) -> list[str]:
        return [
            "-m", "gateway.cli.worker", "--slot", str(slot), "--workers", str(workers), "--socket", str(fd),
            "--lifeline", str(lifeline), "--status", str(status), "--config", config, "--admin-url", admin_url,
            "--kept", kept,
        ]  # fmt: skip

    return Child(f"worker-{slot}", arguments, (fd,), {"AGENTCC_ADMIN_SECRET": secret})


def _control_plane(config: str, kept: str, port: int, secret: str) -> Child:
    def arguments(lifeline: int, status: int) -> list[str]:
        return [
            "-m", "gateway.controlplane.main", "--config", config, "--kept", kept, "--port", str(port),
            "--lifeline", str(lifeline), "--status", str(status),
        ]  # fmt: skip

    return Child("control-plane", arguments, (), {"AGENTCC_ADMIN_SECRET": secret})


def _simulator(port: int) -> Child:
    def arguments(lifeline: int, status: int) -> list[str]:
        del lifeline, status  # it reports on its standard output and watches its parent
        return [
            "-m", "gateway.simulator", "--port", str(port), "--parent-pid", str(os.getpid()),
            "--first-token-ms", "300", "--token-ms", "15",  # about what a provider takes, so that it looks like one
        ]  # fmt: skip

    return Child("simulator", arguments, is_status_on_stdout=True, takes_hangup=False)


def _ready_text(url: str, config: GatewayConfig, path: str, is_simulated: bool) -> str:
    lines = [f"agentcc ready: {url}", f"  configuration: {path}"]
    if is_simulated:
        lines.append("  providers: the simulator (no provider key is set; answers are scripted and cost nothing real)")
    name, key = next(((n, k.key) for n, k in config.keys.items()), ("", ""))
    shown = (
        key if key.startswith("sk-agentcc-dev-") else f"<the key of {name}>" if name else "<agentcc keys create NAME>"
    )
    lines += [
        "  point an agent here:",
        f"    Codex:       agentcc launch codex --base-url {url} --key {shown}",
        f"    or by hand:  AGENTCC_KEY={shown} codex -c 'model_provider=\"agentcc\"' \\",
        f'                   -c \'model_providers.agentcc={{name="agentcc",base_url="{url}/v1",env_key="AGENTCC_KEY"}}\'',
        f"    Claude Code: ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={shown} claude",
        f"    Gemini CLI:  agentcc setup gemini --base-url {url} --key {shown}; then: gemini",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit("run `agentcc serve`")

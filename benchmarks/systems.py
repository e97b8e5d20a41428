"""The systems under test, all in front of one simulator: nothing (direct), nginx, the gateway, and on request the peers.

Each is started on the core that is kept for it, and knows the processes that are its own.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from benchmarks import bodies, cpu, load
from benchmarks.answer import ROOT, Options
from gateway.simulator import start as start_simulator
from tests.harness import Gateway

_NGINX = """
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  keepalive_requests 1000000000;
  keepalive_timeout 120s;
  upstream provider {{ server {upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"""
"""Request bodies stay in memory (client_body_buffer_size), which is to nginx's advantage: its default writes 60 KB to disk."""


class System(msgspec.Struct):
    """One running system: where it is asked, whose CPU counts as its own."""

    name: str
    url: str
    pids: dict[str, int]
    model: str = bodies.MODEL
    extra_headers: list[tuple[str, str]] = []


class Rig(msgspec.Struct):
    """Simulator and systems, with the cores they run on."""

    systems: dict[str, System]
    load_cores: set[int]
    gateway: Any = None


@contextlib.contextmanager
def rig(options: Options, *, only: tuple[str, ...] = (), config: dict[str, Any] | None = None) -> Iterator[Rig]:
    """Start the simulator (on the load's core) and the systems (on the other)."""
    load_cores, own_cores = cpu.split_cores()
    with contextlib.ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="agentcc-bench-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        with pinned(load_cores):
            simulator = start_simulator()
        stack.callback(simulator.stop)
        systems = {"direct": System("direct", simulator.url, {})}
        gateway = None
        with pinned(own_cores):
            if not only or "nginx" in only:
                systems["nginx"] = stack.enter_context(_nginx(home / "nginx", simulator.url))
            if not only or "gateway" in only:
                gateway = stack.enter_context(Gateway(home / "gateway", config or gateway_config(simulator.url)))
                systems["gateway"] = System("gateway", gateway.url, gateway.children())
            if options.with_peers:
                from benchmarks import peers

                for peer in peers.PEERS:
                    systems[peer.__name__] = stack.enter_context(peer(home / peer.__name__, simulator.url))
        yield Rig(systems, load_cores, gateway)


def gateway_config(upstream: str) -> dict[str, Any]:
    """One worker with all that this version does: keys, prices, journal with fsync, control plane with metrics."""
    return {
        "server": {"host": "127.0.0.1", "port": 0, "workers": 1, "drain_ms": 1000, "admin": {"port": 0}},
        "providers": {"openai": {"api_key": "sk-upstream", "base_url": f"{upstream}/v1"}},
        "keys": {
            "alice": {
                "key": bodies.KEY, "org": "acme", "team": "platform", "user": "alice@acme.dev", "tags": {"repo": "pay"},
            }
        },
    }  # fmt: skip


@contextlib.contextmanager
def _nginx(home: Path, upstream: str) -> Iterator[System]:
    home.mkdir(parents=True)
    port = free_port()
    file = home / "nginx.conf"
    file.write_text(_NGINX.format(home=home, port=port, upstream=upstream.removeprefix("http://")))
    with (home / "stderr.log").open("wb") as stderr:
        process = subprocess.Popen(["nginx", "-p", str(home), "-c", str(file)], stderr=stderr)
    try:
        wait_for_port(port, process)
        pids = {"master": process.pid, "worker": cpu.children(process.pid)[0]}
        yield System("nginx", f"http://127.0.0.1:{port}", {"nginx": pids["worker"], "nginx master": pids["master"]})
    finally:
        process.terminate()
        process.wait(10)


def ask(rig: Rig, system: System, job: load.Job) -> load.Report:
    """Run one job against one system, in a load process of its own."""
    given = msgspec.structs.replace(
        job,
        url=system.url + job.url,
        headers=[*job.headers, *system.extra_headers],
        watch=system.pids,
        cores=sorted(rig.load_cores),
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=msgspec.json.encode(given), capture_output=True, cwd=ROOT,
        timeout=job.seconds + job.warmup_s + 60, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"load on {system.name} failed: {done.stderr.decode()[-1500:]}")
    return msgspec.json.decode(done.stdout, type=load.Report)


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Children that are started inside run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[Any]", timeout_s: float = 20.0) -> None:
    """Until somebody listens. Raises RuntimeError when the process ends first or the time is up."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on {port}")


def write_yaml(path: Path, value: object) -> Path:
    """A YAML file for a system that wants one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value))
    return path

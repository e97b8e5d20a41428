"""Other gateways in the same table, on request: installed by their own package managers into .cache/peers, with pinned versions.

They get what they need to do the comparable part of the work (one key, one provider at the simulator) and nothing else; what
they log goes to a file.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import bodies, cpu
from benchmarks.answer import CACHE
from benchmarks.systems import System, free_port, wait_for_port, write_yaml

_LITELLM = "litellm[proxy]==1.106.2"
_PORTKEY = "@portkey-ai/gateway@1.15.2"
_INSTALL_S = 600
_START_S = 90.0


@contextlib.contextmanager
def litellm(home: Path, upstream: str) -> Iterator[System]:
    """LiteLLM's proxy, one worker, a master key, no database."""
    binary = _install_litellm()
    config = {
        "model_list": [
            {
                "model_name": bodies.MODEL,
                "litellm_params": {
                    "model": f"openai/{bodies.MODEL}",
                    "api_base": f"{upstream}/v1",
                    "api_key": "sk-upstream",
                },
            }
        ],
        "general_settings": {"master_key": bodies.KEY, "forward_client_headers_to_llm_api": True},
        "litellm_settings": {"telemetry": False, "request_timeout": 600},
    }
    file = write_yaml(home / "litellm.yaml", config)
    port = free_port()
    command = [str(binary), "--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environ = {
        **os.environ,
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    with _running("litellm", command, home, port, environ) as pids:
        yield System("litellm", f"http://127.0.0.1:{port}", pids)


@contextlib.contextmanager
def portkey(home: Path, upstream: str) -> Iterator[System]:
    """Portkey's open-source gateway, told by headers where to send."""
    script = _install_portkey()
    port = free_port()
    environ = {**os.environ, "NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    command = ["node", str(script), f"--port={port}", "--headless"]
    headers = [
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", f"{upstream}/v1"),
        ("x-portkey-forward-headers", "x-sim-scenario,x-sim-token-ms,x-sim-tokens"),
    ]
    with _running("portkey", command, home, port, environ) as pids:
        yield System("portkey", f"http://127.0.0.1:{port}", pids, extra_headers=headers)


PEERS = (litellm, portkey)


@contextlib.contextmanager
def _running(name: str, command: list[str], home: Path, port: int, environ: dict[str, str]) -> Iterator[dict[str, int]]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "output.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ, cwd=home)
        try:
            wait_for_port(port, process, _START_S)
            pids = {name: process.pid} | {f"{name} {n}": pid for n, pid in enumerate(cpu.children(process.pid))}
            yield pids
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _install_litellm() -> Path:
    venv = CACHE / "peers" / "litellm"
    binary = venv / "bin" / "litellm"
    if not binary.exists():
        print(f"installing {_LITELLM} into {venv}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=_INSTALL_S)
        subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", _LITELLM], check=True, timeout=_INSTALL_S)
    return binary


def _install_portkey() -> Path:
    if shutil.which("npm") is None:
        raise RuntimeError("Portkey needs node and npm")
    home = CACHE / "peers" / "portkey"
    script = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not script.exists():
        print(f"installing {_PORTKEY} into {home}", file=sys.stderr)
        home.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(home), _PORTKEY]
        subprocess.run(command, check=True, timeout=_INSTALL_S)
    return script

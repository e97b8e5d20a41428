"""`agentcc launch`: starts an agent pointed at the gateway, writing nothing to disk."""

import argparse
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from typing import NoReturn

from gateway.cli.clients import CLIENTS, KEY_ENV, Client, Command, Target, base_url_of, key_of
from gateway.cli.command import Subparsers
from gateway.cli.usage_error import UsageError

_HEALTH_TIMEOUT_S = 3.0


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc launch` and one command per agent."""
    parser = subparsers.add_parser(
        "launch",
        help="start an agent pointed at the gateway",
        description="Start an agent pointed at the gateway. Nothing is written to disk; its exit code is passed on.",
        epilog="example: agentcc launch codex --model gpt-5.5 -- exec 'fix the tests'",
    )
    agents = parser.add_subparsers(metavar="AGENT", required=True)
    for name, client in CLIENTS.items():
        agent = agents.add_parser(
            name,
            help=f"start {client.program}",
            description=f"Start {client.program} pointed at the gateway; what stands after `--` is its own.",
            epilog=f"example: agentcc launch {name} --base-url http://gateway:8080 -- --help",
        )
        agent.add_argument(
            "--base-url", metavar="URL", help="the gateway [env: AGENTCC_BASE_URL] [default: from -c FILE]"
        )
        agent.add_argument(
            "--key", metavar="KEY", help="virtual key [env: AGENTCC_KEY] [default: the only one in -c FILE]"
        )
        agent.add_argument("-c", "--config", metavar="FILE", help="the gateway's file [default: ./gateway.yaml]")
        agent.add_argument("--model", metavar="NAME", default="", help="model to ask for [default: the agent's own]")
        agent.add_argument("--bin", metavar="PATH", help=f"program to start [default: {client.program} on PATH]")
        agent.add_argument("args", nargs=argparse.REMAINDER, metavar="-- ARGS", help="arguments for the agent")
        agent.set_defaults(run=run, client=client)


def run(args: argparse.Namespace) -> int:
    """Replace this process by the agent. Raises UsageError or ConfigError when that cannot be."""
    client: Client = args.client
    rest = args.args[1:] if args.args[:1] == ["--"] else args.args
    program = _program(client, args.bin)
    base_url = base_url_of(args.base_url, args.config, os.environ)
    key = key_of(args.key, args.config, os.environ, time.time_ns() // 1_000_000)
    _check_health(base_url)
    command = client.command(Target(base_url, key, KEY_ENV, args.model), tuple(rest), os.environ)
    return _become(program, command)


def _program(client: Client, given: str | None) -> str:
    found = shutil.which(given or client.program)
    if found is None:
        what = f"`{given}` cannot be run" if given else f"`{client.program}` is not on PATH"
        raise UsageError(what, f"install it (`{client.install_hint}`), or pass --bin PATH")
    return os.path.abspath(found)


def _check_health(base_url: str) -> None:
    """Without this an agent says `Reconnecting…` for ever when the gateway is not there (Codex does)."""
    url = f"{base_url}/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({})) if _is_local(base_url) else None
    try:
        ask = opener.open if opener else urllib.request.urlopen
        with ask(url, timeout=_HEALTH_TIMEOUT_S):
            return
    except urllib.error.HTTPError as exc:
        raise UsageError(f"{url} answers {exc.code}: is that an agentcc gateway?", "check --base-url") from exc
    except (OSError, ssl.SSLError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise UsageError(
            f"no gateway answers at {base_url} ({reason})", "start it with `agentcc serve`, or check --base-url"
        ) from exc


def _is_local(base_url: str) -> bool:
    return base_url.partition("://")[2].startswith(("127.", "localhost", "[::1]"))


def _become(program: str, command: Command) -> NoReturn:
    env = {name: value for name, value in os.environ.items() if name not in command.unset}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(program, [program, *command.args], {**env, **command.env})  # noqa: S606 - no shell is what is wanted

"""What the commands of a group share: how each is declared, which file and directory it looks at, who runs it, numbers that it takes."""

import argparse
import getpass
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from gateway.base.config import load_elsewhere

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # argparse has no public name for it
MOST_ROWS = 10_000


def shared_options(run: Callable[[argparse.Namespace], int], data: str = "") -> argparse.ArgumentParser:
    """The options that all commands of a group have, for `add_command`; the group adds its own. `data`: what --data-dir says."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("-c", "--config", metavar="FILE", help="configuration [default: ./gateway.yaml]")
    if data:
        options.add_argument("--data-dir", metavar="DIR", help=f"{data} [default: the configuration's]")
    options.set_defaults(run=run)
    return options


def add_command(
    commands: Subparsers,
    options: argparse.ArgumentParser,
    name: str,
    act: Callable[..., Any],
    help_text: str,
    example: str,
) -> argparse.ArgumentParser:
    """One command of a group; `act` is what the group's `run` calls."""
    parser = commands.add_parser(name, parents=[options], help=help_text, description=help_text.capitalize() + ".")
    parser.epilog = f"example: {parser.prog} {example}"
    parser.set_defaults(act=act)
    return parser


def default_config() -> str:
    """The file that `agentcc serve` would take, or has made, when none is named; it may not be there."""
    made = os.path.join(os.environ.get("AGENTCC_DATA_DIR", "agentcc-data"), "gateway.yaml")
    return made if os.path.exists(made) and not os.path.exists("gateway.yaml") else "gateway.yaml"


def data_dir_of(args: argparse.Namespace) -> str:
    """The directory that is named, else the configuration's. Raises ConfigError."""
    return args.data_dir or load_elsewhere(args.config or default_config()).server.data_dir


def count(text: str, least: int = 1, most: int = MOST_ROWS) -> int:
    """How many of something, as an argument."""
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from {least} to {most:,}")
    return int(text)


def me() -> str:
    """User and host, for the audit."""
    name = "unknown"
    with suppress(OSError, KeyError):  # a uid without an entry, as in containers
        name = getpass.getuser()
    return f"{name}@{socket.gethostname()}"

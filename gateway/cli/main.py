"""The `agentcc` command: one parser per subcommand, each in its own module. Exit codes: 0 done, 1 answered no, 2 could not."""

import argparse
import importlib
import os
import sys

from gateway import __version__
from gateway.base.config import ConfigError
from gateway.base.storage import StorageError
from gateway.cli.usage_error import UsageError

_COMMANDS = (
    "serve",
    "check",
    "explain",
    "keys",
    "budgets",
    "sessions",
    "journal",
    "guard",
    "simulate",
    "launch",
    "setup",
)


def parser() -> argparse.ArgumentParser:
    """The whole command line; docs/reference/cli.md is made from it."""
    root = argparse.ArgumentParser(
        prog="agentcc",
        description="The gateway in front of coding agents.",
        epilog="example: agentcc serve -c gateway.yaml",
    )
    root.add_argument("--version", action="version", version=f"agentcc {__version__}")
    subparsers = root.add_subparsers(metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"gateway.cli.{name}").add_parser(subparsers)
    return root


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    try:
        args = parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except (ConfigError, StorageError, UsageError) as exc:
        print(exc, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has left, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())

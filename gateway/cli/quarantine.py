"""`agentcc guard quarantine`: what guardrails took out, for those who may look; works with the gateway running or stopped."""

import argparse
import sys
from collections.abc import Callable

from gateway.base.config import load_elsewhere
from gateway.base.journal import rfc3339
from gateway.cli.budgets import me
from gateway.cli.keys import default_config
from gateway.cli.output import print_json, print_table
from gateway.controlplane.admin import QuarantineDesk

_Subparsers = argparse._SubParsersAction  # argparse has no public name for it
_COLUMNS = ("id", "began", "key", "session", "did", "bytes", "rules")
_MOST = 10_000
_NAME_CHARS = 200


def add_parser(subparsers: "_Subparsers[argparse.ArgumentParser]") -> None:
    """Register `agentcc guard quarantine` and its three commands."""
    parser = subparsers.add_parser(
        "quarantine",
        help="list, show and drop what was blocked or redacted",
        description="What guardrails blocked or redacted, where `guardrails.quarantine` keeps it. Who shows or drops an entry is in the journal.",
        epilog="example: agentcc guard quarantine list",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = _command(commands, "list", _list, "list entries, the latest first", "--limit 20")
    listing.add_argument("--limit", type=_count, metavar="N", default=100, help="at most so many [default: 100]")
    for name, act, help_text in (
        ("show", _show, "print what was found in one exchange, secrets and all"),
        ("drop", _drop, "remove an entry for good"),
    ):
        one = _command(commands, name, act, help_text, "req_9f86d081884c0000002a")
        one.add_argument("id", metavar="ID", help="the exchange's id, as `list` shows it")
        one.add_argument("--by", metavar="NAME", default="", help="who does it [default: you, at this host]")


def _command(
    commands: "_Subparsers[argparse.ArgumentParser]",
    name: str,
    act: Callable[[argparse.Namespace, QuarantineDesk], int],
    help_text: str,
    example: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help_text,
        description=help_text.capitalize() + ".",
        epilog=f"example: agentcc guard quarantine {name} {example}",
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration [default: ./gateway.yaml]")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is [default: the configuration's]")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run, act=act)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do one of the commands. Exit code 0: done; 1: no such entry. Raises ConfigError, StorageError."""
    data_dir = args.data_dir or load_elsewhere(args.config or default_config()).server.data_dir
    code: int = args.act(args, QuarantineDesk(data_dir))
    return code


def _list(args: argparse.Namespace, desk: QuarantineDesk) -> int:
    found = desk.entries(args.limit)
    if args.json:
        print_json(found)
    elif found:
        rows = [
            [one.id, rfc3339(one.ts_ms / 1000)[:19] + "Z", one.key, one.session_id or "-", one.action, f"{one.bytes:,}", one.rules]
            for one in found
        ]  # fmt: skip
        print_table([[name.upper() for name in _COLUMNS], *rows])
    else:
        print("nothing is kept; `guardrails.quarantine.enabled` keeps what is blocked or redacted", file=sys.stderr)
    return 0


def _show(args: argparse.Namespace, desk: QuarantineDesk) -> int:
    kept = desk.show(args.id, _who(args.by))
    if kept is None:
        return _absent(args.id)
    if args.json:
        print_json(kept)
        return 0
    for one in kept:
        verdict = one.verdict
        print(f"{verdict.scanner} {verdict.rule} ({verdict.action}, {verdict.side}) at {verdict.place}:")
        print(one.text.encode("unicode_escape").decode())  # nothing in it may steer a terminal
    return 0


def _drop(args: argparse.Namespace, desk: QuarantineDesk) -> int:
    return 0 if desk.drop(args.id, _who(args.by)) else _absent(args.id)


def _who(given: str) -> str:
    """A name is what somebody says, the account is what we know."""
    return f"{given.strip()[:_NAME_CHARS]} ({me()})" if given.strip() else me()


def _absent(entry_id: str) -> int:
    print(
        f"error: nothing of `{entry_id}` is kept\nhint: `agentcc guard quarantine list` shows what is", file=sys.stderr
    )
    return 1


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1 to {_MOST:,}")
    return int(text)

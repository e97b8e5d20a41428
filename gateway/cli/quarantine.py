"""`agentcc guard quarantine`: what guardrails took out, for those who may look; works with the gateway running or stopped."""

import argparse
import sys
from functools import partial

from gateway.base.storage.sqlite.quarantine import Listed
from gateway.cli.command import Subparsers, add_command, count, data_dir_of, me, shared_options
from gateway.cli.output import print_found, print_json, second_of
from gateway.controlplane.admin import QuarantineDesk, who_of

_COLUMNS = ("id", "began", "key", "session", "did", "bytes", "rules")


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc guard quarantine` and its three commands."""
    parser = subparsers.add_parser(
        "quarantine",
        help="list, show and drop what was blocked or redacted",
        description="What guardrails blocked or redacted, where `guardrails.quarantine` keeps it. Who shows or drops an entry is in the journal.",
        epilog="example: agentcc guard quarantine list",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    options = shared_options(run, "where it is")
    options.add_argument("--json", action="store_true", help="print JSON")
    command = partial(add_command, commands, options)
    listing = command("list", _list, "list entries, the latest first", "--limit 20")
    listing.add_argument("--limit", type=count, metavar="N", default=100, help="at most so many [default: 100]")
    for name, act, help_text in (
        ("show", _show, "print what was found in one exchange, secrets and all"),
        ("drop", _drop, "remove an entry for good"),
    ):
        one = command(name, act, help_text, "req_9f86d081884c0000002a")
        one.add_argument("id", metavar="ID", help="the exchange's id, as `list` shows it")
        one.add_argument("--by", metavar="NAME", default="", help="who does it [default: you, at this host]")


def run(args: argparse.Namespace) -> int:
    """Do one of the commands. Exit code 0: done; 1: no such entry. Raises ConfigError, StorageError."""
    code: int = args.act(args, QuarantineDesk(data_dir_of(args)))
    return code


def _list(args: argparse.Namespace, desk: QuarantineDesk) -> int:
    found = desk.entries(args.limit)
    nothing = "nothing is kept; `guardrails.quarantine.enabled` keeps what is blocked or redacted"
    return print_found(found, _COLUMNS, map(_row, found), is_json=args.json, nothing=nothing)


def _row(one: Listed) -> list[str]:
    return [
        one.id, second_of(one.ts_ms), one.key, one.session_id or "-", one.action, f"{one.bytes:,}", one.rules
    ]  # fmt: skip


def _show(args: argparse.Namespace, desk: QuarantineDesk) -> int:
    kept = desk.show(args.id, who_of(args.by, me()))
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
    return 0 if desk.drop(args.id, who_of(args.by, me())) else _absent(args.id)


def _absent(entry_id: str) -> int:
    print(
        f"error: nothing of `{entry_id}` is kept\nhint: `agentcc guard quarantine list` shows what is", file=sys.stderr
    )
    return 1

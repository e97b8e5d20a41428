"""`agentcc budgets`: how the budgets stand, and audited corrections; directly on the store, with the gateway running or stopped."""

import argparse
import asyncio
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from gateway.base.config import is_placeholder, load_config, load_elsewhere, windows_of
from gateway.base.core.budget import UNLIMITED
from gateway.base.core.money import dollars
from gateway.base.core.period import clock_of
from gateway.base.storage.open import open_leases
from gateway.cli.command import Subparsers, add_command, default_config, me, shared_options
from gateway.cli.output import print_found, print_json, print_table
from gateway.cli.usage_error import UsageError
from gateway.controlplane.budgets import BadCorrectionError, Desk, Report, as_json, correction_as_json

_COLUMNS = ("account", "models", "period", "spent", "limit", "used", "held", "stage", "resets")


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc budgets` and its three commands."""
    parser = subparsers.add_parser(
        "budgets",
        help="list, show and correct budgets",
        description="How the budgets stand, and corrections. Works with the gateway running or stopped.",
        epilog="example: agentcc budgets list",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    options = shared_options(run)
    options.add_argument("--json", action="store_true", help="print JSON, with exact amounts")
    command = partial(add_command, commands, options)
    command("list", _list, "show what each budget has left", "--json")
    show = command("show", _show, "show one account's budgets and their corrections", "team:platform")
    show.add_argument("account", metavar="ACCOUNT", help="level:id, such as team:platform or tag:repo=pay, or org")
    correct = command(
        "correct", _correct, "change what a budget has spent", "team:platform -12.50 --reason 'invoice 4711'"
    )
    correct.add_argument("account", metavar="ACCOUNT", help="level:id, org, or a bucket's whole name")
    correct.add_argument("amount", metavar="USD", help="added to the spend; negative gives back")
    correct.add_argument("--reason", metavar="TEXT", required=True, help="why; kept for the audit")
    correct.add_argument(
        "--period", metavar="KIND", default="", help="daily, weekly, monthly, total [default: the only one]"
    )
    correct.add_argument("--models", metavar="PATTERN", default="", help="the limit of these models [default: of all]")
    correct.add_argument("--by", metavar="NAME", default="", help="who corrects [default: you, at this host]")


def run(args: argparse.Namespace) -> int:
    """Do one of the commands. Exit code 0: done; 1: no such budget. Raises UsageError, ConfigError, StorageError."""
    path = args.config or default_config()
    config = load_elsewhere(path)
    if config.storage.redis is not None and is_placeholder(config.storage.redis):
        config = load_config(path)  # says which variable is not set
    elif config.storage.redis is None and not Path(config.server.data_dir, "leases.sqlite3").exists():
        raise UsageError(
            f"no budgets are kept in `{config.server.data_dir}` yet", "start the gateway, or pass its file with -c FILE"
        )
    windows = windows_of(config.budgets, path)

    async def go() -> int:
        leases = open_leases(config)
        try:
            code: int = await args.act(args, Desk(leases, windows))
        finally:
            await leases.close()
        return code

    return asyncio.run(go())


# === the commands ===


async def _list(args: argparse.Namespace, desk: Desk) -> int:
    found = await desk.reports()
    nothing = "no budgets; write them under `budgets:` in the configuration"
    return print_found(list(map(as_json, found)), _COLUMNS, map(_row, found), is_json=args.json, nothing=nothing)


async def _show(args: argparse.Namespace, desk: Desk) -> int:
    found = [report for report in await desk.reports() if args.account in (report.account, report.bucket)]
    if not found:
        print(
            f"error: account `{args.account}` has no budget\nhint: `agentcc budgets list` shows all that have",
            file=sys.stderr,
        )
        return 1
    entries = {report.bucket: await desk.corrections(report.bucket) for report in found}
    if args.json:
        print_json(
            [as_json(one) | {"corrections": [correction_as_json(e) for e in entries[one.bucket]]} for one in found]
        )
        return 0
    for report in found:
        print_table(_details(report))
        for entry in entries[report.bucket]:
            made = correction_as_json(entry)
            print(f"  {made['at']}  {dollars(entry.amount_nusd)}  {entry.by}: {entry.reason}")
        print()
    return 0


async def _correct(args: argparse.Namespace, desk: Desk) -> int:
    is_bucket = "|" in args.account and args.account.count("|") >= 4
    chosen = {"bucket": args.account} if is_bucket else {"account": args.account}
    try:
        entry = await desk.correct(
            args.amount, args.reason, args.by or me(), period=args.period, models=args.models, **chosen
        )
    except BadCorrectionError as exc:
        raise UsageError(str(exc)) from exc
    if args.json:
        print_json(correction_as_json(entry))
    else:
        print(f"corrected {entry.bucket} by {dollars(entry.amount_nusd)} ({entry.by}: {entry.reason})")
    return 0


# === output ===


def _row(report: Report) -> list[str]:
    return [
        report.account, report.window.models or "-", report.window.period, dollars(report.spent_nusd),
        dollars(report.limit_nusd), _used(report), dollars(report.held_nusd), report.stage, _resets(report),
    ]  # fmt: skip


def _details(report: Report) -> list[list[str]]:
    window = report.window
    stages = (("warn", window.warn), ("downgrade", window.downgrade), ("pause", window.pause))
    return [
        ["account", report.account],
        ["bucket", report.bucket],
        ["models", window.models or "all"],
        ["period", f"{window.period}, {window.zone}"],
        ["resets", _resets(report)],
        ["limit", f"{dollars(report.limit_nusd)} ({'hard' if window.is_hard else 'soft'})"],
        ["spent", f"{dollars(report.spent_nusd)} ({_used(report)})"],
        ["held", dollars(report.held_nusd)],
        ["leased", dollars(report.leased_nusd)],
        ["stage", report.stage],
        ["stages", ", ".join(f"{name} {'off' if at == UNLIMITED else f'{at:g}'}" for name, at in stages)],
        ["alerts to", ", ".join(window.alert_to) or "-"],
    ]


def _used(report: Report) -> str:
    return f"{report.spent_nusd / report.limit_nusd:.1%}"


def _resets(report: Report) -> str:
    if report.resets_at is None:
        return "never"
    at = datetime.fromtimestamp(report.span.end_ms / 1000, clock_of(report.window.zone))
    return f"{at:%Y-%m-%d %H:%M} {report.window.zone}"

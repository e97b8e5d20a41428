"""`agentcc sessions`: one chargeback line for each session, read off the ledger, with the gateway running or stopped."""

import argparse
import os
import sqlite3
import sys
from functools import partial
from typing import Any

from msgspec import Raw

from gateway.base.core.money import dollars
from gateway.cli.command import MOST_ROWS, Subparsers, add_command, count, data_dir_of, shared_options
from gateway.cli.output import print_found, print_json, print_table, second_of
from gateway.cli.usage_error import UsageError
from gateway.controlplane.projections.queries import FOREVER_MS, Queries, when_ms

_COLUMNS = ("session", "key", "user", "team", "last active", "turns", "retries", "refused", "cache hits", "cost", "")
_SHOWN_EXCHANGES = ("began", "model", "outcome", "retry", "input", "cached", "output", "cost")


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc sessions` and its two commands."""
    parser = subparsers.add_parser(
        "sessions",
        help="list and show what sessions cost",
        description="What each session of each key cost. Works with the gateway running or stopped.",
        epilog="example: agentcc sessions list --since 2026-11-01 --flagged",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    options = shared_options(run, "where the ledger is")
    options.add_argument("--format", choices=("table", "json"), default="table", help="[default: table]")
    command = partial(add_command, commands, options)
    show = command("list", _list, "show sessions, the last active first", "--team platform --limit 20")
    for name in ("key", "user", "team"):
        show.add_argument(f"--{name}", metavar="NAME", help=f"only of this {name}")
    show.add_argument("--since", type=_when, metavar="TS", default=0, help="active at or after [default: all]")
    show.add_argument("--until", type=_when, metavar="TS", default=FOREVER_MS, help="active before [default: all]")
    show.add_argument("--flagged", action="store_true", help="only with a cache hit rate under 30 %%")
    show.add_argument("--limit", type=count, metavar="N", default=100, help="at most so many [default: 100]")
    one = command("show", _show, "show one session and its latest exchanges", "019a8c7e-7f7c-7d40")
    one.add_argument("id", metavar="ID", help="the session's id, as `list` shows it")
    one.add_argument("--limit", type=count, metavar="N", default=20, help="at most so many exchanges [default: 20]")


def run(args: argparse.Namespace) -> int:
    """Do one of the commands. Exit code 0: done; 1: no such session. Raises UsageError, ConfigError."""
    data_dir = data_dir_of(args)
    path = os.path.join(data_dir, "ledger.sqlite3")
    if not os.path.exists(path):
        raise UsageError(
            f"there is no ledger in `{data_dir}`",
            "start the gateway, which makes it; or pass its file with -c FILE, its data directory with --data-dir DIR",
        )
    try:
        code: int = args.act(args, Queries(path))
    except sqlite3.Error as exc:
        raise UsageError(
            f"the ledger `{path}` cannot be read: {exc}",
            "run this as the user that runs the gateway; a gateway of this version makes an older ledger anew at its start",
        ) from exc
    return code


# === the commands ===


def _list(args: argparse.Namespace, queries: Queries) -> int:
    asked = {"key": args.key, "user": args.user, "team": args.team}
    chosen = {name: value for name, value in asked.items() if value is not None}
    rows = queries.sessions(chosen, args.since, args.until, is_flagged=args.flagged, limit=args.limit)
    nothing = "no such sessions; without filters, all are shown"
    return print_found(rows, _COLUMNS, map(_row, rows), is_json=args.format == "json", nothing=nothing)


def _show(args: argparse.Namespace, queries: Queries) -> int:
    lines = queries.sessions({"session_id": args.id}, limit=MOST_ROWS)
    if not lines:
        print(
            f"error: there is no session `{args.id}` in the ledger\nhint: `agentcc sessions list` shows the latest",
            file=sys.stderr,
        )
        return 1
    exchanges = queries.exchanges(args.limit, session_id=args.id)
    if args.format == "json":
        for row in exchanges:
            row["principal"] = Raw(row["principal"].encode())
        print_json({"rows": lines, "exchanges": exchanges})
        return 0
    for line in lines:
        print_table(_details(line))
        print()
    print_table(map(_exchange, exchanges), _SHOWN_EXCHANGES)
    return 0


# === arguments ===


def _when(text: str) -> int:
    try:
        return when_ms(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time; write it like 2026-11-21T00:00:00Z") from None


# === output ===


def _row(line: dict[str, Any]) -> list[str]:
    return [
        line["session_id"], line["key"] or "-", line["user"] or "-", line["team"] or "-", second_of(line["last_ts_ms"]),
        str(line["turns"]), str(line["retries"]), str(line["refused"]), _hits(line), dollars(line["cost_nusd"]),
        "flagged" if line["is_flagged"] else "",
    ]  # fmt: skip


def _details(line: dict[str, Any]) -> list[list[str]]:
    estimated = f" ({line['estimated']} of {line['exchanges']} estimated)" if line["estimated"] else ""
    return [
        ["session", line["session_id"]],
        ["id from", "the client" if line["session_basis"] == "client" else "what was sent (derived)"],
        *([name.replace("_", " "), line[name] or "-"] for name in ("key", "user", "team", "org", "cost_center")),
        ["first, last", f"{second_of(line['first_ts_ms'])}, {second_of(line['last_ts_ms'])}"],
        ["exchanges", f"{line['exchanges']:,}"],
        ["of them", _counts(line, "turns", "retries", "refused", "errors")],
        ["tokens", _counts(line, "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")],
        ["cache hits", _hits(line) + (" (flagged: under 30 %)" if line["is_flagged"] else "")],
        ["cost", dollars(line["cost_nusd"]) + estimated],
    ]  # fmt: skip


def _counts(line: dict[str, Any], *names: str) -> str:
    """`8 turns, 1 retries, …`: the fields by their own names."""
    return ", ".join(f"{line[name]:,} {name.removesuffix('_tokens').replace('_', ' ')}" for name in names)


def _exchange(row: dict[str, Any]) -> list[str]:
    return [
        second_of(row["ts_ms"]), row["model_used"], row["outcome"], str(row["retry"] or "-"),
        f"{row['input_tokens'] + row['cache_write_tokens']:,}", f"{row['cache_read_tokens']:,}",
        f"{row['output_tokens']:,}", dollars(row["cost_nusd"]),
    ]  # fmt: skip


def _hits(line: dict[str, Any]) -> str:
    return "-" if line["cache_hit_rate"] is None else f"{line['cache_hit_rate']:.0%}"

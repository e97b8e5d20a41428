"""`agentcc journal`: verify, tail and export the record of every exchange; works with the gateway running or stopped."""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway.base.config import ConfigError, load_elsewhere
from gateway.base.journal import (
    Follower,
    export_json,
    journal_directory,
    open_at_crash,
    read_exchanges,
    read_last,
    verify,
)
from gateway.cli.command import Subparsers, count

_POLL_S = 0.2
_MOST_RECORDS = 1_000_000_000
_NAMED = 10
_PROGRESS_LINES = 200_000


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc journal` and its three commands."""
    parser = subparsers.add_parser(
        "journal",
        help="verify, tail or export the record of every exchange",
        description="Read the journal: one hash-chained record per exchange. Works with the gateway running or stopped.",
        epilog="example: agentcc journal export --format jsonl --since 2026-11-01 > exchanges.jsonl",
    )
    commands = parser.add_subparsers(dest="journal_command", metavar="COMMAND", required=True)
    check = commands.add_parser(
        "verify",
        help="check every hash and link; exit 1 on a break",
        description="Check every hash and link. Exit 0: whole; what a crash left behind is reported. Exit 1: a break.",
        epilog="example: agentcc journal verify -c gateway.yaml",
    )
    tail = commands.add_parser(
        "tail",
        help="print the latest records",
        description="Print the latest records, one JSON object per line, in the order in which they ended.",
        epilog="example: agentcc journal tail -f -n 5",
    )
    tail.add_argument(
        "-n",
        type=partial(count, least=0, most=_MOST_RECORDS),
        default=10,
        metavar="N",
        help="Print this many records first [default: 10]",
    )
    tail.add_argument("-f", "--follow", action="store_true", help="Go on with new records until ^C [default: off]")
    export = commands.add_parser(
        "export",
        help="print all records",
        description="Print one JSON object per exchange, with its hash and the one before it in its chain.",
        epilog="example: agentcc journal export --format jsonl --since 2026-11-01T00:00:00Z --all",
    )
    export.add_argument("--format", choices=("jsonl",), default="jsonl", help="Output format [default: jsonl]")
    export.add_argument("--since", type=_time, metavar="TS", help="Only exchanges begun at or after [default: all]")
    export.add_argument("--until", type=_time, metavar="TS", help="Only exchanges begun before [default: all]")
    export.add_argument("--all", action="store_true", help="Also frames that are no final record [default: off]")
    for command in (check, tail, export):
        command.add_argument("-c", "--config", metavar="FILE", default="gateway.yaml", help="[default: ./gateway.yaml]")
        command.add_argument("--data-dir", metavar="DIR", help="Read DIR/journal instead of the file's data_dir")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run one of the commands; exit code 0 done, 1 a break was found, 2 could not (ConfigError goes to the caller)."""
    directory = journal_directory(args.data_dir or _data_dir(args.config))
    if not directory.is_dir():
        print(f"error: there is no journal in `{directory}`", file=sys.stderr)
        print("hint: pass the gateway's file with -c FILE, or its data directory with --data-dir DIR", file=sys.stderr)
        return 2
    try:
        return {"verify": _verify, "tail": _tail, "export": _export}[args.journal_command](args, directory)
    except PermissionError as exc:
        print(f"error: `{exc.filename}` cannot be read: {exc.strerror}", file=sys.stderr)
        print("hint: run this as the user that runs the gateway", file=sys.stderr)
        return 2


def _verify(args: argparse.Namespace, directory: Path) -> int:
    del args
    is_tty = sys.stderr.isatty()
    shown = 0

    def progress(lines: int) -> None:
        nonlocal shown
        if is_tty and lines - shown >= _PROGRESS_LINES:
            shown = lines
            print(f"\r{lines:,} lines", end="", file=sys.stderr, flush=True)

    report = verify(directory, progress)
    if shown:
        print("\r", end="", file=sys.stderr)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in report.problems:
        print(f"error: {problem}", file=sys.stderr)
    if report.broken > len(report.problems):
        print(f"error: and {report.broken - len(report.problems)} more", file=sys.stderr)
    counts = (
        f"{report.done} exchanges, {report.lines} lines, {report.segments} segments, {report.runs} runs"
        f" ({report.live} live); {report.open} open at crash; {report.pruned} segments pruned"
    )
    print(f"ok: {counts}" if report.is_ok else f"broken: {report.broken} breaks; {counts}")
    return 0 if report.is_ok else 1


def _export(args: argparse.Namespace, directory: Path) -> int:
    bad = 0

    def on_bad(what: str) -> None:
        nonlocal bad
        bad += 1
        print(f"warning: {what}", file=sys.stderr)

    lines = read_exchanges(directory, since=args.since, until=args.until, is_all=args.all, on_bad=on_bad)
    _write(export_json(line) for line in lines)
    left_open = open_at_crash(directory)
    if left_open:
        names = ", ".join(left_open[:_NAMED]) + (", …" if len(left_open) > _NAMED else "")
        print(f"note: {len(left_open)} open at crash, to be recorded at next start: {names}", file=sys.stderr)
    if bad:
        print(f"note: {bad} lines could not be read; `agentcc journal verify` says more", file=sys.stderr)
    return 0


def _tail(args: argparse.Namespace, directory: Path) -> int:
    follower = Follower(directory)
    if args.follow:
        follower.skip_to_end()
    last = read_last(directory, args.n)
    _write(export_json(line) for line in last)
    shown = {line.hash for line in last}  # written between the two looks above, they would come again
    try:
        while args.follow:
            batches = follower.poll()
            lines = [line for b in batches for line in b.lines if line.payload.startswith(b'{"k":"done"')]
            _write(export_json(line) for line in lines if line.hash not in shown)
            follower.accept(batches)
            if not batches:
                time.sleep(_POLL_S)
    except KeyboardInterrupt:
        pass
    return 0


def _write(objects: Iterator[bytes]) -> None:
    out = sys.stdout.buffer
    for data in objects:
        out.write(data)
        out.write(b"\n")
    out.flush()


def _data_dir(config: str) -> str:
    """`server.data_dir` of the file."""
    try:
        return load_elsewhere(config).server.data_dir
    except ConfigError as exc:
        exc.hint = exc.hint or "pass the data directory with --data-dir DIR"
        raise


def _time(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time or a date; UTC when it does not say."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time; write it like 2026-11-21T00:00:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

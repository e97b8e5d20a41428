"""`agentcc guard`: the scanners from the command line, over files, folders and standard input; which rules there are; how fast."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from gateway.base.core.struct import Record
from gateway.cli import quarantine
from gateway.cli.command import Subparsers
from gateway.cli.output import print_json, print_table
from gateway.cli.usage_error import UsageError
from gateway.dataplane.guard import commands as tool_commands
from gateway.dataplane.guard import injection, pii
from gateway.dataplane.guard.finding import Finding
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets, fingerprint, read_baseline
from gateway.dataplane.guard.secrets.kinds import RULES

_SCANNERS: Final = ("secrets", "pii", "injection")
_SKIPPED_FOLDERS: Final = frozenset(
    (
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        ".venv",
        "venv",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
    )
)
_LONGEST_BYTES: Final = 16 << 20
_SHOWN_OF_SECRET, _SHOWN_OF_INSTRUCTION = 4, 120
_RED, _DIM, _RESET = "\x1b[1;31m", "\x1b[2m", "\x1b[0m"
_EACH: Final = 200
_BENCH_BYTES: Final = 60_000


class Found(Record, frozen=True):
    """One finding in one file; neither the secret nor what stands around it, which may be another."""

    file: str
    line: int
    column: int
    scanner: str
    rule: str
    confidence: str
    fingerprint: str
    masked: str


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc guard` and its commands."""
    parser = subparsers.add_parser(
        "guard",
        help="scan text for secrets, personal data, injected instructions",
        description="The guardrails' scanners, run here: no gateway is needed, nothing leaves this machine.",
        epilog="example: agentcc guard test src/",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    test = commands.add_parser(
        "test",
        help="scan files and show what is found, masked",
        description="Scan files, folders or standard input. Exit code 0: nothing found; 1: something; 2: could not.",
        epilog="example: git diff | agentcc guard test --scanner secrets -",
    )
    _add_places(test)
    test.add_argument(
        "--scanner", action="append", choices=_SCANNERS, help="only this one; again for more [default: all]"
    )
    test.add_argument("--baseline", metavar="FILE", help="let pass what this file names by fingerprint")
    test.add_argument("--format", choices=("text", "json"), default="text", help="[default: text]")
    test.set_defaults(run=_test)
    baseline = commands.add_parser(
        "baseline",
        help="write the fingerprints of the secrets found, for `secrets.baseline`",
        description="Print the fingerprint of each secret found; a policy that names the file lets them pass.",
        epilog="example: agentcc guard baseline tests/ > guard-baseline.txt",
    )
    _add_places(baseline)
    baseline.set_defaults(run=_baseline)
    rules = commands.add_parser(
        "rules",
        help="list the rules of every scanner",
        description="List every rule by the name that findings and verdicts have.",
        epilog="example: agentcc guard rules --format json",
    )
    rules.add_argument("--format", choices=("table", "json"), default="table", help="[default: table]")
    rules.set_defaults(run=_rules)
    bench = commands.add_parser(
        "bench",
        help="measure the scanners on this machine",
        description="Measure the scanners on this machine: CPU time for 60 KB of source text, and MB/s.",
        epilog="example: agentcc guard bench",
    )
    bench.add_argument("file", metavar="FILE", nargs="?", help="text to scan [default: this program's own source]")
    bench.set_defaults(run=_bench)
    quarantine.add_parser(commands)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", metavar="FILE", nargs="+", help="a file, a folder, or - for standard input")


# === the commands ===


def _test(args: argparse.Namespace) -> int:
    found = list(_all_found(args.places, set(args.scanner or _SCANNERS), _let_pass(args.baseline)))
    if args.format == "json":
        print_json(found)
    else:
        paint = _paint if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else _plain
        for each in found:
            print(paint(each))
        counts = {scanner: sum(each.scanner == scanner for each in found) for scanner in _SCANNERS}
        told = ", ".join(f"{count} {scanner}" for scanner, count in counts.items() if count)
        print(told or "nothing found", file=sys.stderr)
    return 1 if found else 0


def _baseline(args: argparse.Namespace) -> int:
    print("# Fingerprints of findings that were judged harmless: guardrails.secrets.baseline names this file.")
    seen = set()
    for each in _all_found(args.places, {"secrets"}, frozenset()):
        if each.fingerprint not in seen:
            seen.add(each.fingerprint)
            print(f"{each.fingerprint}  # {each.rule}, {each.file}:{each.line}")
    print(f"{len(seen)} fingerprints", file=sys.stderr)
    return 0


def _rules(args: argparse.Namespace) -> int:
    rows = [("secrets", rule.id, rule.title) for rule in sorted(RULES, key=lambda each: each.id)]
    rows += [("pii", rule, title) for rule, title in sorted(pii.TITLES.items())]
    rows += [("injection", rule, title) for rule, title in injection.TITLES.items()]
    rows += [("tool_calls", rule, title) for rule, title in tool_commands.RULES.items()]
    columns = ("scanner", "rule", "what")
    if args.format == "json":
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(rows, columns)
    return 0


def _bench(args: argparse.Namespace) -> int:
    text = _own_source() if args.file is None else _read(Path(args.file))
    text = (text * (_BENCH_BYTES // max(1, len(text)) + 1))[:_BENCH_BYTES]
    whole = Scan(Secrets(), Pii(), Injection())
    compiled = whole.compiled()
    rows = [("SCANNERS", "µs per 60 KB", "MB/s")]
    for name, scan in (
        ("secrets", Scan(Secrets())),
        ("pii", Scan(pii=Pii())),
        ("injection", Scan(injection=Injection())),
        ("all, one pass", whole),
    ):
        spent_us = _least_us(partial(scan.scan, text))
        rows.append((name, f"{spent_us:.0f}", f"{len(text) / spent_us:.0f}"))
    print_table(rows)
    began = time.perf_counter()
    Scan(Secrets(), Pii(), Injection(), compiled=compiled)
    print(
        f"\nthe compiled database has {len(compiled) / 1e6:.1f} MB and loads in {(time.perf_counter() - began) * 1e3:.0f} ms"
    )
    return 0


# === scanning ===


def _all_found(places: list[str], scanners: set[str], let_pass: frozenset[str]) -> Iterator[Found]:
    scan = Scan(
        Secrets(baseline=let_pass) if "secrets" in scanners else None,
        Pii() if "pii" in scanners else None,
        Injection() if "injection" in scanners else None,
    )
    is_watched = sys.stderr.isatty()
    for count, (name, text) in enumerate(_texts(places)):
        if is_watched and count % _EACH == 0:
            print(f"\r{count} files", end="", file=sys.stderr, flush=True)
        findings = scan.scan(text)
        hidden = [each for each in findings if each.scanner != "injection"]
        for finding in findings:
            is_told = finding not in hidden and all(
                each.end <= finding.start or each.start >= finding.end for each in hidden
            )
            yield _shown(name, text, finding, is_told=is_told)
    if is_watched:
        print("\r\x1b[K", end="", file=sys.stderr)


def _texts(places: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, folders walked; what is binary, too long or a tool's cache is left out."""
    for place in places:
        if place == "-":
            yield "-", sys.stdin.buffer.read()
        elif Path(place).is_dir():
            for folder, folders, files in os.walk(place):
                folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
                for name in sorted(files):
                    path = Path(folder, name)
                    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_BYTES:
                        continue
                    try:
                        text = path.read_bytes()
                    except OSError as exc:
                        print(f"warning: {path}: {exc.strerror}", file=sys.stderr)
                        continue
                    if b"\0" not in text[:8192]:
                        yield str(path), text
        else:
            yield place, _read(Path(place))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(
            f"`{path}` cannot be read: {exc.strerror}", "name a file, a folder, or - for standard input"
        ) from exc


def _let_pass(path: str | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        return read_baseline(path)
    except (OSError, ValueError) as exc:
        raise UsageError(f"the baseline cannot be read: {exc}", "`agentcc guard baseline` writes one") from exc


def _shown(name: str, text: bytes, finding: Finding, *, is_told: bool) -> Found:
    begin = text.rfind(b"\n", 0, finding.start) + 1
    matched = text[finding.start : finding.end]
    return Found(
        name,
        text.count(b"\n", 0, finding.start) + 1,
        len(text[begin : finding.start].decode(errors="replace")) + 1,
        finding.scanner,
        finding.rule,
        finding.confidence.name.lower(),
        fingerprint(finding.rule, matched),
        _printable(matched[:_SHOWN_OF_INSTRUCTION]) if is_told else _masked(matched),
    )


def _masked(matched: bytes) -> str:
    """The first characters, of what is long enough not to be told by them, and how long it is."""
    shown = _printable(matched[:_SHOWN_OF_SECRET]) if len(matched) >= 4 * _SHOWN_OF_SECRET else ""
    return f"{shown}… ({len(matched)} bytes)"


def _printable(text: bytes) -> str:
    return "".join(char if char.isprintable() else "·" for char in text.decode(errors="replace"))


def _plain(found: Found) -> str:
    return f"{_place(found)} {found.scanner} {found.rule} ({found.confidence}): {found.masked}"


def _paint(found: Found) -> str:
    told = f"{_RED}{found.scanner} {found.rule}{_RESET} {_DIM}({found.confidence}){_RESET}"
    return f"{_place(found)} {told}: {_RED}{found.masked}{_RESET}"


def _place(found: Found) -> str:
    return f"{found.file}:{found.line}:{found.column}:"


# === measuring ===


def _own_source() -> bytes:
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py"))[:40])


def _least_us(act: "partial[list[Finding]]") -> float:
    least = float("inf")
    for _ in range(100):
        began = time.thread_time_ns()
        act()
        least = min(least, time.thread_time_ns() - began)
    return least / 1000

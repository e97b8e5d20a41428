"""`agentcc simulate`: arguments of the simulator, and its start."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from .answer import State
from .knobs import Knobs, Rule, load_rules
from .script import SCENARIOS
from .server import run as serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's arguments to a parser."""
    listed = "\n".join(f"  {s.name:<16} {s.help}" for s in SCENARIOS.values())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Run a stand-in provider that speaks the OpenAI, Anthropic and Gemini APIs."
    parser.epilog = (
        "example:\n  agentcc simulate --port 9100 --first-token-ms 300 --token-ms 15\n\n"
        f"scenarios, chosen by [[sim:NAME key=value;key=value]] in a prompt:\n{listed}\n\n"
        "More: docs/guides/simulator.md"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="Listen on this address [default: 127.0.0.1]"
    )
    parser.add_argument(
        "--port", type=int, default=9100, metavar="N", help="Listen on this port; 0 takes a free one [default: 9100]"
    )
    parser.add_argument("--scenario", default="", metavar="NAME", help="Play this scenario when a request names none")
    parser.add_argument("--scenario-file", type=Path, metavar="FILE", help="Choose scenarios by prompt or model (YAML)")
    parser.add_argument(
        "--first-token-ms", type=float, default=0.0, metavar="MS", help="Wait before the first token [default: 0]"
    )
    parser.add_argument("--token-ms", type=float, default=0.0, metavar="MS", help="Wait between tokens [default: 0]")
    parser.add_argument(
        "--chunk-bytes", type=int, default=0, metavar="N", help="Split streams after every N bytes [default: off]"
    )
    parser.add_argument("--seed", default="0", metavar="TEXT", help="Change all ids of the answers [default: 0]")
    parser.add_argument(
        "--parent-pid", type=int, default=0, metavar="PID", help="Stop when this parent process is gone"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes. Returns the exit code: 0 stopped, 2 could not start."""
    if args.scenario and args.scenario not in SCENARIOS:
        print(f"error: there is no scenario `{args.scenario}`\nhint: one of {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    rules: tuple[Rule, ...] = ()
    if args.scenario_file is not None:
        try:
            rules = load_rules(args.scenario_file.read_bytes())
        except (OSError, ValueError, msgspec.ValidationError) as exc:
            print(f"error: {args.scenario_file}: {exc}\nhint: a list of `match`, `scenario`, `args`", file=sys.stderr)
            return 2
        wrong = next((r.scenario for r in rules if r.scenario and r.scenario not in SCENARIOS), None)
        if wrong is not None:
            print(
                f"error: {args.scenario_file}: there is no scenario `{wrong}`\nhint: one of {', '.join(SCENARIOS)}",
                file=sys.stderr,
            )
            return 2
    default = Knobs(
        scenario=args.scenario,
        first_token_ms=args.first_token_ms,
        token_ms=args.token_ms,
        chunk_bytes=args.chunk_bytes,
        seed=args.seed,
    )
    return serve(args.host, args.port, State(default, rules), args.parent_pid)


def main(argv: list[str] | None = None) -> int:
    """Parse arguments and serve."""
    parser = argparse.ArgumentParser(prog="agentcc simulate")
    add_arguments(parser)
    return run(parser.parse_args(argv))

"""`python -m benchmarks [QUESTION …]`: measure, print tables, keep results/<question>.json."""

import argparse
import contextlib
import sys
from typing import Any

import msgspec

from benchmarks.answer import Options, keep, machine, show
from benchmarks.questions import QUESTIONS


def main(argv: list[str] | None = None) -> int:
    """Ask the questions; exit code 0 answered, 2 could not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the gateway beside nginx on this machine.",
        epilog="questions: " + "; ".join(f"{name}: {module.label}" for name, module in QUESTIONS.items()),
    )
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"{', '.join(QUESTIONS)} [default: all]")
    parser.add_argument("--quick", action="store_true", help="Fewer and shorter rounds; results/*.quick.json")
    parser.add_argument("--json", action="store_true", help="Print the answers as JSON lines, no tables")
    parser.add_argument("--peers", action="store_true", help="Add LiteLLM and Portkey to proxy and latency")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="Rounds [default: by question]")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="Only these scenarios of proxy, with commas between"
    )
    args = parser.parse_args(argv)
    unknown = [name for name in args.questions if name not in QUESTIONS]
    if unknown:
        print(f"error: there is no question `{unknown[0]}`\nhint: one of {', '.join(QUESTIONS)}", file=sys.stderr)
        return 2
    options = Options(args.quick, args.peers, args.rounds, args.only)
    wanted = args.questions or (["proxy", "latency"] if args.peers else list(QUESTIONS))
    if not args.json:
        print(" · ".join(f"{name} {value}" for name, value in machine().items()))
    for name in wanted:
        module = QUESTIONS[name]
        with _entered(module.setup(options)) as state:
            answer = module.run(state, options)
        path = keep(answer, options)
        if args.json:
            sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        else:
            show(answer)
            print(f"\nkept: {path}")
    return 0


def _entered(state: Any) -> "contextlib.AbstractContextManager[Any]":
    """`setup` gives a context manager, or what needs no tidying."""
    return state if hasattr(state, "__enter__") else contextlib.nullcontext(state)


if __name__ == "__main__":
    sys.exit(main())

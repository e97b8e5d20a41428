"""Locust and k6 at once against one gateway, with the memory of every process watched.

    python -m loadtest [--minutes 1] [--tools locust,k6] [--users 10] [--rate 40] [--workers 2]

Exit code 1 when a tool failed (an error, a stream without its end, a threshold), or, from 5 minutes on, when a worker's
memory still grows by more than 1 MiB a minute after the warm-up.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import bodies
from benchmarks.answer import ROOT
from loadtest.stack import MemoryCurve, Stack, stack, tool

_FLAT_MIB_PER_MINUTE = 1.0
_FLAT_FROM_MINUTES = 5.0
_HERE = Path(__file__).parent


def run(minutes: float, tools: list[str], users: int, rate: int, workers: int) -> int:
    """The whole scene. Prints both summaries and the memory; gives the exit code."""
    seconds = int(minutes * 60)
    paths = {name: tool(name) for name in tools}
    with stack(workers=workers) as running, MemoryCurve(running) as memory:
        started = {}
        for name in tools:
            is_locust = name == "locust"
            path = paths[name]
            command = _locust(running, path, users, seconds) if is_locust else _k6(running, path, rate, seconds)
            log = (running.home / f"{name}.log").open("w+")
            environ = {
                **os.environ, "AGENTCC_KEY": bodies.KEY, "PYTHONPATH": str(ROOT), "K6_NO_USAGE_REPORT": "true",
            }  # fmt: skip
            started[name] = (
                subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environ, cwd=ROOT),
                log,
            )
        failed = []
        for name, (process, log) in started.items():
            code = process.wait(seconds + 120)
            log.seek(0)
            print(f"\n=== {name}: exit {code}\n{_tail(name, log.read())}")
            log.close()
            if code:
                failed.append(f"{name} exited with {code}")
        if died := running.gateway.logs("process_died"):
            failed.append(f"a process died: {died}")
        if bugs := running.gateway.logs("bug"):
            failed.append(f"{len(bugs)} bugs in the log, first: {bugs[0]}")
    warm_up_s = min(60.0, seconds / 3)
    print("\n=== memory, MiB resident\n" + "\n".join(memory.table(warm_up_s)))
    if minutes >= _FLAT_FROM_MINUTES:
        slopes = {name: memory.slope(name, warm_up_s) for name in memory.points if name != "simulator"}
        failed += [f"{n} grows by {s:.2f} MiB a minute" for n, s in slopes.items() if s > _FLAT_MIB_PER_MINUTE]
    for problem in failed:
        print(f"FAILED: {problem}")
    return 1 if failed else 0


def _locust(running: Stack, path: str, users: int, seconds: int) -> list[str]:
    return [
        path, "-f", str(_HERE / "locustfile.py"), "--host", running.gateway.url, "--headless", "--only-summary",
        "-u", str(users), "-r", str(max(1, users // 4)), "-t", f"{seconds}s", "--stop-timeout", "20", "--exit-code-on-error", "1",
    ]  # fmt: skip


def _k6(running: Stack, path: str, rate: int, seconds: int) -> list[str]:
    given = {"BASE_URL": running.gateway.url, "KEY": bodies.KEY, "RATE": rate, "SECONDS": seconds}
    variables = [part for name, value in given.items() for part in ("-e", f"{name}={value}")]
    return [path, "run", "--quiet", "--no-color", *variables, str(_HERE / "k6.js")]


def _tail(name: str, text: str) -> str:
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines() if line.strip()]
    keep = 45 if name == "k6" else 60
    return "\n".join(lines[-keep:])


def main(argv: list[str]) -> int:
    """Arguments."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="How long [default: 1]")
    parser.add_argument("--tools", default="locust,k6", metavar="NAMES", help="Which tools [default: locust,k6]")
    parser.add_argument("--users", type=int, default=10, metavar="N", help="Locust's users [default: 10]")
    parser.add_argument("--rate", type=int, default=40, metavar="N", help="k6's requests per second [default: 40]")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="Workers of the gateway [default: 2]")
    args = parser.parse_args(argv)
    return run(args.minutes, args.tools.split(","), args.users, args.rate, args.workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""64 parallel clients against a hard cap of $10, random prices and sizes, everything killed now and then: who is right about the money?

    python -m loadtest budget [--store sqlite|redis|both] [--seed 1] [--repeat 1] [--seconds 20] [--clients 64] [--no-chaos]
    python -m loadtest budget --aborts 400      # no cap to reach: every client breaks off at a random byte

SQLite: one node, two workers. Redis: two nodes of two workers that share a Redis. The provider is the simulator, whose own bill is the
measure. Exit code 0 when all holds; loadtest/README.md says what.
"""

import argparse
import asyncio
import collections
import sys
import time

from loadtest.budget.books import Books, read_settled
from loadtest.budget.chaos import Chaos
from loadtest.budget.clients import Load
from loadtest.budget.judge import (
    Verdict,
    count_needless,
    judge_answers,
    judge_first_refusal,
    judge_money,
    judge_records,
)
from loadtest.budget.nodes import Stack, stack
from loadtest.budget.prices import NANO
from loadtest.budget.scene import Mix, Scene

CAP_NUSD = 10 * NANO
_OUT_OF_REACH_NUSD = 100_000 * NANO
_NODES = {"sqlite": 1, "redis": 2}
_KILLS = 3
_REQUESTS_PER_S = 60
"""What the machine with two cores is good for; decides how dear a request is on average."""
_QUIET_S = 3.0
"""So long everybody must have been refused."""
_LATEST_S = 60.0
"""So long after the cap should be spent the run ends even though it still lets somebody through."""
_RECOVERY_S = 40.0
_UNPROVEN_S = 20.0
"""A control plane that was killed thrice is started again after some seconds, and has to be ready then."""


def run(store: str, seed: int, seconds: float, clients: int, *, is_chaos: bool) -> Verdict:
    """One run."""
    nodes = _NODES[store]
    scene = Scene(seed, CAP_NUSD, Mix(), nodes, mean_nusd=int(CAP_NUSD / (seconds * _REQUESTS_PER_S)))
    verdict = Verdict()
    with stack(scene, store, nodes) as running:
        load = Load(scene, running.urls(), pace_s=seconds)
        chaos = Chaos(running, seed, _KILLS if is_chaos else 0, seconds)
        is_spent = asyncio.run(_load(load, chaos, clients, seconds))
        books = read_settled(running, _RECOVERY_S)
        if not is_spent:
            verdict.problems.append("the cap never refused everybody")
        if sum(frame.outcome == "ok" for frame in books.done()) < clients:
            verdict.problems.append("hardly anything was served: nothing was tested")
        if not books.is_settled():
            verdict.problems.append(f"after {_RECOVERY_S:.0f} s not everything had recovered and reached the ledger")
        _judge(verdict, scene, load, books, is_chaos=is_chaos)
        _judge_recovery(verdict, load, chaos)
        verdict.say(
            "killed",
            ", ".join(f"{k.name}{'' if k.node < 0 else f' of node {k.node}'}" for k in chaos.killed) or "nothing",
        )
        _judge_ends(verdict, running)
    return verdict


def run_aborts(store: str, seed: int, requests: int, clients: int, cap_nusd: int) -> Verdict:
    """So many requests, each broken off by its client at a random byte; under a hard cap that nobody reaches, or none (0)."""
    scene = Scene(seed, cap_nusd, Mix(aborts=1.0, faults=0.0), _NODES[store])
    verdict = Verdict()
    with stack(scene, store, _NODES[store]) as running:
        load = Load(scene, running.urls())
        asyncio.run(load.run(clients, lambda _: False, requests))
        books = read_settled(running, _RECOVERY_S)
        if not books.is_settled():
            verdict.problems.append(f"after {_RECOVERY_S:.0f} s not everything had reached the ledger")
        _judge(verdict, scene, load, books, is_chaos=False)
        roads = collections.Counter(
            f"{s.ask.dialect} to {s.ask.model.partition('/')[0]}" for s in load.sent if s.end == "aborted"
        )
        verdict.say("aborted", f"{roads.total()}: {dict(roads.most_common())}")
        if roads.total() < requests / 2 or len(roads) < 9:
            verdict.problems.append("too few aborts, or not on all roads: nothing was tested")
        _judge_ends(verdict, running)
    return verdict


async def _load(load: Load, chaos: Chaos, clients: int, seconds: float) -> bool:
    """Whether the cap refused everybody in the end."""
    task = asyncio.create_task(chaos.run())
    is_spent = False

    def is_over(load: Load) -> bool:
        nonlocal is_spent
        now = time.monotonic()
        quiet_s = now - max(load.accepted_at, load.unproven_at)
        is_spent = chaos.is_over and load.refused >= 2 * clients and quiet_s > _QUIET_S
        return is_spent or now - load.began > seconds + _LATEST_S

    await load.run(clients, is_over)
    await task
    return is_spent


def _judge(verdict: Verdict, scene: Scene, load: Load, books: Books, *, is_chaos: bool) -> None:
    judge_money(verdict, scene, books)
    judge_records(verdict, load.sent, books, is_chaos=is_chaos)
    judge_answers(verdict, scene, load.sent, is_chaos=is_chaos)
    if not is_chaos:
        judge_first_refusal(verdict, scene, load.sent, books)
        count_needless(verdict, scene, load.sent, books)


def _judge_recovery(verdict: Verdict, load: Load, chaos: Chaos) -> None:
    """The gateway proves its budgets again by itself, soon after the last accident."""
    unproven = [one.ended for one in load.sent if one.end == "refused" and one.status == 503]
    if unproven and chaos.killed:
        took_s = max(0.0, max(unproven) - chaos.killed[-1].at)
        verdict.say("last 503 after the last kill", f"{took_s:.1f} s")
        if took_s > _UNPROVEN_S:
            verdict.problems.append(f"{took_s:.1f} s after the last kill budgets were still not proven")


def _judge_ends(verdict: Verdict, running: Stack) -> None:
    """Stop the nodes in good order, and look at what they have left."""
    for number, gateway in enumerate(running.gateways):
        if code := gateway.stop():
            verdict.problems.append(f"node {number} stopped with exit code {code}")
        verify = gateway.run_cli("journal", "verify", "-c", str(gateway.file), check=False)
        verdict.say(f"journal verify, node {number}", (verify.stdout.strip().splitlines() or [""])[-1])
        if verify.returncode:
            verdict.problems.append(f"journal verify, node {number}: {verify.stdout[-300:]}{verify.stderr[-300:]}")
        verdict.blame(f"bugs in the log of node {number}", gateway.logs("bug"))


def main(argv: list[str]) -> int:
    """Arguments."""
    parser = argparse.ArgumentParser(prog="python -m loadtest budget", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--store", choices=("sqlite", "redis", "both"), default="sqlite", help="Lease store [default: sqlite]"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="Of prices, sizes and accidents [default: 1]")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="Runs, each with the next seed [default: 1]")
    parser.add_argument(
        "--seconds", type=float, default=20.0, metavar="S", help="Time over which the cap is spent [default: 20]"
    )
    parser.add_argument("--clients", type=int, default=64, metavar="N", help="Parallel clients [default: 64]")
    parser.add_argument("--no-chaos", action="store_true", help="Kill nothing; judge the first refusal [default: off]")
    parser.add_argument(
        "--aborts",
        type=int,
        default=0,
        metavar="N",
        help="Instead: N requests that their clients break off [default: off]",
    )
    args = parser.parse_args(argv)
    stores = list(_NODES) if args.store == "both" else [args.store]
    runs = [(store, seed) for seed in range(args.seed, args.seed + args.repeat) for store in stores]
    failed = [f"{store} {seed}" for store, seed in runs if not _is_held(store, seed, args)]
    if len(runs) > 1:
        print(
            f"\n{len(runs) - len(failed)} of {len(runs)} runs hold" + (f"; not {', '.join(failed)}" if failed else "")
        )
    return 1 if failed else 0


def _is_held(store: str, seed: int, args: argparse.Namespace) -> bool:
    """Run it, and print what was seen."""
    began = time.monotonic()
    if args.aborts:
        verdict, what = run_aborts(store, seed, args.aborts, args.clients, _OUT_OF_REACH_NUSD), "aborts"
    else:
        verdict = run(store, seed, args.seconds, args.clients, is_chaos=not args.no_chaos)
        what = "no chaos" if args.no_chaos else "chaos"
    print(f"=== {store}, seed {seed}, {what}, {time.monotonic() - began:.0f} s")
    print(verdict.text(), flush=True)
    return not verdict.problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

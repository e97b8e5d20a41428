"""What planning costs, by strategy, with 50 candidates (issue 6: at most 10 CPU-µs), and what health costs an exchange."""

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator

from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway import _native
from gateway.base.core.plan import Deployment, Provider, deployment
from gateway.base.core.price import Price, Rates
from gateway.base.core.route import Block, Candidate, Facts, Split, Strategy
from gateway.base.storage.board import lone_board
from gateway.dataplane.routing.health import BoardHealth
from gateway.dataplane.routing.plan import Planner

label = "planning over 50 candidates, CPU-µs per plan; health, CPU-µs per call"

_CANDIDATES = 50
_ATTEMPTS = 3
_SIZES = tuple(1000 * n for n in range(1, 151, 7))
_STRATEGIES: tuple[Strategy, ...] = ("failover", "weighted", "least-latency", "cost-optimized", "race")
_HEADERS = [("content-type", "text/event-stream"), *((f"x-other-{n}", "a value") for n in range(14))]
_ROOM = [
    *_HEADERS,
    ("x-ratelimit-remaining-requests", "4999"),
    ("x-ratelimit-remaining-tokens", "3999000"),
    ("x-ratelimit-reset-requests", "12ms"),
    ("x-ratelimit-reset-tokens", "6m0s"),
]


def _deployments() -> dict[str, Deployment]:
    dice = random.Random(6)
    made = {}
    for n in range(_CANDIDATES):
        price = Price(
            Rates(dice.randrange(10**5, 10**7), dice.randrange(10**6, 10**8)), context_window_tokens=1_000_000
        )
        made[f"p{n}/m"] = deployment(
            Provider(f"p{n}", {"openai.responses": "http://p"}, ()), "m", price, "openai.responses"
        )
    return made


def _facts(input_tokens: int) -> Facts:
    texts = ("p0/m", "openai.responses", "codex", "turn", "k", "o", "t", "u")
    return Facts(*texts, {}, True, True, False, input_tokens, 32_000, 0.1, 600)  # type: ignore[arg-type]


def _health(names: Iterable[str], opened: int) -> BoardHealth:
    def key_of(name: bytes) -> int:
        return int.from_bytes(_native.digest(name, 7)[:8])

    health = BoardHealth(lone_board(), key_of, lambda: int(time.time() * 1000))
    for n, name in enumerate(names):
        health.took(name, 300.0 + n, 60.0)
        if n < opened:
            health.tell(name, 0, "failed", 0.0, 3_600_000)
    return health


@contextlib.contextmanager
def setup(_options: Options) -> Iterator[list[Case]]:
    """Boards that know the pace of all; on one of them the first five breakers are open."""
    made = _deployments()
    health, troubled = _health(made, 0), _health(made, 5)
    sizes = itertools.cycle([_facts(tokens) for tokens in _SIZES])
    dice = itertools.cycle([n / 97 for n in range(97)])
    candidates = tuple(Candidate(name, 1 + n % 3) for n, name in enumerate(made))
    cases = []

    def planning(
        strategy: Strategy, now_s: Callable[[], int], health: BoardHealth = health, **extra: str
    ) -> Callable[[], object]:
        planner = Planner()
        splits = Split("p49/m", 5), Split("p48/m", 5)
        block = Block("b", strategy, candidates, strategy == "failover", True, 500, _ATTEMPTS, (), *splits)
        asked = made["p10/m"]
        session = "openai.responses", ("*",)

        def call() -> object:
            return planner.plan(
                next(sizes), block, resolve=made.__getitem__, scope=session, health=health, now_s=now_s(), dice=next(dice),
                requested=asked, **extra,
            )  # fmt: skip

        return call

    seconds = itertools.count()
    cases += [Case(f"{strategy}", planning(strategy, lambda: 1)) for strategy in _STRATEGIES]
    cases += [Case(f"{s}, five open", planning(s, lambda: 1, troubled)) for s in ("failover", "least-latency")]
    cases += [Case("weighted, stuck and preferred", planning("weighted", lambda: 1, stuck_to="p7/m", prefers="p9"))]
    cases += [Case(f"{s}, first plan of a second", planning(s, lambda: next(seconds))) for s in _STRATEGIES[2:4]]
    name = "p30/m"
    cases += [
        Case("health: is_closed and has_headroom", lambda: (health.is_closed(name), health.has_headroom(name, 100))),
        Case("health: begin and tell ok", lambda: health.tell(name, health.begin(name) or 0, "ok", 0.5)),
        Case("health: limits, headers without any", lambda: health.limits(name, 200, _HEADERS)),
        Case("health: limits, plenty left", lambda: health.limits(name, 200, _ROOM)),
        Case("health: took", lambda: health.took(name, 350.0, 55.0)),
    ]
    yield cases


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("plan", label, cases, options)

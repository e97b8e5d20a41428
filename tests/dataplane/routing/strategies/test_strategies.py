"""In which order each strategy tries its candidates."""

from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.core.plan import Provider, deployment
from gateway.base.core.price import Price, Rates, Tier
from gateway.base.core.route import Strategy
from gateway.dataplane.routing.strategies import METHODS, Turn, Usable, coarse_turn, usable
from tests.dataplane.routing.world import DIALECT, Known, made

TURN = Turn(10_000, 500)
FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)


def several(*weights: float) -> list[Usable]:
    return [usable(made(f"p{n}/m"), "test", weight) for n, weight in enumerate(weights)]


def ordered(
    strategy: Strategy, candidates: list[Usable], health: Known, dice: float = 0.99, turn: Turn = TURN
) -> list[str]:
    method = METHODS[strategy]
    return [one.name for one in method.order(method.rank(candidates, turn, health), dice)]


def test_every_strategy_has_a_method() -> None:
    """A strategy of the configuration that nobody carries out would be found at the first request."""
    assert set(METHODS) == set(get_args(Strategy))


@FEW
@given(
    st.sampled_from(sorted(METHODS)),
    st.lists(st.floats(0, 1e6), max_size=60),
    st.lists(st.floats(0, 1e6), max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_an_order_is_a_permutation_and_repeats_itself(
    strategy: Strategy, weights: list[float], paces: list[float], dice: float
) -> None:
    """No strategy loses, doubles or invents a candidate; equal dice give an equal order."""
    health = Known()
    health.ms = {f"p{n}/m": ms for n, ms in enumerate(paces)}
    candidates = several(*weights)
    found = ordered(strategy, candidates, health, dice)
    assert sorted(found) == sorted(one.name for one in candidates)
    assert found == ordered(strategy, candidates, health, dice)


def test_failover_is_as_written() -> None:
    """Neither health nor dice change it."""
    health = Known()
    health.ms = {"p2/m": 1.0}
    assert ordered("failover", several(1, 5, 9), health, 0.0) == ["p0/m", "p1/m", "p2/m"]


class TestWeighted:
    def test_each_place_is_drawn_by_weight(self) -> None:
        """First and second place have the shares of drawing without replacement."""
        candidates = several(6, 3, 1)
        draws = [ordered("weighted", candidates, Known(), n / 10_000) for n in range(10_000)]
        firsts = Counter(draw[0] for draw in draws)
        assert [round(firsts[f"p{n}/m"] / 100) for n in range(3)] == [60, 30, 10]
        pairs = Counter((draw[0], draw[1]) for draw in draws)
        assert pairs["p0/m", "p1/m"] / 10_000 == pytest.approx(0.6 * 3 / 4, abs=0.002)
        assert pairs["p1/m", "p0/m"] / 10_000 == pytest.approx(0.3 * 6 / 7, abs=0.002)
        assert pairs["p2/m", "p1/m"] / 10_000 == pytest.approx(0.1 * 3 / 9, abs=0.002)

    def test_what_weighs_nothing_is_last(self) -> None:
        """Weight 0 is a spare: asked when all others fail."""
        for n in range(50):
            assert ordered("weighted", several(0, 1, 0, 5), Known(), n / 50)[2:] == ["p0/m", "p2/m"]

    def test_all_weightless_are_as_written(self) -> None:
        """Nothing to draw from is no error."""
        assert ordered("weighted", several(0, 0), Known(), 0.5) == ["p0/m", "p1/m"]


class TestLeastLatency:
    def test_the_soonest_done_is_first(self) -> None:
        """A quick first byte does not make up for a slow rest; ties are as written."""
        health = Known()
        health.ms = {"p0/m": 200.0, "p1/m": 900.0, "p2/m": 900.0}
        health.rate = {"p0/m": 10.0, "p1/m": 100.0, "p2/m": 100.0}
        assert ordered("least-latency", several(1, 1, 1), health) == ["p1/m", "p2/m", "p0/m"]

    def test_exploration_is_bounded(self) -> None:
        """A tenth of the requests asks one of the unknown first, each as often; the others keep to what is known."""
        health = Known()
        health.ms = {"p1/m": 300.0}
        firsts = Counter(ordered("least-latency", several(1, 1, 1), health, n / 1000)[0] for n in range(1000))
        assert firsts == {"p1/m": 900, "p0/m": 50, "p2/m": 50}

    def test_all_unknown_are_as_written(self) -> None:
        """At the start nobody is preferred."""
        assert ordered("least-latency", several(1, 1), Known(), 0.01) == ["p0/m", "p1/m"]

    def test_race_has_the_same_order(self) -> None:
        """Who is likely to win starts first."""
        health = Known()
        health.ms = {"p0/m": 300.0, "p1/m": 100.0}
        assert ordered("race", several(1, 1), health) == ["p1/m", "p0/m"]


class TestCostOptimized:
    def test_the_request_decides_who_is_cheaper(self) -> None:
        """Dear input and cheap output is right for short prompts, the other for long ones."""
        candidates = [
            usable(made("dear/input", input_pusd=10, output_pusd=10), "test"),
            usable(made("dear/output", input_pusd=1, output_pusd=500), "test"),
        ]
        assert ordered("cost-optimized", candidates, Known(), turn=Turn(1000, 500))[0] == "dear/input"
        assert ordered("cost-optimized", candidates, Known(), turn=Turn(100_000, 500))[0] == "dear/output"

    def test_the_price_is_that_of_the_prompts_own_tier(self) -> None:
        """A model that is dear above 200,000 tokens is cheap below."""
        tiers = Price(Rates(10, 10), (Tier(200_000, Rates(100, 100)),))
        tiered = deployment(Provider("g", {DIALECT: "http://g"}, ()), "m", tiers, DIALECT)
        candidates = [usable(made("flat/m", input_pusd=20, output_pusd=20), "test"), usable(tiered, "test")]
        assert ordered("cost-optimized", candidates, Known(), turn=Turn(150_000, 500))[0] == "g/m"
        assert ordered("cost-optimized", candidates, Known(), turn=Turn(250_000, 500))[0] == "flat/m"

    def test_equal_costs_are_by_latency_then_as_written(self) -> None:
        """One of which nothing is known comes after the known."""
        health = Known()
        health.ms = {"p2/m": 100.0, "p1/m": 300.0}
        assert ordered("cost-optimized", several(1, 1, 1, 1), health) == ["p2/m", "p1/m", "p0/m", "p3/m"]

    def test_what_has_no_price_is_last(self) -> None:
        """Nobody can say that it is the cheapest."""
        unpriced = deployment(Provider("lab", {DIALECT: "http://lab"}, ()), "m", None, DIALECT)
        assert ordered("cost-optimized", [usable(unpriced, "test"), *several(1)], Known()) == ["p0/m", "lab/m"]

    @FEW
    @given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_a_coarse_turn_is_an_eighth_off_at_most(self, tokens: int, most: int, learned: int) -> None:
        """The output is never more than the client allows."""
        turn = coarse_turn(tokens, most, learned)
        assert tokens * 7 / 8 <= turn.input_tokens <= tokens
        assert turn.output_tokens <= (most or 10**6)

"""Which deployments a request asks, in which order, and why the others not."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.core.errors import ModelForbidden
from gateway.base.core.plan import Deployment
from gateway.base.core.route import Block, Candidate, Facts, Plan, Refused, Rule, Split, Strategy
from gateway.dataplane.routing.plan import Planner
from gateway.dataplane.routing.strategies import METHODS
from tests.dataplane.routing.world import Known, made, resolving

A, B, C, D = made("a/m"), made("b/m"), made("c/m"), made("d/m")
ALL = resolving(A, B, C, D)
FACTS = Facts(
    "a/m", "openai.responses", "codex", "turn", "k", "o", "t", "u", {}, True, True, False, 10_000, 1000, 0.0, 600
)  # fmt: skip
FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)


def block(strategy: Strategy, *models: str, **changed: Any) -> Block:
    values = {"tries_requested_first": False, "is_sticky": False, "hedge_ms": 300, "attempts": 3} | changed
    return Block("b", strategy, tuple(Candidate(model) for model in models), **values)


def chain(*models: str, **changed: Any) -> Block:
    return block("failover", *models, tries_requested_first=True, **changed)


def planned(blk: Block, health: Known | None = None, facts: Facts = FACTS, **given_: Any) -> Plan:
    values: dict[str, Any] = {"resolve": ALL, "scope": 0, "now_s": 1, "dice": 0.99, "requested": A}
    return Planner().plan(facts, blk, health=health or Known(), **values | given_)


def names(plan: Plan) -> list[str]:
    return [attempt.deployment.name for attempt in plan.attempts]


def reasons(plan: Plan) -> list[tuple[str, str]]:
    return [(attempt.deployment.name, attempt.reason) for attempt in plan.attempts]


class TestChain:
    def test_the_requested_model_is_first(self) -> None:
        """Then the chain, in its order."""
        plan = planned(chain("b/m", "c/m"))
        assert reasons(plan) == [("a/m", "requested"), ("b/m", "chain"), ("c/m", "chain")]
        assert (plan.refused, plan.rule, plan.hedge_ms, plan.shadow, plan.retry_after_s) == ((), "", -1, None, 0)

    def test_a_model_that_comes_twice_is_tried_once(self) -> None:
        """Whether as the requested one or in the chain."""
        assert names(planned(chain("b/m", "a/m", "b/m", "c/m"))) == ["a/m", "b/m", "c/m"]

    def test_attempts_are_bounded(self) -> None:
        """The rest is not needed, which only a full plan tells."""
        blk = chain("b/m", "c/m", "d/m", attempts=2)
        assert (names(planned(blk)), planned(blk).refused) == (["a/m", "b/m"], ())
        assert planned(blk, is_full=True).refused == (Refused("c/m", "not_needed"), Refused("d/m", "not_needed"))

    def test_without_candidates_the_requested_model_is_the_plan(self) -> None:
        """As without a `routing` section."""
        assert names(planned(chain())) == ["a/m"]


class TestCandidates:
    def test_the_requested_model_is_none_of_them(self) -> None:
        """Unless it is listed."""
        assert names(planned(block("least-latency", "b/m", "c/m"))) == ["b/m", "c/m"]

    def test_without_a_requested_model_there_is_a_plan(self) -> None:
        """A client may ask for a name that only the block gives a meaning."""
        assert names(planned(block("weighted", "b/m"), requested=None)) == ["b/m"]

    def test_what_does_not_resolve_is_refused_with_its_code(self) -> None:
        """Forbidden, unpriced, unknown or of a dialect that cannot be translated: the others serve."""

        def resolve(name: str) -> Deployment:
            if name == "b/m":
                raise ModelForbidden("no")
            return ALL(name)

        plan = planned(block("cost-optimized", "b/m", "x/m", "c/m"), resolve=resolve)
        assert names(plan) == ["c/m"]
        assert plan.refused == (Refused("b/m", "model_forbidden"), Refused("x/m", "unknown_model"))

    def test_race_says_when_the_next_one_starts(self) -> None:
        """For a rule's race too; other strategies ask one after the other."""
        assert planned(block("race", "b/m", "c/m")).hedge_ms == 300
        rule = Rule("r", "true", (Candidate("c/m"),), "race")
        assert planned(block("weighted", "b/m"), rule=rule).hedge_ms == 300
        assert planned(block("weighted", "b/m")).hedge_ms == -1

    def test_resolving_is_remembered_by_scope_and_day(self) -> None:
        """What a key may use and what a day's prices are is asked once."""
        asked: list[str] = []

        def resolve(name: str) -> Deployment:
            asked.append(name)
            return ALL(name)

        planner = Planner()
        for scope, now_s in ((1, 1), (1, 2), (2, 3), (2, 86_401)):
            planner.plan(FACTS, chain("b/m"), resolve=resolve, scope=scope, health=Known(), now_s=now_s, dice=0.5)
        assert asked == ["b/m"] * 3

    def test_rankings_follow_health_within_a_second(self) -> None:
        """They are remembered for one, no longer."""
        planner, health = Planner(), Known()
        health.ms = {"b/m": 100.0, "c/m": 200.0}

        def first(now_s: int) -> str:
            blk = block("least-latency", "b/m", "c/m")
            return names(planner.plan(FACTS, blk, resolve=ALL, scope=0, health=health, now_s=now_s, dice=0.5))[0]

        assert first(1) == "b/m"
        health.ms["b/m"] = 900.0
        assert first(2) == "c/m"


class TestRule:
    RULE = Rule("cheap", "input_tokens < 10000", (Candidate("c/m"), Candidate("d/m")))

    def test_its_candidates_stand_alone(self) -> None:
        """Neither the requested model nor canary and shadow join them: a rule may say where data may go."""
        blk = chain("b/m", canary=Split("b/m", 100), shadow=Split("b/m", 100))
        plan = planned(blk, rule=self.RULE)
        assert reasons(plan) == [("c/m", "rule cheap"), ("d/m", "rule cheap")]
        assert (plan.rule, plan.shadow) == ("cheap", None)

    def test_affinity_stays_among_them(self) -> None:
        """A session that is elsewhere does not leave the rule."""
        assert names(planned(chain("b/m"), rule=self.RULE, stuck_to="d/m")) == ["d/m", "c/m"]
        assert names(planned(chain("b/m"), rule=self.RULE, stuck_to="b/m", prefers="a")) == ["c/m", "d/m"]

    def test_all_of_them_passed_over_is_no_plan(self) -> None:
        """The block's own candidates are no way out."""
        health = Known()
        health.open = {"c/m": 4200, "d/m": 2000}
        plan = planned(chain("b/m"), health, rule=self.RULE)
        assert (plan.attempts, plan.retry_after_s) == ((), 2)


class TestAffinity:
    def test_a_session_stays_where_it_moved(self) -> None:
        """Before the requested model, while it is usable."""
        assert reasons(planned(chain("b/m", "c/m"), stuck_to="c/m"))[0] == ("c/m", "sticky")
        assert names(planned(chain("b/m", "c/m"), stuck_to="c/m")) == ["c/m", "a/m", "b/m"]
        health = Known()
        health.open = {"c/m": 5000}
        assert names(planned(chain("b/m", "c/m"), health, stuck_to="c/m")) == ["a/m", "b/m"]

    def test_a_deployment_that_left_the_block_is_not_followed(self) -> None:
        """The configuration decides who may serve."""
        assert names(planned(chain("b/m"), stuck_to="d/m")) == ["a/m", "b/m"]

    def test_the_provider_that_can_read_the_reasoning_is_preferred(self) -> None:
        """After the session's own deployment, before all others, in the strategy's order."""
        c2 = made("c/n")
        resolve = resolving(A, B, C, D, c2)
        plan = planned(chain("b/m", "c/m", "d/m", "c/n", attempts=5), resolve=resolve, prefers="c", stuck_to="d/m")
        assert reasons(plan)[:3] == [("d/m", "sticky"), ("c/m", "affinity"), ("c/n", "affinity")]
        assert names(plan)[3:] == ["a/m", "b/m"]
        assert reasons(planned(chain("b/m"), prefers="a"))[0] == ("a/m", "affinity")


class TestSplits:
    def test_a_canary_has_its_share_of_sessions(self) -> None:
        """It is first for them, the rest follows; and a session keeps it."""
        blk = chain("b/m", canary=Split("d/m", 10))
        plans = [planned(blk, session_dice=n / 5000, dice=0.5) for n in range(5000)]
        chosen = [plan for plan in plans if plan.attempts[0].reason == "canary"]
        assert len(chosen) == pytest.approx(500, abs=25)
        assert names(chosen[0]) == ["d/m", "a/m", "b/m"]
        assert planned(blk, session_dice=0.3, dice=0.1).attempts == planned(blk, session_dice=0.3, dice=0.9).attempts

    def test_a_canary_takes_from_all_weights_alike(self) -> None:
        """Its dice are other than those of the weights, though both come from the session."""
        blk = block("weighted", "a/m", "b/m", is_sticky=True, canary=Split("d/m", 20))
        firsts = Counter(names(planned(blk, session_dice=n / 5000, dice=0.5))[0] for n in range(5000))
        assert firsts["a/m"] == pytest.approx(2000, abs=60)
        assert firsts["b/m"] == pytest.approx(2000, abs=60)

    def test_a_shadow_has_its_share_of_exchanges(self) -> None:
        """By the request's dice: not the same sessions always. Whom it would double is not mirrored to."""
        blk = chain("b/m", shadow=Split("d/m", 30))
        shadows = [planned(blk, dice=n / 5000, session_dice=0.5).shadow for n in range(5000)]
        assert sum(shadow is not None for shadow in shadows) == pytest.approx(1500, abs=50)
        assert {shadow.name for shadow in shadows if shadow} == {"d/m"}
        assert planned(chain(shadow=Split("a/m", 100))).shadow is None

    def test_a_split_that_does_not_resolve_is_refused(self) -> None:
        """The rest of the block serves."""
        plan = planned(chain("b/m", canary=Split("x/m", 100)))
        assert (names(plan), plan.refused) == (["a/m", "b/m"], (Refused("x/m", "unknown_model"),))


class TestPassedOver:
    def test_health_and_size_and_features(self) -> None:
        """Each with its reason."""
        small = made("s/m", window_tokens=10_500)
        blind = made("v/m")
        health = Known()
        health.open, health.drained = {"b/m": 5000}, {"c/m": 1000}
        planner = Planner(lambda one: frozenset({"images"}) if one is blind else frozenset())
        facts = Facts(
            "a/m", "openai.responses", "codex", "turn", "k", "o", "t", "u", {}, True, True, True, 10_000, 1000, 0.0, 600
        )  # fmt: skip
        blk = chain("b/m", "c/m", "s/m", "v/m", "d/m")
        resolve = resolving(A, B, C, D, small, blind)
        plan = planner.plan(facts, blk, resolve=resolve, scope=0, health=health, now_s=1, dice=0.5, requested=A)
        assert names(plan) == ["a/m", "d/m"]
        assert [(one.model, one.reason) for one in plan.refused] == [
            ("b/m", "breaker_open"),
            ("c/m", "rate_limit"),
            ("s/m", "context_window"),
            ("v/m", "no_images"),
        ]

    def test_a_drained_one_is_asked_rather_than_nobody(self) -> None:
        """The one that is back soonest: a request is better than a certain error."""
        health = Known()
        health.drained, health.open = {"a/m": 9000, "c/m": 2000}, {"b/m": 1000}
        assert reasons(planned(chain("b/m", "c/m"), health)) == [("c/m", "last_resort")]

    def test_a_small_window_is_asked_rather_than_nobody(self) -> None:
        """The largest: our count is an estimate, and agents compact their history when the provider says that it is too long."""
        small, larger = made("s/m", window_tokens=5000), made("l/m", window_tokens=8000)
        resolve = resolving(small, larger)
        plan = planned(chain("l/m"), requested=small, resolve=resolve)
        assert reasons(plan) == [("l/m", "last_resort")]
        health = Known()
        health.open = {"l/m": 3000, "s/m": 6000}
        plan = planned(chain("l/m"), health, requested=small, resolve=resolve)
        assert (plan.attempts, plan.retry_after_s) == ((), 3)

    def test_breakers_are_obeyed(self) -> None:
        """All open: nobody is asked, and the client hears when to come back (COMPLAINTS 47)."""
        health = Known()
        health.open = {"a/m": 4001, "b/m": 60_000}
        plan = planned(chain("b/m"), health)
        assert (plan.attempts, plan.retry_after_s) == ((), 5)
        assert len(plan.refused) == 2

    def test_what_can_never_serve_names_no_time(self) -> None:
        """No candidate resolves: waiting does not help."""
        plan = planned(block("weighted", "x/m", "y/m"))
        assert (plan.attempts, plan.retry_after_s, len(plan.refused)) == ((), 0, 2)


POOL = [made(f"p{n}/m", window_tokens=n * 4000) for n in range(8)]
NAMES = [one.name for one in POOL]
SOME = st.lists(st.sampled_from(NAMES), max_size=12)


class TestFailing:
    """Too well for the breaker, too ill to be asked first: only where there is somebody better."""

    def test_others_are_asked_first(self) -> None:
        health = Known()
        health.ailing = {"a/m", "c/m"}
        plan = planned(chain("b/m", "c/m", "d/m", attempts=3), health)
        assert reasons(plan) == [("b/m", "chain"), ("d/m", "chain"), ("a/m", "requested")]
        assert plan.refused == (Refused("a/m", "failing"), Refused("c/m", "failing"))

    def test_where_all_are_nothing_changes(self) -> None:
        health = Known()
        health.ailing = {"a/m", "b/m"}
        assert names(planned(chain("b/m"), health)) == ["a/m", "b/m"]
        assert names(planned(chain(), health)) == ["a/m"]

    def test_a_session_stays(self) -> None:
        health = Known()
        health.ailing = {"b/m"}
        assert names(planned(chain("b/m"), health, stuck_to="b/m")) == ["b/m", "a/m"]


@FEW
@given(
    st.sampled_from(sorted(METHODS)), SOME, st.booleans(), st.integers(1, 5), st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)), st.floats(0, 1, exclude_max=True), st.sampled_from(["", *NAMES]), st.sampled_from(["", "p1", "p3"]),
    st.one_of(st.none(), st.builds(Split, st.sampled_from(NAMES), st.floats(0, 100))),
)  # fmt: skip
def test_every_plan_is_sound(
    strategy: Strategy, models: list[str], is_first: bool, attempts: int, opened: set[str], drained: set[str],
    dice: float, stuck_to: str, prefers: str, canary: Split | None,
) -> None:  # fmt: skip
    """None twice, none too many, none whose breaker is open; all candidates are accounted for; and a plan that is not full begins alike."""
    health = Known()
    health.open, health.drained = dict.fromkeys(opened, 5000), dict.fromkeys(drained, 5000)
    blk = block(strategy, *models, tries_requested_first=is_first, attempts=attempts, canary=canary)
    asking: Callable[..., Plan] = lambda **more: planned(  # noqa: E731
        blk, health, resolve=resolving(*POOL), requested=POOL[0], dice=dice, stuck_to=stuck_to, prefers=prefers, **more
    )
    plan, full = asking(), asking(is_full=True)
    found = names(plan)
    assert plan.attempts == full.attempts
    assert len(found) == len(set(found)) <= attempts
    assert not set(found) & opened
    assert set(found) <= {*models, *([NAMES[0]] if is_first else []), *([canary.model] if canary else [])}
    if found and plan.attempts[0].reason != "last_resort":
        assert not set(found) & drained
        assert not set(found) & {one.model for one in full.refused}
    if not found and (models or is_first):
        assert plan.retry_after_s == 5
    assert {*models} <= {*found, *(one.model for one in full.refused)}


def test_fifty_candidates_are_planned_quickly() -> None:
    """A guard against another order of cost; `benchmarks plan` has the figures."""
    pool = [made(f"p{n}/m") for n in range(50)]
    blk = block("cost-optimized", *(one.name for one in pool))
    planner, resolve, health = Planner(), resolving(*pool), Known()
    planner.plan(FACTS, blk, resolve=resolve, scope=0, health=health, now_s=1, dice=0.5)
    began = time.thread_time()
    for n in range(200):
        planner.plan(FACTS, blk, resolve=resolve, scope=0, health=health, now_s=1, dice=n / 200)
    assert (time.thread_time() - began) / 200 < 100e-6

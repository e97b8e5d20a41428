"""A provider with several deployments in a plan: which is asked first, which next, and which never."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.base.core.plan import Account, Deployment, Provider, deployment
from gateway.base.core.route import Block, Candidate, Facts, Plan, Refused, Split
from gateway.dataplane.routing.plan import Planner
from tests.dataplane.routing.world import DIALECT, Known, made, resolving

FACTS = Facts(
    "a/m", "openai.responses", "codex", "turn", "k", "o", "t", "u", {}, True, True, False, 10_000, 1000, 0.0, 600
)  # fmt: skip
NOW_S = 1000


def several(name: str, *accounts: Account) -> Deployment:
    """`provider/model` with these deployments."""
    provider, model = name.split("/")
    head = Provider(provider, {DIALECT: f"http://{provider}"}, ())
    price = made(name).price
    return deployment(
        replace(head, accounts=tuple(replace(head, account=one) for one in accounts)), model, price, DIALECT
    )


EU, US, ASIA = Account("eu"), Account("us"), Account("asia")
A, B = several("a/m", EU, US, ASIA), made("b/m")


def block(*chain: str, **changed: Any) -> Block:
    values = {"tries_requested_first": True, "is_sticky": False, "hedge_ms": 0, "attempts": 3} | changed
    return Block("b", "failover", tuple(map(Candidate, chain)), **values)


def planned(blk: Block, health: Known | None = None, *, requested: Deployment = A, **given: Any) -> Plan:
    values: dict[str, Any] = {"resolve": resolving(requested, B), "scope": 0, "now_s": NOW_S, "dice": 0.0}
    return Planner().plan(FACTS, blk, health=health or Known(), requested=requested, **values | given)


def ids(plan: Plan) -> list[str]:
    return [attempt.deployment.id for attempt in plan.attempts]


def test_the_deployments_stand_for_the_model() -> None:
    """With its price and name: budgets and headers need not know which one answers."""
    plan = planned(block())
    assert sorted(ids(plan)) == ["a/m@asia", "a/m@eu", "a/m@us"]
    assert {one.deployment.name for one in plan.attempts} == {"a/m"}
    assert {one.reason for one in plan.attempts} == {"requested"}


def test_sessions_are_shared_out_by_weight_and_keep_their_place() -> None:
    """A session's own dice decide, whatever those of its requests are."""
    requested = several("a/m", Account("eu", 3.0), Account("us", 1.0))
    seen = Counter(
        ids(planned(block(), requested=requested, session_dice=n / 1000, dice=dice))[0]
        for n in range(1000)
        for dice in (0.1, 0.9)
    )
    assert abs(seen["a/m@eu"] - 1500) < 30
    assert seen["a/m@eu"] + seen["a/m@us"] == 2000


def test_one_that_fails_moves_its_own_sessions_only() -> None:
    """And its sessions go to all the others."""
    before = {n: ids(planned(block(), session_dice=n / 300))[0] for n in range(300)}
    health = Known()
    health.open["a/m@eu"] = 1000
    after = {n: ids(planned(block(), health, session_dice=n / 300))[0] for n in range(300)}
    assert all(after[n] == before[n] for n in before if before[n] != "a/m@eu")
    assert {after[n] for n in before if before[n] == "a/m@eu"} == {"a/m@us", "a/m@asia"}


def test_a_session_stays_where_it_is() -> None:
    """Its prompt cache and its reasoning are there."""
    for n in range(20):
        assert ids(planned(block(), session_dice=n / 20, account_of=lambda provider: f"{provider}@us"))[0] == "a/m@us"


def test_a_session_stays_where_turns_fail_now_and_then() -> None:
    """Others are kept from such a deployment; a session would lose its prompt cache for nothing."""
    health = Known()
    health.ailing.add("a/m@us")
    plan = planned(block(), health, account_of=lambda provider: f"{provider}@us")
    assert (ids(plan)[0], plan.attempts[0].reason) == ("a/m@us", "home")
    assert ids(planned(block(), health))[-1] == "a/m@us"


def test_whoever_made_the_reasoning_goes_before_where_the_session_is() -> None:
    plan = planned(block("b/m"), prefers="a@asia", account_of=lambda _: "a@us")
    assert ids(plan)[:2] == ["a/m@asia", "a/m@us"]
    assert plan.attempts[0].reason == "affinity"


def test_breakers_and_rate_limits_are_those_of_the_deployment() -> None:
    health = Known()
    health.open["a/m@eu"], health.drained["a/m@us"] = 1000, 1000
    plan = planned(block("b/m"), health)
    assert ids(plan) == ["a/m@asia", "b/m"]
    assert set(plan.refused) == {Refused("a/m@eu", "breaker_open"), Refused("a/m@us", "rate_limit")}


def test_the_last_attempt_is_another_models() -> None:
    """An outage may be the whole provider's; the deployments that are left come after it."""
    assert [one.split("@")[0] for one in ids(planned(block("b/m")))] == ["a/m", "a/m", "b/m"]
    assert [one.split("@")[0] for one in ids(planned(block("b/m", attempts=4)))] == ["a/m", "a/m", "a/m", "b/m"]
    assert [one.split("@")[0] for one in ids(planned(block("b/m", attempts=2)))] == ["a/m", "b/m"]
    assert ids(planned(block("b/m", attempts=1)))[0].startswith("a/m@")


def test_out_of_its_time_nobody_is_asked() -> None:
    """A key that has ended is not even the last resort; one minute decides, not the day."""
    requested = several(
        "a/m", Account("old", ends_s=NOW_S), Account("new", opens_s=NOW_S + 1), Account("now", ends_s=NOW_S + 1)
    )
    plan = planned(block(), requested=requested)
    assert ids(plan) == ["a/m@now"]
    assert set(plan.refused) == {Refused("a/m@old", "ended"), Refused("a/m@new", "not_yet")}
    assert ids(planned(block(), requested=requested, now_s=NOW_S + 1)) == ["a/m@new"]
    ended = planned(block(), requested=several("a/m", Account("old", ends_s=1)))
    assert (ended.attempts, ended.refused) == ((), (Refused("a/m@old", "ended"),))


def test_all_drained_the_one_that_is_reset_first_is_asked() -> None:
    health = Known()
    health.drained |= {"a/m@eu": 9000, "a/m@us": 3000, "a/m@asia": 7000}
    plan = planned(block(), health)
    assert (ids(plan), plan.attempts[0].reason) == (["a/m@us"], "last_resort")


def test_all_open_says_when() -> None:
    health = Known()
    health.open |= {"a/m@eu": 9000, "a/m@us": 3000, "a/m@asia": 7000}
    assert planned(block(), health).retry_after_s == 3


def test_a_deployment_may_have_some_models_only() -> None:
    requested = several("a/gpt-5-mini", Account("eu", models=("gpt-5*",)), Account("us", models=("o3",)))
    assert ids(planned(block(), requested=requested)) == ["a/gpt-5-mini@eu"]


def test_stuck_to_a_model_means_its_deployments() -> None:
    plan = planned(block("b/m", is_sticky=True), requested=B, resolve=resolving(A, B), stuck_to="b/m")
    assert ids(plan) == ["b/m"]
    plan = planned(block("a/m"), requested=B, resolve=resolving(A, B), stuck_to="a/m")
    assert [(one.split("@")[0]) for one in ids(plan)] == ["a/m", "a/m", "b/m"]
    assert plan.attempts[0].reason == "sticky"


def test_a_shadow_is_a_deployment_that_can_be_asked() -> None:
    plan = planned(block(shadow=Split("a/m", 100)), requested=B, resolve=resolving(A, B))
    assert plan.shadow is not None
    assert plan.shadow.id.startswith("a/m@")


def test_a_full_plan_names_every_deployment() -> None:
    plan = planned(block("b/m", attempts=1), is_full=True)
    assert len(plan.attempts) + len(plan.refused) == 4


ACCOUNTS = st.lists(
    st.builds(
        lambda weight, opens_s, lasts_s: (weight, opens_s, opens_s + lasts_s if lasts_s else 0),
        st.floats(0.01, 100),
        st.sampled_from([0, NOW_S - 1, NOW_S, NOW_S + 1]),
        st.sampled_from([0, 1, 2, NOW_S * 2]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(
    accounts=ACCOUNTS, states=st.lists(st.sampled_from(["well", "open", "drained"]), min_size=7, max_size=7),
    attempts=st.integers(1, 6), dice=st.floats(0, 0.999), at=st.integers(0, 6), has_chain=st.booleans(),
)  # fmt: skip
def test_who_may_be_asked_is_and_who_may_not_is_not(
    accounts: list[tuple[float, int, int]], states: list[str], attempts: int, dice: float, at: int, *, has_chain: bool
) -> None:
    """Whatever their weights, times and health, and wherever the session was."""
    made_of = [Account(f"n{n}", weight, opens_s=a, ends_s=b) for n, (weight, a, b) in enumerate(accounts)]
    requested, health = several("a/m", *made_of), Known()
    ids_of = [f"a/m@n{n}" for n in range(len(accounts))] + (["b/m"] if has_chain else [])
    health.open = {one: 5000 for one, state in zip(ids_of, states, strict=False) if state == "open"}
    health.drained = {one: 5000 for one, state in zip(ids_of, states, strict=False) if state == "drained"}
    in_force = {f"a/m@n{n}" for n, (_, a, b) in enumerate(accounts) if a <= NOW_S and (not b or b > NOW_S)}
    may = {one for one in (*in_force, *(["b/m"] if has_chain else [])) if one not in health.open | health.drained}
    blk = block(*(["b/m"] if has_chain else []), attempts=attempts)
    plan = planned(blk, health, requested=requested, session_dice=dice, account_of=lambda _: f"a@n{at}")
    found = ids(plan)
    assert len(found) == len(set(found)) <= attempts
    if may:
        assert len(found) == min(attempts, len(may))
        assert set(found) <= may
        assert attempts == 1 or "b/m" not in may or "b/m" in found
        assert f"a/m@n{at}" not in may or found[0] == f"a/m@n{at}"
    else:
        assert set(found) <= set(ids_of) - set(health.open)
        assert all(one.reason == "last_resort" for one in plan.attempts)
    assert not {one for one in found if "@" in one} - in_force

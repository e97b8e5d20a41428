"""What would be done with a request, without doing it: `agentcc explain`. The same rules and planner as the road, with everybody well.

What only a running gateway knows (breakers, rate limits, where a session is, what budgets have spent) is not looked at.
"""

from collections.abc import Mapping

from msgspec import Raw

from gateway.base.config import KeyConfig
from gateway.base.core.errors import ModelForbidden
from gateway.base.core.period import minute_of_week
from gateway.base.core.plan import Deployment
from gateway.base.core.principal import Grant, Principal
from gateway.base.core.route import Facts, Plan
from gateway.base.core.struct import Record
from gateway.base.core.usage import USUAL_BYTES_PER_TOKEN
from gateway.dataplane.flow.assemble import Policy, Way
from gateway.dataplane.flow.route import Route, find_route
from gateway.dataplane.identity import allows
from gateway.dataplane.routing import coarse_turn, estimate_nusd
from gateway.dataplane.wire import Peek, family_of, has_images, has_tools, step_of

_DAY_S = 86_400
_NO_CANARY = 1 - 2**-53
"""Dice by which only a share of 100 % takes part."""


class Question(Record, frozen=True):
    """A request, who makes it (a key of the file; None: one that allows everything), and what else rules may ask for."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    key_name: str
    key: KeyConfig | None
    at_s: float
    budget_used: float


class Explained(Record, frozen=True):
    """`block` is '' where no block is, and then nothing is planned. `costs_nusd`: of each attempt, None without a price."""

    block: str
    strategy: str
    rule: str
    facts: Facts
    plan: Plan
    costs_nusd: tuple[int | None, ...]


class _Well:
    """Health of which nothing is known, and nothing bad."""

    def is_ailing(self, deployment: str) -> bool:
        return False

    def is_closed(self, deployment: str) -> bool:
        return True

    def has_headroom(self, deployment: str, tokens: int) -> bool:
        return True

    def first_byte_ms(self, deployment: str) -> float:
        return 0.0

    def tokens_per_s(self, deployment: str) -> float:
        return 0.0

    def wait_ms(self, deployment: str) -> int:
        return 0


def explain(policy: Policy, question: Question) -> Explained:
    """The block, the rule and the plan of a request. Raises GatewayError where the road would before it plans."""
    route = find_route("POST", question.path)
    peeked = route.dialect.peek(question.body, policy.limits.json_depth)
    grant = _grant(question)
    way = policy.way_of(grant)
    facts = _facts(question, route, peeked, grant, way)

    def resolve(model: str) -> Deployment:
        found = policy.resolver.resolve(model, route.dialect.name, int(question.at_s) // _DAY_S)
        if not allows(grant, found.provider.name, found.model):
            raise ModelForbidden(f"the key may not use `{found.name}`", model=found.name)
        return found

    if not route.is_turn:
        way = None
    if way is None:
        if not resolve(facts.model).accounts:
            return Explained("", "", "", facts, Plan(()), ())
        way = policy.one_model
    block, rule = way.block, way.rules.choose(facts)
    plan = policy.planner.plan(
        facts,
        block,
        resolve=resolve,
        scope=(route.dialect.name, grant.models),
        health=_Well(),
        now_s=int(question.at_s),
        dice=_NO_CANARY,
        requested=resolve(facts.model) if rule is None and block.tries_requested_first else None,
        rule=rule,
        is_full=True,
    )
    turn = coarse_turn(facts.input_tokens, facts.max_output_tokens)
    prices = [attempt.deployment.price for attempt in plan.attempts]
    strategy = rule.strategy or block.strategy if rule else block.strategy
    return Explained(
        block.name,
        strategy,
        plan.rule,
        facts,
        plan,
        tuple(estimate_nusd(price, turn) if price else None for price in prices),
    )


def _grant(question: Question) -> Grant:
    key = question.key or KeyConfig(key="")
    who = Principal(question.key_name, key.org, key.team, key.user, key.tags, key.cost_center, key.idp_claim)
    return Grant(who, Raw(b"{}"), models=tuple(key.models), route=key.route)


def _facts(question: Question, route: Route, peeked: Peek, grant: Grant, way: Way | None) -> Facts:
    body, headers, who = question.body, question.headers, grant.principal
    family = family_of(headers.get("user-agent", ""), headers.get("originator", ""))
    return Facts(
        model=peeked.model or route.model,
        dialect=route.dialect.name,
        client=family,
        step=step_of(route.dialect.name, family, lambda name: headers.get(name, ""), body),
        key=who.key,
        org=who.org,
        team=who.team,
        user=who.user,
        tags=who.tags,
        is_stream=peeked.is_stream or route.is_stream,
        has_tools=has_tools(body),
        has_images=has_images(body),
        input_tokens=len(body) // USUAL_BYTES_PER_TOKEN + 1,
        max_output_tokens=peeked.max_output_tokens,
        budget_used=question.budget_used,
        minute=minute_of_week(question.at_s, way.block.zone if way else "UTC"),
    )

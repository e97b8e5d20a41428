"""Plan: which deployments an exchange may ask, and in which order. Gathers the facts; what follows from them is routing's to say."""

from collections.abc import Iterable
from functools import partial
from random import random
from time import perf_counter

from gateway.base.core.errors import GatewayError, NoDeployment
from gateway.base.core.period import minute_of_week
from gateway.base.core.plan import Deployment
from gateway.base.core.route import Block, Facts, Plan, Rule
from gateway.base.core.usage import USUAL_BYTES_PER_TOKEN, Usage
from gateway.base.storage.board import Board, board_key
from gateway.dataplane.budget import Wallet
from gateway.dataplane.flow.admit import Resolve
from gateway.dataplane.flow.assemble import Policy, Way
from gateway.dataplane.flow.course import Course
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.health import health_on
from gateway.dataplane.flow.outputs import Outputs
from gateway.dataplane.flow.places import Places
from gateway.dataplane.flow.rejected import AWAY_MS, Rejections
from gateway.dataplane.flow.route import Route
from gateway.dataplane.flow.settle import estimated_prompt_tokens
from gateway.dataplane.flow.thoughts import Memory, reader_of
from gateway.dataplane.routing import verdict_of
from gateway.dataplane.wire import Peek, has_images, has_tools, step_of

_BY_THE_CLOCK = frozenset({"minute", "hour", "weekday"})
_NO_FALLBACK = "x-agentcc-no-fallback"
_RATED_S = 0.2
"""A shorter answer says nothing of the rate."""


class Planning:
    """Plans for one worker; `health` and where sessions moved are on the node's board."""

    def __init__(self, board: Board, key: bytes) -> None:
        """`key`: secret bytes that all workers share."""
        self._seed = int.from_bytes(key[:8])
        self._memory = Memory(board, self._seed)
        self._outputs = Outputs()
        self._places = Places(board, self._seed)
        self.rejections = Rejections()
        self.health = health_on(board, key)

    def course(self, ex: Exchange, route: Route, peeked: Peek, wallet: Wallet, resolve: Resolve) -> Course | None:
        """The way by the block of the exchange's key; None where there is no block. Raises GatewayError when nothing can serve it."""
        grant, policy = ex.grant, ex.policy
        assert grant is not None
        way = policy.way_of(grant) if route.is_turn else None
        if way is None:
            if not resolve(ex.model_requested).accounts:
                return None
            way = policy.one_model
        block = way.block
        requested, refusal = _requested(ex.model_requested, resolve) if block.tries_requested_first else (None, None)
        facts = self._facts(ex, route, peeked, way, wallet, requested)
        rule = way.rules.choose(facts)
        if rule is None and refusal is not None:
            raise refusal
        stuck_to = self._places.get(self._place(ex), policy.candidates) if block.is_sticky else ""
        thoughts = ex.thoughts = self._memory.recall(ex, route, peeked.body)
        maker = prefers = ""
        if thoughts is not None:
            is_asked_first = rule is None and block.tries_requested_first
            prefers = reader_of(ex, thoughts, route, peeked.body, is_asked_first=is_asked_first)
            maker = "" if stuck_to else thoughts.model
        plan = self._plan(
            ex, route, block, facts, resolve, requested, rule=rule, stuck_to=stuck_to or maker, prefers=prefers
        )
        if ex.incoming.header(_NO_FALLBACK):
            plan = Plan(plan.attempts[:1], plan.refused, plan.rule)
        course = Course(plan, route, peeked, is_sticky=block.is_sticky, retries=block.retries)
        self.begin(course)
        first = plan.attempts[course.at]
        asked = requested.name if requested is not None else ex.model_requested
        if first.deployment.name != asked:
            passed_over = (
                one.reason for one in plan.refused if one.model == asked or one.model.startswith(f"{asked}@")
            )
            why = "affinity" if maker and first.reason == "sticky" else first.reason
            ex.hops.append({"from": asked, "to": first.deployment.id, "reason": next(passed_over, why)})
        return course

    def one_of(self, ex: Exchange, route: Route, peeked: Peek, wallet: Wallet, model: Deployment) -> Deployment:
        """The deployment that is asked for `model` in place of what was planned: a budget wants it, and its provider has several. Raises NoDeployment."""
        way = ex.policy.one_model
        facts = self._facts(ex, route, peeked, way, wallet, model)
        plan = self._plan(ex, route, way.block, facts, lambda _name: model, model)
        if ex.course is None:
            ex.course = Course(plan, route, peeked, is_sticky=False)
            self.begin(ex.course)
            return ex.course.deployment
        return plan.attempts[0].deployment

    def _plan(
        self,
        ex: Exchange,
        route: Route,
        block: Block,
        facts: Facts,
        resolve: Resolve,
        requested: Deployment | None,
        *,
        rule: Rule | None = None,
        stuck_to: str = "",
        prefers: str = "",
    ) -> Plan:
        """Raises NoDeployment where nobody can be asked."""
        grant, policy, session = ex.grant, ex.policy, self._session(ex)
        assert grant is not None
        plan = policy.planner.plan(
            facts,
            block,
            resolve=resolve,
            scope=(route.dialect.name, grant.models),
            health=self.health,
            now_s=int(ex.started_at),
            dice=random(),
            session_dice=session / (1 << 64) if session else None,
            requested=requested,
            rule=rule,
            stuck_to=stuck_to,
            account_of=partial(self._home, session, policy),
            prefers=prefers,
            learned_output_tokens=self._outputs.usual(grant.principal.key, ex.model_requested),
        )
        if not plan.attempts:
            raise _nobody(plan, block)
        return plan

    def begin(self, course: Course) -> None:
        """Go on to the first attempt, from where the course is, whose breaker lets it through; the last one is asked anyway.

        A half-open breaker lets one probe through, and another worker's may have left since the plan was made.
        """
        course.is_told = False
        while True:
            generation = self.health.begin(course.deployment.id)
            if generation is not None or course.is_last:
                course.generation = generation or 0
                return
            course.at += 1

    def not_asked(self, course: Course) -> None:
        """The deployment whose turn it is was not asked after all: another exchange may be its probe."""
        course.is_told = True
        self.health.tell(course.deployment.id, course.generation, "unknown", random())

    def note_limits(self, ex: Exchange, status: int, headers: Iterable[tuple[str, str]]) -> int:
        """What an answer's headers say of the provider's rate limits; gives the milliseconds of its Retry-After."""
        return self.health.limits(ex.deployment.id, status, headers) if ex.deployment is not None else 0

    def answered(self, ex: Exchange) -> None:
        """The first content of an answer is here: its breaker need not wait for the end of a long stream."""
        course = ex.course
        if course is not None and not course.is_told and ex.deployment is not None:
            course.is_told = True
            self.health.tell(ex.deployment.id, course.generation, "ok", random())

    def failed(
        self, ex: Exchange, status: int, fault: str, headers: Iterable[tuple[str, str]], *, is_theirs: bool
    ) -> None:
        """An attempt ended with such a status, or such a code of the native client; `in_band`, it counts where it was the provider's own fault."""
        if ex.course is None or ex.deployment is None:
            return
        after_ms = self.note_limits(ex, status, headers) if status else 0
        if self.rejections.of(ex, status) is not None:
            after_ms = max(after_ms, AWAY_MS)
        verdict = "failed" if fault == "in_band" and is_theirs else verdict_of(status, fault)
        self.health.tell(ex.deployment.id, ex.course.generation, verdict, random(), after_ms)

    def served(self, ex: Exchange, usage: Usage, *, is_ok: bool) -> None:
        """An attempt went well, or nobody knows (its client left, we refused): the session stays where it moved."""
        course, deployment = ex.course, ex.deployment
        if course is None or deployment is None:
            return
        if not course.is_told:
            self.health.tell(deployment.id, course.generation, "ok" if is_ok else "unknown", random())
        if not is_ok:
            return
        if ex.grant is not None and usage.output_tokens:
            self._outputs.learn(ex.grant.principal.key, ex.model_requested, usage.output_tokens)
        if ex.thoughts is not None:
            self._memory.keep(ex, ex.thoughts, deployment)
        seconds = perf_counter() - course.sent_at - ex.ttfb_us / 1e6
        rate = usage.output_tokens / seconds if seconds > _RATED_S else 0.0
        self.health.took(deployment.name, ex.ttfb_us / 1000, rate)
        if course.stays:
            self._places.put(self._place(ex), deployment.name)
        provider = deployment.provider
        if provider.account is not None:
            self._places.put(self._home_key(self._session(ex), provider.name), provider.id)

    def _home(self, session: int, policy: Policy, provider: str) -> str:
        """The deployment (`openai@eu`) where a session is at a provider with several: its prompt cache is there."""
        return self._places.get(
            self._home_key(session, provider), (one.id for one in policy.providers[provider].accounts)
        )

    def _home_key(self, session: int, provider: str) -> int:
        return session ^ self._word(f"home\0{provider}".encode()) if session else 0

    def _session(self, ex: Exchange) -> int:
        if not ex.session_id or ex.grant is None:
            return 0
        return self._word(f"session\0{ex.grant.principal.key}\0{ex.session_id}".encode())

    def _place(self, ex: Exchange) -> int:
        """Of a session that asks for this model: agents have a small one for titles, and their users change their minds."""
        session = self._session(ex)
        return self._word(f"place\0{session}\0{ex.model_requested}".encode()) if session else 0

    def _word(self, data: bytes) -> int:
        return board_key(data, self._seed)

    def _facts(
        self, ex: Exchange, route: Route, peeked: Peek, way: Way, wallet: Wallet, requested: Deployment | None
    ) -> Facts:
        """What is expensive to tell is told where a rule names it, or a model may not be able to serve it."""
        grant, named = ex.grant, way.rules.facts
        lacks = way.lacks | ex.policy.lacks(requested) if requested is not None else way.lacks
        assert grant is not None
        who = grant.principal
        dialect = route.dialect.name
        return Facts(
            model=ex.model_requested,
            dialect=dialect,
            client=ex.family,
            step=step_of(dialect, ex.family, ex.incoming.header, peeked.body) if "step" in named else "turn",
            key=who.key,
            org=who.org,
            team=who.team,
            user=who.user,
            tags=who.tags,
            is_stream=ex.is_stream,
            has_tools=has_tools(peeked.body) if "has_tools" in named or "tools" in lacks else False,
            has_images=has_images(peeked.body) if "has_images" in named or "images" in lacks else False,
            input_tokens=estimated_prompt_tokens(ex, USUAL_BYTES_PER_TOKEN),
            max_output_tokens=peeked.max_output_tokens,
            budget_used=_budget_used(ex, wallet, requested) if "budget_used" in named else 0.0,
            minute=minute_of_week(ex.started_at, way.block.zone) if _BY_THE_CLOCK & named else 0,
        )


def _requested(model: str, resolve: Resolve) -> tuple[Deployment | None, GatewayError | None]:
    """What serves the model that the client asked for, or why nothing does: a rule may send the request elsewhere."""
    try:
        return resolve(model), None
    except GatewayError as error:
        return None, error


def _budget_used(ex: Exchange, wallet: Wallet, requested: Deployment | None) -> float:
    """The largest share spent of a budget that counts the requested model; in a block without one, of those that count any model."""
    assert ex.grant is not None
    now_ms = int(ex.started_at * 1000)
    charge = wallet.charge_for(ex.grant, requested.name if requested else "", now_ms) if wallet.is_on else None
    return max((b.spent_by_all / max(1, b.limit(now_ms)) for b in charge.buckets), default=0.0) if charge else 0.0


def _nobody(plan: Plan, block: Block) -> NoDeployment:
    why = ", ".join(f"{one.model} ({one.reason})" for one in plan.refused) or "it has no candidates"
    whose = f"model of routing block `{block.name}`" if block.name else "deployment of the model"
    after = {"retry_after_s": plan.retry_after_s} if plan.retry_after_s else {}
    return NoDeployment(
        f"no {whose} can serve this request now: {why}",
        rule=plan.rule or block.name,
        **after,
    )

"""From facts, a block and the state of deployments to a plan. Pure: chance, time and health come in.

What a candidate is (its deployment, or why it can never serve such a client) is decided once per `scope` and remembered, and how candidates rank
once a second; a request pays for the walk down the ranking until it has its attempts. docs/concepts/routing.md tells it in the operator's words.

Who comes first, each only while it is usable:
1. `stuck_to`: where the session is.  2. the provider that `prefers` names: only it can read the reasoning in the history.
3. the canary, for its share of sessions.  4. the requested model, where the block tries it first.  5. the candidates by the block's strategy.

A rule's candidates stand alone: neither the canary, the requested model nor the shadow joins them, since a rule may say where data may go.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import chain

from msgspec.structs import replace

from gateway.base.core.errors import GatewayError
from gateway.base.core.plan import Deployment
from gateway.base.core.route import Attempt, Block, Facts, Health, Plan, Refused, Rule, Split
from gateway.dataplane.routing.strategies import METHODS, Method, Ranked, Turn, Usable, coarse_turn, usable

Resolve = Callable[[str], Deployment]
"""A model's name → its deployment for this client and key. Raises GatewayError where there is none, or it is forbidden."""
Lacks = Callable[[Deployment], frozenset[str]]
"""Which of `tools` and `images` the catalogue says that a deployment has not."""

CONTEXT_WINDOW, BREAKER_OPEN, RATE_LIMIT, NOT_NEEDED = "context_window", "breaker_open", "rate_limit", "not_needed"
"""Reasons of Refused beside `no_tools`, `no_images` and the codes of errors (`model_forbidden`, `unpriced_model`, `unknown_model` …).
`not_needed` stands only in a full plan."""
_MOST_LANES = 1024
_MOST_RANKINGS = 128
_DAY_S = 86_400
_ANY_SIZE = Turn(0, 0)


def _lacks_nothing(_deployment: Deployment) -> frozenset[str]:
    return frozenset()


class Planner:
    """Plans for one policy version, in one worker."""

    def __init__(self, lacks: Lacks = _lacks_nothing) -> None:
        """`lacks` is asked once per candidate and scope."""
        self._lacks = lacks
        self._lanes: dict[tuple[str, str, Hashable, int], _Lane] = {}

    def plan(
        self,
        facts: Facts,
        block: Block,
        *,
        resolve: Resolve,
        scope: Hashable,
        health: Health,
        now_s: int,
        dice: float,
        session_dice: float | None = None,
        requested: Deployment | None = None,
        rule: Rule | None = None,
        stuck_to: str = "",
        prefers: str = "",
        learned_output_tokens: int = 0,
        is_full: bool = False,
    ) -> Plan:
        """What to ask, in order: at most `block.attempts`, none twice.

        `scope`: what `resolve` depends on (dialect, the models that the grant allows): equal scopes must resolve alike for a day.
        `now_s`: seconds since 1970; rankings are made anew when it changes. `dice` and `session_dice` in [0, 1): the request's and the hash of
        its session (None: without a session); a session keeps its canary, and in a sticky block its place in the weights.
        `requested`: the model that the client asked for, resolved and allowed; `rule`: the first of the block's that holds.
        `stuck_to` names a deployment, `prefers` a provider. `learned_output_tokens`: of such requests, 0 when unknown.
        `is_full`: list every candidate that is not among the attempts as refused, for `agentcc explain`.

        No attempts: `retry_after_s` > 0 when waiting helps; else nothing here can ever serve the request, and `refused` says why.
        """
        lane = self._lane(block, rule, scope, now_s // _DAY_S, resolve)
        session = dice if session_dice is None else session_dice
        turn = _ANY_SIZE
        if lane.method.is_by_size:
            turn = coarse_turn(facts.input_tokens, facts.max_output_tokens, learned_output_tokens)
        weights_dice = session if block.is_sticky else dice
        order = lane.method.order(lane.ranked(turn, health, now_s), weights_dice)
        first = _first(block, lane, requested, session) if rule is None else []
        if first:
            order = chain(first, order)
        if prefers:
            theirs = lane.method.order(lane.ranked(turn, health, now_s, prefers), weights_dice)
            order = chain(_because("affinity", chain((one for one in first if _is_of(prefers, one)), theirs)), order)
        if stuck_to and (found := _named(stuck_to, first) or lane.usables.get(stuck_to)):
            order = chain(_because("sticky", (found,)), order)
        walk = _Walk(facts, health, block.attempts, is_full=is_full)
        walk.down(order)
        retry_after_s = 0 if walk.attempts else walk.despair()
        attempts = tuple(walk.attempts)
        return Plan(
            attempts,
            (*lane.refused, *walk.refused) if walk.refused else lane.refused,
            rule.name if rule is not None else "",
            block.hedge_ms if lane.is_race else -1,
            _shadow(block, lane, attempts, dice),
            retry_after_s,
        )

    def _lane(self, block: Block, rule: Rule | None, scope: Hashable, day: int, resolve: Resolve) -> "_Lane":
        key = (block.name, rule.name if rule is not None else "", scope, day)
        found = self._lanes.get(key)
        if found is None:
            if len(self._lanes) >= _MOST_LANES:
                self._lanes.clear()
            found = self._lanes[key] = _Lane(block, rule, resolve, self._lacks)
        return found


class _Lane:
    """The candidates of a block, or of one of its rules, for one scope."""

    def __init__(self, block: Block, rule: Rule | None, resolve: Resolve, lacks: Lacks) -> None:
        strategy = block.strategy if rule is None else rule.strategy or block.strategy
        self.method: Method = METHODS[strategy]
        self.is_race = strategy == "race"
        self._lacks = lacks
        refused: list[Refused] = []

        def known(model: str, why: str, weight: float = 1.0) -> Usable | None:
            """`resolve` is not kept: it holds on to the exchange that came first."""
            try:
                found = resolve(model)
            except GatewayError as error:
                refused.append(Refused(model, error.code))
                return None
            return usable(found, why, weight, lacks(found))

        reason = "chain" if strategy == "failover" else strategy
        usables: dict[str, Usable] = {}
        for candidate in block.candidates if rule is None else rule.candidates:
            found = known(candidate.model, reason if rule is None else f"rule {rule.name}", candidate.weight)
            if found is not None:
                usables.setdefault(found.name, found)
        self.usables = usables
        has_splits = rule is None
        self.canary = known(block.canary.model, "canary") if has_splits and block.canary else None
        shadow = known(block.shadow.model, "shadow") if has_splits and block.shadow else None
        self.shadow = shadow.deployment if shadow else None
        self.refused = tuple(refused)
        self._ranked: dict[tuple[Turn, str], Ranked] = {}
        self._ranked_at = 0

    def requested(self, deployment: Deployment) -> Usable:
        return usable(deployment, "requested", 1.0, self._lacks(deployment))

    def ranked(self, turn: Turn, health: Health, now_s: int, provider: str = "") -> Ranked:
        """All, or those of one provider."""
        if now_s != self._ranked_at or len(self._ranked) >= _MOST_RANKINGS:
            self._ranked.clear()
            self._ranked_at = now_s
        found = self._ranked.get((turn, provider))
        if found is None:
            chosen = [one for one in self.usables.values() if not provider or _is_of(provider, one)]
            found = self._ranked[turn, provider] = self.method.rank(chosen, turn, health)
        return found


class _Walk:
    """Takes the usable ones of an order, and notes why it passed over the others."""

    __slots__ = ("_facts", "_health", "_is_full", "_most", "_spare", "attempts", "refused")

    def __init__(self, facts: Facts, health: Health, most: int, *, is_full: bool) -> None:
        self._facts, self._health, self._most, self._is_full = facts, health, most, is_full
        self.attempts: list[Attempt] = []
        self.refused: list[Refused] = []
        self._spare: list[tuple[str, Usable]] = []

    def down(self, order: Iterable[Usable]) -> None:
        facts, health, most, attempts = self._facts, self._health, self._most, self.attempts
        prompt_tokens = facts.input_tokens
        tokens = prompt_tokens + facts.max_output_tokens
        seen = set()
        for one in order:
            name = one.name
            if name in seen:
                continue
            seen.add(name)
            if len(attempts) >= most:
                reason = NOT_NEEDED
            elif one.window_tokens and tokens > one.window_tokens:
                reason = CONTEXT_WINDOW
            elif one.lacks and (missing := _missing(one.lacks, facts)):
                reason = missing
            elif not health.is_closed(name):
                reason = BREAKER_OPEN
            elif not health.has_headroom(name, prompt_tokens):
                reason = RATE_LIMIT
            else:
                attempts.append(one.attempt)
                if len(attempts) == most and not self._is_full:
                    return
                continue
            self.refused.append(Refused(name, reason))
            self._spare.append((reason, one))

    def despair(self) -> int:
        """Nobody is usable: try the one that may serve all the same; else say in how many seconds a breaker lets somebody through.

        That is the one whose rate limit is reset soonest (our knowledge is a moment old), else the one with the largest context window (our count
        is an estimate, and the provider's own words make agents compact their history). A breaker is obeyed.
        """
        health = self._health
        drained = [one for reason, one in self._spare if reason == RATE_LIMIT]
        small = [one for reason, one in self._spare if reason == CONTEXT_WINDOW and health.is_closed(one.name)]
        if drained or small:
            chosen = (
                min(drained, key=lambda one: health.wait_ms(one.name))
                if drained
                else max(small, key=lambda one: one.window_tokens)
            )
            self.attempts.append(Attempt(chosen.deployment, "last_resort"))
            return 0
        waits_ms = [health.wait_ms(one.name) for reason, one in self._spare if reason in {BREAKER_OPEN, CONTEXT_WINDOW}]
        return max(1, -(-min(waits_ms) // 1000)) if waits_ms else 0


def _first(block: Block, lane: _Lane, requested: Deployment | None, session: float) -> list[Usable]:
    first = []
    if lane.canary is not None and block.canary is not None and _is_in(block.canary, _other(session, 1009)):
        first.append(lane.canary)
    if requested is not None and block.tries_requested_first:
        first.append(lane.requested(requested))
    return first


def _shadow(block: Block, lane: _Lane, attempts: tuple[Attempt, ...], dice: float) -> Deployment | None:
    """Nothing is mirrored to whom is asked anyway."""
    shadow = lane.shadow
    if shadow is None or block.shadow is None or not attempts or not _is_in(block.shadow, _other(dice, 2003)):
        return None
    return shadow if shadow.name != attempts[0].deployment.name else None


def _is_of(provider: str, one: Usable) -> bool:
    return one.deployment.provider.name == provider


def _named(name: str, first: list[Usable]) -> Usable | None:
    return next((one for one in first if one.name == name), None)


def _because(reason: str, usables: Iterable[Usable]) -> Iterator[Usable]:
    return (replace(one, attempt=Attempt(one.deployment, reason)) for one in usables)


def _missing(lacks: frozenset[str], facts: Facts) -> str:
    if facts.has_tools and "tools" in lacks:
        return "no_tools"
    return "no_images" if facts.has_images and "images" in lacks else ""


def _is_in(split: Split, dice: float) -> bool:
    return dice * 100 < split.percent


def _other(dice: float, factor: int) -> float:
    """Other dice from the same, as good as independent: else a canary would take its sessions from the first of the weights alone."""
    return dice * factor % 1.0

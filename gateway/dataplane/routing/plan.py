"""From facts, a block and the state of deployments to a plan. Pure: chance, time and health come in.

What a candidate is (its deployment, or why it can never serve such a client) is decided once per `scope` and remembered, and how candidates rank
once a second; a request pays for the walk down the ranking until it has its attempts. docs/concepts/routing.md tells it in the operator's words.

Who comes first, each only while it is usable:
1. `stuck_to`: where the session is.  2. the provider, or its deployment, that `prefers` names: only it can read the reasoning in the history.
3. the canary, for its share of sessions.  4. the requested model, where the block tries it first.  5. the candidates by the block's strategy.

Where a provider has several deployments, those stand in the place of its model (accounts.py).

A rule's candidates stand alone: neither the canary, the requested model nor the shadow joins them, since a rule may say where data may go.
"""

from collections.abc import Callable, Hashable
from itertools import chain

from msgspec.structs import replace

from gateway.base.core.errors import GatewayError
from gateway.base.core.plan import Deployment
from gateway.base.core.route import Attempt, Block, Facts, Health, Plan, Refused, Rule, Split
from gateway.dataplane.routing.accounts import AccountOf, Spread, nowhere, with_accounts
from gateway.dataplane.routing.strategies import METHODS, Method, Ranked, Turn, Usable, coarse_turn, usable
from gateway.dataplane.routing.walk import Walk

Resolve = Callable[[str], Deployment]
"""A model's name → its deployment for this client and key. Raises GatewayError where there is none, or it is forbidden."""
Lacks = Callable[[Deployment], frozenset[str]]
"""Which of `tools` and `images` the catalogue says that a deployment has not."""

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
        account_of: AccountOf = nowhere,
        learned_output_tokens: int = 0,
        is_full: bool = False,
    ) -> Plan:
        """What to ask, in order: at most `block.attempts`, none twice.

        `scope`: what `resolve` depends on (dialect, the models that the grant allows): equal scopes must resolve alike for a day.
        `now_s`: seconds since 1970; rankings are made anew when it changes. `dice` and `session_dice` in [0, 1): the request's and the hash of
        its session (None: without a session); a session keeps its canary, and in a sticky block its place in the weights.
        `requested`: the model that the client asked for, resolved and allowed; `rule`: the first of the block's that holds.
        `stuck_to` names a model (`provider/model`), `prefers` a provider or one of its deployments (`openai@eu`); `account_of`: where the session is, of a
        provider with several. `learned_output_tokens`: of such requests, 0 when unknown.
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
            maker = prefers.partition("@")[0]
            theirs = lane.method.order(lane.ranked(turn, health, now_s, maker), weights_dice)
            mine = [lane.because("affinity", one) for one in first if _is_of(maker, one)]
            order = chain(mine, (lane.because("affinity", one) for one in theirs), order)
        if stuck_to and (found := _named(stuck_to, first) or lane.usables.get(stuck_to)):
            order = chain((lane.because("sticky", found),), order)
        walk = Walk(facts, health, block.attempts, is_full=is_full)
        if lane.has_accounts:
            spread = Spread(now_s, _other(session, 4001), account_of, prefers, walk.refused)
            order = spread.over(order, walk.taken, block.attempts)
        walk.down(order)
        retry_after_s = 0 if walk.attempts else walk.despair()
        attempts = tuple(walk.attempts)
        return Plan(
            attempts,
            (*lane.refused, *walk.refused) if walk.refused else lane.refused,
            rule.name if rule is not None else "",
            block.hedge_ms if lane.is_race else -1,
            _shadow(block, lane, attempts, dice, now_s),
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
        self.has_accounts = False
        """Whether any of its models, or of those that were asked for, has several deployments."""
        refused: list[Refused] = []

        def known(model: str, why: str, weight: float = 1.0) -> Usable | None:
            """`resolve` is not kept: it holds on to the exchange that came first."""
            try:
                found = resolve(model)
            except GatewayError as error:
                refused.append(Refused(model, error.code))
                return None
            one = with_accounts(usable(found, why, weight, lacks(found)))
            self.has_accounts = self.has_accounts or one.accounts is not None
            return one

        reason = "chain" if strategy == "failover" else strategy
        usables: dict[str, Usable] = {}
        for candidate in block.candidates if rule is None else rule.candidates:
            found = known(candidate.model, reason if rule is None else f"rule {rule.name}", candidate.weight)
            if found is not None:
                usables.setdefault(found.name, found)
        self.usables = usables
        has_splits = rule is None
        self.canary = known(block.canary.model, "canary") if has_splits and block.canary else None
        self.shadow = known(block.shadow.model, "shadow") if has_splits and block.shadow else None
        self.refused = tuple(refused)
        self._requested: dict[str, Usable] = {}
        self._because: dict[tuple[str, str], Usable] = {}
        self._ranked: dict[tuple[Turn, str], Ranked] = {}
        self._ranked_at = 0

    def requested(self, deployment: Deployment) -> Usable:
        if not deployment.accounts:
            return usable(deployment, "requested", 1.0, self._lacks(deployment))
        found = self._requested.get(deployment.name)
        if found is None:
            if len(self._requested) >= _MOST_RANKINGS:  # names come from clients
                self._requested.clear()
            found = with_accounts(usable(deployment, "requested", 1.0, self._lacks(deployment)))
            self._requested[deployment.name] = found
            self.has_accounts = True
        return found

    def because(self, reason: str, one: Usable) -> Usable:
        """The same, asked for another reason."""
        if self.usables.get(one.name) is not one:  # the requested model or the canary
            return replace(one, attempt=Attempt(one.deployment, reason))
        found = self._because.get((reason, one.name))
        if found is None:
            found = self._because[reason, one.name] = replace(one, attempt=Attempt(one.deployment, reason))
        return found

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


def _first(block: Block, lane: _Lane, requested: Deployment | None, session: float) -> list[Usable]:
    first = []
    if lane.canary is not None and block.canary is not None and _is_in(block.canary, _other(session, 1009)):
        first.append(lane.canary)
    if requested is not None and block.tries_requested_first:
        first.append(lane.requested(requested))
    return first


def _shadow(block: Block, lane: _Lane, attempts: tuple[Attempt, ...], dice: float, now_s: int) -> Deployment | None:
    """Nothing is mirrored to whom is asked anyway."""
    shadow = lane.shadow
    if shadow is None or block.shadow is None or not attempts or not _is_in(block.shadow, _other(dice, 2003)):
        return None
    if shadow.name == attempts[0].deployment.name:
        return None
    if shadow.accounts is not None:
        shadow = next(Spread(now_s, dice).accounts_of(shadow), None)
    return shadow.deployment if shadow is not None else None


def _is_of(provider: str, one: Usable) -> bool:
    return one.deployment.provider.name == provider


def _named(name: str, first: list[Usable]) -> Usable | None:
    return next((one for one in first if one.name == name), None)


def _is_in(split: Split, dice: float) -> bool:
    return dice * 100 < split.percent


def _other(dice: float, factor: int) -> float:
    """Other dice from the same, as good as independent: else a canary would take its sessions from the first of the weights alone."""
    return dice * factor % 1.0

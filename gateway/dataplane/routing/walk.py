"""The walk down an order of candidates: who is asked, who is passed over and why, and what is left to do where nobody is usable. Pure."""

from collections.abc import Iterable

from gateway.base.core.route import Attempt, Facts, Health, Refused
from gateway.dataplane.routing.strategies import Usable

CONTEXT_WINDOW, BREAKER_OPEN, RATE_LIMIT, NOT_NEEDED = "context_window", "breaker_open", "rate_limit", "not_needed"
FAILING = "failing"
"""Reasons of Refused beside `no_tools`, `no_images`, those of deployments (accounts.py) and the codes of errors (`model_forbidden`, `unpriced_model`,
`unknown_model` …). `not_needed` stands only in a full plan; who is `failing` comes last, and may be an attempt all the same."""
STAYS = frozenset({"sticky", "affinity", "home"})
"""Why one is asked first though it fails now and then: a session that moves loses its prompt cache, or its reasoning."""


class Walk:
    """Takes the usable ones of an order, and notes why it passed over the others."""

    __slots__ = ("_facts", "_health", "_is_full", "_most", "_spare", "attempts", "refused")

    def __init__(self, facts: Facts, health: Health, most: int, *, is_full: bool) -> None:
        self._facts, self._health, self._most, self._is_full = facts, health, most, is_full
        self.attempts: list[Attempt] = []
        self.refused: list[Refused] = []
        self._spare: list[tuple[str, Usable]] = []

    def taken(self) -> int:
        """How many attempts there are so far."""
        return len(self.attempts)

    def down(self, order: Iterable[Usable]) -> None:
        """Take the usable ones, till there are enough."""
        facts, health, most, attempts = self._facts, self._health, self._most, self.attempts
        prompt_tokens = facts.input_tokens
        tokens = prompt_tokens + facts.max_output_tokens
        seen = set()
        ailing = []
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
            elif health.is_ailing(name) and one.attempt.reason not in STAYS:
                self.refused.append(Refused(name, FAILING))
                ailing.append(one.attempt)
                continue
            else:
                attempts.append(one.attempt)
                if len(attempts) == most and not self._is_full:
                    return
                continue
            self.refused.append(Refused(name, reason))
            self._spare.append((reason, one))
        attempts.extend(ailing[: most - len(attempts)])

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


def _missing(lacks: frozenset[str], facts: Facts) -> str:
    if facts.has_tools and "tools" in lacks:
        return "no_tools"
    return "no_images" if facts.has_images and "images" in lacks else ""

"""Finds the secrets in a text: Hyperscan says where one may be, the rule's own expression and checks say whether it is.

Rules: pure, no clock, no I/O. Offsets are bytes. Time is linear in the text: each expression is bounded and starts at a hit.
A detector does not change, but holds scratch space: one thread uses it at a time (a worker has one).
"""

import msgspec

from gateway.base.core.struct import Record
from gateway.dataplane.guard.secrets.allow import fingerprint, has_pragma, is_placeholder
from gateway.dataplane.guard.secrets.assignment import PREFILTERS, Assignments
from gateway.dataplane.guard.secrets.checks import entropy
from gateway.dataplane.guard.secrets.custom import CustomRule
from gateway.dataplane.guard.secrets.database import Database, Pattern
from gateway.dataplane.guard.secrets.finding import Confidence, Finding, merge
from gateway.dataplane.guard.secrets.kinds import RULES
from gateway.dataplane.guard.secrets.rule import Rule

_CONTEXT_BYTES = 300


class _Compiled(Record, frozen=True):
    main: bytes
    names: bytes


class Detector:
    """The rules that are built in, an organisation's own, and what it said to let pass."""

    __slots__ = ("_always", "_assignments", "_baseline", "_custom", "_database", "_is_pragma_allowed", "_rules")

    def __init__(
        self,
        custom: tuple[CustomRule, ...] = (),
        *,
        baseline: frozenset[str] = frozenset(),
        is_pragma_allowed: bool = False,
        compiled: bytes | None = None,
    ) -> None:
        """`baseline` holds fingerprints. `compiled` is what `compiled()` gave for the same rules: it saves seconds.

        Raises ValueError when that was made from other rules, or by another version of Hyperscan.
        """
        self._rules = tuple(rule for rule in RULES for _ in rule.prefilters)
        expressions = [each for rule in RULES for each in rule.prefilters] + [rule.expression for rule in custom]
        patterns = [Pattern(number, each, is_start_wanted=True) for number, each in enumerate(expressions)]
        patterns += [Pattern(len(patterns), each, is_start_wanted=False) for each in PREFILTERS]
        parts = msgspec.msgpack.decode(compiled, type=_Compiled) if compiled else None
        self._database = Database(patterns, parts.main if parts else None)
        self._assignments = Assignments(parts.names if parts else None)
        self._custom = custom
        self._baseline = baseline
        self._is_pragma_allowed = is_pragma_allowed
        self._always = frozenset(rule.id for rule in RULES if rule.is_always)

    def compiled(self) -> bytes:
        """What the next process starts from."""
        parts = _Compiled(self._database.serialised(), self._assignments.names.serialised())
        return msgspec.msgpack.encode(parts)

    def scan(self, text: bytes) -> list[Finding]:
        """The secrets of a text in order of place, none overlapping another."""
        hits = self._database.scan(text)
        if not hits:
            return []
        found: list[Finding] = []
        done: set[tuple[int, int]] = set()
        judged = 0  # values up to here have been judged: each digit of a value may be a hit
        for number, start, end in hits:
            if number < len(self._rules):
                if (number, start) not in done:
                    done.add((number, start))
                    found += _confirmed(self._rules[number], text, start)
            elif number < len(self._rules) + len(self._custom):
                found.append(Finding(self._custom[number - len(self._rules)].id, start, end, Confidence.CUSTOM))
            elif end > judged:
                assigned, judged = self._assignments.findings(text, end)
                found += assigned
        return merge([finding for finding in found if not self._is_allowed(finding, text)]) if found else []

    def _is_allowed(self, finding: Finding, text: bytes) -> bool:
        if finding.rule in self._always:
            return False
        secret = text[finding.start : finding.end]
        return (
            is_placeholder(secret)
            or (self._is_pragma_allowed and has_pragma(text, finding.start, finding.end))
            or (bool(self._baseline) and fingerprint(finding.rule, secret) in self._baseline)
        )


def _confirmed(rule: Rule, text: bytes, start: int) -> list[Finding]:
    if rule.context and text.rfind(rule.context, max(0, start - _CONTEXT_BYTES), start) < 0:
        return []
    if rule.before:
        found = rule.confirm.search(text, max(0, start - rule.before), start + rule.reach)
        if found and found.start() > start:
            return []
    else:
        found = rule.confirm.match(text, start)
    if found is None:
        return []
    group = found.lastindex or 0
    secret = found.group(group)
    if entropy(secret) < rule.least_entropy or (rule.check and not rule.check(secret)):
        return []
    is_proven = rule.proof is not None and rule.proof(secret)
    return [Finding(rule.id, *found.span(group), Confidence.PROVEN if is_proven else rule.confidence)]

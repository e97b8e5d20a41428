"""Finds the secrets in a text: Hyperscan says where one may be, the rule's own expression and checks say whether it is.

Time is linear in the text: each expression is bounded and starts at a hit.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.guard.database import NONE_SAVED, Database, Form, Hit, Pattern
from gateway.dataplane.guard.finding import Confidence, Finding, merge
from gateway.dataplane.guard.rule import confirmed
from gateway.dataplane.guard.secrets.allow import fingerprint, has_pragma, is_placeholder
from gateway.dataplane.guard.secrets.assignment import NAMELESS, Assignments
from gateway.dataplane.guard.secrets.custom import CustomRule
from gateway.dataplane.guard.secrets.kinds import RULES


class Secrets(Record, frozen=True):
    """What an organisation wants of the scanner."""

    custom: tuple[CustomRule, ...] = ()
    baseline: frozenset[str] = frozenset()
    """Fingerprints of what is let pass."""
    is_pragma_allowed: bool = False


_NUMBERED: Final = tuple(enumerate((rule, each) for rule in RULES for each in (*rule.prefilters, *rule.forms)))
_RULES: Final = tuple(rule for _, (rule, _) in _NUMBERED)
_NAMELESS: Final = len(_RULES)
_ALWAYS: Final = frozenset(rule.id for rule in RULES if rule.is_always)


class SecretScanner:
    """The rules that are built in, an organisation's own, and what it said to let pass."""

    __slots__ = ("_assignments", "_custom", "_wanted", "databases")

    PATTERNS: Final = (
        *(Pattern(n, each, True) for n, (rule, each) in _NUMBERED if each in rule.prefilters),
        *(Pattern(_NAMELESS, each, False) for each in NAMELESS),
    )
    FORMS: Final = tuple(Form(n, each) for n, (rule, each) in _NUMBERED if each in rule.forms)
    NAMED: Final = _NAMELESS + 1
    """Told of what may be the value of one of `NAMES`."""

    def __init__(self, wanted: Secrets, saved: Mapping[bytes, bytes] = NONE_SAVED) -> None:
        self._wanted = wanted
        self._assignments = Assignments(saved)
        own = [Pattern(n, rule.expression, True) for n, rule in enumerate(wanted.custom)]
        self._custom = Database(own, saved) if own else None
        self.databases = [self._assignments.names, *([self._custom] if self._custom else [])]
        """A change of the organisation's rules compiles those alone."""

    def findings(self, text: bytes, hits: Sequence[Hit]) -> list[Finding]:
        """In order of place, none overlapping another: what the hits are, and what the organisation's own rules find."""
        found: list[Finding] = []
        done: set[tuple[int, int]] = set()
        judged = 0  # values up to here have been judged: each digit of a value may be a hit
        for number, start, end in hits:
            if number >= _NAMELESS:
                if end > judged:
                    assigned, judged = self._assignments.findings(text, end, number == self.NAMED)
                    found += assigned
            elif (number, start) not in done:
                done.add((number, start))
                one = confirmed("secrets", _RULES[number], text, start)
                if one:
                    found.append(one)
        if self._custom:
            longest = {(number, start): end for number, start, end in self._custom.scan(text)}
            for (number, start), end in longest.items():
                found.append(Finding("secrets", self._wanted.custom[number].id, start, end, Confidence.CUSTOM))
        kept = merge([each for each in found if not self._is_harmless(each, text)]) if found else found
        return [each for each in kept if not self._is_let_pass(each, text)] if self._wanted.baseline else kept

    def _is_harmless(self, finding: Finding, text: bytes) -> bool:
        if finding.rule in _ALWAYS:
            return False
        return is_placeholder(text[finding.start : finding.end]) or (
            self._wanted.is_pragma_allowed and has_pragma(text, finding.start, finding.end)
        )

    def _is_let_pass(self, finding: Finding, text: bytes) -> bool:
        named = fingerprint(finding.rule, text[finding.start : finding.end])
        return finding.rule not in _ALWAYS and named in self._wanted.baseline

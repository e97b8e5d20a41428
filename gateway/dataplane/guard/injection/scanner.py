"""Finds instructions to a model in a text. Whose text it is, and so whether it matters, is for the caller to say."""

from collections.abc import Sequence
from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.guard.database import Database, Form, Hit, Pattern
from gateway.dataplane.guard.finding import Finding, merge
from gateway.dataplane.guard.injection.kinds import RULES

_BEFORE, _BEHIND = 450, 220
"""Bytes around the place where a prefilter's match ends: no instruction is longer."""


class Injection(Record, frozen=True):
    """What an organisation wants of the scanner: there is nothing to choose."""


_BY_NUMBER: Final = tuple((rule, confirm) for rule in RULES for confirm in rule.confirms)


class InjectionScanner:
    """The rules that are built in."""

    __slots__ = ()

    PATTERNS: Final = tuple(
        Pattern(n, each, False) for n, each in enumerate(each for rule in RULES for each in rule.expressions)
    )
    FORMS: Final[Sequence[Form]] = ()
    databases: Final[Sequence[Database]] = ()

    def findings(self, text: bytes, hits: Sequence[Hit]) -> list[Finding]:
        """In order of place, none overlapping another."""
        found: list[Finding] = []
        judged: dict[int, int] = {}  # up to here an expression has looked: a match with an open end is many hits
        for number, _, end in hits:
            low = judged.get(number, 0)
            if end <= low:
                continue
            rule, confirm = _BY_NUMBER[number]
            match = confirm.search(text, max(low, end - _BEFORE), end + _BEHIND)
            judged[number] = match.end() if match else end
            if match and (rule.check is None or rule.check(text, match.start())):
                found.append(Finding("injection", rule.id, *match.span(), rule.confidence))
        return merge(found) if found else found

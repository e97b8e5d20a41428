"""Finds personal data in a text: Hyperscan says where it may be, the format's own check says whether it is."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.guard.database import NONE_SAVED, Form, Hit, Pattern
from gateway.dataplane.guard.finding import Finding, merge
from gateway.dataplane.guard.pii import named
from gateway.dataplane.guard.pii.kinds import FAMILIES, Family


class Pii(Record, frozen=True):
    """What an organisation wants of the scanner."""

    kinds: frozenset[str] = frozenset()
    """Of PII_KINDS; empty: all."""


TITLES: Final = {
    kind.id: kind.title for kind in (*named.KINDS, *(kind for family in FAMILIES for kind in family.kinds))
}
PII_KINDS: Final = frozenset(TITLES)
"""What a policy may name."""

_NAMED: Final = len(FAMILIES)


class PiiScanner:
    """The kinds that are wanted; the database has all, so that a change of them compiles nothing."""

    __slots__ = ("_kinds", "_named", "databases")

    PATTERNS: Final = (
        *(Pattern(n, family.prefilter, False) for n, family in enumerate(FAMILIES) if family.prefilter),
        *(Pattern(_NAMED, each, False) for each in named.PREFILTERS),
    )
    FORMS: Final = tuple(Form(n, each) for n, family in enumerate(FAMILIES) for each in family.forms)

    def __init__(self, wanted: Pii, saved: Mapping[bytes, bytes] = NONE_SAVED) -> None:
        self._kinds = wanted.kinds or PII_KINDS
        self._named = named.Named(saved)
        self.databases = [self._named.words]

    def findings(self, text: bytes, hits: Sequence[Hit]) -> list[Finding]:
        """In order of place, none overlapping another."""
        found: list[Finding] = []
        judged = [0] * (_NAMED + 1)  # up to here a family has looked: a long number is many hits
        for number, _, end in hits:
            if end <= judged[number]:
                continue
            if number == _NAMED:
                behind_words, judged[number] = self._named.findings(text, judged[number], end, self._kinds)
                found += behind_words
                continue
            family, place = FAMILIES[number], end
            if family.mark:
                place = text.rfind(family.mark, judged[number], end) + 1
                if not place:
                    continue
            one = self._confirmed(family, text, judged[number], place)
            if one:
                judged[number] = one.end
                found.append(one)
            elif family.mark:
                judged[number] = place
        return merge(found) if found else found

    def _confirmed(self, family: Family, text: bytes, judged: int, end: int) -> Finding | None:
        """The first kind that has something around byte `end - 1`."""
        low, high = max(judged, end - family.before), end + family.reach
        lead = family.lead and family.lead.match(text[low : end - 1][::-1])
        if lead:
            low = end - 1 - lead.end()
        for kind in family.kinds:
            if kind.id not in self._kinds:
                continue
            find = kind.confirm.match if lead else kind.confirm.search
            match = find(text, low, high)
            while match is not None and match.end(1) < end:
                match = kind.confirm.search(text, match.end(1), high)
            if match and match.start() < end and (kind.check is None or kind.check(match[1])):
                return Finding("pii", kind.id, *match.span(1), kind.confidence)
        return None

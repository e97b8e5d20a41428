"""What a scan tells: where something stands and which rule saw it, never the text itself."""

from enum import IntEnum

from gateway.base.core.struct import Record
from gateway.base.core.verdict import Scanner


class Confidence(IntEnum):
    """How a finding was recognised; where findings of a scanner overlap, the higher one names the place."""

    RANDOM = 1
    """A value that looks random, assigned to a name that says credential."""
    VENDOR = 2
    """A value of the right shape beside a name that says whose or what it is."""
    CUSTOM = 3
    """A pattern of the organisation's own."""
    FORMAT = 4
    """A prefix, a structure or a phrase that nothing else has."""
    PROVEN = 5
    """Its checksum or its content was verified, or it is a virtual key of ours."""


class Finding(Record, frozen=True):
    """Bytes `start` to `end` of the text are what `rule` of the scanner looks for."""

    scanner: Scanner
    rule: str
    start: int
    end: int
    confidence: Confidence


def merge(found: list[Finding]) -> list[Finding]:
    """Of one scanner, in order of place, without overlaps: findings that share a byte become one that covers them all.

    Named by the most confident, then the longest, then the first in the alphabet: equal input, equal answer.
    """
    merged: list[Finding] = []
    for finding in sorted(found, key=lambda each: (each.start, each.end, each.rule)):
        if not merged or finding.start >= merged[-1].end:
            merged.append(finding)
            continue
        last = merged[-1]
        name = min(last, finding, key=lambda each: (-each.confidence, each.start - each.end, each.rule))
        merged[-1] = Finding(name.scanner, name.rule, last.start, max(last.end, finding.end), name.confidence)
    return merged

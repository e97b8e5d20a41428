"""What a scan tells: where a secret stands and which rule saw it, never the secret."""

from enum import IntEnum

from gateway.base.core.struct import Record


class Confidence(IntEnum):
    """How a finding was recognised; where findings overlap, the higher one names the place."""

    RANDOM = 1
    """A value that looks random, assigned to a name that says credential."""
    VENDOR = 2
    """A value of the vendor's shape, assigned to a name that says the vendor."""
    CUSTOM = 3
    """A pattern of the organisation's own."""
    FORMAT = 4
    """A prefix or a structure that is published, and nothing else has."""
    PROVEN = 5
    """Its checksum or its content was verified, or it is a virtual key of ours."""


class Finding(Record, frozen=True):
    """Bytes `start` to `end` of the text are a secret of the kind `rule`."""

    rule: str
    start: int
    end: int
    confidence: Confidence


def merge(found: list[Finding]) -> list[Finding]:
    """In order of place, without overlaps: findings that share a byte become one that covers them all.

    Named by the most confident, then the longest, then the first in the alphabet: equal input, equal answer.
    """
    merged: list[Finding] = []
    for finding in sorted(found, key=lambda each: (each.start, each.end, each.rule)):
        if not merged or finding.start >= merged[-1].end:
            merged.append(finding)
            continue
        last = merged[-1]
        name = min(last, finding, key=lambda each: (-each.confidence, each.start - each.end, each.rule))
        merged[-1] = Finding(name.rule, last.start, max(last.end, finding.end), name.confidence)
    return merged

"""What a rule is to a scanner: patterns for Hyperscan to find a place by, an expression to confirm it by.

The two are separate because they want different things. Hyperscan runs over every byte, so its pattern is the least that is
rare in ordinary text: a literal and a few characters of the alphabet. The expression runs only around a hit and is exact.
Both are made by the functions below from what vendors document (prefix, alphabet, length); a rule is a row of data.
"""

import re
from collections.abc import Callable
from typing import Final

from gateway.base.core.struct import Record
from gateway.base.core.verdict import Scanner
from gateway.dataplane.guard.entropy import entropy
from gateway.dataplane.guard.expression import Expression
from gateway.dataplane.guard.finding import Confidence, Finding

HEX: Final = "0-9a-fA-F"
LOWER_HEX: Final = "0-9a-f"
LOWER: Final = "a-z0-9"
UPPER: Final = "A-Z0-9"
BASE32: Final = "A-Z2-7"
ALNUM: Final = "A-Za-z0-9"
URL64: Final = "A-Za-z0-9_-"
"""URL-safe base64 without padding."""
BASE64: Final = "A-Za-z0-9+/"
DOTTED: Final = "A-Za-z0-9_.=-"
UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

START: Final = (
    r"(?:(?<![A-Za-z0-9_+/.-])|(?<=//)|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-F]{2})|(?<=_[A-Z]{3}=))"
)
"""A token begins where no word runs on; the letter of an escape (`\n` in a text that quotes a file) is no word."""

_MOST = 2048  # no token of a published format is longer, JWTs aside, which have a rule of their own
_CONTEXT_BYTES = 300
_SEEN = 12  # characters after the prefix that the prefilter wants: ordinary text has next to none


class Rule(Record, frozen=True):
    """One kind of finding. Group 1 of `confirm`, else all of it, is what was looked for."""

    id: str
    title: str
    prefilters: tuple[str, ...]
    confirm: Expression
    confidence: Confidence = Confidence.FORMAT
    least_entropy: float = 0.0
    """Bits per character of the secret (Shannon); below it, it is a placeholder."""
    check: Callable[[bytes], bool] | None = None
    """Says whether the secret can be one, where the format tells."""
    proof: Callable[[bytes], bool] | None = None
    """Says whether the secret proves itself (a checksum): asked for confidence only."""
    before: int = 0
    """How many bytes before the prefilter's match the expression may begin to match."""
    reach: int = 600
    """For a rule with `before`: how many bytes behind that place it may run."""
    context: bytes = b""
    """What must stand not far before the match."""
    forms: tuple[str, ...] = ()
    """As `prefilters`, where there is no literal of three bytes to find: see `Form`."""
    is_always: bool = False
    """Neither placeholder words nor a pragma nor a baseline excuse it."""


def token(
    rule_id: str,
    title: str,
    prefixes: str | tuple[str, ...],
    alphabet: str,
    least: int,
    most: int | None = None,
    *,
    tail: str = "",
    proof: Callable[[bytes], bool] | None = None,
    least_entropy: float = 2.5,
) -> Rule:
    """A published prefix and at least `least` characters of an alphabet; `tail` is an expression for what follows.

    Without `most` a longer run is the same token: vendors lengthen theirs, and half a redacted token is none.
    """
    several = (prefixes,) if isinstance(prefixes, str) else prefixes
    heads = "|".join(re.escape(each) for each in several)
    seen = min(least, _SEEN)
    end = rf"(?![{alphabet}])" if most is not None and not tail else ""
    body = rf"[{alphabet}]{{{least},{most or _MOST}}}{tail}{end}"
    return Rule(
        rule_id,
        title,
        tuple(rf"{re.escape(each)}[{alphabet}]{{{seen}}}" for each in several),
        Expression(rf"{START}((?:{heads}){body})"),
        least_entropy=least_entropy,
        proof=proof,
    )


def pattern(
    rule_id: str,
    title: str,
    prefilter: str | tuple[str, ...],
    confirm: str,
    *,
    forms: tuple[str, ...] = (),
    confidence: Confidence = Confidence.FORMAT,
    check: Callable[[bytes], bool] | None = None,
    least_entropy: float = 0.0,
    is_folded: bool = False,
    before: int = 0,
    reach: int = 600,
    context: bytes = b"",
) -> Rule:
    """A kind that is more than a prefix and a run: both patterns are written out."""
    flags = re.IGNORECASE if is_folded else 0
    return Rule(
        rule_id,
        title,
        (prefilter,) if isinstance(prefilter, str) else prefilter,
        Expression(confirm, flags),
        confidence,
        least_entropy,
        check,
        before=before,
        reach=reach,
        context=context,
        forms=forms,
    )


def confirmed(scanner: Scanner, rule: Rule, text: bytes, start: int) -> Finding | None:
    """What the rule's own expression and checks say of the place where one of its prefilters matched."""
    if rule.context and text.rfind(rule.context, max(0, start - _CONTEXT_BYTES), start) < 0:
        return None
    if rule.before:
        found = rule.confirm.search(text, max(0, start - rule.before), start + rule.reach)
        if found and found.start() > start:
            return None
    else:
        found = rule.confirm.match(text, start)
    if found is None:
        return None
    group = found.lastindex or 0
    matched = found.group(group)
    if (rule.least_entropy and entropy(matched) < rule.least_entropy) or (rule.check and not rule.check(matched)):
        return None
    is_proven = rule.proof is not None and rule.proof(matched)
    return Finding(scanner, rule.id, *found.span(group), Confidence.PROVEN if is_proven else rule.confidence)

"""Rules of an organisation's own: one expression each, run by Hyperscan alone, so no expression can make a scan slow."""

import hyperscan

from gateway.base.core.struct import Record

_MOST_BYTES = 1000


class CustomRule(Record, frozen=True):
    """`expression` in Hyperscan's dialect (PCRE without back-references and look-around); all that it matches is the secret."""

    id: str
    expression: str


def checked(rule: CustomRule) -> CustomRule:
    """The rule, when it can be used.

    Raises ValueError, in Hyperscan's words, for an expression that it cannot compile, that matches nothing at all, or that is
    longer than 1000 bytes.
    """
    if not rule.id or len(rule.expression) > _MOST_BYTES:
        raise ValueError(f"a rule has a name and an expression of at most {_MOST_BYTES} bytes")
    try:
        hyperscan.Database().compile(
            expressions=[rule.expression.encode()], ids=[0], elements=1, flags=hyperscan.HS_FLAG_SOM_LEFTMOST
        )
    except hyperscan.error as exc:
        raise ValueError(f"rule {rule.id}: {exc}") from exc
    return rule

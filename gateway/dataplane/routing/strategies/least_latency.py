"""The soonest done: by the moving averages of the time to the first byte and of the output rate."""

from collections.abc import Iterable, Sequence

from gateway.base.core.route import Health
from gateway.dataplane.routing.strategies.usable import Method, Ranked, Turn, Usable

EXPLORED = 0.1
"""The share of requests that asks one of those first of which nothing is known. The others come last till then."""
_USUAL_OUTPUT_TOKENS = 500
_USUAL_TOKENS_PER_S = 50.0
"""Where only the first byte was ever seen."""


def expected_ms(name: str, health: Health) -> float:
    """Until the last token of a usual turn; 0 when nothing is known."""
    first_byte_ms = health.first_byte_ms(name)
    if first_byte_ms <= 0:
        return 0.0
    return first_byte_ms + _USUAL_OUTPUT_TOKENS * 1000 / (health.tokens_per_s(name) or _USUAL_TOKENS_PER_S)


def rank(candidates: Sequence[Usable], _turn: Turn, health: Health) -> Ranked:
    """The known by what they take, ties as written; then the unknown, as written."""
    taken = [(expected_ms(one.name, health), n) for n, one in enumerate(candidates)]
    known = sorted(pair for pair in taken if pair[0] > 0)
    unknown = (n for ms, n in taken if ms <= 0)
    return Ranked(tuple(candidates[n] for n in (*(n for _, n in known), *unknown)), len(known))


def order(ranked: Ranked, dice: float) -> Iterable[Usable]:
    """As ranked; for `EXPLORED` of the dice one of the unknown comes first."""
    usables, known = ranked.usables, ranked.known
    if dice >= EXPLORED or known in {0, len(usables)}:
        return usables
    explored = usables[known + int(dice / EXPLORED * (len(usables) - known))]
    return (explored, *(one for one in usables if one is not explored))


METHOD = Method(rank, order)

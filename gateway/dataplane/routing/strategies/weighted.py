"""By chance, in proportion to the weights, without replacement.

One number decides the whole order, and the order is that of all candidates: one that is passed over leaves the others' places as they were,
so with a session's hash for dice only the sessions of what fails move.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from itertools import accumulate

from gateway.base.core.route import Health
from gateway.dataplane.routing.strategies.usable import Method, Ranked, Turn, Usable

_BELOW_ONE = 1 - 2**-53


def rank(candidates: Sequence[Usable], _turn: Turn, _health: Health) -> Ranked:
    """As written; what weighs nothing comes last."""
    heavy = [one for one in candidates if one.weight > 0]
    weightless = (one for one in candidates if one.weight <= 0)
    return Ranked((*heavy, *weightless), len(heavy), tuple(accumulate(one.weight for one in heavy)))


def order(ranked: Ranked, dice: float) -> Iterator[Usable]:
    """Drawn one by one, as they are wanted; what weighs nothing last.

    A draw falls on the line of all weights, from which the stretches of those drawn before are taken out. It uses up the part of `dice` that
    chose it, and what is left is the next draw's: 53 bits are enough for nine draws of fifty, more than a plan has attempts.
    """
    ends, count = ranked.ends, ranked.known
    left = ends[-1] if ends else 0.0
    drawn: set[int] = set()
    gone: list[tuple[float, float]] = []  # start and width of what was drawn, ascending
    for _ in range(count):
        at = dice * left
        for start, width in gone:
            if at < start:
                break
            at += width
        n = min(bisect_right(ends, at), count - 1)
        while n in drawn:  # sums of floats may be a hair off
            n = (n + 1) % count
        yield ranked.usables[n]
        start = ends[n - 1] if n else 0.0
        width = ends[n] - start
        drawn.add(n)
        insort(gone, (start, width))
        left -= width
        dice = min(max((at - start) / width, 0.0), _BELOW_ONE) if width > 0 else 0.0
    yield from ranked.usables[count:]


METHOD = Method(rank, order)

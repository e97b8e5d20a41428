"""The nouns of strategies."""

from collections.abc import Callable, Iterable, Sequence

from gateway.base.core.plan import Deployment
from gateway.base.core.route import Attempt, Health
from gateway.base.core.struct import Record

_USUAL_OUTPUT_TOKENS = 500
"""Of an agent's turn. What the client allows at most says little: agents allow 32,000 and more."""


class Usable(Record, frozen=True):
    """A candidate that has been resolved. `window_tokens` 0: not known; `lacks`: features that the catalogue says it has not.

    `accounts`: the deployments of which one is asked in its place, where its provider has several.
    """

    deployment: Deployment
    name: str
    weight: float
    window_tokens: int
    lacks: frozenset[str]
    attempt: Attempt
    accounts: "Ranked | None" = None


class Turn(Record, frozen=True):
    """How large a request is taken to be."""

    input_tokens: int
    output_tokens: int


class Ranked(Record, frozen=True):
    """Candidates as knowledge ranks them. Those after the first `known` come later: nothing is known of them, or they weigh nothing.

    `ends`: the running sum of the weights of the first `known`, where weights matter.
    """

    usables: tuple[Usable, ...]
    known: int
    ends: tuple[float, ...] = ()


class Method(Record, frozen=True):
    """A strategy. `rank` holds for all requests of about one size until health changes, so its answer may be remembered; `order` is for
    one request, by `dice` in [0, 1): equal dice, equal order. `is_by_size`: whether `rank` looks at the turn.
    """

    rank: Callable[[Sequence[Usable], Turn, Health], Ranked]
    order: Callable[[Ranked, float], Iterable[Usable]]
    is_by_size: bool = False


def usable(deployment: Deployment, reason: str, weight: float = 1.0, lacks: frozenset[str] = frozenset()) -> Usable:
    """A candidate, with what is derived from its deployment."""
    window = deployment.price.context_window_tokens if deployment.price else 0
    return Usable(deployment, deployment.id, weight, window, lacks, Attempt(deployment, reason))


def coarse_turn(input_tokens: int, max_output_tokens: int, learned_output_tokens: int = 0) -> Turn:
    """The turn of a request by its size, to an eighth: estimates are no better, and few sizes mean few rankings.

    The output is what was learned, else the usual, and never more than the client allows (0: no limit).
    """
    output = learned_output_tokens or _USUAL_OUTPUT_TOKENS
    if max_output_tokens:
        output = min(output, max_output_tokens)
    return Turn(_coarse(input_tokens), _coarse(output))


def _coarse(tokens: int) -> int:
    """The four leading bits."""
    shift = max(0, tokens.bit_length() - 4)
    return tokens >> shift << shift


def as_ranked(ranked: Ranked, _dice: float) -> Iterable[Usable]:
    """The order of strategies that leave nothing to chance."""
    return ranked.usables

"""Whose thoughts a session's history holds, where providers have sealed them: only their makers can read them again (COMPLAINTS 9).

A thought that went through a client of another dialect names its maker (docs/decisions/0010). One that its provider gave to a client of its own
dialect does not: there the node's board remembers, for each conversation, who made the latest thoughts and how many of those before them
somebody else had made; and for each session and model asked for, whose model answered last.
"""

from collections.abc import Mapping
from time import time

from gateway.base.core.plan import Deployment, Provider, provider_called
from gateway.base.storage.board import Board, board_key
from gateway.dataplane.flow.assemble import Policy
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.places import KEPT_MS
from gateway.dataplane.flow.route import Route
from gateway.dataplane.flow.session import conversation_of
from gateway.dataplane.flow.translate import origin_of, seals_of
from gateway.dataplane.wire import concerns_thoughts, holds_thoughts, maker_of_last

_NAME_BITS = 31
_NAME = (1 << _NAME_BITS) - 1
_COUNT_BITS = 16
_ALL = (1 << _COUNT_BITS) - 1


class Thoughts:
    """What is known of the thoughts in one exchange's history.

    `model` and `provider` (`openai/gpt-5`, `openai@eu`) answered the session last; '' where nobody knows. `maker`: the hash of who made the latest of those
    that providers of the client's own dialect signed, 0: unknown; the first `others` of them are not its. `seen`: how many there are, -1: nobody has counted.
    """

    __slots__ = ("answered_key", "holds", "key", "maker", "model", "others", "provider", "seed", "seen")

    def __init__(self, key: int, answered_key: int, seed: int, *, holds: bool) -> None:
        self.key, self.answered_key, self.seed, self.holds = key, answered_key, seed, holds
        self.model = self.provider = ""
        self.maker = self.others = 0
        self.seen = -1

    def foreign_to(self, deployment: Deployment) -> int:
        """How many of the thoughts, from the first on, `deployment` cannot read; it speaks the client's dialect."""
        if not self.holds or not self.maker:
            return 0
        return self.others if _maker(deployment, self.seed) == self.maker else _ALL


class Memory:
    """Who made what, on the node's board."""

    def __init__(self, board: Board, seed: int) -> None:
        self._board, self._seed = board, seed
        self._names: dict[int, str] = {}

    def recall(self, ex: Exchange, route: Route, body: bytes) -> Thoughts | None:
        """None where neither the request nor its answer has to do with signed thoughts."""
        if ex.grant is None or not concerns_thoughts(body):
            return None
        seed, now_ms = self._seed, int(time() * 1000)
        session = f"{ex.grant.principal.key}\0{ex.session_id}\0".encode()
        conversation = conversation_of(route, body, seed) or b""
        thoughts = Thoughts(
            board_key(b"thoughts\0" + session + conversation, seed),
            board_key(b"answered\0" + session + ex.model_requested.encode(), seed) if ex.session_id else 0,
            seed,
            holds=holds_thoughts(route.dialect.name, body),
        )
        if thoughts.holds:
            found = self._board.get(thoughts.key, now_ms) or 0
            thoughts.maker, thoughts.others = found >> _COUNT_BITS, found & _ALL
            last = self._board.get(thoughts.answered_key, now_ms) if thoughts.answered_key else None
            if last is not None:
                thoughts.model = self._named(last >> _NAME_BITS, ex.policy)
                thoughts.provider = self._named(last & _NAME, ex.policy)
        return thoughts

    def keep(self, ex: Exchange, thoughts: Thoughts, deployment: Deployment) -> None:
        """`deployment` has answered."""
        now_ms = int(time() * 1000)
        if thoughts.answered_key:
            model, provider = _name(deployment.name, self._seed), _name(deployment.provider.id, self._seed)
            self._board.put(thoughts.answered_key, model << _NAME_BITS | provider, now_ms + KEPT_MS, now_ms)
        if ex.dialect is None or deployment.dialect != ex.dialect.name:
            return  # what it thought was sealed by us
        others = min(thoughts.foreign_to(deployment), max(0, thoughts.seen))
        maker = _maker(deployment, self._seed)
        self._board.put(thoughts.key, maker << _COUNT_BITS | others, now_ms + KEPT_MS, now_ms)

    def _named(self, word: int, policy: Policy) -> str:
        if word not in self._names:
            ids = (one.id for each in policy.providers.values() for one in (each, *each.accounts))
            self._names = {_name(name, self._seed): name for name in (*policy.candidates, *ids)}
        return self._names.get(word, "")


def reader_of(ex: Exchange, thoughts: Thoughts, route: Route, body: bytes, *, is_asked_first: bool) -> str:
    """The provider, or its deployment, that can read the thoughts in the history.

    Where nobody remembers, the last thought names its maker; but then a model that the client asked for is asked first: it may have changed its mind.
    """
    if not thoughts.holds or thoughts.provider or is_asked_first:
        return thoughts.provider
    return _provider_of(maker_of_last(route.dialect.name, body, seals_of(ex, ex.policy)), ex.policy.providers)


def _provider_of(origin: str, providers: Mapping[str, Provider]) -> str:
    """The provider, or its deployment, that certainly reads the thoughts of `origin`: the account that it names, else the vendor itself; '' for none."""
    vendor, _, account = origin.partition("/")
    if account:
        return account
    found = provider_called(vendor, providers) if vendor else None
    return found.id if found is not None else ""


def _maker(deployment: Deployment, seed: int) -> int:
    """Never 0."""
    return _word(origin_of(deployment), seed) >> _COUNT_BITS | 1


def _name(name: str, seed: int) -> int:
    return _word(name, seed) & _NAME


def _word(name: str, seed: int) -> int:
    return board_key(name.encode(), seed) >> 1

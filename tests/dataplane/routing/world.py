"""Deployments, health and boards for tests of strategies and plans."""

from collections.abc import Callable

from gateway.base.core.errors import UnknownModel
from gateway.base.core.plan import Deployment, Provider, deployment
from gateway.base.core.price import Price, Rates

DIALECT = "openai.responses"


def made(name: str, *, input_pusd: int = 1, output_pusd: int = 1, window_tokens: int = 0) -> Deployment:
    """`provider/model` at these rates."""
    provider, model = name.split("/")
    price = Price(Rates(input_pusd, output_pusd), context_window_tokens=window_tokens)
    return deployment(Provider(provider, {DIALECT: f"http://{provider}"}, ()), model, price, DIALECT)


def resolving(*deployments: Deployment) -> Callable[[str], Deployment]:
    """A resolver that knows just these."""
    by_name = {one.name: one for one in deployments}

    def resolve(name: str) -> Deployment:
        if name not in by_name:
            raise UnknownModel("unknown", param="model")
        return by_name[name]

    return resolve


class Known:
    """Health as a test says: names that are open or drained, and the pace of the others."""

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        self.drained: dict[str, int] = {}
        self.ailing: set[str] = set()
        self.ms: dict[str, float] = {}
        self.rate: dict[str, float] = {}

    def is_closed(self, deployment: str) -> bool:
        return deployment not in self.open

    def is_ailing(self, deployment: str) -> bool:
        return deployment in self.ailing

    def has_headroom(self, deployment: str, tokens: int) -> bool:
        return deployment not in self.drained

    def first_byte_ms(self, deployment: str) -> float:
        return self.ms.get(deployment, 0.0)

    def tokens_per_s(self, deployment: str) -> float:
        return self.rate.get(deployment, 0.0)

    def wait_ms(self, deployment: str) -> int:
        return max(self.open.get(deployment, 0), self.drained.get(deployment, 0))


class DictBoard:
    """A board that counts what is written."""

    def __init__(self) -> None:
        self.entries: dict[int, tuple[int, int]] = {}
        self.writes = 0

    def get(self, key: int, now_ms: int) -> int | None:
        value, until_ms = self.entries.get(key, (0, 0))
        return value if until_ms > now_ms else None

    def put(self, key: int, value: int, until_ms: int, now_ms: int) -> None:
        assert 0 <= key < 1 << 64
        assert 0 <= value < 1 << 63
        self.writes += 1
        self.entries[key] = (value, until_ms)

    learn = put

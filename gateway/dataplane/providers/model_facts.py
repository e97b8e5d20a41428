"""What the catalogue knows of models beside their prices: when they retire, and what they lack. Data: catalog/models.json.

Of a provider's own names only: what another one resells may live longer there. Dots and dashes are alike, compact dates too. What is not stated is
not known: nothing is missing, nothing retires.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from gateway.base.core.plan import canonical
from gateway.base.core.struct import Record

FACTS_PATH = Path(__file__).parent / "catalog" / "models.json"

_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
_DATE = re.compile(r"-20\d{2}-\d{2}-\d{2}(?=-|:|$)|-latest$|-preview$")
_VERSIONED = re.compile(r"(.*?[a-z/-])(\d{1,2}(?:-\d{1,2})*)((?:-[a-z].*)?)")
_NONE: frozenset[str] = frozenset()


class _File(Record, frozen=True):
    retires: dict[str, dict[str, tuple[str, ...]]]
    lacks: dict[str, dict[str, tuple[str, ...]]]


class ModelFacts:
    """Looked up by provider and model."""

    def __init__(
        self, retires: Mapping[str, Mapping[str, Iterable[str]]], lacks: Mapping[str, Mapping[str, Iterable[str]]]
    ) -> None:
        """`retires`: provider → ISO date → names; `lacks`: provider → `tools` or `images` → names."""
        self._retires = {
            (provider, _plain(name)): date.fromisoformat(day)
            for provider, by_day in retires.items()
            for day, names in by_day.items()
            for name in names
        }
        self._lacks: dict[tuple[str, str], frozenset[str]] = {}
        for provider, by_feature in lacks.items():
            for feature, names in by_feature.items():
                for name in names:
                    key = provider, _plain(name)
                    self._lacks[key] = self._lacks.get(key, _NONE) | {feature}

    def retires(self, provider: str, model: str) -> date | None:
        """The first day on which the provider need not serve it; None where none is known."""
        return self._retires.get((canonical(provider), _plain(model)))

    def lacks(self, provider: str, model: str) -> frozenset[str]:
        """Of `tools` and `images` what it certainly does not take."""
        return self._lacks.get((canonical(provider), _plain(model)), _NONE)

    def newer(self, provider: str, model: str, known: Iterable[str], until: date) -> str:
        """Of the `known` models the newest of the same line that is newer and still serves at `until`; '' where there is none."""
        line = _line(model)
        if line is None:
            return ""
        best, best_version = "", line[1]
        for name in known:
            other = _line(name)
            if other is None or other[0] != line[0] or other[1] <= best_version:
                continue
            end = self.retires(provider, name)
            if end is None or end > until:
                best, best_version = name, other[1]
        return best


@cache
def model_facts() -> ModelFacts:
    """Those that ship with the gateway."""
    file = msgspec.json.decode(FACTS_PATH.read_bytes(), type=_File)
    return ModelFacts(file.retires, file.lacks)


def _line(name: str) -> tuple[tuple[str, str], tuple[int, ...]] | None:
    """What a model is called without its version, and the version: `claude-sonnet-4-5` → `claude-sonnet-`, 4.5."""
    found = _VERSIONED.fullmatch(_DATE.sub("", _plain(name)))
    if found is None:
        return None
    return (found[1], found[3]), tuple(map(int, found[2].split("-")))


def _plain(name: str) -> str:
    return _COMPACT_DATE.sub(r"-\1-\2-\3", name.lower().removeprefix("models/")).replace(".", "-")

"""Which rules count an exchange, under which account id: windows of budgets and rate limits alike. Pure.

The ledger sums by the same rule as the workers.

`org` is one account for all traffic, with an empty id. An account that has rules by name has its own and no others;
each that has none has those of the wildcard `*`, in buckets of its own. A tag's account is `name=value`; there `name=*` comes
between the two. A key without a team, user or tag has no such account.

Windows and rates are told apart: an account that is listed for its rate alone keeps the wildcard's windows, so a rate never lifts a cap.
"""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from gateway.base.core.budget import Level, Window
from gateway.base.core.model_pattern import compiled, normal
from gateway.base.core.principal import Principal

_LEVELS: tuple[Level, ...] = ("org", "team", "user", "key", "tag")
_PERIODS = ("total", "monthly", "weekly", "daily")


class Rule(Protocol):
    """Something that counts the exchanges of an account with some models (a pattern, empty for all)."""

    @property
    def level(self) -> Level: ...
    @property
    def id(self) -> str: ...
    @property
    def models(self) -> str: ...


R = TypeVar("R", bound=Rule)


class Accounts(Generic[R]):
    """The windows, or the rates, of one policy version. `Accounts(())` counts nothing."""

    __slots__ = ("_models", "_named", "rules")

    def __init__(self, rules: Iterable[R]) -> None:
        self.rules = tuple(sorted(rules, key=_order))
        self._named: dict[tuple[Level, str], list[R]] = {}
        for rule in self.rules:
            self._named.setdefault((rule.level, rule.id), []).append(rule)
        self._models = {rule.models: compiled(rule.models) for rule in self.rules}

    def matching(self, principal: Principal, deployment: str) -> tuple[tuple[R, str], ...]:
        """(rule, account id) of each that counts an exchange of `principal` with `deployment` (`provider/model`).

        In the order org, team, user, key, tags; of one account total, monthly, weekly, daily, and rates as written. Ledger
        rows match alike, with the record's principal and `model_used`.
        """
        name = normal(deployment)
        return tuple(
            (rule, account_id)
            for account_id, rules in self._accounts_of(principal)
            for rule in rules
            if not rule.models or self._is_counted(rule.models, name)
        )

    def listed(self, level: Level) -> frozenset[str]:
        """The ids that have rules of their own at a level, wildcards included."""
        return frozenset(one for at, one in self._named if at == level)

    def rules_of(self, level: Level, account_id: str) -> tuple[R, ...]:
        """The rules that govern one account: its own, else the wildcard's."""
        wildcard = f"{account_id.partition('=')[0]}=*" if level == "tag" else "*"
        return tuple(self._of(level, account_id, wildcard, "*"))

    def _accounts_of(self, principal: Principal) -> list[tuple[str, list[R]]]:
        found = [("", self._of("org", ""))]
        ids: tuple[tuple[Level, str], ...] = (
            ("team", principal.team),
            ("user", principal.user),
            ("key", principal.key),
        )
        found += [(account_id, self._of(level, account_id, "*")) for level, account_id in ids if account_id]
        tags = {f"{name}={value}": f"{name}=*" for name, value in principal.tags.items()}
        return found + [(tag, self._of("tag", tag, wildcard, "*")) for tag, wildcard in tags.items()]

    def _of(self, level: Level, *ids: str) -> list[R]:
        """The rules of the first of `ids` that has any."""
        return next((self._named[level, one] for one in ids if (level, one) in self._named), [])

    def _is_counted(self, pattern: str, name: str) -> bool:
        """A pattern without a provider is one of the model's part."""
        compared = name if "/" in pattern else name.partition("/")[2]
        return self._models[pattern].fullmatch(compared) is not None


def _order(rule: Rule) -> tuple[int, int]:
    return _LEVELS.index(rule.level), _PERIODS.index(rule.period) if isinstance(rule, Window) else 0

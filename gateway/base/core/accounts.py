"""Which windows count an exchange, under which account id. Pure; the ledger sums by the same rule as the workers.

`org` is one account for all traffic, with an empty id. An account that is listed by name has its own windows and no others;
each that is not listed has those of the wildcard `*`, in buckets of its own. A tag's account is `name=value`; there `name=*` comes
between the two. A key without a team, user or tag has no such account.
"""

from gateway.base.core.budget import Level, Window
from gateway.base.core.model_pattern import compiled, normal
from gateway.base.core.principal import Principal

_LEVELS: tuple[Level, ...] = ("org", "team", "user", "key", "tag")
_PERIODS = ("total", "monthly", "weekly", "daily")


class Accounts:
    """The windows of one policy version. `Accounts(())` counts nothing."""

    __slots__ = ("_models", "_named", "windows")

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self.windows = tuple(sorted(windows, key=lambda w: (_LEVELS.index(w.level), _PERIODS.index(w.period))))
        self._named: dict[tuple[Level, str], list[Window]] = {}
        for window in self.windows:
            self._named.setdefault((window.level, window.id), []).append(window)
        self._models = {window.models: compiled(window.models) for window in windows}

    def matching(self, principal: Principal, deployment: str) -> tuple[tuple[Window, str], ...]:
        """(window, account id) of each bucket that counts an exchange of `principal` with `deployment` (`provider/model`).

        In the order org, team, user, key, tags; of one account total, monthly, weekly, daily. Ledger rows match alike, with
        the record's principal and `model_used`.
        """
        name = normal(deployment)
        return tuple(
            (window, account_id)
            for account_id, windows in self._accounts_of(principal)
            for window in windows
            if not window.models or self._is_counted(window.models, name)
        )

    def listed(self, level: Level) -> frozenset[str]:
        """The ids that have windows of their own at a level, wildcards included."""
        return frozenset(one for at, one in self._named if at == level)

    def windows_of(self, level: Level, account_id: str) -> tuple[Window, ...]:
        """The windows that govern one account: its own, else the wildcard's."""
        wildcard = f"{account_id.partition('=')[0]}=*" if level == "tag" else "*"
        return tuple(self._of(level, account_id, wildcard, "*"))

    def _accounts_of(self, principal: Principal) -> list[tuple[str, list[Window]]]:
        found = [("", self._of("org", ""))]
        ids: tuple[tuple[Level, str], ...] = (
            ("team", principal.team),
            ("user", principal.user),
            ("key", principal.key),
        )
        found += [(account_id, self._of(level, account_id, "*")) for level, account_id in ids if account_id]
        tags = {f"{name}={value}": f"{name}=*" for name, value in principal.tags.items()}
        return found + [(tag, self._of("tag", tag, wildcard, "*")) for tag, wildcard in tags.items()]

    def _of(self, level: Level, *ids: str) -> list[Window]:
        """The windows of the first of `ids` that has any."""
        return next((self._named[level, one] for one in ids if (level, one) in self._named), [])

    def _is_counted(self, pattern: str, name: str) -> bool:
        """A pattern without a provider is one of the model's part."""
        compared = name if "/" in pattern else name.partition("/")[2]
        return self._models[pattern].fullmatch(compared) is not None

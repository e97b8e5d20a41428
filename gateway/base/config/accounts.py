"""The accounts of a `budgets` section as they are written, each with its place; what they hold is read by budgets.py and rates.py."""

import re
from collections.abc import Iterator

from gateway.base.config.schema.budgets import AccountConfig, BudgetsConfig
from gateway.base.config.value import Place
from gateway.base.core.budget import Level

_PATTERN = re.compile(r"[A-Za-z0-9@~_.:/+\- *]+")
"""What names of models are made of (routing/resolve.py), and `*`; no `|`, which parts the names of buckets."""


def accounts_of(config: BudgetsConfig, place: Place) -> Iterator[tuple[Level, str, AccountConfig, Place]]:
    """(level, id, account, place) of each. Raises ConfigError for an id that no account can have."""
    if config.org is not None:
        yield "org", "", config.org, place.at("org")
    sections: tuple[tuple[Level, str, dict[str, AccountConfig]], ...] = (
        ("team", "teams", config.teams),
        ("user", "users", config.users),
        ("key", "keys", config.keys),
        ("tag", "tags", config.tags),
    )
    for level, section, accounts in sections:
        for account_id, account in accounts.items():
            where = place.at(section).at(account_id)
            _check_id(level, account_id, where)
            yield level, account_id, account, where


def check_pattern(pattern: str, place: Place) -> None:
    """Raise ConfigError for a pattern of `models` that no model's name can match."""
    if not _PATTERN.fullmatch(pattern):
        hint = "write `provider/model` or a model; `*` is the wildcard"
        raise place.error("is not what the name of a model can match", hint)


def _check_id(level: Level, account_id: str, place: Place) -> None:
    if not account_id:
        raise place.error("is an account without a name", "write one, or `*` for all that are not listed")
    if account_id == "*":
        return
    named = account_id
    if level == "tag":
        name, equals, value = account_id.partition("=")
        if not name or not equals:
            raise place.error("is no tag", "write `name=value`, such as `repo=payments`")
        named = name if value == "*" else account_id
    if "*" in named:
        hint = "`*` alone stands for all that are not listed" + (", `name=*` for those of one tag" * (level == "tag"))
        raise place.error("is a pattern, which no account's name can be", hint)

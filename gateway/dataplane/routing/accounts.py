"""A model whose provider has several deployments (keys, regions): which of them stand for it in a plan, in which order. Pure.

First the one that can read the reasoning in the history, then the one where the session is (its prompt cache is there), then by weight: by the session's
dice, so that a deployment that fails moves its own sessions only.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain

from msgspec.structs import replace

from gateway.base.core.plan import Account
from gateway.base.core.route import Attempt, Refused
from gateway.dataplane.routing.strategies.usable import Ranked, Usable, usable
from gateway.dataplane.routing.strategies.weighted import order as by_weight
from gateway.dataplane.routing.walk import STAYS

AccountOf = Callable[[str], str]
"""A provider's name → the deployment (`openai@eu`) where the session is; '' where it is not known."""
NOT_YET, ENDED = "not_yet", "ended"
"""Reasons of Refused."""
HOME = "home"
"""Reason of an attempt: the session is there."""


def nowhere(_provider: str) -> str:
    """Of a session of which nothing is known."""
    return ""


def with_accounts(one: Usable) -> Usable:
    """`one` with a usable for each of its deployments, where it has several."""
    if not one.deployment.accounts:
        return one
    found = tuple(
        usable(each, one.attempt.reason, each.provider.account.weight if each.provider.account else 1.0, one.lacks)
        for each in one.deployment.accounts
    )
    return replace(one, accounts=Ranked(found, len(found), tuple(accumulate(each.weight for each in found))))


class Spread:
    """Puts the deployments of a provider in the place of its model. `refused` gets those that are not in force."""

    __slots__ = ("_account_of", "_dice", "_now_s", "_prefers", "_refused")

    def __init__(
        self,
        now_s: int,
        dice: float,
        account_of: AccountOf = nowhere,
        prefers: str = "",
        refused: list[Refused] | None = None,
    ) -> None:
        self._now_s, self._dice, self._account_of, self._prefers = now_s, dice, account_of, prefers
        self._refused = [] if refused is None else refused

    def over(self, order: Iterable[Usable], taken: Callable[[], int], most: int) -> Iterator[Usable]:
        """`order` with deployments for models; `taken` counts the attempts so far.

        The last of `most` attempts is another model's, where there is one: an outage may be the whole provider's.
        """
        of_one_model, left = max(1, most - 1), []
        seen: set[str] = set()
        for one in order:
            if one.accounts is None:
                yield one
            elif one.name not in seen:
                seen.add(one.name)
                before = taken()
                for account in self.accounts_of(one):
                    if taken() - before < of_one_model:
                        yield account
                    else:
                        left.append(account)
        yield from left

    def accounts_of(self, one: Usable) -> Iterator[Usable]:
        """The deployments of a model that are in force, in their order."""
        assert one.accounts is not None
        home, why = self._account_of(one.deployment.provider.name), one.attempt.reason
        accounts = one.accounts.usables
        ahead = [found for name in (self._prefers, home) for found in accounts if found.deployment.provider.id == name]
        met: set[str] = set()
        for found in chain(ahead, by_weight(one.accounts, self._dice)):
            if found.name in met:
                continue
            met.add(found.name)
            account = found.deployment.provider.account
            if past := out_of_time(account, self._now_s) if account is not None else "":
                self._refused.append(Refused(found.name, past))
                continue
            because = HOME if found.deployment.provider.id == home and why not in STAYS else why
            yield (
                found if found.attempt.reason == because else replace(found, attempt=Attempt(found.deployment, because))
            )


def out_of_time(account: Account, now_s: int) -> str:
    """Why a deployment is not asked at `now_s`; '' while it is in force."""
    if now_s < account.opens_s:
        return NOT_YET
    return ENDED if account.ends_s and now_s >= account.ends_s else ""

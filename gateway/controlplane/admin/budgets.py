"""The admin API's budgets: how they stand, and the audited entries that correct them."""

from collections.abc import Mapping

import msgspec

from gateway.base.core.struct import Config
from gateway.base.storage import StorageError
from gateway.base.telemetry.log import log
from gateway.controlplane.admin.caller import Caller, who_of
from gateway.controlplane.admin.reply import Refused, Reply, as_reply
from gateway.controlplane.budgets import BadCorrectionError, Desk, as_json, correction_as_json


class _Asked(Config, frozen=True):
    """The body of a correction."""

    amount_usd: str | int
    reason: str
    bucket: str = ""
    account: str = ""
    period: str = ""
    models: str = ""
    by: str = ""


_decode = msgspec.json.Decoder(_Asked).decode


class BudgetResources:
    """What the routes of budgets answer from."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def budgets(self, query: Mapping[str, str]) -> Reply:
        """Every budget's current period: limit in force, spent, held and leased (USD and nano-USD), stage, reset; `account` chooses one."""
        account = query.get("account", "")
        try:
            found = await self._desk.reports()
        except StorageError as exc:
            raise _unavailable(exc) from exc
        return as_reply({"rows": [as_json(one) for one in found if account in ("", one.account)]})

    async def corrections(self, query: Mapping[str, str]) -> Reply:
        """The corrections made so far, oldest first; `bucket` chooses those of one."""
        try:
            found = await self._desk.corrections(query.get("bucket", ""))
        except StorageError as exc:
            raise _unavailable(exc) from exc
        return as_reply({"rows": [correction_as_json(entry) for entry in found]})

    async def correct(self, body: bytes, caller: Caller) -> Reply:
        """Change what a budget has spent by `amount_usd` (text; negative gives back): `bucket`, or `account` (`team:platform`)
        with `period` and `models` where it has several; `reason`, and `by`, are kept."""
        try:
            asked = _decode(body)
            entry = await self._desk.correct(
                str(asked.amount_usd), asked.reason, who_of(asked.by, caller.known()), bucket=asked.bucket,
                account=asked.account, period=asked.period, models=asked.models,
            )  # fmt: skip
        except (msgspec.DecodeError, UnicodeDecodeError, BadCorrectionError) as exc:
            raise Refused(400, "bad_request", str(exc)) from exc
        except StorageError as exc:
            raise _unavailable(exc) from exc
        made = correction_as_json(entry)
        log("info", "budget_corrected", **made)
        return as_reply({"correction": made}, 201)


def _unavailable(exc: StorageError) -> Refused:
    return Refused(503, "budgets_unavailable", f"the budget store cannot be reached now: {exc.problem}")

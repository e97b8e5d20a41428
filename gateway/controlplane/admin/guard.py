"""The admin API's guardrails: what they found, by rule and one by one, and the quarantine."""

import asyncio
from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.base.core.struct import Config
from gateway.base.journal import rfc3339
from gateway.base.storage import StorageError
from gateway.base.telemetry.log import log
from gateway.controlplane.admin.caller import Caller, who_of
from gateway.controlplane.admin.quarantine import QuarantineDesk
from gateway.controlplane.admin.query import ask, limit_of, time_of
from gateway.controlplane.admin.reply import Refused, Reply, as_reply
from gateway.controlplane.projections import Queries
from gateway.controlplane.projections.queries import FINDINGS_BY, FOREVER_MS


class _Asked(Config, frozen=True):
    """What to do with one entry."""

    act: Literal["show", "drop"]
    id: str
    by: str = ""


_decode = msgspec.json.Decoder(_Asked).decode


class GuardResources:
    """What the routes of guardrails answer from."""

    def __init__(self, queries: Queries, quarantine: QuarantineDesk) -> None:
        self._found, self._quarantine = queries, quarantine

    def guardrails(self, query: Mapping[str, str]) -> Reply:
        """What guardrails found, counted by scanner, rule, action and side, in [`since`, `until`); `scanner`, `rule`, `action`, `side`, `match` and
        `key` choose some. Only what was new: a secret in a session's history counts once."""
        chosen, since_ms, until_ms = _chosen(query)
        rows = ask(lambda: self._found.rules(chosen, since_ms, until_ms, limit_of(query, 1000)))
        for row in rows:
            for name in ("first_ts", "last_ts"):
                row[name] = rfc3339(row.pop(f"{name}_ms") / 1000)
        return as_reply({"rows": rows})

    def findings(self, query: Mapping[str, str]) -> Reply:
        """The same findings one by one, the latest first: exchange, who, rule, place, and the keyed hash of what matched."""
        chosen, since_ms, until_ms = _chosen(query)
        rows = ask(lambda: self._found.findings(chosen, since_ms, until_ms, limit_of(query, 100)))
        for row in rows:
            row["ts"] = rfc3339(row.pop("ts_ms") / 1000)
        return as_reply({"rows": rows})

    def quarantine(self, query: Mapping[str, str]) -> Reply:
        """What `guardrails.quarantine` keeps, the latest first: which exchange, whose, which rules; not what was found."""
        try:
            found = self._quarantine.entries(limit_of(query, 100))
        except StorageError as exc:
            raise _unavailable(exc) from exc
        return as_reply({"rows": found})

    async def open_quarantine(self, body: bytes, caller: Caller) -> Reply:
        """Read or remove one entry (`act`: `show` or `drop`; `id`: the exchange's): the journal keeps who did, from where, and the name in `by`."""
        try:
            asked = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Refused(400, "bad_request", str(exc)) from exc
        by = who_of(asked.by, caller.known())
        try:
            reply = await asyncio.to_thread(self._opened, asked, by)
        except StorageError as exc:
            raise _unavailable(exc) from exc
        log("warning", "quarantine_access", act=asked.act, id=asked.id, by=by)
        return reply

    def _opened(self, asked: _Asked, by: str) -> Reply:
        if asked.act == "drop":
            if self._quarantine.drop(asked.id, by):
                return as_reply({"dropped": asked.id})
        elif (kept := self._quarantine.show(asked.id, by)) is not None:
            return as_reply({"id": asked.id, "kept": kept})
        raise Refused(404, "unknown_entry", "nothing of such an exchange is kept; `GET /-/quarantine` lists what is")


def _chosen(query: Mapping[str, str]) -> tuple[dict[str, str], int, int]:
    chosen = {name: query[name] for name in FINDINGS_BY if name in query}
    return chosen, time_of(query, "since", 0), time_of(query, "until", FOREVER_MS)


def _unavailable(exc: StorageError) -> Refused:
    words = f"{exc.problem}; {exc.hint}" if exc.hint else exc.problem
    return Refused(503, "quarantine_unavailable", f"the quarantine cannot be used now: {words}")

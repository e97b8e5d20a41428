"""What the guard found, off the journal: rows of the ledger, counters, and log lines. Never what was found: no record holds it.

A finding that an earlier request had too (`is_known`) comes again with each turn of a session. It is counted apart, and has no row
and no log line of its own; but a refusal always has.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable

from msgspec.json import Decoder

from gateway.base.core.struct import Wire
from gateway.base.journal.line import UNREADABLE
from gateway.base.telemetry import metrics as m
from gateway.base.telemetry.log import log
from gateway.controlplane.projections import schema
from gateway.controlplane.projections.exchange import Exchange
from gateway.controlplane.projections.view import Count, DoneView

_UNKNOWN = "unknown"
_NOT_RUN = {
    b'"not_run"': "not_run",
    b'""': "not_run",
    b"null": "not_run",
    b'"not_run: off"': "off",
    b'"not_run: shadow"': "shadow",
}
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_IN_LINE = 5
_VIRTUAL_KEY = "agentcc-virtual-key"


class Finding(Wire, gc=False):
    """One of a record's (base/core/verdict.py)."""

    scanner: str = ""
    rule: str = ""
    action: str = ""
    side: str = ""
    place: str = ""
    match: str = ""
    is_known: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """What the counter calls it. Names come from our rules and the configuration; one of odd characters is `other`."""
        named = (self.scanner, self.rule, self.action, self.side)
        return *(text if _LABEL.fullmatch(text) else m.OTHER for text in named), "true" if self.is_known else "false"

    @property
    def is_alert(self) -> bool:
        """Whether somebody should hear of it: what was refused, what an agent was told to run, a key of ours in a text."""
        return self.action == "block" or self.scanner == "tool_calls" or self.rule == _VIRTUAL_KEY


class Inspected(Wire, gc=False):
    """What a record says of the guard (base/core/record.py)."""

    ran: list[str] = []
    answer_ran: list[str] = []
    cpu_us: Count = 0
    scanned_bytes: Count = 0
    known_bytes: Count = 0
    findings: list[Finding] = []
    more: Count = 0


_decode = Decoder(Inspected).decode


def inspected(verdicts: bytes) -> Inspected | None:
    """None where the guard did not run, and where nobody can read what it said."""
    if not verdicts.startswith(b"{"):
        return None
    try:
        return _decode(verdicts)
    except UNREADABLE:
        return None


class VerdictTally:
    """Counts exchanges by what the guard did with them, and findings."""

    __slots__ = ("_bytes", "_cpu_us", "_findings", "_known", "_results")

    def __init__(self) -> None:
        self._results: Counter[tuple[str, str]] = Counter()
        self._findings: Counter[tuple[str, ...]] = Counter()
        self._cpu_us = self._bytes = self._known = 0

    def add(self, done: DoneView) -> None:
        """Count one finished exchange."""
        verdicts = bytes(done.verdicts)
        said = inspected(verdicts)
        if said is None:
            result = _NOT_RUN.get(verdicts, _UNKNOWN)
        else:
            result = "found" if said.findings else "clean"
            self._cpu_us += said.cpu_us
            self._bytes += said.scanned_bytes
            self._known += said.known_bytes
            if said.findings:
                self._findings.update(finding.labels for finding in said.findings)
        self._results[done.dialect or m.NONE, result] += 1

    def into(self, totals: "dict[tuple[str, tuple[str, ...]], int]") -> None:
        """Add what was counted to `totals`."""
        for labels, count in self._results.items():
            totals[m.GUARD_EXCHANGES.name, labels] += count
        for finding, count in self._findings.items():
            totals[m.GUARD_VERDICTS.name, finding] += count
        for metric, value in ((m.GUARD_CPU, self._cpu_us), (m.GUARD_BYTES, self._bytes), (m.GUARD_KNOWN, self._known)):
            if value:
                totals[metric.name, ()] += value


def store_findings(db: sqlite3.Connection, exchange: Exchange) -> None:
    """The rows of one exchange whose own row is new; nearly always none."""
    for finding in _new_findings(exchange.done):
        values = (finding.scanner, finding.rule, finding.action, finding.side, finding.place, finding.match)
        db.execute(schema.ADD_FINDING, (*values, exchange.done.request_id))


def _new_findings(done: DoneView) -> list[Finding]:
    verdicts = bytes(done.verdicts)
    if b'"findings"' not in verdicts:  # 0.1 us in place of 0.5 for all that have none
        return []
    said = inspected(verdicts)
    if said is None:
        return []
    return [one for one in said.findings if not one.is_known or one.action == "block"]


class GuardLines:
    """The log lines of one step: one for each exchange in which something new was blocked, redacted, or is worth an alert.

    `since` (RFC 3339) leaves out those that began before: a ledger may be built anew.
    """

    def __init__(self, since: str) -> None:
        self._since = since
        self._waiting: list[tuple[DoneView, str, list[Finding]]] = []

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Look at these."""
        for exchange in exchanges:
            done = exchange.done
            found = [one for one in _new_findings(done) if one.action != "log" or one.is_alert]
            if found and done.ts >= self._since:
                self._waiting.append((done, exchange.labels.virtual_key, found))

    def write(self) -> None:
        """Log them: what is worth an alert as warnings."""
        for done, key, found in self._waiting:
            is_alert = any(one.is_alert for one in found)
            log(
                "warning" if is_alert else "info", "guardrail", alert=is_alert, request_id=done.request_id, key=key,
                session_id=done.session_id, outcome=done.outcome, findings=len(found),
                shown=[{"scanner": one.scanner, "rule": one.rule, "action": one.action, "side": one.side, "place": one.place,
                        "match": one.match} for one in found[:_IN_LINE]],
            )  # fmt: skip

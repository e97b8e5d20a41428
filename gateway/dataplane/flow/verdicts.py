"""What record and header say of the guard. Bounded, whatever was found; nearly always there is nothing to say."""

import re

from msgspec import UNSET, Raw, UnsetType
from msgspec.json import Encoder
from msgspec.structs import replace

from gateway.base.core.record import Inspected, Verdicts
from gateway.base.core.verdict import Action, Verdict
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.guard.inspection import Inspection

_MOST_FINDINGS = 50
_MOST_BYTES = 16 << 10
"""Of all findings in one record, as JSON."""
_PLACE_CHARS = 160
_RULE_CHARS = 80
_NAMED = 8
"""Kinds of findings in the header."""
_NOT_IN_HEADER = re.compile(r"[^A-Za-z0-9_./-]")
_RANK: dict[Action, int] = {"block": 0, "redact": 1, "log": 2}
_HEADER = "x-agentcc-guardrails"
_NOT_RUN = (_HEADER, "not_run")
_NONE = (_HEADER, "none")
_encode = Encoder().encode


def verdicts_of(ex: Exchange) -> Verdicts:
    """The `verdicts` of the record."""
    inspection = ex.inspection
    if inspection is None:
        if not ex.policy.config.guardrails.enabled:
            return "not_run: off"
        return "not_run: shadow" if ex.shadow_of else "not_run"
    if inspection.verdicts:
        return _with_findings(inspection)
    return Inspected(
        inspection.ran, inspection.answer_ran, inspection.cpu_us, inspection.scanned_bytes, inspection.known_bytes
    )


def verdicts_at_open(ex: Exchange) -> Raw | UnsetType:
    """What was found before the dispatch, if anything."""
    inspection = ex.inspection
    return UNSET if inspection is None or not inspection.verdicts else Raw(_encode(_with_findings(inspection)))


def _with_findings(inspection: Inspection) -> Inspected:
    """Where not all can be listed, what was done goes before what was only seen, and the new before the known."""
    listed = inspection.verdicts
    if len(listed) > _MOST_FINDINGS:
        listed = sorted(listed, key=lambda one: (_RANK[one.action], one.is_known))[:_MOST_FINDINGS]
    listed = [_bounded(one) for one in listed]
    while len(_encode(listed)) > _MOST_BYTES:
        listed = listed[: len(listed) // 2]
    return Inspected(
        inspection.ran, inspection.answer_ran, inspection.cpu_us, inspection.scanned_bytes, inspection.known_bytes,
        listed, len(inspection.verdicts) - len(listed),
    )  # fmt: skip


def _bounded(verdict: Verdict) -> Verdict:
    place, rule = verdict.place, verdict.rule
    if len(place) <= _PLACE_CHARS and len(rule) <= _RULE_CHARS:
        return verdict
    half = _PLACE_CHARS // 2
    return replace(
        verdict,
        place=place if len(place) <= _PLACE_CHARS else f"{place[:half]}…{place[1 - half :]}",
        rule=rule[:_RULE_CHARS],
    )


def header_of(ex: Exchange) -> tuple[str, str]:
    """`x-agentcc-guardrails`: `not_run`, `none`, or `scanner:action:rule` of each kind of finding so far, `;` between them.

    A stream's headers go out before its answer is there: what was found in that is in the record.
    """
    inspection = ex.inspection
    if inspection is None:
        return _NOT_RUN
    if not inspection.verdicts:
        return _NONE
    kinds = list(dict.fromkeys(f"{one.scanner}:{one.action}:{_word(one.rule)}" for one in inspection.verdicts))
    more = [f"+{len(kinds) - _NAMED}"] if len(kinds) > _NAMED else []
    return _HEADER, ";".join(kinds[:_NAMED] + more)


def _word(rule: str) -> str:
    """A rule of the organisation may have any name."""
    return _NOT_IN_HEADER.sub("_", rule[:_RULE_CHARS])

"""What record and header say of the guard: which scanners ran, what they found, and plainly when they did not."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from gateway.base.core.record import Inspected
from gateway.base.core.verdict import Verdict
from gateway.dataplane.flow.verdicts import header_of, verdicts_at_open, verdicts_of
from gateway.dataplane.guard.inspection import Inspection

RAN = ("secrets", "pii", "injection")


def exchange(inspection: Inspection | None, *, is_on: bool = True, shadow_of: str = "") -> Any:
    """As much of an exchange as is asked for."""
    config = SimpleNamespace(guardrails=SimpleNamespace(enabled=is_on))
    return SimpleNamespace(inspection=inspection, policy=SimpleNamespace(config=config), shadow_of=shadow_of)


def found(rule: str = "github-pat", place: str = "input[3].output", **more: Any) -> Verdict:
    """A redaction in a result of a tool, unless told otherwise."""
    return msgspec.structs.replace(Verdict("secrets", rule, "redact", "request", place, "5d1c07ab5d1c07ab"), **more)


@pytest.mark.parametrize(
    ("ex", "said"),
    [
        (exchange(None), "not_run"),
        (exchange(None, is_on=False), "not_run: off"),
        (exchange(None, shadow_of="req_1"), "not_run: shadow"),
    ],
)
def test_not_run_is_said(ex: Any, said: str) -> None:
    """Nobody can take a request that was not looked at for one in which nothing was found."""
    assert (verdicts_of(ex), header_of(ex)) == (said, ("x-agentcc-guardrails", "not_run"))
    assert verdicts_at_open(ex) is msgspec.UNSET


def test_nothing_found_says_who_looked_at_what_cost() -> None:
    """The common case, and its size: 110 bytes of a record."""
    ex = exchange(Inspection(RAN, ("tool_calls",), [], 31, 2048, 61440))
    wire = msgspec.json.encode(verdicts_of(ex))
    assert msgspec.json.decode(wire) == {
        "ran": list(RAN), "answer_ran": ["tool_calls"], "cpu_us": 31, "scanned_bytes": 2048, "known_bytes": 61440,
    }  # fmt: skip
    assert len(wire) < 120
    assert header_of(ex) == ("x-agentcc-guardrails", "none")
    assert verdicts_at_open(ex) is msgspec.UNSET


def test_findings_are_listed_and_never_hold_the_secret() -> None:
    """Rule, action, place, keyed hash; the placeholders' secrets and what is kept for the quarantine stay out."""
    inspection = Inspection(
        RAN, (), [found()], 31, 2048, 61440, {b"<SECRET_x>": b"ghp_secret"}, [(found(), b"ghp_secret")]
    )
    wire = msgspec.json.encode(verdicts_of(exchange(inspection)))
    assert b"ghp_secret" not in wire
    assert msgspec.json.decode(wire)["findings"] == [
        {
            "scanner": "secrets", "rule": "github-pat", "action": "redact", "side": "request",
            "place": "input[3].output", "match": "5d1c07ab5d1c07ab", "is_known": False,
        }
    ]  # fmt: skip
    assert verdicts_at_open(exchange(inspection)) == msgspec.Raw(wire)


def test_a_thousand_findings_make_a_small_record() -> None:
    """What was blocked is listed before what was redacted, that before what was logged; the others are counted."""
    many = [found(f"r{i}", "x" * 900, action="log", is_known=i % 2 == 0) for i in range(998)]
    many += [found("redacted"), found("blocked", action="block")]
    said = verdicts_of(exchange(Inspection(RAN, (), many)))
    assert isinstance(said, Inspected)
    assert [one.rule for one in said.findings[:2]] == ["blocked", "redacted"]
    assert not any(one.is_known for one in said.findings)
    assert len(said.findings) + said.more == 1000
    assert all(len(one.place) <= 160 for one in said.findings)
    assert len(msgspec.json.encode(said)) < 17_000


def test_places_that_no_json_likes_keep_the_record_small() -> None:
    """A control character takes six bytes of JSON."""
    said = verdicts_of(exchange(Inspection(RAN, (), [found("r\n" * 500, "\x01" * 5000) for _ in range(50)])))
    assert isinstance(said, Inspected)
    assert len(msgspec.json.encode(said)) < 17_000
    assert len(said.findings) + said.more == 50


def test_the_header_names_each_kind_once() -> None:
    """Scanner, action, rule; a name of any characters breaks no header, and there are eight at most."""
    inspection = Inspection(RAN, (), [found(), found(), found("my rule;\r\nx-evil: 1", action="block")])
    assert header_of(exchange(inspection))[1] == "secrets:redact:github-pat;secrets:block:my_rule___x-evil__1"
    named = header_of(exchange(Inspection(RAN, (), [found(f"r{i}") for i in range(30)])))[1]
    assert named.endswith(";secrets:redact:r7;+22")
    assert len(header_of(exchange(Inspection(RAN, (), [found("ü" * 10_000)])))[1]) < 120

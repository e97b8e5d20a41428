"""What a cell came to, and whether that is right: one whole answer or one error, one record, nobody asked twice, nothing billed twice."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.faults.faults import FAULTS
from tests.e2e.faults.script import Script
from tests.e2e.faults.site import BAD_NUSD, BOUND_S, GOOD_NUSD, Cell, Outcome
from tests.e2e.matrix.cell import WIRES
from tests.e2e.matrix.nouns import Seen

MOVED, FIRST, ERROR, PASSED = (
    "the other model's answer",
    "the first model's answer",
    "one error event",
    "passed as it came",
)
_EARLY = frozenset({"before", "headers", "frames", "whole"})
"""Moments at which nothing was said yet."""
_TOKENS_PER_S = 500
_MARGIN_TOKENS = 300


@dataclass(frozen=True)
class Verdict:
    """What the client got, how many hops the record has, and how its cost is known."""

    got: str
    hops: int
    cost: str


def judge(cell: Cell, outcome: Outcome, records: list[dict[str, Any]], scripts: dict[str, Script]) -> Verdict:
    """Raises AssertionError where something is wrong whatever the fault was."""
    assert outcome.error == ""
    assert outcome.took_s < BOUND_S
    assert len(records) == 1, f"{len(records)} records"
    (record,) = records
    hops = len(record["hops"])
    assert outcome.asked.get("good", 0) == hops, "the second is asked when there is a hop, and once"
    assert outcome.asked.get("bad", 0) == (0 if FAULTS[cell.fault].site else 1), outcome.asked
    assert "x-agentcc-request-id" in outcome.got.headers
    assert outcome.got.status == 200, outcome.got.body[:500]
    _check_cost(cell, outcome, record, scripts)
    cost = {"exact": "exact", "estimated": "estimated", "none": "nothing"}[record["cost_basis"]]
    return Verdict(_got(cell, outcome, record, scripts), hops, cost)


def _got(cell: Cell, outcome: Outcome, record: dict[str, Any], scripts: dict[str, Script]) -> str:
    hops, passed = len(record["hops"]), FAULTS[cell.fault].is_passed
    try:
        seen = _read(cell, outcome.got.body)
    except ValueError:
        assert passed
        assert cell.client == cell.bad
        assert not hops
        assert cell.moment not in _EARLY, "what can't be read moves to another, as long as nothing was said"
        assert record["outcome"] == "ok"
        return PASSED
    if hops:
        assert record["outcome"] == "ok"
        _check_whole(cell, seen, cell.good, scripts)
        return MOVED
    if seen.troubles:
        assert cell.moment not in _EARLY
        assert len(seen.troubles) == 1
        assert seen.stop == ""
        assert seen.text or seen.calls or len(outcome.got.body) > 100, "it had something of the first one"
        assert seen.wrong == [] or cell.client == cell.bad, (
            "an error of ours ends what was passed on, whose items are not known"
        )
        assert record["outcome"] in ("cut", "upstream_error")
        return ERROR
    assert passed, "only what the first can have gone on from is answered by it"
    assert record["outcome"] == "ok"
    if cell.moment != "tool":
        _check_whole(cell, seen, cell.bad, scripts)
    return FIRST


def _read(cell: Cell, body: bytes) -> Seen:
    wire = WIRES[cell.client]
    return wire.whole(body) if cell.moment == "whole" else wire.stream(body)


def _check_whole(cell: Cell, seen: Seen, provider: str, scripts: dict[str, Script]) -> None:
    said = scripts[provider].seen(stream=cell.moment != "whole")
    assert (seen.text, seen.calls, seen.stop, seen.troubles) == (said.text, [], "end", [])
    assert seen.wrong == (said.wrong if provider == cell.client else [])


def _check_cost(cell: Cell, outcome: Outcome, record: dict[str, Any], scripts: dict[str, Script]) -> None:
    """Never below what both have billed; exact only when that is all; and an estimate counts the first one once."""
    stream = cell.moment != "whole"
    cost, is_exact = record["cost_nusd"], record["cost_basis"] == "exact"
    good = _bill(scripts[cell.good], GOOD_NUSD, stream=stream) if record["hops"] else 0
    bad = _bad_bill(cell, record, scripts[cell.bad])
    assert cost >= good + bad, f"{cost} is less than {good} + {bad}"
    if is_exact and record["hops"]:
        assert (cost, bad) == (good, 0)
    seen_bytes = max(len(outcome.got.body), len(scripts[cell.bad].whole))
    tokens = record["request_bytes"] + 1, seen_bytes // 2 + int(outcome.took_s * _TOKENS_PER_S) + _MARGIN_TOKENS
    assert cost <= good + tokens[0] * BAD_NUSD[0] + tokens[1] * BAD_NUSD[1], "more than both can have come to"


def _bill(script: Script, price: tuple[int, int], *, stream: bool) -> int:
    numbers = script.seen(stream=stream).numbers
    assert numbers is not None
    return numbers.input * price[0] + numbers.output * price[1]


def _bad_bill(cell: Cell, record: dict[str, Any], script: Script) -> int:
    """What the faulty one charges for its answer: the prompt, and a token for what it has said."""
    fault = FAULTS[cell.fault]
    if fault.site or not fault.is_billed or (cell.fault == "in_band" and cell.moment in _EARLY):
        return 0
    if cell.moment == "whole" and fault.stream is not None and "headers" in fault.moments:
        return _bill(script, BAD_NUSD, stream=False)
    if fault.is_passed and not record["hops"] and cell.moment != "tool":
        return _bill(script, BAD_NUSD, stream=True)
    numbers = script.seen(stream=True).numbers
    assert numbers is not None
    # of another question than the gateway's estimate is of; the shortest prompt that any client sends
    return numbers.input * BAD_NUSD[0] + (BAD_NUSD[1] if cell.moment in ("content", "tool") else 0)

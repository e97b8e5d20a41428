"""docs/reference/faults.md, from what a run of the matrix found."""

from collections.abc import Iterator, Mapping

from tests.e2e.faults.faults import FAULTS
from tests.e2e.faults.judge import ERROR, FIRST, MOVED, PASSED, Verdict
from tests.e2e.faults.site import Cell
from tests.harness import ROOT

PATH = ROOT / "docs" / "reference" / "faults.md"
_CLIENTS = {
    "openai.responses": "OpenAI Responses",
    "openai.chat": "OpenAI Chat",
    "anthropic.messages": "Anthropic Messages",
    "gemini.generate": "Gemini",
    "bedrock.converse": "Bedrock Converse",
}
_MOMENTS = {
    "before": "before headers",
    "headers": "after headers",
    "frames": "after the first frame",
    "content": "after content",
    "tool": "in a tool call",
    "whole": "whole answer",
}
_HEAD = """<!-- Made by tests/e2e/faults/test_matrix.py from its own run; AGENTCC_WRITE_RESULTS=1 renews it. -->

# Faults of providers

What a client gets when the first deployment of a chain fails and a second one is well (`routing.default.chain`). Each cell is a test that ran,
{count} in all: fault × client dialect × moment, streamed and whole, where the faulty provider speaks the client's dialect or another one, and
so does the second. In every cell there is one whole answer in the client's grammar or exactly one error event, one record, no provider is asked
twice, nothing is replayed once content has gone to the client, and the booked cost is at least what both providers bill.

- **{moved}**: the client never learns of the fault but by `x-agentcc-hops`.
- **{error}**: the client had content already, so nobody else may answer; the stream ends as its dialect says that it failed.
- **{first}**: the translation passes over an event that it can't read, and collects a stream where one answer was asked for; slow is no fault
  as long as bytes come.
- **{passed}**: in the middle of an answer of the client's own dialect bytes aren't read; the client judges them.

Cost `exact`: the answer's own, the failed attempt cost nothing. `estimated`: with what the failed attempt may have cost, never below it.
A frame is what a stream begins with that says nothing yet (`response.created`, `message_start`, a role); Gemini has none, and its tool calls are one event.
"""

_TAIL = """## What is no provider

Told by hand; each row has its tests in `tests/e2e/faults`, which CI runs in part and `make soak` as a whole.

| fault | the client gets | and then | test |
| --- | --- | --- | --- |
| a provider's connection reset at each byte of head and body | the other model's answer until content has gone to it, then one error event | one record, the second billed once | `test_every_byte.py` |
| a provider that sends a byte now and then and never anything whole | the other model's answer, else 504 or one error event, after `first_byte_ms` (headers), `idle_ms` (a stream: no whole event) or `total_ms` (a whole answer) | one record | `test_slow_loris.py` |
| Redis down, silent, slow, flapping, cut in commands and answers, or no Redis at all, under hard budgets | an answer from the worker's lease, or 503 `budget_unproven` within seconds; never a 429 for it | never over the cap; served again without help; ledger and bill are equal | `test_redis_faults.py` |
| the wall clock jumps by hours and days, forth and back | an answer | streams end well, no time is negative, a period's money is given once, rate limits and breakers do not wait for the clock | `test_clock_jumps.py` |
| the journal's disk is full | 503 `journal_unavailable` in its dialect, nothing is sent | streams under way end well and are recorded; served again when there is room | `test_full_disk.py` |
| the disk of ledger and leases is full | an answer from the worker's lease, or 503 `budget_unproven` | as with Redis | `test_full_disk.py` |
"""


def page(found: Mapping[Cell, Verdict]) -> str:
    """The whole page."""
    lines = [_HEAD.format(count=f"{len(found):,}", moved=MOVED, error=ERROR, first=FIRST, passed=PASSED)]
    for client, title in _CLIENTS.items():
        lines += [f"## {title} clients", "", "| fault | moment | the client gets | hops | cost |", "|" + " --- |" * 5]
        for name, fault in FAULTS.items():
            of_fault = {cell: verdict for cell, verdict in found.items() if (cell.client, cell.fault) == (client, name)}
            lines += [f"| {fault.title} | {row} |" for row in _rows(of_fault)]
        lines.append("")
    lines.append(_TAIL)
    return "\n".join(lines).rstrip() + "\n"


def _rows(found: Mapping[Cell, Verdict]) -> Iterator[str]:
    """A row for the moments that came to the same."""
    rows: dict[str, list[str]] = {}
    for moment, title in _MOMENTS.items():
        verdicts = {cell: verdict for cell, verdict in found.items() if cell.moment == moment}
        if verdicts:
            rows.setdefault(_cells(verdicts), []).append(title)
    for cells, moments in rows.items():
        yield f"{', '.join(moments)} | {cells}"


def _cells(found: Mapping[Cell, Verdict]) -> str:
    def joined(texts: Iterator[str]) -> str:
        return " or ".join(sorted(set(texts)))

    got = joined(verdict.got for verdict in found.values())
    hops = joined(str(verdict.hops) for verdict in found.values())
    return f"{got} | {hops} | {joined(verdict.cost for verdict in found.values())}"

"""What a guardrail said of a text: a noun of the journal, the headers and the metrics. It never holds the text."""

from typing import Literal

from gateway.base.core.struct import Record

Scanner = Literal["secrets", "pii", "injection", "tool_calls", "prompt_leak", "links", "code"]
Action = Literal["block", "redact", "log"]
"""block: the request was refused, or the answer ended there. redact: a placeholder stands in its place."""
Side = Literal["request", "answer"]


class Verdict(Record, frozen=True):
    """One finding and what was done about it."""

    scanner: Scanner
    rule: str
    action: Action
    side: Side
    place: str
    """A path in the client's JSON, as `input[3].content[0].text`; in an answer what it was part of, as `text` or `call shell`."""
    match: str
    """16 hex digits of a keyed hash of what matched: equal texts, equal digits, on every node of one secret."""
    is_known: bool = False
    """The text had been looked at in an earlier request: the verdict is remembered."""

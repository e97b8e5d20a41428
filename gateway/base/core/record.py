"""The journal's frames as types: what an exchange leaves behind (DESIGN, idea 3).

`open` is appended before dispatch, `next` before each further attempt, `done` exactly once at the end. All are JSON objects on one line; `k` tells
them apart. docs/decisions/0001-journal-is-text-lines.md says how lines are chained.
"""

from typing import Literal

from msgspec import UNSET, Raw, UnsetType

from gateway.base.core.struct import Record
from gateway.base.core.usage import NO_USAGE, Usage
from gateway.base.core.verdict import Scanner, Verdict

Outcome = Literal["ok", "refused", "upstream_error", "cut", "disconnected", "error", "crashed"]
"""ok: the provider's whole answer was relayed. refused: we said no, nothing was sent to a provider. upstream_error: the
provider answered with an error or could not be reached. cut: the stream broke off after it began. disconnected: the
client left. error: our own fault. crashed: the worker died; written by the recovery."""

CostBasis = Literal["exact", "estimated", "none"]

SessionBasis = Literal["client", "derived", "none"]
"""client: the agent's own headers named the session. derived: a keyed hash of key, system instruction and first user item. none: the
request has no conversation (embeddings, lists of models)."""


class Inspected(Record, frozen=True, omit_defaults=True):
    """What the guard did for one exchange: which scanners ran on request and answer, at what cost, and what they found.

    `findings` are bounded in number and bytes; `more` counts those that are not listed.
    """

    ran: tuple[Scanner, ...]
    answer_ran: tuple[Scanner, ...]
    cpu_us: int
    scanned_bytes: int
    known_bytes: int
    findings: list[Verdict] = []
    more: int = 0


Verdicts = Inspected | Literal["not_run", "not_run: off", "not_run: shadow", "unknown"]
"""not_run: it was refused before the guard's turn, or has no text (lists of models). off: by the configuration. shadow: it got
what the exchange that it mirrors was left with. unknown: its worker died before it could say."""


class OpenFrame(Record, frozen=True, tag_field="k", tag="open"):
    """Written before the request leaves for a provider; an orphan becomes a `crashed` record at its hold."""

    request_id: str
    ts: str
    session_id: str
    principal: Raw
    dialect: str
    model_requested: str
    model_used: str
    provider: str
    hold_nusd: int
    policy_version: str
    session_basis: SessionBasis = "none"
    turn_id: str = ""
    retry: int = 0
    deployment: str | UnsetType = UNSET
    shadow_of: str | UnsetType = UNSET
    verdicts: Raw | UnsetType = UNSET
    """As in DoneFrame, only where something was found: a worker that dies must not take it with it. Whoever recovers it carries it as it is."""


class NextFrame(OpenFrame, frozen=True, tag_field="k", tag="next"):
    """Written before an open exchange asks another deployment in place of one that failed: it takes the place of its `open` frame.

    `hold_nusd` counts what the attempts before may have cost.
    """


class DoneFrame(Record, frozen=True, tag_field="k", tag="done"):
    """The one final record of an exchange. Times in ms and us; money in nano-USD; `ts` is when it began (RFC 3339).

    `turn_id` is the client's own id of the turn, empty when it sends none. `retry` is 0 for a turn, n for the nth retry of one
    (DESIGN: same key, session, turn id and body, and the answer before was an error or cut). `queued_ms` is how long it waited for a rate limit. `shed`:
    its priority and why, where the gateway was too busy for it. `deployment`: which of the provider's, where it has several.
    `shadow_of`: the exchange that it mirrors, and `compared` how that one went, where it ended first.
    """

    request_id: str
    ts: str
    session_id: str
    principal: Raw
    dialect: str
    method: str
    path: str
    client: str
    model_requested: str
    model_used: str
    provider: str
    status: int
    outcome: Outcome
    error_code: str
    usage: Usage
    cost_nusd: int
    cost_basis: CostBasis
    price_version: str
    hops: list[dict[str, str]]
    verdicts: Verdicts | Raw
    policy_version: str
    latency_ms: float
    ttfb_ms: float
    overhead_us: int
    request_bytes: int
    response_bytes: int
    is_stream: bool
    cache: str = "bypass"
    session_basis: SessionBasis = "none"
    turn_id: str = ""
    retry: int = 0
    queued_ms: int = 0
    shed: str | UnsetType = UNSET
    deployment: str | UnsetType = UNSET
    shadow_of: str | UnsetType = UNSET
    compared: dict[str, str | int | float] | UnsetType = UNSET


NOBODY = Raw(b'{"org":"","team":"","user":"","key":"","tags":{},"cost_center":""}')
"""The principal of an exchange that was refused before anybody was recognised."""

__all__ = [
    "NOBODY",
    "NO_USAGE",
    "CostBasis",
    "DoneFrame",
    "Inspected",
    "NextFrame",
    "OpenFrame",
    "Outcome",
    "SessionBasis",
    "Verdicts",
]

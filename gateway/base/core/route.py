"""Routing as nouns: a block of the configuration, the facts that it decides by, and the plan that comes out. Pure; docs/concepts/routing.md."""

from typing import Literal, Protocol

from gateway.base.core.plan import Deployment
from gateway.base.core.struct import Record

Strategy = Literal["failover", "weighted", "least-latency", "cost-optimized", "race"]
Step = Literal["turn", "planner", "formatter", "title", "compaction"]
"""What a turn is for, as the wire tells it (wire/step.py)."""


class Candidate(Record, frozen=True):
    """A model that a block may use: `provider/model` or an alias, as it is written. `weight` matters to `weighted`."""

    model: str
    weight: float = 1.0


class Split(Record, frozen=True):
    """A share of sessions (canary) or of exchanges (shadow) that goes to `model`: `percent` of 0 to 100."""

    model: str
    percent: float


class Rule(Record, frozen=True):
    """Where `when` (an expression over Facts) holds, `candidates` take the place of the block's, with `strategy` if it has one."""

    name: str
    when: str
    candidates: tuple[Candidate, ...]
    strategy: Strategy | None = None


class Block(Record, frozen=True):
    """One routing block. `tries_requested_first`: the model that the client asked for is the first candidate (a `chain`).

    `attempts` is the most deployments that one exchange may ask, `retries` how often one of them again after a pause; `hedge_ms` when `race` starts the next one (0: at once); `zone` by whose
    clock rules tell the hour.
    """

    name: str
    strategy: Strategy
    candidates: tuple[Candidate, ...]
    tries_requested_first: bool
    is_sticky: bool
    hedge_ms: int
    attempts: int
    rules: tuple[Rule, ...] = ()
    canary: Split | None = None
    shadow: Split | None = None
    zone: str = "UTC"
    retries: int = 1


class Facts(Record, frozen=True):
    """What rules and strategies may look at. Names are those of the expression language.

    `input_tokens` is our estimate; `budget_used` the largest fraction spent of any budget that counts the exchange; `minute` is that of the
    week in the block's zone, from Monday 00:00.
    """

    model: str
    dialect: str
    client: str
    step: Step
    key: str
    org: str
    team: str
    user: str
    tags: dict[str, str]
    is_stream: bool
    has_tools: bool
    has_images: bool
    input_tokens: int
    max_output_tokens: int
    budget_used: float
    minute: int


class Health(Protocol):
    """What is known of deployments just now, by name (`provider/model`). Reads of memory; nothing waits."""

    def is_closed(self, deployment: str) -> bool:
        """Whether its breaker lets requests through (a half-open one lets a single probe)."""
        ...

    def is_ailing(self, deployment: str) -> bool:
        """Whether others should be asked first, though `is_closed` has just said that it may be asked."""
        ...

    def first_byte_ms(self, deployment: str) -> float:
        """Moving average of the time to its first byte; 0 when nothing is known."""
        ...

    def tokens_per_s(self, deployment: str) -> float:
        """Moving average of its output rate; 0 when nothing is known."""
        ...

    def has_headroom(self, deployment: str, tokens: int) -> bool:
        """Whether the provider's own rate-limit headers leave room for so many tokens."""
        ...

    def wait_ms(self, deployment: str) -> int:
        """How long until its breaker lets the next request through, or its rate limit is reset; 0: now."""
        ...


class Attempt(Record, frozen=True):
    """One deployment of a plan, and why it is there: for the hop's reason, `explain` and the journal."""

    deployment: Deployment
    reason: str


class Refused(Record, frozen=True):
    """A candidate that a plan passed over, and why."""

    model: str
    reason: str


class Plan(Record, frozen=True):
    """What to ask, in order. `hedge_ms` -1: one after the other; else the next one starts so long after the one before.

    `rule` is the name of the rule that chose, empty for the block's own candidates; `shadow` is mirrored and discarded. `retry_after_s` is set
    where nothing can be asked because every breaker is open: when the first of them lets a request through.
    """

    attempts: tuple[Attempt, ...]
    refused: tuple[Refused, ...] = ()
    rule: str = ""
    hedge_ms: int = -1
    shadow: Deployment | None = None
    retry_after_s: int = 0

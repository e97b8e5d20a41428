"""`budgets`: what each account may spend and how fast, and what happens on the way there.

docs/concepts/budgets.md, rate-limits.md and sessions.md explain it.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.core.budget import PeriodKind
from gateway.base.core.struct import Config

Usd = Annotated[int | float | str, Meta(title="US dollars, at most 9 decimals")]
"""A number, or text where a number would lose digits; read as a decimal, never calculated with as a float."""
Threshold = Annotated[float | bool | Literal["off"], Meta(title="fraction of the limit, or `off`")]
"""YAML reads a bare `off` as false."""
Units = Annotated[
    int,
    Meta(ge=1, le=1_000_000_000, extra={"hint": "write 1 to 1,000,000,000; to forbid a model use the key's `models`"}),
]
"""Of a rate. `extra.hint` is the way out that load.py tells."""
Burst = Annotated[float, Meta(gt=0, le=3600, extra={"hint": "write seconds, more than 0 and at most 3600"})]
Names = list[Annotated[str, Meta(min_length=1)]]


class StagesConfig(Config, frozen=True):
    """Where each stage begins, as a fraction of the limit."""

    warn: Annotated[Threshold | None, Meta(description="Alert; default: of what stands above, at last 0.8")] = None
    downgrade: Annotated[
        Threshold | None,
        Meta(description="Small turns go to a cheaper model; default: of what stands above, at last 0.95"),
    ] = None
    pause: Annotated[
        Threshold | None,
        Meta(
            description="Refuse; `off` only logs and pages; a hard limit refuses at 1.0 and has none; default: of what "
            "stands above, at last 1.1",
            examples=["off"],
        ),
    ] = None


class DowngradeConfig(Config, frozen=True):
    """Where turns go past `stages.downgrade`: small ones, and past 1.0 of a soft limit all."""

    max_input_tokens: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Turns with less input are small; default: of what stands above, at last 10,000"),
    ] = None
    cascade: Annotated[
        Names | None,
        Meta(
            description="Models, the first that the key may use and that is served takes the turn; empty: no downgrade; "
            "default: of what stands above",
            examples=[["openai/gpt-5.1-mini", "anthropic/claude-haiku-4-5"]],
        ),
    ] = None


class RolloverConfig(Config, frozen=True):
    """The unused rest of the last period is added to this one, once."""

    max: Annotated[Usd, Meta(description="At most this much; `rollover: true` means one limit", examples=[50])]


class RaiseConfig(Config, frozen=True):
    """A temporary raise of a limit."""

    amount: Annotated[Usd, Meta(description="Added to the limit", examples=[100])]
    until: Annotated[str, Meta(description="RFC 3339 time at which it ends", examples=["2026-12-01T00:00:00Z"])]
    from_: Annotated[str | None, Meta(description="RFC 3339 time at which it begins; default: at once")] = field(
        default=None, name="from"
    )
    reason: Annotated[str, Meta(description="Why, for whoever reads the file", examples=["launch week"])] = ""


class CapConfig(Config, frozen=True):
    """One limit. What it does not say, the account around it says, else `budgets` itself."""

    limit: Annotated[
        Usd | None,
        Meta(description="The cap; required in `windows`, and where nothing else is limited", examples=[200]),
    ] = None
    hard: Annotated[
        bool | None,
        Meta(description="Refuse at the limit and never go over; default: the account's, at last `false`"),
    ] = None
    period: Annotated[
        PeriodKind | None, Meta(description="Default: the account's, at last `budgets.default_period`")
    ] = None
    time_zone: Annotated[
        str | None,
        Meta(description="By whose clock periods begin; default: the account's, at last `budgets.time_zone`"),
    ] = None
    warn_threshold: Annotated[Threshold | None, Meta(description="The same as `stages.warn`")] = None
    stages: StagesConfig = field(default_factory=StagesConfig)
    downgrade: DowngradeConfig = field(default_factory=DowngradeConfig)
    rollover: Annotated[
        bool | RolloverConfig, Meta(description="Add the last period's unused rest, at most one limit or `max`")
    ] = False
    raises: Annotated[list[RaiseConfig], Meta(description="Temporary raises of this limit")] = field(
        default_factory=list
    )
    alert_to: Annotated[
        Names | None, Meta(description="Who is alerted; a refusal says so; default: the account's", examples=[["em"]])
    ] = None


class RatedConfig(CapConfig, frozen=True):
    """A limit, rate limits, or both. Each rate counts what stands here: the account, or some models within it."""

    rpm: Annotated[Units | None, Meta(description="Requests a minute", examples=[60])] = None
    tpm: Annotated[Units | None, Meta(description="Tokens a minute, input and output together", examples=[400_000])] = (
        None
    )
    input_tpm: Annotated[Units | None, Meta(description="Input tokens a minute", examples=[300_000])] = None
    output_tpm: Annotated[Units | None, Meta(description="Output tokens a minute", examples=[80_000])] = None
    concurrency: Annotated[Units | None, Meta(description="Requests that are open at one moment", examples=[8])] = None
    burst_s: Annotated[
        Burst | None,
        Meta(
            description="How many seconds' worth of a rate may come at once; default: the account's, at last "
            "`budgets.burst_s`"
        ),
    ] = None


class AccountConfig(RatedConfig, frozen=True):
    """What one account may use: its own limit and rates, limits over further periods, those of some models, or all of these."""

    models: Annotated[
        dict[str, RatedConfig],
        Meta(
            description="Pattern of `provider/model`, or of the model alone → a limit, or rates, of those models within "
            "the account",
            examples=[{"anthropic/*": {"limit": 50}}],
        ),
    ] = field(default_factory=dict)
    windows: Annotated[
        list[CapConfig],
        Meta(description="Further limits, each over its own period", examples=[[{"period": "daily", "limit": 20}]]),
    ] = field(default_factory=list)


_Accounts = dict[str, AccountConfig]


class BudgetsConfig(Config, frozen=True):
    """Caps in US dollars and rate limits for the organisation, teams, users, keys and tags; retries of a session."""

    enabled: Annotated[
        bool, Meta(description="`false`: checked, but nothing is enforced, rates and retries neither")
    ] = True
    default_period: Annotated[PeriodKind, Meta(description="Calendar period of every limit without `period`")] = (
        "monthly"
    )
    time_zone: Annotated[
        str, Meta(description="IANA name: by whose clock periods begin", examples=["Europe/Berlin"])
    ] = "UTC"
    warn_threshold: Annotated[Threshold | None, Meta(description="The same as `stages.warn`")] = None
    stages: StagesConfig = field(default_factory=StagesConfig)
    downgrade: DowngradeConfig = field(default_factory=DowngradeConfig)
    burst_s: Annotated[
        Burst | None,
        Meta(description="How many seconds' worth of a rate may come at once; default 60: a whole minute's"),
    ] = None
    queue_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=600_000,
            description="How long a request waits for a rate limit before it is refused; 0: not at all",
        ),
    ] = 0
    queue_requests: Annotated[
        Annotated[int, Meta(ge=1, extra={"hint": "write at least 1; `queue_ms: 0` lets none wait"})] | None,
        Meta(description="How many requests may wait in one worker, with `queue_ms`; more are refused; default 100"),
    ] = None
    retries_per_session: Annotated[
        Annotated[int, Meta(ge=0, extra={"hint": "write a number such as 3, or `off`"})] | bool | Literal["off"],
        Meta(
            title="integer, at least 0, or `off`",
            description="Retries running of one session that are let through, the next is refused; `off`: any number",
        ),
    ] = 3
    tool_failures: Annotated[
        Literal["same_call", "same_tool", "off"] | bool,
        Meta(
            title="one of `same_call`, `same_tool`, `off`",
            description="Which failures of a tool running count like retries: of one tool with the same arguments, of one "
            "tool, or none",
        ),
    ] = "same_call"
    org: Annotated[AccountConfig | None, Meta(description="One account for all traffic")] = None
    teams: Annotated[_Accounts, Meta(description="Team → account; `*` is every team that is not listed")] = field(
        default_factory=dict
    )
    users: Annotated[_Accounts, Meta(description="User → account; `*` is every user who is not listed")] = field(
        default_factory=dict
    )
    keys: Annotated[
        _Accounts, Meta(description="Name of a virtual key → account; `*` is every key that is not listed")
    ] = field(default_factory=dict)
    tags: Annotated[
        _Accounts,
        Meta(description="`name=value` → account; `name=*` is every other value, `*` every other tag"),
    ] = field(default_factory=dict)

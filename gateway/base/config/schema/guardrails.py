"""`guardrails`: what is looked for in what leaves and in what comes back, and what is done about it.

Without the section the default profile holds: the defaults below. docs/concepts/guardrails.md explains it.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.core.struct import Config

Mode = Literal["block", "redact", "log", "off"]
"""YAML reads a bare `off` as false: so does `ModeOf`."""
ModeOf = Annotated[Mode | Literal[False], Meta(description="`block`, `redact`, `log` or `off`", examples=["log"])]
Names = list[Annotated[str, Meta(min_length=1)]]


class SecretsConfig(Config, frozen=True):
    """Credentials in what leaves. `mode` is for all places at once; a place of its own goes before it."""

    mode: ModeOf | None = None
    user: Annotated[ModeOf | None, Meta(description="New text of the user; default: block")] = None
    history: Annotated[ModeOf | None, Meta(description="What was said before; default: redact")] = None
    results: Annotated[ModeOf | None, Meta(description="Results of tools; default: redact")] = None
    arguments: Annotated[ModeOf | None, Meta(description="Arguments of tool calls; default: redact")] = None
    system: Annotated[ModeOf | None, Meta(description="Instructions and declared tools; default: redact")] = None
    answers: Annotated[ModeOf | None, Meta(description="What the model answers; default: log")] = None
    rules: Annotated[
        dict[str, str], Meta(description="Rules of your own: name → expression in Hyperscan's dialect")
    ] = field(default_factory=dict)
    baseline: Annotated[str, Meta(description="File of fingerprints that are let pass; see `agentcc guard test`")] = ""
    pragma: Annotated[bool, Meta(description="Whether a line with `agentcc:allow` is let pass")] = False
    restore: Annotated[
        Names,
        Meta(description="Tools whose calls get a redacted secret back in place of its placeholder; `*` in names"),
    ] = field(default_factory=list)
    fail: Annotated[
        Literal["closed", "open"], Meta(description="Whether a fault of the scanner refuses the request")
    ] = "closed"


class PiiConfig(Config, frozen=True):
    """Personal data: addresses, numbers of cards, accounts, telephones."""

    mode: Annotated[ModeOf, Meta(description="In what leaves")] = "log"
    answers: Annotated[ModeOf, Meta(description="In what the model answers")] = "off"
    kinds: Annotated[
        Names, Meta(description="Which kinds, by rule; empty: all", examples=[["iban", "payment-card"]])
    ] = field(default_factory=list)
    fail: Annotated[
        Literal["closed", "open"], Meta(description="Whether a fault of the scanner refuses the request")
    ] = "open"


class InjectionConfig(Config, frozen=True):
    """Instructions in what nobody vouches for: results of tools, descriptions of tools, files."""

    mode: Annotated[ModeOf, Meta(description="In results of tools and declared tools")] = "log"
    fail: Annotated[
        Literal["closed", "open"], Meta(description="Whether a fault of the scanner refuses the request")
    ] = "open"


class ToolCallsConfig(Config, frozen=True):
    """What the model asks the agent to do, before the agent gets it."""

    mode: Annotated[ModeOf, Meta(description="For destructive commands and reads of credentials")] = "log"
    allow: Annotated[Names, Meta(description="The only commands' rules that are looked for; empty: all")] = field(
        default_factory=list
    )
    paths: Annotated[Names, Meta(description="Paths that no call may name, as globs")] = field(default_factory=list)
    domains: Annotated[Names, Meta(description="The only hosts that a call may name; empty: any")] = field(
        default_factory=list
    )
    tools: Annotated[Names, Meta(description="The only tools that may be called, as globs; empty: any")] = field(
        default_factory=list
    )
    fail: Annotated[Literal["closed", "open"], Meta(description="Whether a fault of the scanner ends the answer")] = (
        "open"
    )


class AnswersConfig(Config, frozen=True):
    """What the model says."""

    prompt_leak: Annotated[ModeOf, Meta(description="Long pieces of the system prompt, word for word")] = "off"
    links: Annotated[
        ModeOf, Meta(description="Links that could carry data away: images, long queries, hosts outside `hosts`")
    ] = "off"
    hosts: Annotated[Names, Meta(description="Hosts that links may name, as globs")] = field(default_factory=list)
    code: Annotated[
        ModeOf, Meta(description="Code that runs what a stranger says: `eval` of a download, `os.system` of input")
    ] = "off"


class QuarantineConfig(Config, frozen=True):
    """Copies of what was blocked or redacted, encrypted, for those who may look."""

    enabled: Annotated[
        bool, Meta(description="Whether anything is kept; docs/concepts/threat-model.md says what that means")
    ] = False
    keep_days: Annotated[int, Meta(ge=1, le=3650, description="What is older is dropped")] = 30
    max_bytes: Annotated[int, Meta(ge=1 << 20, description="Of all entries, sealed; the oldest go first")] = 256 << 20


class GuardrailsConfig(Config, frozen=True):
    """`enabled: false` turns all of it off."""

    enabled: Annotated[bool, Meta(description="Whether anything is looked at; records then say `not_run: off`")] = True
    secrets: SecretsConfig = field(default_factory=SecretsConfig)
    pii: PiiConfig = field(default_factory=PiiConfig)
    injection: InjectionConfig = field(default_factory=InjectionConfig)
    tool_calls: ToolCallsConfig = field(default_factory=ToolCallsConfig)
    answers: AnswersConfig = field(default_factory=AnswersConfig)
    quarantine: QuarantineConfig = field(default_factory=QuarantineConfig)

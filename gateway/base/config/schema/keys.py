"""`keys`: the virtual keys that are written in the file."""

from typing import Annotated

from msgspec import Meta, field

from gateway.base.core.principal import Priority
from gateway.base.core.struct import Config


class KeyConfig(Config, frozen=True):
    """A virtual key written in the file; `agentcc keys create` makes the others."""

    key: Annotated[
        str, Meta(min_length=8, description="The secret, best from the environment", examples=["${ALICE_KEY}"])
    ]
    org: Annotated[str, Meta(description="Organisation that pays", examples=["acme"])] = ""
    team: Annotated[str, Meta(description="Team", examples=["platform"])] = ""
    user: Annotated[str, Meta(description="Person or runner", examples=["alice@acme.dev"])] = ""
    cost_center: Annotated[str, Meta(description="Cost centre of the ledger", examples=["cc-42"])] = ""
    idp_claim: Annotated[str, Meta(description="Subject at the identity provider", examples=["alice"])] = ""
    tags: Annotated[
        dict[str, str], Meta(description="Labels that are copied into every record", examples=[{"repo": "payments"}])
    ] = field(default_factory=dict)
    models: Annotated[
        list[str],
        Meta(description="Patterns of `provider/model` this key may use; empty: all", examples=[["openai/*"]]),
    ] = field(default_factory=list)
    tools: Annotated[
        list[str],
        Meta(
            description="The only tools that a model may call for it, as globs; empty: any. `guardrails.tool_calls.mode` says what is done",
            examples=[["Read", "mcp__jira__*"]],
        ),
    ] = field(default_factory=list)
    expires: Annotated[
        str | None, Meta(description="RFC 3339 time after which it is refused", examples=["2027-01-01T00:00:00Z"])
    ] = None
    allowed_ips: Annotated[
        list[str], Meta(description="Addresses or networks it may come from; empty: any", examples=[["10.0.0.0/8"]])
    ] = field(default_factory=list)
    route: Annotated[str, Meta(description="Routing block")] = ""
    priority: Annotated[
        Priority, Meta(description="`batch` is refused first when the gateway is saturated", examples=["batch"])
    ] = "interactive"
    chatgpt_account: Annotated[
        str | None, Meta(description="`chatgpt-account-id` of a ChatGPT-login Codex that is this principal")
    ] = None

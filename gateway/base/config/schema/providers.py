"""`providers`: whom the gateway calls, and with which credential."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.config.schema.budgets import Units
from gateway.base.core.struct import Config

Dialect = Literal[
    "openai.responses",
    "openai.chat",
    "openai.completions",
    "openai.embeddings",
    "anthropic.messages",
    "gemini.generate",
    "bedrock.converse",
]


class DeploymentConfig(Config, frozen=True):
    """One credential of a provider that has several. What is not written here is the provider's own."""

    name: Annotated[str, Meta(description="What headers, records and hops call it", examples=["eu"])]
    api_key: Annotated[
        str | None, Meta(description="Its credential; `none` sends none", examples=["${OPENAI_EU_API_KEY}"])
    ] = None
    base_url: Annotated[str | None, Meta(description="Where it is", examples=["https://eu.api.openai.com/v1"])] = None
    region: Annotated[str | None, Meta(description="AWS region of Bedrock", examples=["eu-central-1"])] = None
    aws_access_key_id: Annotated[
        str | None, Meta(description="AWS key pair for Bedrock", examples=["${EU_AWS_ACCESS_KEY_ID}"])
    ] = None
    aws_secret_access_key: Annotated[
        str | None, Meta(description="Its secret half", examples=["${EU_AWS_SECRET_ACCESS_KEY}"])
    ] = None
    aws_session_token: Annotated[
        str | None, Meta(description="With temporary key pairs", examples=["${EU_AWS_SESSION_TOKEN}"])
    ] = None
    headers: Annotated[
        dict[str, str],
        Meta(description="Extra headers, beside the provider's own", examples=[{"openai-organization": "org-eu"}]),
    ] = field(default_factory=dict)
    ca_file: Annotated[str | None, Meta(description="PEM file of the CA that signed its certificate")] = None
    models: Annotated[
        list[str] | None,
        Meta(
            description="Only models that match one of these patterns; default: all of the provider",
            examples=[["gpt-5*"]],
        ),
    ] = None
    weight: Annotated[
        float | None, Meta(description="Its share of the sessions, beside those of the others; default 1", examples=[3])
    ] = None
    rpm: Annotated[Units | None, Meta(description="Requests a minute that we send it at most", examples=[500])] = None
    tpm: Annotated[
        Units | None,
        Meta(description="Tokens a minute, input and output together", examples=[2_000_000]),
    ] = None
    concurrency: Annotated[Units | None, Meta(description="Requests open at one moment", examples=[50])] = None
    opens: Annotated[str | None, Meta(description="Not asked before (RFC 3339)", examples=["2026-12-01T00:00:00Z"])] = (
        field(default=None, name="from")
    )
    until: Annotated[
        str | None, Meta(description="Not asked from then on (RFC 3339)", examples=["2026-12-08T00:00:00Z"])
    ] = None


class ProbeConfig(Config, frozen=True):
    """Ask a provider whose breaker is open for its list of models, so that no turn has to find out whether it is back."""

    interval_s: Annotated[int, Meta(ge=1, le=3600, description="It is asked no more often", examples=[5])] = 5
    timeout_ms: Annotated[int, Meta(ge=1, le=600_000, description="It must have answered by then")] = 5000
    always: Annotated[bool, Meta(description="Ask by the clock while its breakers are closed too")] = False


class ProviderConfig(Config, frozen=True):
    """One provider: a row of the catalogue with what you override, or one of your own (`dialect` and `base_url`)."""

    api_key: Annotated[
        str | None,
        Meta(description="Credential sent upstream; `none` sends none", examples=["${OPENAI_API_KEY}"]),
    ] = None
    base_url: Annotated[
        str | None,
        Meta(
            description="All before the resource, version included; a bare origin gets the dialect's usual version",
            examples=["https://api.openai.com/v1"],
        ),
    ] = None
    dialect: Annotated[
        Dialect | list[Dialect] | None,
        Meta(description="What it speaks; default: the catalogue's", examples=["openai.chat"]),
    ] = None
    models: Annotated[
        list[str] | None, Meta(description="Only these model names; default: any name", examples=[["qwen3-coder"]])
    ] = None
    region: Annotated[str | None, Meta(description="AWS region of Bedrock", examples=["us-east-1"])] = None
    aws_access_key_id: Annotated[
        str | None,
        Meta(
            description="AWS key pair for Bedrock; default: AWS's own environment variables, then `~/.aws/credentials`",
            examples=["${AWS_ACCESS_KEY_ID}"],
        ),
    ] = None
    aws_secret_access_key: Annotated[
        str | None, Meta(description="Its secret half", examples=["${AWS_SECRET_ACCESS_KEY}"])
    ] = None
    aws_session_token: Annotated[
        str | None, Meta(description="With temporary key pairs", examples=["${AWS_SESSION_TOKEN}"])
    ] = None
    headers: Annotated[
        dict[str, str], Meta(description="Extra headers on every upstream request", examples=[{"x-team": "platform"}])
    ] = field(default_factory=dict)
    ca_file: Annotated[str | None, Meta(description="PEM file of the CA that signed its certificate")] = None
    deployments: Annotated[
        list[DeploymentConfig] | None,
        Meta(
            description="Several credentials (keys, regions, accounts) in place of one; docs/concepts/deployments.md",
            examples=[[{"name": "eu", "api_key": "${OPENAI_EU_API_KEY}", "weight": 3, "rpm": 500}]],
        ),
    ] = None
    probe: Annotated[
        ProbeConfig | None,
        Meta(description="Ask it whether it is back after an outage; default: the next turn finds out"),
    ] = None

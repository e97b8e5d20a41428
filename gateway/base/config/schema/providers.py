"""`providers`: whom the gateway calls, and with which credential."""

from typing import Annotated, Literal

from msgspec import Meta, field

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

"""The configuration file as types: this module is its reference (docs/reference/configuration.md is made from it).

Shape: SPEC §11. Every struct forbids unknown fields, so a typo is an error with its path. Times are in milliseconds,
sizes in bytes, prices in USD per million tokens. A section that this version does not serve is refused, never ignored:
a cap that is written but not enforced is worse than none.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.core.struct import Config

Port = Annotated[int, Meta(ge=0, le=65535)]
Millis = Annotated[int, Meta(ge=1, le=86_400_000)]
Bytes = Annotated[int, Meta(ge=1)]
Dialect = Literal[
    "openai.responses",
    "openai.chat",
    "openai.completions",
    "openai.embeddings",
    "anthropic.messages",
    "gemini.generate",
    "bedrock.converse",
]


class AdminConfig(Config, frozen=True):
    """The control plane's own listener: metrics, admin API."""

    host: Annotated[str, Meta(description="Address of the control plane", examples=["127.0.0.1"])] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Its port; 0 takes a free one", examples=[8081])] = 8081
    token: Annotated[
        str | None, Meta(description="Admin token; made in `data_dir/admin.token` when absent", examples=["${TOKEN}"])
    ] = None
    metrics_public: Annotated[
        bool, Meta(description="Serve /-/metrics without a token to other than loopback clients")
    ] = False


class TlsConfig(Config, frozen=True):
    """Serve HTTPS on the public port (HTTP/2 by ALPN)."""

    cert: Annotated[str, Meta(description="PEM file: certificate chain", examples=["/etc/agentcc/tls.crt"])]
    key: Annotated[str, Meta(description="PEM file: private key (PKCS #8)", examples=["/etc/agentcc/tls.key"])]


class LimitsConfig(Config, frozen=True):
    """What one request or one worker may take."""

    header_bytes: Annotated[int, Meta(ge=8192, le=1 << 24, description="Request line and headers; past it 431")] = (
        65_536
    )
    body_bytes: Annotated[
        int, Meta(ge=1024, description="Request body, before and after decompression; past it 413")
    ] = 64 << 20
    body_timeout_ms: Annotated[Millis, Meta(description="A request body must have arrived by then, else 408")] = 60_000
    header_timeout_ms: Annotated[Millis, Meta(description="Request headers must have arrived by then")] = 30_000
    connections: Annotated[
        int, Meta(ge=1, description="Open client connections per worker; more wait in the accept queue")
    ] = 8192
    max_response_bytes: Annotated[
        int, Meta(ge=1024, description="One provider answer; past it the stream ends with an error event")
    ] = 32 << 20
    unfinished_response_bytes: Annotated[
        int, Meta(ge=1 << 20, description="Sum over one worker's unfinished answers; past it the largest is ended")
    ] = 256 << 20
    fetch_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            description="All images and documents together that one request names by URL, where the model's provider wants them inline",
        ),
    ] = 20 << 20
    fetch_private: Annotated[
        bool,
        Meta(description="Fetch them from addresses inside your networks too; anybody with a key can then reach those"),
    ] = False
    json_depth: Annotated[int, Meta(ge=16, le=100_000, description="Nesting of a JSON body; past it 400")] = 512


class TimeoutsConfig(Config, frozen=True):
    """Patience with providers and clients."""

    connect_ms: Annotated[Millis, Meta(description="TCP and TLS to a provider")] = 10_000
    first_byte_ms: Annotated[Millis, Meta(description="From the request to the answer's headers")] = 600_000
    idle_ms: Annotated[Millis, Meta(description="Silence inside an answer; past it the stream ends in error")] = 300_000
    total_ms: Annotated[Millis, Meta(description="One exchange from start to end")] = 3_600_000
    keep_alive_ms: Annotated[Millis, Meta(description="Silence towards the client before a keep-alive")] = 15_000
    early_commit_ms: Annotated[
        Millis, Meta(description="Wait for a stream's upstream headers before ours are sent without them")
    ] = 25_000


class JournalConfig(Config, frozen=True):
    """The append-only record of every exchange."""

    segment_bytes: Annotated[int, Meta(ge=4096, description="Size at which a new segment begins")] = 64 << 20
    fsync_interval_ms: Annotated[
        int, Meta(ge=0, description="Time between fdatasync calls; 0 leaves it to the kernel")
    ] = 1000
    retention_days: Annotated[int, Meta(ge=1, description="Whole segments older than this are removed")] = 400


class ServerConfig(Config, frozen=True):
    """Where and how the gateway listens."""

    host: Annotated[str, Meta(description="Public address", examples=["0.0.0.0"])] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Public port; 0 takes a free one", examples=[8080])] = 8080
    workers: Annotated[
        int, Meta(ge=0, le=1024, description="Data-plane processes; 0 means one per core", examples=[2])
    ] = 0
    interface: Annotated[
        Literal["rsgi", "asgi"], Meta(description="Granian interface; rsgi measures cheaper, asgi is its twin")
    ] = "rsgi"
    scheduling: Annotated[
        Literal["batch", "normal"],
        Meta(
            description="Linux scheduling policy of the workers: `batch` takes a quarter less CPU; `normal` where other "
            "programs keep the same cores busy"
        ),
    ] = "batch"
    admin: AdminConfig = field(default_factory=AdminConfig)
    tls: TlsConfig | None = None
    data_dir: Annotated[str, Meta(description="Journal, SQLite files, secrets; relative to the working directory")] = (
        "./agentcc-data"
    )
    drain_ms: Annotated[Millis, Meta(description="On SIGTERM, how long open streams may go on")] = 30_000
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    timeouts: TimeoutsConfig = field(default_factory=TimeoutsConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)


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


class PriceConfig(Config, frozen=True):
    """A model's price, given or overridden: USD per million tokens."""

    input_per_mtok: Annotated[float, Meta(ge=0, description="Input that no cache held", examples=[1.25])]
    output_per_mtok: Annotated[float, Meta(ge=0, description="Output, reasoning included", examples=[10.0])]
    cache_read_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input read from a prompt cache; default: as input")
    ] = None
    cache_write_5m_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input written to a 5-minute cache; default: as input")
    ] = None
    cache_write_1h_per_mtok: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="Input written to a 1-hour cache; default: as 5 minutes")
    ] = None
    request_usd: Annotated[float, Meta(ge=0, description="USD per request, beside the tokens")] = 0.0


class UnpricedConfig(Config, frozen=True):
    """Models that may be used without a price."""

    allow: Annotated[
        list[str], Meta(description="Patterns of `provider/model` that may run without a price", examples=[["lab/*"]])
    ] = field(default_factory=list)


class ModelsConfig(Config, frozen=True):
    """Names and prices of models."""

    aliases: Annotated[
        dict[str, str],
        Meta(description="Name → `provider/model`", examples=[{"gpt-5-1": "openai/gpt-5.1-2026-04-15"}]),
    ] = field(default_factory=dict)
    unpriced: UnpricedConfig = field(default_factory=UnpricedConfig)
    prices: Annotated[dict[str, PriceConfig], Meta(description="`provider/model` → price; wins over the catalogue")] = (
        field(default_factory=dict)
    )


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
    expires: Annotated[
        str | None, Meta(description="RFC 3339 time after which it is refused", examples=["2027-01-01T00:00:00Z"])
    ] = None
    allowed_ips: Annotated[
        list[str], Meta(description="Addresses or networks it may come from; empty: any", examples=[["10.0.0.0/8"]])
    ] = field(default_factory=list)
    route: Annotated[str, Meta(description="Routing block")] = ""
    chatgpt_account: Annotated[
        str | None, Meta(description="`chatgpt-account-id` of a ChatGPT-login Codex that is this principal")
    ] = None


class GatewayConfig(Config, frozen=True):
    """The whole file."""

    server: ServerConfig = field(default_factory=ServerConfig)
    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    keys: dict[str, KeyConfig] = field(default_factory=dict)
    translation: Annotated[
        Literal["report", "strict"],
        Meta(
            description="What happens to what a model's provider cannot be told in its own dialect: left out and named in "
            "`x-agentcc-translation-drops`, or the request refused"
        ),
    ] = "report"


NOT_SERVED_YET = ("budgets", "routing", "guardrails", "alerts", "cache", "telemetry")
"""Sections of SPEC §11 that later versions serve; refused by name until then."""

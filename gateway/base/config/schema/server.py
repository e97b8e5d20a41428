"""`server`: where and how the gateway listens, and what one client may take. Times in milliseconds, sizes in bytes."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.base.core.struct import Config

Millis = Annotated[int, Meta(ge=1, le=86_400_000)]


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
    open_exchanges: Annotated[
        int,
        Meta(
            ge=1,
            description="Exchanges per worker that have not ended; past it 503, for keys of priority `batch` from three quarters of it",
        ),
    ] = 4096
    loop_lag_ms: Annotated[
        Millis,
        Meta(
            description="How late a worker's event loop may be on average; past it 503, for `batch` from three quarters of it"
        ),
    ] = 1000
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
    idle_ms: Annotated[
        Millis,
        Meta(description="Silence inside an answer (of a stream: no whole event); past it the stream ends in error"),
    ] = 300_000
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

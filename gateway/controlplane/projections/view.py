"""The part of a `done` frame that the projections use. Lenient: frames of older and newer versions are read too."""

from msgspec import Raw
from msgspec.json import Decoder

from gateway.base.core.struct import Record, Wire


class UsageView(Record, frozen=True):
    """Tokens by kind (base/core/usage.py)."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


class PrincipalView(Wire):
    """Who acted."""

    key: str = ""
    org: str = ""
    team: str = ""
    user: str = ""
    cost_center: str = ""
    idp_claim: str = ""


class DoneView(Wire):
    """One finished exchange."""

    request_id: str
    ts: str
    session_id: str = ""
    principal: Raw = Raw(b"{}")
    dialect: str = ""
    client: str = ""
    model_requested: str = ""
    model_used: str = ""
    provider: str = ""
    status: int = 0
    outcome: str = ""
    error_code: str = ""
    usage: UsageView = UsageView()
    cost_nusd: int = 0
    cost_basis: str = "none"
    price_version: str = ""
    hops: Raw = Raw(b"[]")
    verdicts: Raw = Raw(b'"not_run"')
    policy_version: str = ""
    latency_ms: float = 0.0
    ttfb_ms: float = 0.0
    overhead_us: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    is_stream: bool = False
    cache: str = "bypass"


decode_done = Decoder(DoneView).decode
decode_principal = Decoder(PrincipalView).decode

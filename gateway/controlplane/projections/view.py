"""The part of a `done` frame that the projections use. Lenient: frames of older and newer versions are read too.

Without the garbage collector's bookkeeping (`gc=False`; nothing here can refer back) decoding takes 1.0 us, not 1.1.
"""

from typing import Annotated

from msgspec import Meta, Raw
from msgspec.json import Decoder

from gateway.base.core.struct import Record, Wire

_MAX = 1 << 46
Count = Annotated[int, Meta(ge=-_MAX, le=_MAX)]
"""70,000 USD in nano-USD, 70 TB, 2 years in us: a frame with more is damaged. The sums of a step stay within 64 bits."""
Milliseconds = Annotated[float, Meta(ge=-_MAX / 1000, le=_MAX / 1000)]


class UsageView(Record, frozen=True, gc=False):
    """Tokens by kind (base/core/usage.py)."""

    input_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_5m_tokens: Count = 0
    cache_write_1h_tokens: Count = 0
    output_tokens: Count = 0
    reasoning_tokens: Count = 0


class PrincipalView(Wire):
    """Who acted."""

    key: str = ""
    org: str = ""
    team: str = ""
    user: str = ""
    cost_center: str = ""
    idp_claim: str = ""


class DoneView(Wire, gc=False):
    """One finished exchange; fields in the frame's order, which decodes fastest."""

    request_id: str
    ts: str
    session_id: str = ""
    principal: Raw = Raw(b"{}")
    dialect: str = ""
    method: str = ""
    path: str = ""
    client: str = ""
    model_requested: str = ""
    model_used: str = ""
    provider: str = ""
    status: Count = 0
    outcome: str = ""
    error_code: str = ""
    usage: UsageView = UsageView()
    cost_nusd: Count = 0
    cost_basis: str = "none"
    price_version: str = ""
    hops: Raw = Raw(b"[]")
    verdicts: Raw = Raw(b'"not_run"')
    policy_version: str = ""
    latency_ms: Milliseconds = 0.0
    ttfb_ms: Milliseconds = 0.0
    overhead_us: Count = 0
    request_bytes: Count = 0
    response_bytes: Count = 0
    is_stream: bool = False
    cache: str = "bypass"
    session_basis: str = "none"
    turn_id: str = ""
    retry: Count = 0
    queued_ms: Count = 0
    shed: str = ""


decode_done = Decoder(DoneView).decode
decode_principal = Decoder(PrincipalView).decode

"""Settle: read usage, compute the cost, encode the record (without writing it)."""

import msgspec

from benchmarks.answer import Answer, Options
from benchmarks.questions.journal import done_frame
from benchmarks.rounds import Case, answer_cases
from gateway.base.core.price import cost_nusd, upper_bound_nusd
from gateway.dataplane.flow.settle import Timestamps
from gateway.dataplane.providers import load_catalog
from gateway.dataplane.wire.usage import USAGE

label = "settle, CPU-µs per exchange"

_USAGE = (
    b'{"input_tokens":15342,"input_tokens_details":{"cached_tokens":14208},"output_tokens":412,'
    b'"output_tokens_details":{"reasoning_tokens":192},"total_tokens":15754}'
)
_ANTHROPIC = (
    b'{"input_tokens":12,"cache_creation_input_tokens":2048,"cache_read_input_tokens":14208,"output_tokens":1,'
    b'"cache_creation":{"ephemeral_5m_input_tokens":2048,"ephemeral_1h_input_tokens":0},"service_tier":"standard"}'
)


def setup(_options: Options) -> list[Case]:
    """Each step by itself."""
    price = load_catalog({}).price("openai", "gpt-5.5")
    if price is None:
        raise RuntimeError("the catalogue has no price of openai/gpt-5.5")
    usage = USAGE["openai.responses"](_USAGE, None)
    assert usage is not None
    frame = done_frame()
    encode = msgspec.json.Encoder().encode
    timestamps = Timestamps()
    return [
        Case("usage, openai.responses", lambda: USAGE["openai.responses"](_USAGE, None)),
        Case("usage, anthropic.messages", lambda: USAGE["anthropic.messages"](_ANTHROPIC, b'{"output_tokens":412}')),
        Case("hold (upper bound)", lambda: upper_bound_nusd(20_000, 4096, price)),
        Case("cost", lambda: cost_nusd(usage, price)),
        Case("timestamp", lambda: timestamps.text(1795242582.776)),
        Case("record: build and encode", lambda: encode(done_frame())),
        Case("record: encode only", lambda: encode(frame)),
    ]


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("settle", label, cases, options)

"""The `x-agentcc-*` headers of SPEC §5, on every answer, refusals included."""

from time import perf_counter

from gateway.dataplane.flow.exchange import Exchange, Headers

_NOTHING_SERVED = (
    ("x-agentcc-model-used", "none"),
    ("x-agentcc-provider", "none"),
    ("x-agentcc-cache", "bypass"),
)


def usd(cost_nusd: int) -> str:
    """Nano-USD as a decimal text in USD, 6 decimals or, where they are needed, 9: 1_234_567 → `0.001234567`."""
    whole, nano = divmod(cost_nusd, 1_000_000_000)
    return f"{whole}.{nano // 1000:06d}" if nano % 1000 == 0 else f"{whole}.{nano:09d}"


def stamp(headers: Headers, ex: Exchange, cost_nusd: int) -> Headers:
    """Add our headers to `headers` and give it back. Latency is what passed until now, when they leave."""
    deployment = ex.deployment
    if deployment is None:
        headers += _NOTHING_SERVED
    else:
        headers += (
            ("x-agentcc-model-used", deployment.name),
            ("x-agentcc-provider", deployment.provider.name),
            ("x-agentcc-cache", "bypass"),
        )
    headers += (
        ("x-agentcc-cost", usd(cost_nusd)),
        ("x-agentcc-latency-ms", f"{(perf_counter() - ex.started) * 1000:.1f}"),
        ("x-agentcc-request-id", ex.request_id),
        ("x-agentcc-policy-version", ex.policy.version),
    )
    if ex.drops:
        headers.append(("x-agentcc-translation-drops", ex.drops))
    if ex.session_id:
        headers.append(("x-agentcc-session-id", ex.session_id))
    return headers

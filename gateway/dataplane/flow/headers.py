"""The `x-agentcc-*` headers of SPEC §5, on every answer, refusals included."""

import json
from time import perf_counter

from gateway.base.core.money import usd
from gateway.dataplane.flow.exchange import Exchange, Headers
from gateway.dataplane.flow.verdicts import header_of

_NOTHING_SERVED = (
    ("x-agentcc-model-used", "none"),
    ("x-agentcc-provider", "none"),
    ("x-agentcc-cache", "bypass"),
)


def stream_headers(content_type: str) -> Headers:
    """The headers of a stream of our own: no proxy is to keep or to gather its events."""
    return [("content-type", content_type), ("cache-control", "no-cache"), ("x-accel-buffering", "no")]


def stamp(headers: Headers, ex: Exchange, cost_nusd: int) -> Headers:
    """Add our headers to `headers` and give it back. Latency is what passed until now, when they leave."""
    deployment, now = ex.deployment, perf_counter()
    if ex.limits is not None:  # ours in place of the provider's
        ex.limits.stamp(headers, now)
    if deployment is None:
        headers += _NOTHING_SERVED
    else:
        headers += (
            ("x-agentcc-model-used", deployment.name),
            ("x-agentcc-provider", deployment.provider.name),
            ("x-agentcc-cache", "bypass"),
        )
        if deployment.price is not None and deployment.price.notice:
            headers.append(("x-agentcc-warning", deployment.price.notice))
        if deployment.provider.account is not None:
            headers.append(("x-agentcc-deployment", deployment.provider.account.name))
    headers += (
        ("x-agentcc-cost", usd(cost_nusd)),
        ("x-agentcc-latency-ms", f"{(now - ex.started) * 1000:.1f}"),
        ("x-agentcc-request-id", ex.request_id),
        ("x-agentcc-policy-version", ex.policy.version),
        header_of(ex),
    )
    if ex.queued_ms:
        headers.append(("x-agentcc-queued-ms", str(ex.queued_ms)))
    if ex.drops:
        headers.append(("x-agentcc-translation-drops", ex.drops))
    if ex.session_id:
        headers.append(("x-agentcc-session-id", ex.session_id))
    if ex.hops:
        headers.append(("x-agentcc-hops", json.dumps(ex.hops, separators=(",", ":"))))
    if ex.output_limit:
        headers.append(("x-agentcc-max-output-tokens", str(ex.output_limit)))
    return headers

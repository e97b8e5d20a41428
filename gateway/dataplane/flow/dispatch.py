"""Dispatch: send the request to the deployment that was chosen. From here on its relay owns the exchange."""

from time import perf_counter, time
from typing import TYPE_CHECKING

from gateway.base.core.plan import Deployment
from gateway.dataplane.flow.exchange import Exchange, Headers
from gateway.dataplane.flow.outgoing import connection_of, provider_credentials, provider_url, wants_array
from gateway.dataplane.flow.relay import Relay
from gateway.dataplane.flow.route import Route
from gateway.dataplane.flow.settle import write_open
from gateway.dataplane.flow.translate import translated_headers, translated_url
from gateway.dataplane.flow.translated import TranslatedRelay
from gateway.dataplane.upstream import for_provider
from gateway.dataplane.wire import Translation

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_WINDOW_BYTES = 1 << 20
"""What the native client reads ahead of the event loop for one answer."""


def pass_through(
    pipeline: "Pipeline",
    ex: Exchange,
    route: Route,
    deployment: Deployment,
    body: bytes,
    began: float,
    *,
    drop_usage_chunk: bool,
) -> None:
    """The provider speaks the client's dialect: its own bytes go on."""
    incoming, provider = ex.incoming, deployment.provider
    is_raw = wants_array(route, incoming)
    relay = Relay(pipeline, ex, pipeline.client(provider.ca_file), is_billable=route.is_billable, is_raw=is_raw)
    headers = for_provider(incoming.headers(), provider_credentials(ex, deployment), connection_of(incoming))
    url = provider_url(deployment, route.resource, incoming.query)
    _dispatch(pipeline, ex, relay, url, headers, body, began, drop_usage_chunk=drop_usage_chunk, collect=not is_raw)


def send_translated(
    pipeline: "Pipeline", ex: Exchange, route: Route, deployment: Deployment, translation: Translation, began: float
) -> None:
    """The provider speaks another dialect."""
    incoming, is_stream = ex.incoming, translation.is_stream
    ex.is_stream = is_stream
    ex.drops = translation.report.header()
    is_raw = wants_array(route, incoming)
    relay = TranslatedRelay(pipeline, ex, pipeline.client(deployment.provider.ca_file), translation, is_raw=is_raw)
    url = translated_url(deployment, is_stream=is_stream)
    headers = translated_headers(incoming, deployment, is_stream=is_stream)
    headers.extend(provider_credentials(ex, deployment))
    _dispatch(pipeline, ex, relay, url, headers, translation.body, began, drop_usage_chunk=False, collect=True)


def _dispatch(
    pipeline: "Pipeline",
    ex: Exchange,
    relay: Relay,
    url: str,
    headers: Headers,
    body: bytes,
    began: float,
    *,
    drop_usage_chunk: bool,
    collect: bool,
) -> None:
    """Send the request upstream; from here on the relay owns the exchange."""
    policy, client = ex.policy, relay.client
    assert ex.deployment is not None
    if ex.deployment.provider.sign is not None:
        headers += ex.deployment.provider.sign("POST", url, headers, body, time())
    handler = relay if ex.course is None else ex.course.handler(relay)
    write_open(ex, pipeline.recorder)
    if ex.attempt is not None and (ex.course is None or not ex.course.is_further):
        ex.attempt.begun(int(time() * 1000))
    timeouts = policy.timeouts if ex.course is None else ex.course.send(policy.timeouts, perf_counter())
    ex.overhead += perf_counter() - began
    ex.relay = relay
    ex.reply.on_sent = relay.on_sent
    try:
        relay.upstream = client.start(
            handler,
            "POST",
            url,
            headers,
            body,
            relay.dialect.tap,
            drop_usage_chunk=drop_usage_chunk,
            collect=collect,
            timeouts=timeouts,
            max_response_bytes=policy.limits.max_response_bytes,
            window_bytes=_WINDOW_BYTES,
        )
    except ValueError as exc:
        handler.on_failed("connect", str(exc), None)

"""From an exchange whose provider speaks another dialect to its Translation: the facts that the wire room does not know."""

from functools import partial

from msgspec.json import Encoder

from gateway import _native
from gateway.base.core.errors import BadRequest, Unsupported, UpstreamProtocolError
from gateway.base.core.plan import Deployment
from gateway.dataplane.flow.assemble import Policy
from gateway.dataplane.flow.exchange import Exchange, Incoming
from gateway.dataplane.flow.fetch import Fetched
from gateway.dataplane.flow.outgoing import provider_url
from gateway.dataplane.flow.route import TURN_RESOURCES, Route
from gateway.dataplane.providers import is_official, reasoning_origin, vendor_of
from gateway.dataplane.wire import (
    CODECS,
    PathSays,
    Peek,
    Report,
    Target,
    Translation,
    Turn,
    estimated_tokens,
    in_words_of,
    inlined,
    own_thoughts,
    reopened,
)
from gateway.dataplane.wire.translate.road import Split

_encode = Encoder().encode
_WRAPPED = "generateContentRequest"
_PASSED = ("user-agent", "traceparent", "tracestate")
_ANTHROPIC_VERSION = ("anthropic-version", "2023-06-01")


class OrgSeals:
    """The seals of one organisation: the gateway's key, the organisation as the label."""

    __slots__ = ("_label", "_sealer")

    def __init__(self, sealer: _native.Sealer, org: str) -> None:
        self._sealer, self._label = sealer, org.encode()

    def seal(self, text: bytes) -> bytes:
        """See `Seals`."""
        return self._sealer.seal(self._label, text)

    def open(self, sealed: bytes) -> bytes | None:
        """See `Seals`."""
        return self._sealer.open(self._label, sealed)


def origin_of(deployment: Deployment) -> str:
    """Who can read the signature of its model's thoughts again."""
    provider = deployment.provider
    return reasoning_origin(provider.id, vendor_of(provider.name, deployment.model), deployment.dialect)


def target_of(deployment: Deployment) -> Target:
    """What the wire room needs to know of a deployment."""
    provider, model = deployment.provider.name, deployment.model
    vendor = vendor_of(provider, model)
    price = deployment.price
    return Target(
        deployment.dialect,
        provider,
        model,
        vendor,
        origin_of(deployment),
        price.max_output_tokens if price else 0,
        price.context_window_tokens if price else 0,
        is_official(provider, vendor),
    )


def read_turn(ex: Exchange, route: Route, peeked: Peek, deployment: Deployment) -> Turn:
    """The client's request. Raises BadRequest, or Unsupported for what is no turn of a conversation."""
    if not route.is_turn:
        raise Unsupported(
            f"{ex.incoming.path[:200]} is served only by providers that speak {route.dialect.name};"
            f" `{deployment.name}` speaks {deployment.dialect}",
            param="model",
        )
    turn = CODECS[route.dialect.name].read_turn(peeked.body, PathSays(route.model, route.is_stream))
    turn.model = ex.model_requested
    return turn


def translate(
    ex: Exchange, route: Route, turn: Turn, fetched: Fetched, deployment: Deployment, policy: Policy
) -> Translation:
    """Write the provider's request, with what was fetched in it. Raises BadRequest or Unsupported."""
    if fetched:
        turn = inlined(turn, deployment.dialect, fetched)
    return Translation(
        CODECS[route.dialect.name],
        CODECS[deployment.dialect],
        turn,
        target_of(deployment),
        seals=seals_of(ex, policy),
        report=_report(policy),
        request_id=ex.request_id,
        now_s=int(ex.started_at),
        split=_SPLITS.get(deployment.dialect, _native.split_sse),
    )


def moved(ex: Exchange, route: Route, body: bytes, deployment: Deployment, policy: Policy) -> tuple[bytes, str]:
    """The request of a session that may have moved here from another model, for a provider of the client's own dialect: without our tokens
    and without what another provider of the dialect has sealed; and what that cost, as the header says it.

    What carries neither, or cannot be read, stays as it came: that is the provider's to judge. Raises Unsupported in strict mode.
    """
    codec = CODECS.get(route.dialect.name)
    if codec is None:
        return body, ""
    start, end = _turn_in(route, body)
    try:
        turn = codec.read_turn(body[start:end], PathSays(route.model, route.is_stream))
    except (BadRequest, Unsupported):
        return body, ""
    target, report, foreign = target_of(deployment), _report(policy), 0
    if ex.thoughts is not None:
        ex.thoughts.seen = own_thoughts(turn)
        foreign = ex.thoughts.foreign_to(deployment)
    turn_for_it = reopened(codec, turn, target, seals_of(ex, policy), report, foreign)
    if turn_for_it is None:
        return body, ""
    under = f"{_WRAPPED}." if start else ""
    try:
        written = codec.write_turn(turn_for_it, target, report)
    except BadRequest as exc:
        raise in_words_of(codec, turn, exc) from exc
    return body[:start] + written + body[end:], report.header(under)


def seals_of(ex: Exchange, policy: Policy) -> OrgSeals:
    """The seals of the exchange's organisation."""
    return OrgSeals(policy.sealer, ex.grant.principal.org if ex.grant else "")


def _report(policy: Policy) -> Report:
    return Report(is_strict=policy.config.translation == "strict")


def _turn_in(route: Route, body: bytes) -> tuple[int, int]:
    """Where in a body the turn is: Gemini's token counts may wrap a whole request."""
    start, end = _native.find_path(body, (_WRAPPED.encode(),)) if route.resource == "countTokens" else (-1, -1)
    return (start, end) if start >= 0 else (0, len(body))


def _split_eventstream(data: bytes) -> list[tuple[str, bytes]]:
    try:
        return [(name, payload) for _, name, payload in _native.split_eventstream(data)]
    except ValueError as exc:  # of another type than it should be, compressed, or its headers are none
        raise UpstreamProtocolError(f"the provider sent what is no AWS event stream: {exc}") from exc


_SPLITS: dict[str, Split] = {
    "bedrock.converse": _split_eventstream,
    "gemini.generate": partial(_native.split_sse, takes_bare_errors=True),
}
"""How streams are cut that are not plain server-sent events."""

_COUNTS = {
    "/messages/count_tokens": lambda count: {"input_tokens": count},
    "/responses/input_tokens": lambda count: {"object": "response.input_tokens", "input_tokens": count},
    "countTokens": lambda count: {"totalTokens": count},
}
"""Token-count routes, and how each says its number."""


def counted(route: Route, peeked: Peek) -> bytes | None:
    """The answer of a token-count route, estimated by us; None for any other route. Raises BadRequest."""
    said = _COUNTS.get(route.resource)
    if said is None:
        return None
    start, end = _turn_in(route, peeked.body)
    turn = CODECS[route.dialect.name].read_turn(peeked.body[start:end], PathSays(route.model))
    return _encode(said(estimated_tokens(turn)))


def translated_url(deployment: Deployment, *, is_stream: bool) -> str:
    """Where a translated request goes."""
    dialect = deployment.dialect
    whole, stream = TURN_RESOURCES[dialect]
    query = "alt=sse" if is_stream and dialect == "gemini.generate" else ""
    return provider_url(deployment, stream if is_stream else whole, query)


def translated_headers(incoming: Incoming, deployment: Deployment, *, is_stream: bool) -> list[tuple[str, str]]:
    """Headers of a translated request, without credentials: those of another dialect mean nothing to the provider."""
    headers = [("content-type", "application/json")]
    if deployment.dialect == "bedrock.converse" and is_stream:
        headers.append(("accept", "application/vnd.amazon.eventstream"))
    else:
        headers.append(("accept", "text/event-stream" if is_stream else "application/json"))
    if deployment.dialect == "anthropic.messages":
        headers.append(_ANTHROPIC_VERSION)
    headers += [(name, value) for name in _PASSED if (value := incoming.header(name))]
    return headers

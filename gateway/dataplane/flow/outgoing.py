"""What leaves for the provider: the body with its few edits, the URL, the headers that carry credentials. Pure but for its arguments."""

from urllib.parse import quote, unquote_plus

from gateway.base.core.errors import BadRequest, ModelForbidden
from gateway.base.core.plan import Deployment
from gateway.dataplane.flow.exchange import Exchange, Incoming
from gateway.dataplane.flow.route import Route
from gateway.dataplane.providers import is_official, vendor_of
from gateway.dataplane.wire import Peek
from gateway.dataplane.wire.limit import limit_edit
from gateway.dataplane.wire.openai_chat import asks_for_usage, usage_edit
from gateway.dataplane.wire.peek import Edit, edited

_SINGLE_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "content-encoding", "content-type")
_QUERY_CREDENTIALS = frozenset({"key", "access_token", "oauth_token", "$httpheaders"})


def wants_array(route: Route, incoming: Incoming) -> bool:
    """Whether the client wants its stream as one JSON array: Gemini's way without `alt=sse`."""
    return route.is_stream and route.dialect.name == "gemini.generate" and "alt=sse" not in incoming.query


def passed_body(route: Route, peeked: Peek, deployment: Deployment, output_limit: int) -> tuple[bytes, bool]:
    """The body to send, and whether the usage chunk is ours to drop.

    It is the client's own bytes but for the model's name, and a Chat stream is made to report its usage; `output_limit` is written in
    where a hard budget gave one.
    """
    edits: list[Edit] = []
    if peeked.model_span[0] >= 0 and peeked.model != deployment.model:
        edits.append((*peeked.model_span, deployment.model))
    drops_usage = route.dialect.name == "openai.chat" and peeked.is_stream and not asks_for_usage(peeked)
    if drops_usage:
        edits.append(usage_edit(peeked))
    if output_limit:
        official = is_official(deployment.provider.name, vendor_of(deployment.provider.name, deployment.model))
        edits.append(limit_edit(peeked, route.dialect.name, output_limit, is_official=official))
    return (edited(peeked.body, edits) if edits else peeked.body), drops_usage


def provider_url(deployment: Deployment, resource: str, query: str = "") -> str:
    """Where a resource of the deployment's dialect is, with the client's query but for credentials, which Gemini's may travel in."""
    base, model = deployment.provider.bases[deployment.dialect], deployment.model
    if deployment.dialect == "gemini.generate":
        resource = f"/models/{quote(model, safe='/@~.-_')}:{resource}"
    elif deployment.dialect == "bedrock.converse":
        resource = f"/model/{quote(model, safe='')}/{resource}"
    if query:
        parts = query.split("&")
        query = "&".join(p for p in parts if unquote_plus(p.partition("=")[0]).lower() not in _QUERY_CREDENTIALS)
    return f"{base}{resource}?{query}" if query else base + resource


def refuse_repeats(incoming: Incoming) -> None:
    """Two values of a header that must have one mean different things to different readers. Raises BadRequest."""
    names = [name for name, _ in incoming.headers()]
    for name in _SINGLE_HEADERS:
        if names.count(name) > 1:
            raise BadRequest(f"the header `{name}` is there {names.count(name)} times; send it once")


def connection_of(incoming: Incoming) -> str:
    """The Connection header, all of its lines: what it names is not for the provider."""
    if not incoming.is_repeating:
        return incoming.header("connection")
    return ",".join(value for name, value in incoming.headers() if name == "connection")


def provider_credentials(ex: Exchange, deployment: Deployment) -> tuple[tuple[str, str], ...]:
    """The provider's own credential; for a ChatGPT login the client's bearer, and then nothing of ours."""
    grant = ex.grant
    assert grant is not None
    if not grant.passes_bearer:
        return deployment.provider.headers
    if not deployment.provider.takes_client_key:
        raise ModelForbidden(
            f"a ChatGPT login can only reach a provider with `api_key: client`; `{deployment.provider.name}` is not one",
            model=deployment.name,
        )
    header = ex.incoming.header
    return (("authorization", header("authorization")), ("chatgpt-account-id", header("chatgpt-account-id")))

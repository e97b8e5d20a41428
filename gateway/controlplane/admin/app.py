"""The admin API as an ASGI 3 application: looks up the route, checks who asks, answers. No framework."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from inspect import iscoroutinefunction
from typing import Any, cast
from urllib.parse import parse_qsl

from gateway.base.telemetry.log import log
from gateway.controlplane.admin.caller import Caller, identify
from gateway.controlplane.admin.reply import Refused, Reply
from gateway.controlplane.admin.resources import ROUTES, Access, Resources, Route, route_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_MAX_FIELDS = 32
_MAX_BODY_BYTES = 65_536


class AdminApp:
    """Serves ROUTES. `forward_secret` is what workers prove themselves with; empty trusts no forwarded address."""

    def __init__(self, resources: Resources, *, token: str, forward_secret: str, is_metrics_public: bool) -> None:
        self._resources = resources
        self._token, self._forward_secret = token, forward_secret
        self._is_metrics_public = is_metrics_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection event of ASGI."""
        if scope["type"] != "http":
            raise ValueError(f"no such protocol here: {scope['type']}")  # ASGI's way to decline lifespan
        try:
            reply = await self._answer(scope, receive)
        except Refused as exc:
            reply = exc.reply
        except Exception as exc:  # noqa: BLE001 - one request's bug is that request's 500
            log("error", "admin_bug", path=scope["path"], error=repr(exc))
            reply = Refused(500, "internal_error", "the control plane made a mistake; its log says more").reply
        await _send(send, reply, is_head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        client = scope.get("client") or ("", 0)
        caller = identify(scope["headers"], client[0], self._token, self._forward_secret)
        route, said = route_of(scope["path"])
        if route is None:
            raise Refused(404, "unknown_route", f"no such resource; there are {', '.join(ROUTES)}")
        if not self._may(route.access, caller):
            raise Refused(
                401, "admin_token_required", "send `authorization: Bearer <token>`; the token is `server.admin.token`, "
                "or in the file `admin.token` of the gateway's `data_dir`", ("www-authenticate", 'Bearer realm="agentcc"'),
            )  # fmt: skip
        if scope["method"] == "POST" and route.post is not None:
            return await route.post(self._resources, await _body(receive), caller)
        if scope["method"] not in {"GET", "HEAD"}:
            raise _not_allowed(route)
        query = {**_query(scope["query_string"]), **said}
        if iscoroutinefunction(route.get):
            return cast(Reply, await route.get(self._resources, query))
        return cast(Reply, await asyncio.to_thread(route.get, self._resources, query))

    def _may(self, access: Access, caller: Caller) -> bool:
        if caller.is_admin:
            return True
        if access == "metrics" and self._is_metrics_public:
            return True
        return access != "token" and caller.is_local()


def _not_allowed(route: Route) -> Refused:
    methods = "GET, HEAD, POST" if route.post else "GET, HEAD"
    return Refused(405, "method_not_allowed", f"this resource takes {methods}", ("allow", methods))


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "bad_request", "the body did not arrive")
        body += message.get("body", b"")
        if len(body) > _MAX_BODY_BYTES:
            raise Refused(413, "body_too_large", f"at most {_MAX_BODY_BYTES:,} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _query(raw: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as exc:
        raise Refused(400, "bad_request", f"the query cannot be read: {exc}") from exc


async def _send(send: Send, reply: Reply, *, is_head: bool) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in reply.headers),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else reply.body})

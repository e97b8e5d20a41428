"""`/-/*` of the public port goes to the control plane, with the client's address vouched for by a secret."""

import asyncio
from urllib.parse import quote

from msgspec.json import Encoder

from gateway.base.core.errors import GatewayError
from gateway.dataplane.flow.exchange import Headers, Incoming, Reply
from gateway.dataplane.flow.pipeline import Pipeline
from gateway.dataplane.upstream import Captures
from gateway.dataplane.upstream.headers import HOP_BY_HOP

_LIMIT_BYTES = 1 << 20
_BODY_S = 10.0
_encode = Encoder().encode
_JSON = [("content-type", "application/json")]
_DOWN = b'{"error":{"code":"control_plane_down","message":"the control plane is not answering; exchanges go on"}}'
_OURS = "x-agentcc-forwarded-"


class _Forward:
    """Upstream handler that hands one whole answer back."""

    def __init__(self, reply: Reply, finished: "asyncio.Future[None]") -> None:
        self._reply = reply
        self._finished = finished

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        kept = [(n, v) for n, v in headers if n not in HOP_BY_HOP and n not in ("content-length", "date", "server")]
        self._reply.whole(status, kept, body)
        self._finished.set_result(None)

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        self._reply.whole(502, _JSON, _DOWN)
        self._finished.set_result(None)

    def on_bug(self, exc: Exception) -> None:
        self.on_failed("bug", repr(exc), None)

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        raise AssertionError("the control plane does not stream")

    def on_data(self, data: bytes) -> None:
        raise AssertionError("the control plane does not stream")

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        raise AssertionError("the control plane does not stream")

    def on_end(self, captures: Captures) -> None:
        raise AssertionError("the control plane does not stream")


async def forward_to_admin(pipeline: Pipeline, incoming: Incoming, reply: Reply) -> None:
    """Answer a request for `/-/…` with the control plane's answer; 502 when it is down (exchanges go on)."""
    try:
        async with asyncio.timeout(_BODY_S):
            body = await incoming.body(_LIMIT_BYTES) if incoming.method in ("POST", "PUT", "PATCH") else None
    except TimeoutError:
        reply.whole(408, _JSON, b'{"error":{"code":"body_timeout"}}')
        return
    except GatewayError as error:
        reply.whole(error.status, _JSON, b'{"error":{"code":"%s"}}' % error.code.encode())
        return
    denied = HOP_BY_HOP | {"host", "content-length", "accept-encoding"}
    headers = [(n, v) for n, v in incoming.headers() if n not in denied and not n.startswith(_OURS)]
    headers.append((_OURS + "for", incoming.client_ip))
    headers.append((_OURS + "secret", pipeline.admin_secret))
    finished: asyncio.Future[None] = pipeline.loop.create_future()
    query = f"?{incoming.query}" if incoming.query else ""
    try:
        pipeline.client().start(
            _Forward(reply, finished),
            incoming.method,
            pipeline.admin_url + quote(incoming.path, safe="/-._~") + query,
            headers,
            body,
            "none",
            drop_usage_chunk=False,
            collect=True,
            timeouts=pipeline.policy.timeouts,
            max_response_bytes=32 << 20,
            window_bytes=0,
        )
    except ValueError as exc:  # a header or query that HTTP does not allow
        reply.whole(400, _JSON, _encode({"error": {"code": "bad_request", "message": str(exc)}}))
        return
    await finished

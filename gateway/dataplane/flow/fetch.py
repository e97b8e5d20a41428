"""Fetches what a client names by URL and its model's provider wants inline, through a client that reaches only the public internet.

The address is checked where the connection is made, after the name was looked up, so neither a name nor a redirect can lead
inside (native/core/src/upstream/public.rs).
"""

import asyncio
from typing import NoReturn
from urllib.parse import urljoin

from gateway.base.config import TimeoutsConfig
from gateway.base.core.errors import BadRequest
from gateway.dataplane.flow.exchange import Headers
from gateway.dataplane.upstream import Captures, UpstreamClient

_MOST_URLS = 20
_MOST_REDIRECTS = 3
_TIMEOUTS = TimeoutsConfig(connect_ms=5_000, first_byte_ms=10_000, idle_ms=10_000, total_ms=20_000)
_HEADERS = [("accept", "image/*, application/pdf, text/*, audio/*, video/*"), ("user-agent", "agentcc")]
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Fetched = dict[str, tuple[str, bytes]]
"""URL → (MIME type, bytes)."""


class _Answer:
    """Upstream handler of one GET: `done` gives (status, headers, body), or a text that says what went wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.done: asyncio.Future[tuple[int, Headers, bytes] | str] = loop.create_future()

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        del ttfb_us
        self._finish((status, headers, body))

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        del captures
        self._finish("it is too large" if code == "too_large" else message or code)

    def on_bug(self, exc: Exception) -> None:
        self._finish(repr(exc))

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        del status, headers, ttfb_us
        self._finish("it is an event stream")

    def on_data(self, data: bytes) -> None: ...

    def on_terminal(self, data: bytes, captures: Captures) -> None: ...

    def on_end(self, captures: Captures) -> None: ...

    def _finish(self, result: tuple[int, Headers, bytes] | str) -> None:
        if not self.done.done():
            self.done.set_result(result)


async def fetch(client: UpstreamClient, urls: list[str], max_bytes: int) -> Fetched:
    """All of `urls`, side by side; together at most `max_bytes`. Raises BadRequest that names the URL and what is wrong."""
    if len(urls) > _MOST_URLS:
        raise BadRequest(f"the request names {len(urls)} URLs that must be fetched; at most {_MOST_URLS} are", param="")
    found = await asyncio.gather(*(_fetch(client, url, max_bytes) for url in urls))
    if sum(len(data) for _, data in found) > max_bytes:
        raise BadRequest(
            f"what the request names by URL is larger than {max_bytes} bytes together", param=urls[0][:200]
        )
    return dict(zip(urls, found, strict=True))


async def _fetch(client: UpstreamClient, url: str, max_bytes: int) -> tuple[str, bytes]:
    status, headers, body = await _get(client, url, url, max_bytes)
    at = url
    for _ in range(_MOST_REDIRECTS):
        if status not in _REDIRECTS or not headers.get("location"):
            break
        at = urljoin(at, headers["location"])
        if not at.startswith(("http://", "https://")):
            _fail(url, "it redirects to what is no http or https URL")
        status, headers, body = await _get(client, url, at, max_bytes)
    if status != _OK:
        _fail(url, f"its server answered {status}")
    mime = headers.get("content-type", "").partition(";")[0].strip().lower()
    known = next((kind for magic, kind in _MAGIC if body.startswith(magic)), "")
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        known = "image/webp"
    if not known and not mime.startswith(("image/", "text/", "audio/", "video/", "application/pdf")):
        _fail(url, f"it is `{mime or 'of no known type'}`, which is neither an image nor a document")
    return known or mime, body


async def _get(client: UpstreamClient, named: str, at: str, max_bytes: int) -> tuple[int, dict[str, str], bytes]:
    answer = _Answer(asyncio.get_running_loop())
    try:
        request = client.start(
            answer, "GET", at, _HEADERS, None, "none",
            drop_usage_chunk=False, collect=True, timeouts=_TIMEOUTS, max_response_bytes=max_bytes, window_bytes=0,
        )  # fmt: skip
    except ValueError as exc:
        _fail(named, str(exc))
    try:
        result = await answer.done
    finally:
        client.cancel(request)  # nothing when it is over
    if isinstance(result, str):
        _fail(named, result)
    status, headers, body = result
    return status, dict(headers), body


def _fail(url: str, problem: str) -> NoReturn:
    raise BadRequest(f"`{url[:200]}` could not be fetched for the model's provider: {problem}", param=url[:200])

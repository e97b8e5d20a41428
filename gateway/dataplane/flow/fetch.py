"""Fetches what a client names by URL and its model's provider wants inline, through a client that reaches only the public internet.

The address is checked where the connection is made, after the name was looked up, so neither a name nor a redirect can lead
inside (native/core/src/upstream/public.rs). What failed before an answer came is told in one text: else a client could learn
which names and addresses there are inside.
"""

import asyncio
from typing import NoReturn
from urllib.parse import urljoin

from gateway.base.config import TimeoutsConfig
from gateway.base.core.errors import BadRequest, Overloaded
from gateway.dataplane.flow.exchange import Headers
from gateway.dataplane.upstream import Captures, Clients, UpstreamClient

_MOST_EXCHANGES = 8
"""Whose URLs a worker fetches at once; with `fetch_bytes` it bounds the memory."""
_MOST_URLS = 20
_MOST_REDIRECTS = 3
_WINDOW_BYTES = 256 << 10
"""What may be read ahead of the event loop for one URL."""
_TIMEOUTS = TimeoutsConfig(connect_ms=5_000, first_byte_ms=10_000, idle_ms=10_000, total_ms=20_000)
_HEADERS = [
    ("accept", "image/*, application/pdf, text/*, audio/*, video/*"),
    ("accept-encoding", "identity"),
    ("user-agent", "agentcc"),
]
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


class Fetcher:
    """One per worker. `turn_s` and `all_s`: how long an exchange waits for its turn, and for all that it names."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        most_exchanges: int = _MOST_EXCHANGES,
        turn_s: float = 10.0,
        all_s: float = 20.0,
    ) -> None:
        self._turns = asyncio.Semaphore(most_exchanges)
        self._turn_s, self._all_s = turn_s, all_s
        self._clients: Clients[bool] = Clients(
            lambda is_private: UpstreamClient(loop, _TIMEOUTS, public_only=not is_private)
        )

    async def fetch(self, urls: list[str], max_bytes: int, *, is_private: bool) -> Fetched:
        """All of `urls`, side by side; together at most `max_bytes`. `is_private`: also from inside our networks.

        Raises BadRequest that names the URL and what is wrong; Overloaded where too many others are being served.
        """
        if len(urls) > _MOST_URLS:
            raise BadRequest(
                f"the request names {len(urls)} URLs that must be fetched; at most {_MOST_URLS} are", param=""
            )
        try:
            async with asyncio.timeout(self._turn_s):
                await self._turns.acquire()
        except TimeoutError:
            raise Overloaded("the gateway fetches too much for other requests now; try again") from None
        try:
            async with asyncio.timeout(self._all_s):
                return await _all(self._clients[is_private], urls, _Room(max_bytes, urls[0]))
        except TimeoutError:
            _fail(urls[0], f"it and what else the request names did not arrive within {self._all_s:g} s")
        finally:
            self._turns.release()

    def close(self) -> None:
        """Stop the clients."""
        self._clients.close()


class _Room:
    """The bytes that all of one exchange's URLs may still have."""

    def __init__(self, max_bytes: int, first_url: str) -> None:
        self._max_bytes, self._left, self._first_url = max_bytes, max_bytes, first_url

    def take(self, count: int) -> None:
        """Raises BadRequest when there is not so much left."""
        self._left -= count
        if self._left < 0:
            raise BadRequest(
                f"what the request names by URL is larger than {self._max_bytes} bytes together",
                param=self._first_url[:200],
            )


class _Download:
    """Upstream handler of one GET; `status` and `headers` are there when `get` has ended."""

    def __init__(self, client: UpstreamClient, named: str, room: _Room) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._done: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._client, self._named, self._room = client, named, room
        self._pieces: list[bytes] = []
        self._request = 0

    async def get(self, at: str) -> bytes | None:
        """The body of what is at `at`; None for one that nobody wants. Raises BadRequest."""
        try:
            self._request = self._client.start(
                self, "GET", at, _HEADERS, None, "none", drop_usage_chunk=False, collect=False, timeouts=_TIMEOUTS,
                max_response_bytes=0, window_bytes=_WINDOW_BYTES,
            )  # fmt: skip
        except ValueError as exc:
            _fail(self._named, str(exc))
        try:
            return await self._done
        finally:
            self._client.cancel(self._request)  # nothing when it is over

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        del ttfb_us
        self.status, self.headers = status, dict(headers)
        if status != _OK:
            self._finish(None)
        elif self.headers.get("content-type", "").startswith("text/event-stream"):
            self._refuse("it is an event stream")
        elif self.headers.get("content-encoding", "identity").lower() != "identity":
            self._refuse("its server sends it compressed, though asked not to")

    def on_data(self, data: bytes) -> None:
        if self._done.done():
            return
        try:
            self._room.take(len(data))
        except BadRequest as error:
            self._done.set_exception(error)
            return
        self._pieces.append(data)
        self._client.ack(self._request, len(data))

    def on_end(self, captures: Captures) -> None:
        del captures
        self._finish(b"".join(self._pieces))

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        del code, message, captures
        self._refuse("its server did not send all of it" if self.status else "it cannot be reached from here")

    def on_bug(self, exc: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(exc)

    def on_terminal(self, data: bytes, captures: Captures) -> None: ...

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None: ...

    def _finish(self, body: bytes | None) -> None:
        if not self._done.done():
            self._done.set_result(body)

    def _refuse(self, problem: str) -> None:
        if not self._done.done():
            self._done.set_exception(_failure(self._named, problem))


async def _all(client: UpstreamClient, urls: list[str], room: _Room) -> Fetched:
    """The first that fails ends the others."""
    tasks = [asyncio.ensure_future(_fetch(client, url, room)) for url in urls]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return dict(zip(urls, found, strict=True))


async def _fetch(client: UpstreamClient, url: str, room: _Room) -> tuple[str, bytes]:
    at = url
    download = _Download(client, url, room)
    body = await download.get(at)
    for _ in range(_MOST_REDIRECTS):
        location = download.headers.get("location")
        if download.status not in _REDIRECTS or not location:
            break
        at = _joined(url, at, location)
        download = _Download(client, url, room)
        body = await download.get(at)
    if body is None:
        _fail(url, f"its server answered {download.status}")
    return _kind(url, download.headers.get("content-type", ""), body), body


def _joined(url: str, at: str, location: str) -> str:
    """Where a redirect leads. Raises BadRequest."""
    try:
        target = urljoin(at, location)
    except ValueError:
        target = ""
    if not target.lower().startswith(("http://", "https://")):
        _fail(url, "it redirects to what is no http or https URL")
    return target


def _kind(url: str, content_type: str, body: bytes) -> str:
    """Its MIME type, by its first bytes where these tell. Raises BadRequest."""
    mime = content_type.partition(";")[0].strip().lower()
    known = next((kind for magic, kind in _MAGIC if body.startswith(magic)), "")
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        known = "image/webp"
    if not known and not mime.startswith(("image/", "text/", "audio/", "video/", "application/pdf")):
        _fail(url, f"it is `{mime or 'of no known type'}`, which is neither an image nor a document")
    return known or mime


def _failure(url: str, problem: str) -> BadRequest:
    return BadRequest(f"`{url[:200]}` could not be fetched for the model's provider: {problem}", param=url[:200])


def _fail(url: str, problem: str) -> NoReturn:
    raise _failure(url, problem)

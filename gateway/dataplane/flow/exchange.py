"""One exchange's state as it walks the road, and what it needs of the edge.

The only mutable noun of the data plane: each stage fills its own fields, `settle` reads them all.
"""

import re
from collections.abc import Callable, Iterable
from time import perf_counter, time
from typing import TYPE_CHECKING, Protocol

from msgspec import Raw

from gateway.base.core.principal import Grant
from gateway.base.core.record import NOBODY
from gateway.dataplane.wire import Dialect, Family, family_of

if TYPE_CHECKING:
    import asyncio

    from gateway.base.core.plan import Deployment
    from gateway.dataplane.flow.assemble import Policy

Headers = list[tuple[str, str]]
_ID = re.compile(r"[!-~]{1,128}")


class Reply(Protocol):
    """How the edge answers. Calls never block.

    `is_waiting`: it tells what a slow client has really taken, so the provider is read no faster. Either way `on_sent` is
    called with the bytes that need not be held back any more.

    One of: `whole`; or `start`, `write` …, `finish`.
    """

    is_waiting: bool
    on_sent: Callable[[int], None] | None

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with a body of known length."""

    def start(self, status: int, headers: Headers) -> None:
        """Send status and headers of a stream."""

    def write(self, data: bytes) -> None:
        """Send a piece of the stream at once."""

    def finish(self) -> None:
        """End the stream."""

    def watch(self, on_left: Callable[[], None]) -> None:
        """Call `on_left` on the loop when the client has gone; at most once."""


class Incoming(Protocol):
    """What the edge knows of the request. Header names are lower-case."""

    method: str
    path: str
    query: str
    is_repeating: bool
    """Whether any header name comes more than once."""

    @property
    def client_ip(self) -> str:
        """The peer's address, without its port."""

    def header(self, name: str) -> str:
        """A header's value; '' when absent."""

    def headers(self) -> Iterable[tuple[str, str]]:
        """All headers."""

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises BodyTooLarge past `limit`, BadRequest when it was cut short."""

    async def discard(self, limit: int) -> None:
        """Read and forget up to `limit` bytes, so that the client gets to read our refusal."""


class Exchange:
    """State of one exchange. Times are `perf_counter()` seconds; `started_at` is wall-clock seconds."""

    __slots__ = (
        "body_deadline", "client", "counted_bytes", "deployment", "dialect", "family", "grant", "hold_nusd",
        "incoming", "is_committed", "is_settled", "is_stream", "is_timed_out", "is_watched", "last_write",
        "model_requested", "overhead", "policy", "principal", "relay", "reply", "request_bytes", "request_id",
        "response_bytes", "session_id", "started", "started_at", "task", "ttfb_us",
    )  # fmt: skip

    def __init__(self, request_id: str, incoming: Incoming, reply: Reply, policy: "Policy") -> None:
        self.request_id = request_id
        self.incoming = incoming
        self.reply = reply
        self.policy = policy
        self.started = perf_counter()
        self.started_at = time()
        header = incoming.header
        user_agent = header("user-agent")
        self.family: Family = family_of(user_agent, header("originator"))
        self.client = user_agent[:80]
        session_id = header("session-id") or header("x-claude-code-session-id")
        self.session_id = session_id if _ID.fullmatch(session_id) else ""  # it is echoed in a header
        self.principal: Raw = NOBODY
        self.grant: Grant | None = None
        self.dialect: Dialect | None = None
        self.deployment: Deployment | None = None
        self.model_requested = ""
        self.hold_nusd = 0
        self.request_bytes = 0
        self.response_bytes = 0
        self.counted_bytes = 0
        self.overhead = 0.0
        self.ttfb_us = 0
        self.is_stream = False
        self.is_committed = False
        self.is_settled = False
        self.is_timed_out = False
        self.is_watched = False
        self.body_deadline = 0.0
        self.last_write = 0.0
        self.task: asyncio.Task[None] | None = None
        self.relay: object = None

    def release(self) -> None:
        """Forget who took part: they know each other in a circle, which would keep an answer until the collector comes."""
        self.task = None
        self.relay = None
        if self.is_settled:
            del self.reply, self.incoming

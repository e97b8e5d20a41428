"""One exchange's state as it walks the road, and what it needs of the edge.

The only mutable noun of the data plane: each stage fills its own fields, `settle` reads them all.
"""

from collections.abc import Callable, Iterable
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Raw, Struct

from gateway.base.core.principal import Grant
from gateway.base.core.record import NOBODY, SessionBasis
from gateway.dataplane.wire import Dialect, Family, family_of, named_session

if TYPE_CHECKING:
    import asyncio

    from gateway._native import Hold, Taken
    from gateway.base.core.plan import Deployment
    from gateway.dataplane.budget import Attempt, Limits, Reach
    from gateway.dataplane.flow.assemble import Policy
    from gateway.dataplane.flow.course import Course
    from gateway.dataplane.flow.thoughts import Thoughts
    from gateway.dataplane.guard.inspection import Inspection

Headers = list[tuple[str, str]]
_GONE: Any = None


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


class NobodysReply:
    """A `Reply` that nobody reads: it takes whatever comes at once."""

    is_waiting = True

    def __init__(self) -> None:
        self.on_sent: Callable[[int], None] | None = None

    def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    def start(self, status: int, headers: Headers) -> None: ...

    def write(self, data: bytes) -> None:
        """Gone."""
        if self.on_sent is not None:
            self.on_sent(len(data))

    def finish(self) -> None: ...

    def watch(self, on_left: Callable[[], None]) -> None: ...


class Incoming(Protocol):
    """What the edge knows of the request. Header names are lower-case."""

    method: str
    path: str
    query: str
    is_repeating: bool
    """Whether any header name comes more than once."""
    is_here: bool
    """Whether `body` gives the body, or raises, without waiting."""
    arrived: float
    """`perf_counter()` seconds at which the request's headers were here."""

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


class ClientLeft(Exception):
    """The client has gone before anything was sent for it."""


class Exchange(Struct, eq=False):
    """State of one exchange. Times are `perf_counter()` seconds; `started_at` is wall-clock seconds."""

    request_id: str
    incoming: Incoming
    reply: Reply
    policy: "Policy"
    started: float
    started_at: float
    family: Family
    client: str
    """The first 80 characters of its user agent."""
    session_id: str
    turn_id: str
    session_basis: SessionBasis
    principal: Raw = NOBODY
    grant: Grant | None = None
    dialect: Dialect | None = None
    deployment: "Deployment | None" = None
    model_requested: str = ""
    hold_nusd: int = 0
    """What it is expected to cost."""
    hold: "Hold | None" = None
    reach: "Reach | None" = None
    """How far it can go; only under a hard budget."""
    attempt: "Attempt | None" = None
    """Which try of its turn it is, where the client names its turns."""
    limits: "Limits | None" = None
    taken: "Taken | None" = None
    """What it has taken of its rate limits."""
    quota: "Taken | None" = None
    """What it has taken of the quota of its deployment, where that has one."""
    queued_ms: int = 0
    shed: str = ""
    """Its priority and why, where the worker is too busy for it."""
    output_limit: int = 0
    """The output tokens that a hard budget can pay for, where the client set no limit; else 0."""
    course: "Course | None" = None
    """Its way through a plan of several deployments."""
    thoughts: "Thoughts | None" = None
    """What is known of the signed thoughts in its history; only where it has a course."""
    hops: "list[dict[str, str]]" = []
    shadow_of: str = ""
    """The request id of the exchange that it mirrors."""
    compared: "dict[str, str | int | float] | None" = None
    """How that one went, once it has ended."""
    inspection: "Inspection | None" = None
    """What the guard found; None: it has not run."""
    request_bytes: int = 0
    response_bytes: int = 0
    counted_bytes: int = 0
    overhead: float = 0.0
    ttfb_us: int = 0
    drops: str = ""
    """What translation could not carry, as the header says it."""
    is_stream: bool = False
    is_committed: bool = False
    is_settled: bool = False
    is_watched: bool = False
    has_left: bool = False
    """The client went while no relay had the exchange."""
    body_deadline: float = 0.0
    last_write: float = 0.0
    waits_for: "asyncio.Future[Any] | None" = None
    """Before its dispatch: what it waits for just now, or its own task. Cancelled by `interrupt`."""
    interrupted_by: Exception | None = None
    relay: object = None
    waiter: "asyncio.Future[None] | None" = None

    def interrupt(self, why: Exception) -> None:
        """End it with `why` while it waits before its dispatch; later this does nothing."""
        if self.waits_for is not None and self.interrupted_by is None:
            self.interrupted_by = why
            self.waits_for.cancel()

    def release(self) -> None:
        """Forget who took part: they know each other in a circle, which would keep an answer until the collector comes."""
        self.waits_for = None
        self.relay = None
        self.course = None
        if self.is_settled:
            self.reply = self.incoming = _GONE


def new_exchange(request_id: str, incoming: Incoming, reply: Reply, policy: "Policy") -> Exchange:
    """The exchange of a request that has just come."""
    header = incoming.header
    user_agent = header("user-agent")
    family = family_of(user_agent, header("originator"))
    session_id, turn_id = named_session(header, family)
    started = incoming.arrived
    return Exchange(
        request_id, incoming, reply, policy, started, time() - (perf_counter() - started),
        family, user_agent[:80], session_id, turn_id, "client" if session_id else "none",
    )  # fmt: skip

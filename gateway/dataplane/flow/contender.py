"""One that runs in a race: asked for a branch of the exchange, and heard without a word to the client until it has won."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from gateway.base.core.errors import UpstreamProtocolError
from gateway.base.core.usage import NO_USAGE
from gateway.dataplane.flow.course import Course
from gateway.dataplane.flow.exchange import Headers
from gateway.dataplane.flow.failure import NEVER_SENT, log_bug, may_move
from gateway.dataplane.flow.gather import NOBODY
from gateway.dataplane.flow.relay import Relay
from gateway.dataplane.flow.settle import NOTHING, Spend
from gateway.dataplane.upstream import Captures
from gateway.dataplane.wire.opening import opening_of, opening_of_body

if TYPE_CHECKING:
    from gateway.dataplane.flow.race import Race

_ERROR = 400


class Contender:
    """The upstream `Handler` in its relay's place: keeps what the provider says until that is content or a whole answer, or a failure.

    `ex` is the branch of the exchange that was asked; `relay` tells the client, once it has won. `spent_nusd` is what it cost, where it has not.
    """

    __slots__ = (
        "_gathered",
        "_head",
        "_race",
        "_said",
        "ex",
        "has_lost",
        "hop",
        "is_over",
        "is_told",
        "relay",
        "spent_nusd",
    )

    def __init__(self, race: "Race", relay: Relay) -> None:
        self._race, self.relay, self.ex = race, relay, relay.ex
        self._said: list[Callable[[], None]] = []
        self._head: tuple[int, Headers, int] | None = None
        self._gathered: list[bytes] = []
        self.is_over = self.has_lost = self.is_told = False
        """`is_over`: nothing more will come. `is_told`: its breaker knows how it failed."""
        self.hop: dict[str, str] = {}
        self.spent_nusd = 0

    @property
    def name(self) -> str:
        """Of its deployment."""
        return self.ex.deployment.id if self.ex.deployment is not None else ""

    @property
    def lane(self) -> Course:
        assert self.ex.course is not None
        return self.ex.course

    def speak(self) -> None:
        """Tell the client all that was said, and what will be."""
        relay = self.relay
        if not self.is_over:
            relay.client.hand_over(relay.upstream, relay)
        for tell in self._said:
            tell()

    def lose(self) -> None:
        """Another one has won, or nobody wants to know any more: it is left at once, and booked as what is known until the last word comes."""
        self.has_lost = True
        if not self.is_over:
            self._race.book(self, self.relay.estimate(None))
            self.relay.client.cancel(self.relay.upstream)

    def release(self) -> None:
        """It is out of the race: branch, relay and race know each other in a circle, which would keep request and answer until the collector comes."""
        self.ex.is_settled = True
        self.ex.release()

    # === the provider's completions ===

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        if status >= _ERROR or not self.ex.is_stream:
            self._head = status, headers, ttfb_us
        else:
            self._said.append(partial(self.relay.on_head, status, headers, ttfb_us))

    def on_data(self, data: bytes) -> None:
        relay = self.relay
        if self.has_lost or self._head is not None:
            relay.client.ack(relay.upstream, len(data))
            self._gathered.append(data)
            return
        self._said.append(partial(relay.on_data, data))
        opening = "content" if relay.raw is not None else opening_of(relay.dialect.name, data)
        if opening == "content":
            self._race.win(self)
        elif opening == "unreadable":
            relay.client.hand_over(relay.upstream, NOBODY)
            relay.client.cancel(relay.upstream)
            self.is_over = True
            error = UpstreamProtocolError(f"provider `{relay.provider}` sent an event that cannot be read")
            spend = relay.estimate(None)
            self._said = [partial(relay.end_with, error, "cut", spend, error.code)]
            self._fail(error.code, spend, fault="protocol")

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        if self.has_lost:
            self._race.book(self, self.relay.spend_of(captures, data))
        elif self._head is not None:
            self._gathered.append(data)
        else:
            self._said.append(partial(self.relay.on_terminal, data, captures))
            if captures[0] == "failed":
                self._fail("upstream_failed", NOTHING, fault="in_band", said=captures[4])
            else:
                self._race.win(self)

    def on_end(self, captures: Captures) -> None:
        self.is_over = True
        relay = self.relay
        if self.has_lost:
            self._race.over(self, relay.spend_of(captures))
            return
        if self._head is not None:
            status, headers, ttfb_us = self._head
            body = b"".join(self._gathered)
            self._said = [partial(relay.on_gathered, status, headers, ttfb_us, body, captures)]
            if status >= _ERROR:
                self._fail(f"upstream_{status}", NOTHING, status=status, headers=headers)
            else:
                self._fail(UpstreamProtocolError.code, relay.spend_of(captures), fault="protocol")
            return
        self._said.append(partial(relay.on_end, captures))
        if captures[0] == "failed":
            self._fail("upstream_failed", NOTHING, fault="in_band", said=captures[4])
        elif captures[7]:
            self._race.win(self)
        else:
            self._fail("cut", relay.estimate(captures), fault="reset")

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        self.is_over = True
        relay = self.relay
        if self.has_lost:
            self._race.over(self, NOTHING if status >= _ERROR else relay.spend_of_body(body))
            return
        self._said = [partial(relay.on_body, status, headers, ttfb_us, body)]
        if status >= _ERROR:
            self._fail(f"upstream_{status}", NOTHING, status=status, headers=headers)
            return
        opening = opening_of_body(relay.dialect.name, body)
        if opening == "content":
            self._race.win(self)
        elif opening == "error":
            self._fail("upstream_failed", NOTHING, fault="in_band", said=body)
        else:
            self._fail(UpstreamProtocolError.code, relay.spend_of_body(body), fault="protocol")

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        self.is_over = True
        spend = NOTHING if code in NEVER_SENT else self.relay.estimate(captures)
        if self.has_lost:
            self._race.over(self, spend)
            return
        self._said.append(partial(self.relay.on_failed, code, message, captures))
        self._fail(code, spend, fault=code)

    def on_bug(self, exc: Exception) -> None:
        self.is_over = True
        if self.has_lost:  # nobody waits for it, and what it cost is booked
            log_bug(self.ex.request_id, exc)
            self._race.over(self, (NO_USAGE, self.spent_nusd, "estimated"))
        elif self.relay.ex is not self.ex:  # it has won
            self.relay.on_bug(exc)
        else:
            self._race.on_bug(exc)

    def _fail(
        self,
        reason: str,
        spend: Spend,
        *,
        status: int = 0,
        fault: str = "",
        headers: Headers | None = None,
        said: bytes | None = None,
    ) -> None:
        """It has failed; what is the request's own fault fails everywhere, and is the answer."""
        if may_move(status, fault, said or b""):
            self._race.fail(self, reason, spend, status, fault, headers or [])
        else:
            self._race.win(self)

"""What happens while another deployment may still answer in place of the one that is asked: its first frames are held back.

Until content has gone to the client; from then on an answer is passed on, however it ends.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.flow.exchange import Headers
from gateway.dataplane.flow.failure import may_move, may_retry
from gateway.dataplane.flow.gather import NOBODY
from gateway.dataplane.flow.guarded import passed
from gateway.dataplane.flow.settle import NOTHING, Spend
from gateway.dataplane.upstream import Captures
from gateway.dataplane.wire.opening import opening_of, opening_of_body

if TYPE_CHECKING:
    from gateway.dataplane.flow.relay import Relay


_MOST_HELD_BYTES: Final = 512 << 10
"""An opening that is longer (Responses repeats instructions and tools in two events) goes on as it comes. Until it does the native client
thinks that nobody reads, and at its window of 1 MiB it would read no more."""


def moves(
    relay: "Relay",
    reason: str,
    spend: Spend,
    give_up: Callable[[], None],
    *,
    status: int = 0,
    fault: str = "",
    headers: Headers | None = None,
    said: bytes | None = None,
    is_open: bool = False,
) -> bool:
    """Tell how the attempt failed; whether another is made in place of it: never once content has gone to the client.

    `status` of an answer or `fault` of the native client (`in_band`: an error in the stream, `said`). `is_open`: more of it may come.
    """
    ex, pipeline = relay.ex, relay.pipeline
    if ex.course is None or relay.is_client_gone or relay.is_ended_by_us is not None:
        return False
    is_theirs = may_move(status, fault, said or b"")
    pipeline.planning.failed(ex, status, fault, headers or [], is_theirs=is_theirs)
    if ex.response_bytes or not is_theirs:
        return False
    relay.is_moved = pipeline.attempts.fall_back(ex, reason, spend, give_up, is_passing=may_retry(status, fault))
    if relay.is_moved and is_open:
        relay.client.hand_over(relay.upstream, NOBODY)
        relay.client.cancel(relay.upstream)
    return relay.is_moved


def moves_body(relay: "Relay", body: bytes, spend: Spend, give_up: Callable[[], None]) -> bool:
    """Whether another attempt is made in place of one whose good status was no answer: a proxy's page, an error, half a text."""
    opening = opening_of_body(relay.dialect.name, body)
    if opening == "content":
        return False
    if opening == "error":
        return moves(relay, "upstream_failed", NOTHING, give_up, fault="in_band", said=body)
    return moves(relay, UpstreamProtocolError.code, spend, give_up, fault="protocol")


def moves_end(relay: "Relay", captures: Captures, give_up: Callable[[], None]) -> bool:
    """Whether another attempt is made in place of a stream that has ended before it said anything."""
    is_failed = captures[0] == "failed"
    if relay.ex.is_settled or (captures[7] and not is_failed):
        return False
    if is_failed:
        return moves(relay, "upstream_failed", NOTHING, give_up, fault="in_band", said=captures[4])
    return moves(relay, "cut", relay.estimate(captures), give_up, fault="reset", said=captures[4])


def released(relay: "Relay", data: bytes) -> bytes:
    """What may go on to the client now, with all that was held; nothing while that says nothing, or tells of a failure."""
    ex = relay.ex
    assert relay.held is not None
    assert ex.dialect is not None
    assert ex.course is not None
    relay.held.append(data)
    opening = opening_of(ex.dialect.name, data)
    if opening == "unreadable":
        error = UpstreamProtocolError(f"provider `{relay.provider}` sent an event that cannot be read")
        spend = relay.estimate(None)
        give_up = partial(relay.end_with, error, "cut", spend, error.code)
        if not moves(relay, error.code, spend, give_up, fault="protocol", is_open=True):
            opening = "content"  # then it is the client's to judge
    if opening != "content" and sum(map(len, relay.held)) < _MOST_HELD_BYTES:
        return b""
    data = b"".join(relay.held)
    relay.held = ex.course.peeked = None
    return data


def flush(relay: "Relay") -> None:
    """Send what was held: nobody else will answer."""
    if relay.held is None:
        return
    held, relay.held = b"".join(relay.held), None
    relay.send_head()
    if held and relay.guard is not None:
        held = passed(relay, held)
    if held:
        relay.ex.response_bytes += len(held)
        relay.first = relay.first or held
        relay.ex.reply.write(held)

"""What a relay does with an answer that is whole when it comes: sends it, tells the provider's error, or that it is not what was asked for."""

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.flow import guarded
from gateway.dataplane.flow.answer import plain_error, renamed_body
from gateway.dataplane.flow.headers import stamp
from gateway.dataplane.flow.held import moves
from gateway.dataplane.flow.settle import NOTHING, Spend, write_done
from gateway.dataplane.upstream import Captures, Headers, for_client
from gateway.dataplane.wire import CODECS, provider_error

if TYPE_CHECKING:
    from gateway.dataplane.flow.relay import Relay


def passed(relay: "Relay", status: int, headers: Headers, body: bytes, spend: Spend, began: float) -> None:
    """Settle it and send it, unless the guard refuses it."""
    ex = relay.ex
    answer = guarded.whole(relay, body, spend)
    if answer is None:
        return
    body = answer
    reply_headers = stamp(for_client(headers, ex.model_requested), ex, spend[1])
    ex.response_bytes = len(body)
    ex.overhead += perf_counter() - began
    write_done(ex, relay.pipeline.recorder, status=status, outcome="ok", spend=spend)
    if relay.renames:
        body = renamed_body(body, ex.model_requested)
    ex.reply.whole(status, reply_headers, body)
    relay.finish()


def refused(relay: "Relay", status: int, headers: Headers, body: bytes) -> None:
    """An error: another deployment is asked, or the client is told."""
    give_up = partial(_pass_error, relay, status, headers, body)
    if not moves(relay, f"upstream_{status}", NOTHING, give_up, status=status, headers=headers):
        give_up()


def no_stream_came(relay: "Relay", status: int, spend: Spend) -> None:
    """We promised a stream: that it came in another form can only be told as its error."""
    error = UpstreamProtocolError(
        f"the provider answered {status} without the stream that was asked for", upstream_status=status
    )
    relay.end_with(error, "upstream_error", spend, f"upstream_{status}")


def a_stream_came(relay: "Relay", captures: Captures) -> None:
    """The client asked for a JSON text. That is an error: to make one of the provider's events would be to write what we pass
    untouched, and to lose the members that we do not know.
    """
    error = UpstreamProtocolError(
        f"provider `{relay.provider}` answered with an event stream, which was not asked for; ask it for a stream"
    )
    spend = relay.spend_of(captures)
    give_up = partial(relay.end_with, error, "upstream_error", spend, error.code)
    if not moves(relay, error.code, spend, give_up, fault="protocol"):
        give_up()


def _pass_error(relay: "Relay", status: int, headers: Headers, body: bytes) -> None:
    """The provider's error, as it is; after an early commit its words, in the stream's last event."""
    ex, code = relay.ex, f"upstream_{status}"
    if (rejected := relay.pipeline.planning.rejections.of(ex, status)) is not None:
        relay.end_with(rejected, "upstream_error", NOTHING, code)
        return
    headers, body = plain_error(headers, body)
    if ex.is_committed:
        fault = CODECS[relay.dialect.name].read_error(status, dict(headers), body)
        relay.end_with(provider_error(fault, relay.dialect.name, relay.provider), "upstream_error", NOTHING, code)
        return
    ex.response_bytes = len(body)
    write_done(ex, relay.pipeline.recorder, status=status, outcome="upstream_error", error_code=code)
    ex.reply.whole(status, stamp(for_client(headers, ex.model_requested), ex, 0), body)
    relay.finish()
